"""Writes the first guide as a notebook: docs/notebooks/getting_started.ipynb.

python docs/make_notebook.py
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parent
GUIDE = DOCS / "guides" / "getting_started.md"
NOTEBOOK = DOCS / "notebooks" / "getting_started.ipynb"
BLOCK = re.compile(r"^```(.*)\n((?:.*\n)*?)```\n", re.MULTILINE)
LINK = re.compile(r"(\]\()(?!http|#)")
# Python where the package is there already; elsewhere the notebook lies in its sources.
INSTALL = """\
import importlib.util

if importlib.util.find_spec("keras_dynres") is None:
    %pip install --quiet ../.."""


def notebook() -> str:
    """The text of the notebook, without outputs."""
    guide = GUIDE.read_text("utf-8")
    cells = [cell for cell in parts(guide) if cell[1]]
    first = [kind for kind, _ in cells].index("code")
    cells.insert(first, ("code", INSTALL))
    document = {
        "cells": [
            {
                "cell_type": kind,
                "id": f"cell-{number}",
                "metadata": {},
                "source": source.splitlines(keepends=True),
                **({"execution_count": None, "outputs": []} if kind == "code" else {}),
            }
            for number, (kind, source) in enumerate(cells)
        ],
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def parts(guide: str) -> Iterator[tuple[str, str]]:
    """(kind, source) of a guide's text and code; its outputs the notebook makes."""
    end = 0
    for block in BLOCK.finditer(guide):
        yield "markdown", linked(guide[end : block.start()])
        if block[1].startswith("python"):
            yield "code", block[2].strip()
        end = block.end()
    yield "markdown", linked(guide[end:])


def linked(text: str) -> str:
    """Text whose links hold in the notebook's folder."""
    return LINK.sub(rf"\1../{GUIDE.parent.name}/", text).strip()


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(), encoding="utf-8")
    print(f"Wrote {NOTEBOOK}.")

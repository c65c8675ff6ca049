"""What stands where on a page: figures in tables and lists of Markdown."""

import re
from collections.abc import Iterator


def tables(page: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    """(columns, rows) of every table of a Markdown page."""
    for block in re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE):
        head, _, *rows = (
            [cell.strip() for cell in line.strip("|").split(" | ")]
            for line in block.splitlines()
        )
        yield head, rows


def stands(page: str, place: str) -> str:
    """What stands at `first cell; second cell: column`, or in the list at `word`."""
    if ": " not in place:
        return re.search(rf"^- {re.escape(place)}: (.*)$", page, re.MULTILINE)[1]
    row, column = place.rsplit(": ", 1)
    cells = row.split("; ")
    for head, rows in tables(page):
        for values in rows:
            if column in head and values[: len(cells)] == cells:
                return values[head.index(column)]
    raise LookupError(place)

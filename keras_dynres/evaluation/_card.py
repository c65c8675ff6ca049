"""Nested dicts and pictures as HTML, every text escaped."""

import base64
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from keras_dynres.errors import DynresError, one_of
from keras_dynres.evaluation.plots import render

_KINDS = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "svg": "svg+xml"}
# Longer parts are folded, so that a card with a whole menu inside stays readable.
_FOLD = 12


def definitions(content: Mapping) -> str:
    """A dict as a definition list; dicts inside become lists inside."""
    rows = (
        f"<dt>{escape(_title(key))}</dt><dd>{_value(value)}</dd>"
        for key, value in content.items()
    )
    return f'<dl class="card">{"".join(rows)}</dl>'


def as_mapping(card: Any) -> Mapping:
    """A card as a dict: one already, or an object that writes itself as JSON.

    What the page shows anyway, or nobody reads, is left out.
    """
    if isinstance(card, Mapping):
        return card
    if not hasattr(card, "to_json"):
        raise DynresError(
            "A card must be a dict, or an object with `to_json`. "
            f"Received: a {type(card).__name__}."
        )
    content = json.loads(card.to_json())
    hidden = ("format", "menu", "check")
    return {k: v for k, v in content.items() if v and k not in hidden}


def _title(key):
    words = str(key).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _value(value):
    if _is_table(value):
        return _folded(_table(value), len(value))
    if isinstance(value, Mapping):
        return _folded(definitions(value), len(value)) if value else "–"
    if isinstance(value, (list, tuple)):
        if any(isinstance(v, (Mapping, list, tuple)) for v in value):
            inside = definitions({i: v for i, v in enumerate(value, 1)})
            return _folded(inside, len(value))
        return _folded(", ".join(_value(v) for v in value) or "–", len(value))
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(f"{value:.6g}" if isinstance(value, float) else str(value))


def _is_table(value):
    """Whether a dict holds dicts of numbers alike, such as figures by instance."""
    if not isinstance(value, Mapping) or len(value) < 2:
        return False
    rows = list(value.values())
    return all(
        isinstance(row, Mapping)
        and row
        and list(row) == list(rows[0])
        and all(isinstance(v, (int, float)) for v in row.values())
        for row in rows
    )


def _table(value):
    rows = list(value.items())
    heads = "".join(f'<th scope="col">{escape(_title(k))}</th>' for k in rows[0][1])
    body = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + "".join(f"<td>{_value(v)}</td>" for v in row.values())
        + "</tr>"
        for name, row in rows
    )
    return (
        '<div class="scroll"><table class="small"><thead><tr><td></td>'
        f"{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _folded(html, count):
    if count <= _FOLD:
        return html
    return f"<details><summary>{count} entries</summary>{html}</details>"


def picture(caption: str, source: Any) -> str:
    """A matplotlib figure or a picture file, as an `<img>` that holds its data."""
    if hasattr(source, "savefig"):
        kind, content = "png", render(source, "png")
    else:
        path = Path(source)
        kind = path.suffix.lstrip(".").lower()
        one_of("picture format", kind or str(source), _KINDS)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DynresError(
                f"A picture for the report cannot be read. Received: {str(source)!r} "
                f"({error.strerror})."
            ) from error
    data = base64.b64encode(content).decode("ascii")
    return (
        f'<figure><img alt="{escape(str(caption))}" '
        f'src="data:image/{_KINDS[kind]};base64,{data}"></figure>'
    )

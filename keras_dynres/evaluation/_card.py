"""Nested dicts and pictures, as the page shows them."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from keras_dynres.errors import DynresError, one_of
from keras_dynres.evaluation.plots import render

_KINDS = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "svg": "svg+xml"}


class Entry(NamedTuple):
    """A part of a card.

    Attributes:
        kind: `"text"`; `"list"`, of titles and `Entry`s; or `"table"`, of names and
            cells below `heads`.
        content: The text, or pairs.
        count: Of how many values it is made.
        heads: A table's columns.
    """

    kind: str
    content: Any
    count: int = 1
    heads: tuple = ()


def entry(value: Any) -> Entry:
    """A value of a card, or a whole card, as the page shows it.

    >>> entry({"paper_year": 2018}).content
    [('Paper year', Entry(kind='text', content='2018', count=1, heads=()))]
    """
    if _is_table(value):
        heads = tuple(map(_title, next(iter(value.values()))))
        rows = [
            (name, [_plain(v) for v in row.values()]) for name, row in value.items()
        ]
        return Entry("table", rows, len(value), heads)
    if isinstance(value, Mapping) and value:
        parts = [(_title(key), entry(inside)) for key, inside in value.items()]
        return Entry("list", parts, len(value))
    if isinstance(value, (list, tuple)) and value:
        if any(isinstance(v, (Mapping, list, tuple)) for v in value):
            parts = [(str(i), entry(inside)) for i, inside in enumerate(value, 1)]
            return Entry("list", parts, len(value))
        return Entry("text", ", ".join(map(_plain, value)), len(value))
    return Entry("text", _plain(value))


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


def _plain(value):
    if value is None or (isinstance(value, (Mapping, list, tuple)) and not value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


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


def picture(source: Any) -> str:
    """A matplotlib figure or a picture file, as an address that holds its data."""
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
    return f"data:image/{_KINDS[kind]};base64,{data}"

"""docs/methods.md: each figure is the one on the page that it links to."""

import re
from pathlib import Path

import pytest

from keras_dynres.methods import METHODS

PAGE = Path(__file__).parents[1] / "docs" / "methods.md"
TEXT = PAGE.read_text("utf-8")
FIGURE = re.compile(r"\[([^\]\n]+)\]\[([\w-]+)\]")
SOURCE = re.compile(r'^\[([\w-]+)\]: (\S+) "(.+)"$', re.MULTILINE)
SOURCES = {name: (path, place) for name, path, place in SOURCE.findall(TEXT)}


def tables(page):
    """(columns, rows) of every table of a Markdown page."""
    for block in re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE):
        head, _, *rows = (
            [cell.strip() for cell in line.strip("|").split(" | ")]
            for line in block.splitlines()
        )
        yield head, rows


def stands(page, place):
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


@pytest.mark.parametrize(("figure", "name"), sorted(set(FIGURE.findall(TEXT))))
def test_a_figure_is_that_of_its_source(figure, name):
    path, place = SOURCES[name]
    there = stands((PAGE.parent / path).read_text("utf-8"), place)
    assert f"{there} ".startswith(f"{figure} "), f"{place}: {there}"


def test_every_source_is_quoted_and_every_method_has_its_rows():
    assert {name for _, name in FIGURE.findall(TEXT)} == set(SOURCES)
    columns = [[row[0] for row in rows] for _, rows in tables(TEXT)]
    assert len(columns) == 3
    for names in columns:
        text = " ".join(names)
        wrong = [method for method in METHODS.values() if method.__name__ not in text]
        assert not wrong

"""docs/methods.md: each figure is the one on the page that it links to."""

import re
from pathlib import Path

import pytest
from page_tables import stands, tables

from keras_dynres.methods import METHODS

PAGE = Path(__file__).parents[1] / "docs" / "methods.md"
TEXT = PAGE.read_text("utf-8")
FIGURE = re.compile(r"\[([^\]\n]+)\]\[([\w-]+)\]")
SOURCE = re.compile(r'^\[([\w-]+)\]: (\S+) "(.+)"$', re.MULTILINE)
SOURCES = {name: (path, place) for name, path, place in SOURCE.findall(TEXT)}


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

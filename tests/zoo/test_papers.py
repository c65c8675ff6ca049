"""The papers' tables and figures: all are there, and each row has its network."""

import json
import re

import pytest

from keras_dynres import zoo
from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.zoo import Network, paper
from keras_dynres.zoo.paper import PAPERS, Paper

# How many tables and figures the papers have.
NUMBERED = {
    "sdpoint": {"Table": 2, "Figure": 5},
    "msdnet": {"Table": 0, "Figure": 5},
    "resizable": {"Table": 11, "Figure": 5},
    "low_mode": {"Table": 1, "Figure": 4},
    "sampled": {"Table": 5, "Figure": 5},
}
ALL = {name: Paper.load(name) for name in PAPERS}


def test_the_papers_are_those_of_the_references():
    assert set(ALL) == set(NUMBERED)
    assert all("http" in paper.reference for paper in ALL.values())


@pytest.mark.parametrize("name", NUMBERED)
def test_every_table_and_every_figure_is_there(name):
    there = {exhibit.name for exhibit in ALL[name].exhibits}
    wanted = {
        f"{kind} {number + 1}"
        for kind, count in NUMBERED[name].items()
        for number in range(count)
    }
    assert wanted == {title for title in there if re.match("Table|Figure", title)}
    titles = [exhibit.title for exhibit in ALL[name].exhibits]
    assert len(set(titles)) == len(titles)
    for exhibit in ALL[name].exhibits:
        assert exhibit.rows or exhibit.note, f"{exhibit.title} shows nothing"
        labels = [row.label for row in exhibit.rows]
        assert len(set(labels)) == len(labels), exhibit.title


def test_every_network_of_a_paper_makes_a_row_of_it_or_says_why_not():
    rows = {
        network
        for paper in ALL.values()
        for row in paper.rows
        for network in (row.network, *row.small)
    }
    elsewhere = {
        name: why for paper in ALL.values() for name, why in paper.elsewhere.items()
    }
    references = {paper.reference for paper in ALL.values()}
    networks = {n for n in zoo.list() if Network.load(n).reference in references}
    assert sorted(networks - rows - set(elsewhere)) == []
    assert sorted(set(elsewhere) & rows) == []
    assert sorted(set(elsewhere) - networks) == []
    assert all(elsewhere.values())


def test_what_a_paper_says_of_a_network_is_written_once():
    said = []
    for name, read in ALL.items():
        for row in read.rows:
            own = row.figures.items()
            if not row.is_apart:
                twice = set(own) & set(Network.load(row.network).paper.items())
                assert not twice, f"{name}: {row.label}"
            if row.network and own:
                said.append((row.network, *sorted(own)))
    assert len(set(said)) == len(said)


def test_every_figure_of_a_network_is_shown():
    shown = {row.network for paper in ALL.values() for row in paper.rows if row.said}
    with_figures = {n for n in zoo.list() if Network.load(n).paper}
    assert sorted(with_figures - shown) == []


def test_a_row_says_what_its_network_s_paper_says():
    table = next(e for e in ALL["sdpoint"].exhibits if e.title == "Table 1, CIFAR-10")
    said = {row.label: table.said(row) for row in table.rows}
    assert said["WRN-d28-w10 with SDPoint"] == {"gflops": 6.5, "error": 3.35}
    assert said["WRN-d28-w10"] == {"gflops": 10.5, "error": 3.84}


def test_a_cheaper_instance_has_figures_of_its_own():
    rows = [row for row in ALL["resizable"].rows if row.instance == "within"]
    assert rows and all("gmacs" in row.said for row in rows)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"network": "wrn28_10_cifar1"}, "'wrn28_10_cifar1'.*Did you mean"),
        ({"network": "wrn28_10_cifar10", "small": "wrn"}, "Received: 'wrn'"),
        ({}, "names its network, or says why.*'a'"),
        ({"network": "wrn28_10_cifar10", "why": "no"}, "or says why it has none"),
    ],
)
def test_a_wrong_row_says_what_is_wrong(tmp_path, monkeypatch, row, sentence):
    path = tmp_path / "mine.json"
    exhibit = {"name": "Table 1", "caption": "x", "rows": [{"label": "a", **row}]}
    path.write_text(json.dumps({"exhibits": [exhibit]}))
    monkeypatch.setitem(paper.PAPERS, "mine", path)
    with pytest.raises(DynresError, match=sentence):
        Paper.load("mine")


def test_a_wrong_name_has_the_nearest_beside_it():
    with pytest.raises(UnknownNameError, match="Did you mean 'sdpoint'"):
        Paper.load("sdpoints")

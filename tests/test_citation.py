"""CITATION.cff names this version, and the paper of every method."""

import ast
import re
from pathlib import Path

import yaml

from keras_dynres.methods import METHODS

ROOT = Path(__file__).parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
# What the format, 1.2.0, asks for and allows of what stands there.
REQUIRED = {"cff-version", "message", "title", "authors"}
PERSON = {"family-names", "given-names"}
KINDS = {"conference-paper", "article", "unpublished"}


def version():
    """What setup.py says."""
    for node in ast.walk(ast.parse((ROOT / "setup.py").read_text("utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "version":
            return node.value.value
    raise AssertionError("setup.py has no version")


def test_it_is_of_the_format_and_of_this_version():
    assert set(CITATION) >= REQUIRED
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["type"] == "software"
    assert CITATION["version"] == version()
    works = [CITATION, *CITATION["references"]]
    for work in works:
        assert work["title"]
        assert work["authors"]
        for author in work["authors"]:
            assert set(author) in (PERSON, {"name"}), author
    for paper in works[1:]:
        assert paper["type"] in KINDS
        assert isinstance(paper["year"], int)


def test_every_methods_paper_is_among_its_references():
    papers = {
        address
        for method in METHODS.values()
        for address in re.findall(r"https://arxiv\.org/abs/[\d.]+\d", method.__doc__)
    }
    assert len(papers) >= 4
    assert papers <= {paper["url"] for paper in CITATION["references"]}

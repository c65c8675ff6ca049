"""Guides' code and docstrings' examples run; the site has every public name."""

import doctest
import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import zlib
from pathlib import Path

import keras
import nbclient
import nbformat
import pytest

import keras_dynres as kd
import keras_dynres_cli
from keras_dynres.zoo import places

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
MODULES = sorted(
    module.name
    for package in (kd, keras_dynres_cli)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
)
SHIPPED = "sdpoint_wrn16_2_cifar10"

# Traced, as users run them; but of this page tracing takes twice the time of its steps.
EAGER = {"dense"}
CASES = [
    pytest.param(
        page,
        id=page.stem,
        marks=() if page.stem in EAGER else pytest.mark.tensorflow,
    )
    for page in PAGES
]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Guides write files, and change the dtype policy."""
    monkeypatch.chdir(tmp_path)
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


def blocks(page):
    """(line, marks, code) of the Python blocks of a Markdown page."""
    text = page.read_text("utf-8")
    for found in re.finditer(r"^```python *(.*)\n((?:.*\n)*?)```$", text, re.M):
        line = text[: found.start()].count("\n") + 1
        yield line, found.group(1).split(), found.group(2)


@pytest.mark.parametrize("page", CASES)
def test_the_code_of_a_page_runs(page):
    namespace = {"__name__": page.stem}
    for line, marks, code in blocks(page):
        assert set(marks) <= {"no-run", "shipped"}, f"{page.name}:{line}"
        compiled = compile("\n" * line + code, str(page), "exec")
        missing = not (places.SHIPPED / SHIPPED).is_dir()
        if "no-run" in marks or "shipped" in marks and missing:
            continue
        exec(compiled, namespace)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_docstrings_run(name):
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    )
    names = {**vars(module), "kd": kd, "keras": keras}
    report = []
    for example in doctest.DocTestFinder().find(module, globs=names):
        runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)


def test_every_file_a_page_points_at_is_there():
    pages = [*PAGES, ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        links = r"(?:\]\(|^\[[\w-]+\]: )([^)\s]+)"
        for target in re.findall(links, page.read_text("utf-8"), re.MULTILINE):
            if not target.startswith(("http", "#")):
                path = page.parent / target.split("#")[0]
                assert path.exists(), f"{page.name}: {target}"


def script(name):
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def public_names(room=kd):
    """Every name that a room and the public rooms in it offer, modules left out."""
    for name in room.__all__:
        thing = getattr(room, name)
        if not inspect.ismodule(thing):
            yield f"{room.__name__}.{name}"
        elif hasattr(thing, "__all__"):
            yield from public_names(thing)


def test_the_site_builds_and_has_every_public_name(tmp_path):
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(
        [*build, "--config-file", ROOT / "mkdocs.yml", "--site-dir", tmp_path],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    # The inventory, in Sphinx' format: four lines, then one a name, compressed.
    inventory = (tmp_path / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(inventory).decode().splitlines()
    there = {line.split()[0] for line in lines}
    assert "keras_dynres.Menu.within" in there
    assert sorted(set(public_names()) - there) == []
    # Nothing is fetched from elsewhere, at building or at reading.
    for page in tmp_path.rglob("*.html"):
        text = page.read_text("utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]* src="https?:', text), page
        assert not re.findall(r'<link[^>]* href="https?:', text), page


def test_the_notebook_is_the_guide_and_runs(tmp_path):
    make_notebook = script("make_notebook")
    text = make_notebook.NOTEBOOK.read_text("utf-8")
    same = text == make_notebook.notebook()
    assert same, "The notebook is out of date: run python docs/make_notebook.py"
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    nbclient.execute(notebook, cwd=tmp_path, timeout=120)
    assert (tmp_path / "net.tflite").exists()


def test_the_readmes_menu_and_the_networks_pages_are_the_cards():
    make_menu = script("make_menu")
    texts = {make_menu.README: make_menu.readme(), **make_menu.pages()}
    for path, text in texts.items():
        same = path.read_text("utf-8") == text
        assert same, f"{path} is out of date: run python docs/make_menu.py"


def test_the_results_page_and_its_charts_are_the_cards():
    make_results = script("make_results")
    texts = make_results.texts()
    charts = {path for path in texts if path.suffix == ".svg"}
    assert charts == set(make_results.CHARTS.iterdir())
    for path, text in texts.items():
        same = path.read_text("utf-8") == text
        assert same, f"{path} is out of date: run python docs/make_results.py"


def test_the_papers_page_and_its_excerpts_are_what_the_command_says():
    make_reproduction = script("make_reproduction")
    guides = make_reproduction.guides()
    assert len(guides) == 5
    texts = {make_reproduction.PAGE: make_reproduction.page(), **guides}
    for path, text in texts.items():
        same = path.read_text("utf-8") == text
        assert same, f"{path} is out of date: run python docs/make_reproduction.py"

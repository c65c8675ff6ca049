"""The guides' code and the docstrings' examples run; the API page is up to date."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path

import keras
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
    pages = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "docs" / "index.md"]
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
            if not target.startswith(("http", "#")):
                path = page.parent / target.split("#")[0]
                assert path.exists(), f"{page.name}: {target}"


def script(name):
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_api_page_is_what_the_docstrings_say():
    make_api = script("make_api")
    same = make_api.PAGE.read_text("utf-8") == make_api.page()
    assert same, "docs/api.md is out of date: run python docs/make_api.py"


def test_the_readmes_menu_is_the_cards():
    make_menu = script("make_menu")
    same = make_menu.README.read_text("utf-8") == make_menu.readme()
    assert same, "README.md is out of date: run python docs/make_menu.py"

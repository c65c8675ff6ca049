"""The design's arrows and names, read from the source; and what importing costs."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_dynres.methods import METHODS

PACKAGE = Path(__file__).parents[1] / "keras_dynres"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# Who may know whom. A room is a folder or a file of the package's top; what it may
# import of other rooms stands behind it.
BASE = {
    "errors",
    "files",
    "text",
    "graph",
    "grid",
    "layers",
    "cost",
    "instance",
}
KNOWS_MENUS = BASE | {"core", "exits"}
ARROWS = {
    "errors": set(),
    **dict.fromkeys(BASE - {"errors"}, BASE),
    "core": BASE,
    "compress": BASE | {"core"},
    "exits": BASE | {"core"},
    "methods": KNOWS_MENUS | {"architectures"},
    "detection": {"errors", "layers"},
    "architectures": {"errors", "layers", "graph", "detection"},
    "adapt": KNOWS_MENUS | {"evaluation"},
    "data": {"errors", "layers"},
    "evaluation": KNOWS_MENUS,
    "tflite": KNOWS_MENUS | {"evaluation"},
    "zoo": KNOWS_MENUS | {"architectures", "methods", "data"},
    "training": KNOWS_MENUS
    | {"architectures", "methods", "data", "detection", "evaluation", "zoo"},
}
KNOW_ALL = {"__init__", "callbacks"}
# What the rooms beside the methods may know of them: how to make one by its name.
REGISTRY = {"METHODS", "create"}
# Libraries that cost seconds or that not every machine has.
HEAVY = {
    "tensorflow",
    "tensorflow_datasets",
    "tensorflow_model_optimization",
    "tf_keras",
    "matplotlib",
    "jinja2",
    "ai_edge_litert",
    "jax",
}
# Names of methods may stand where methods are, and where all is known.
NAMES_METHODS = ("methods", "__init__")

# Names and annotations: what holds in the package and in the command.
COMMAND = PACKAGE.parent / "keras_dynres_cli"
SOURCES = MODULES | {
    ".".join(path.relative_to(COMMAND.parent).with_suffix("").parts): path
    for path in sorted(COMMAND.rglob("*.py"))
}
PRONOUNS = {"each", "found", "given", "mine", "ours", "theirs", "whose", "yours"}
NOUNS_IN_ING = {"adaptive_pooling", "fitting", "importing", "listing", "training"}


def room(module):
    return module.split(".")[0]


def imports(tree):
    """(imported module, node) for every import of a syntax tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node


def tree(module):
    return ast.parse(SOURCES[module].read_text("utf-8"))


def own_imports(module):
    """What a module imports of the package, as `room.rest`."""
    for name, _ in imports(tree(module)):
        if name.split(".")[0] == "keras_dynres":
            yield name.partition(".")[2]


def test_a_room_imports_only_what_it_may_know():
    wrong = [
        f"{module} knows {name}"
        for module in MODULES
        if room(module) not in KNOW_ALL
        for name in own_imports(module)
        if room(name) not in ARROWS[room(module)] | {room(module)}
    ]
    assert not wrong


def test_outside_methods_only_their_registry_is_imported():
    wrong = [
        f"{module} knows {name}"
        for module in MODULES
        if room(module) not in KNOW_ALL | {"methods"}
        for name in own_imports(module)
        if name.startswith("methods.") and name.split(".")[1] not in REGISTRY
    ]
    assert not wrong


def test_no_method_is_named_outside_its_room():
    classes = {method.__name__ for method in METHODS.values()}
    wrong = [
        f"{module} names {word!r}"
        for module in MODULES
        if not module.startswith(NAMES_METHODS)
        for word in words(tree(module))
        if word in classes
    ]
    assert "SDPoint" in classes
    assert not wrong


def words(syntax):
    """Every name and string of a syntax tree, documentation left out."""
    documentation = {
        id(node.value) for node in ast.walk(syntax) if isinstance(node, ast.Expr)
    }
    for node in ast.walk(syntax):
        values = [getattr(node, key, None) for key in ("id", "attr", "name", "arg")]
        if isinstance(node, ast.Constant) and id(node) not in documentation:
            values.append(node.value)
        yield from (word for word in values if isinstance(word, str))


def bound(syntax):
    """Every name that a syntax tree gives to something, by whatever statement."""
    for node in ast.walk(syntax):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.asname
        elif isinstance(
            node, (ast.FunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs)
        ):
            yield node.name


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def public_functions(syntax, prefix=""):
    """(name, node) of a module's functions and its classes' methods to be called."""
    for node in syntax.body:
        name = getattr(node, "name", "_")
        if is_private(name):
            continue
        if isinstance(node, ast.ClassDef):
            yield from public_functions(node, f"{name}.")
        elif isinstance(node, ast.FunctionDef):
            yield prefix + name, node


def arguments(function):
    """All arguments of a function but what a method is bound to."""
    own = function.args
    names = [*own.posonlyargs, *own.args, *own.kwonlyargs, own.vararg, own.kwarg]
    return [a for a in names if a is not None and a.arg not in ("self", "cls")]


def test_no_pronoun_is_a_name():
    source = "each = 1\nfor found in x: pass\nf = lambda given: [y for mine in given]"
    assert PRONOUNS >= set(bound(ast.parse(source))) - {"f"} != set()
    wrong = [
        f"{module} names something {name!r}"
        for module in SOURCES
        for name in bound(tree(module))
        if name in PRONOUNS
    ]
    assert not wrong


def test_modules_are_called_by_nouns():
    wrong = [
        module
        for module in SOURCES
        for part in module.split(".")
        if part.endswith("ing") and part not in NOUNS_IN_ING
    ]
    assert not wrong


def test_arguments_of_public_functions_are_annotated():
    """What they return is held by the linter, with the same idea of public."""
    wrong = [
        f"{module}.{name}: {argument.arg}"
        for module in SOURCES
        if not any(is_private(part) for part in module.split("."))
        for name, function in public_functions(tree(module))
        for argument in arguments(function)
        if argument.annotation is None
    ]
    assert not wrong


def test_every_room_has_its_arrows():
    assert {room(module) for module in MODULES} == set(ARROWS) | KNOW_ALL


def test_heavy_libraries_are_imported_when_needed():
    """At a module's top only where the module itself is imported when needed."""
    tops = {}
    for module in MODULES:
        body = tree(module)
        inner = {
            id(node)
            for function in ast.walk(body)
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
            for node in ast.walk(function)
        }
        tops[module] = {n for n, node in imports(body) if id(node) not in inner}
    for module, names in tops.items():
        if room(module) in ("data", "tflite"):
            continue  # What importing them costs is measured below.
        assert not {n.split(".")[0] for n in names} & HEAVY, module


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_importing_costs_what_importing_keras_costs(backend):
    rooms = sorted(
        room(m) for m in MODULES if m.count(".") == 1 and m.endswith("__init__")
    )
    script = (
        "import json, sys, keras; before = set(sys.modules)\n"
        f"import keras_dynres\n"
        f"from keras_dynres import {', '.join(rooms)}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(PACKAGE.parent),
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    added = {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert "keras_dynres" in added
    assert not added & HEAVY

"""Writes docs/api.md from the docstrings.

python docs/make_api.py
"""

import importlib
import inspect
import re
from pathlib import Path

PAGE = Path(__file__).with_name("api.md")
ROOMS = (
    "keras_dynres",
    "keras_dynres.graph",
    "keras_dynres.cost",
    "keras_dynres.layers",
    "keras_dynres.core.plan",
    "keras_dynres.core.statistics",
    "keras_dynres.core.batches",
    "keras_dynres.text",
    "keras_dynres.methods",
    "keras_dynres.architectures",
    "keras_dynres.data",
    "keras_dynres.detection",
    "keras_dynres.training",
    "keras_dynres.training.optimization",
    "keras_dynres.evaluation",
    "keras_dynres.exits",
    "keras_dynres.compress",
    "keras_dynres.zoo",
    "keras_dynres.zoo.weights",
    "keras_dynres.zoo.config",
    "keras_dynres.tflite",
    "keras_dynres.errors",
)
# What every Keras layer and model has; documented there.
KERAS = {"build", "call", "compute_output_shape", "from_config", "get_config"}
KERAS |= {"make_train_function", "result", "update_state", "update_step"}
KERAS |= {"save_own_variables", "load_own_variables"}
# Otherwise ruff would format the examples here, which are formatted elsewhere.
HEAD = """\
<!-- fmt: off -->
# API

Made from the docstrings by `docs/make_api.py`. In examples `kd` is `keras_dynres`."""


def page():
    """The text of docs/api.md."""
    rooms = [(name, importlib.import_module(name)) for name in ROOMS]
    contents = [f"- [`{name}`](#{_anchor(name)})" for name, _ in rooms]
    seen, parts = {}, [HEAD, "\n".join(contents)]
    for name, room in rooms:
        parts += _room(name, room, seen)
    return "\n\n".join(parts) + "\n"


def _room(name, room, seen):
    yield f"## `{name}`"
    yield markdown(room.__doc__)
    for label, thing in _public(room):
        if inspect.ismodule(thing):
            continue
        if id(thing) in seen:
            yield f"### `{label}`\n\nSee [above](#{seen[id(thing)]})."
            continue
        entry = list(_entry(label, thing))
        seen[id(thing)] = _anchor(entry[0].removeprefix("### ")) if entry else None
        yield from entry


def _public(room):
    """(name, object) of what a room offers, in its own order where it says one."""
    names = getattr(room, "__all__", None)
    if names is None:
        names = [
            name
            for name, thing in vars(room).items()
            if not name.startswith("_")
            and getattr(thing, "__module__", None) == room.__name__
        ]
    return [(name, getattr(room, name)) for name in names]


def _entry(label, thing):
    if not inspect.isroutine(thing) and not inspect.isclass(thing):
        return
    yield f"### `{label}{_signature(thing)}`"
    yield markdown(thing.__doc__)
    if not inspect.isclass(thing):
        return
    for name, member in vars(thing).items():
        if name.startswith("_") or name in KERAS:
            continue
        bound = isinstance(member, (classmethod, staticmethod))
        function = member.__func__ if bound else member
        if isinstance(function, property):
            yield f"#### `{label}.{name}`"
            yield markdown(function.fget.__doc__)
        elif inspect.isfunction(function):
            static = isinstance(member, staticmethod)
            yield f"#### `{label}.{name}{_signature(function, bound=not static)}`"
            yield markdown(function.__doc__)


def _signature(thing, bound=False):
    """The signature, as far as this package wrote it."""
    if inspect.isclass(thing):
        if "__init__" not in vars(thing):
            return ""
        thing, bound = thing.__init__, True
    signature = inspect.signature(thing)
    # Annotations would make lines longer than a screen; docstrings say the types.
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
    ]
    empty = inspect.Signature.empty
    return str(
        signature.replace(parameters=parameters[bound:], return_annotation=empty)
    )


def markdown(docstring):
    """A docstring in Markdown: sections, argument lists and examples made readable."""
    lines, code = [], False
    section = None
    for line in inspect.cleandoc(docstring or "").splitlines():
        prompt = line.lstrip().startswith(">>>")
        if code and not line.strip() or prompt and not code:
            lines.append("```" if code else "```python")
            code = not code
        if code:
            lines.append(line.strip() if prompt else line)
            continue
        head = re.fullmatch(r"([A-Z]\w+):", line)
        if head:
            section = head.group(1)
            line = f"**{section}**\n"
        elif line and not line.startswith(" "):
            section = None
        elif section:
            line = _indented(line, section)
        lines.append(line)
    text = "\n".join([*lines, "```"] if code else lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _indented(line, section):
    """A line of a section; in a list of arguments each becomes an item."""
    if section not in ("Args", "Attributes"):
        return line.removeprefix("    ")
    item = re.fullmatch(r" {4}([\w*`]+): (.*)", line)
    if item:
        name = item.group(1).strip("`")
        return f"- `{name}`: {item.group(2)}"
    return "  " + line.strip() if line.strip() else ""


def _anchor(heading):
    return re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE}.")

"""An extension of griffe, which reads the docstrings for the site's API pages."""

import re
from collections.abc import Iterator
from typing import Any

import griffe

# From a prompt to the next empty line, at whatever depth.
EXAMPLE = re.compile(r"^( *)>>> .*(?:\n.*\S.*)*", re.MULTILINE)


class DocstringPages(griffe.Extension):
    """Fences examples, and finds functions behind the modules of their names."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)

    def on_package(
        self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **_: Any
    ) -> None:
        """Called once all is read.

        Of `fcn`, imported from the module `fcn` beside, griffe keeps the module, as if
        the import came first; Python has the function.
        """
        loader.resolve_aliases()
        hidden = [
            (room, name, loader.modules_collection[room.imports[name]])
            for room in rooms(pkg)
            for name in room.modules
            if room.imports.get(name, "").startswith(f"{room.path}.{name}.")
        ]
        for room, name, thing in hidden:
            room.members[name] = griffe.Alias(name, thing, parent=room)


def fenced(docstring: str) -> str:
    """The docstring with fences about its doctests; Markdown would quote them."""
    return EXAMPLE.sub(r"\1```python\n\g<0>\n\1```", docstring)


def rooms(package: griffe.Module) -> Iterator[griffe.Module]:
    """A package and the packages in it."""
    yield package
    for module in package.modules.values():
        if module.is_init_module:
            yield from rooms(module)

"""The package's errors: one sentence each, ending with what is near."""

import difflib
import re
from collections.abc import Collection, Iterable
from typing import Any


class DynresError(ValueError):
    """Base of every error this package raises on purpose."""


class UnknownNameError(DynresError):
    """A name that is not among those offered; the nearest ones are named."""

    def __init__(self, kind: str, name: Any, names: Iterable[Any]) -> None:
        names = [str(n) for n in names]
        super().__init__(
            f"Unknown {kind}. Received: {name!r}.{did_you_mean(name, names)}"
        )


def one_of(kind: str, name: Any, names: Collection[Any]) -> Any:
    """The name itself if it is among those offered; else an `UnknownNameError`.

    >>> one_of("rule", "best", ["best", "searched"])
    'best'

    Args:
        kind: What the name is of, as the error says it.
        name: What was received.
        names: Those offered.
    """
    if name not in names:
        raise UnknownNameError(kind, name, names)
    return name


class NotCalibratedError(DynresError):
    """An instance whose batch-norm statistics were never computed."""


class UnknownCostError(DynresError):
    """A layer without a rule for its cost: all else can do without."""


def reason(error: ValueError) -> str:
    """The line of a Keras error that says why; around it stand the call's arguments.

    >>> reason(ValueError("Exception in call().\\n\\x1b[1mToo small.\\x1b[0m\\nArgs"))
    'Too small.'
    """
    bold = re.search(r"\x1b\[1m(.+?)\x1b\[0m", str(error), re.DOTALL)
    return (bold[1] if bold else str(error)).strip().splitlines()[0]


def did_you_mean(name: Any, names: Iterable[Any], most: int = 3) -> str:
    """Says which of `names` are near `name`, or lists them when few.

    >>> did_you_mean("p3@0.6", ["full", "p3@0.5"])
    " Did you mean 'p3@0.5'?"
    """
    names = [str(n) for n in names]
    near = difflib.get_close_matches(str(name), names, n=most, cutoff=0.5)
    if near:
        return f" Did you mean {' or '.join(repr(n) for n in near)}?"
    if not names:
        return " None are offered."
    shown = ", ".join(repr(n) for n in names[:12])
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f" Offered: {shown}{more}."

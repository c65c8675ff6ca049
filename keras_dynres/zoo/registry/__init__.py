"""What the zoo offers: tables of networks, each described by plain data.

The rows of a paper stand in a file of their own.
"""

from keras_dynres.errors import one_of
from keras_dynres.zoo.registry import low_mode, msdnet, resizable, sampled, sdpoint
from keras_dynres.zoo.registry.entry import Entry

__all__ = ["ENTRIES", "Entry", "get", "names"]

_TABLES = (sdpoint, msdnet, resizable, low_mode, sampled)
ENTRIES = {entry.name: entry for table in _TABLES for entry in table.ROWS}


def get(name: str) -> Entry:
    """The entry called `name`; an unknown one raises and names its neighbours."""
    return ENTRIES[one_of("model of the zoo", name, ENTRIES)]


def names(method: str | None = None, dataset: str | None = None) -> list[str]:
    """Names of the zoo's networks, all or those of a method or data set.

    >>> kd.zoo.list(method="sdpoint", dataset="cifar100")[0]
    'sdpoint_wrn28_10_cifar100'
    """
    wanted = {"method": method, "dataset": dataset}
    for field, value in wanted.items():
        offered = sorted({getattr(entry, field) for entry in ENTRIES.values()})
        if value is not None:
            one_of(f"{field} in the zoo", value, offered)
    return [
        entry.name
        for entry in ENTRIES.values()
        if all(v is None or getattr(entry, f) == v for f, v in wanted.items())
    ]

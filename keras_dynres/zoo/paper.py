"""The papers: their tables and figures, and the network that makes each row of them.

A file of `papers` is a JSON object of the entries of `Paper`. What a paper says of a
network stands in that network's `paper` alone; a row says the rest.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from keras_dynres.errors import DynresError, one_of
from keras_dynres.files import read_json
from keras_dynres.zoo.network import FOLDER as NETWORKS_FOLDER
from keras_dynres.zoo.network import NETWORKS, Network

FOLDER = NETWORKS_FOLDER.with_name("papers")
# The files by the papers' names, which are those of `references.json`.
PAPERS = {path.stem: path for path in sorted(FOLDER.glob("*.json"))}


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table; a curve or a point of a figure.

    Args:
        label: What the paper calls it.
        network: The network of the zoo that makes it, empty where there is none.
        why: Why there is none.
        figures: What the paper says of it beyond the network's `paper`: errors in
            percent, GFLOPs or giga-MACs. Both are empty where a figure only draws it.
        instance: Which instance it is: a name, `"best"`, or `"within"`, the best that
            costs no more than the row.
        statistics: Other batch-norm statistics, such as `"uniform"`.
        changes: In which entries the network is to be trained otherwise than it says.
        against: The network beside which a gain or a loss is meant.
        small: Networks of the same method for few and small images.
        curve: Which of the exhibit's points it is drawn with.
    """

    label: str
    network: str = ""
    why: str = ""
    figures: Mapping = dataclasses.field(default_factory=dict)
    instance: str = "full"
    statistics: str = ""
    changes: Mapping = dataclasses.field(default_factory=dict)
    against: str = ""
    small: tuple = ()
    curve: str = ""

    @property
    def said(self) -> dict[str, float]:
        """All that the paper says of it."""
        return dict(self.figures) if self.is_apart else {**self._paper, **self.figures}

    @property
    def is_apart(self) -> bool:
        """Whether it is not what the network's `paper` tells of."""
        other = self.statistics or self.changes or self.instance == "within"
        return not self.network or bool(other)

    @property
    def _paper(self) -> Mapping[str, float]:
        return Network.load(self.network).paper


@dataclasses.dataclass(frozen=True)
class Exhibit:
    """A table or a figure of a paper, or a part of one.

    Args:
        name: `"Table 1"`.
        caption: What it shows.
        part: Which part of it, such as the data set; empty where it has no parts.
        note: What else is to be said: what makes it here, where the paper contradicts
            itself.
        rows: Its `Row`s; none where it shows no results.
        keys: Which of the rows' figures it shows; empty shows all.
    """

    name: str
    caption: str
    part: str = ""
    note: str = ""
    rows: tuple = ()
    keys: tuple = ()

    @property
    def title(self) -> str:
        """Its name and part.

        >>> Exhibit("Table 1", "Errors.", part="CIFAR-10").title
        'Table 1, CIFAR-10'
        """
        return f"{self.name}, {self.part}" if self.part else self.name

    @property
    def is_figure(self) -> bool:
        """Whether it is drawn; what it has no numbers of is only drawn then."""
        return self.name.startswith("Figure")

    def said(self, row: Row) -> dict[str, float]:
        """What it says of one of its rows."""
        return {k: v for k, v in row.said.items() if not self.keys or k in self.keys}


@dataclasses.dataclass(frozen=True)
class Paper:
    """A paper's tables and figures.

    Args:
        name: Its key in `references.json`.
        exhibits: Its `Exhibit`s, in its order.
        elsewhere: Networks that name the paper and make no row of it, by the reason.
    """

    name: str
    exhibits: tuple
    elsewhere: Mapping = dataclasses.field(default_factory=dict)

    @classmethod
    def load(cls, name: str) -> "Paper":
        """The paper of that name.

        >>> Paper.load("low_mode").exhibits[-1].title
        'Table 1'
        """
        path = PAPERS[one_of("paper", name, PAPERS)]
        content = read_json(path, "a paper")
        exhibits = tuple(
            Exhibit(**{**entry, "rows": tuple(map(_row, entry.get("rows", ())))})
            for entry in content["exhibits"]
        )
        return cls(name, exhibits, content.get("elsewhere", {}))

    @property
    def reference(self) -> str:
        """Authors, title, year and address."""
        known = read_json(FOLDER.with_name("references.json"), "the papers")
        return known[self.name]

    @property
    def rows(self) -> Iterator[Row]:
        """The rows of all exhibits."""
        for exhibit in self.exhibits:
            yield from exhibit.rows


def _row(entry: Mapping[str, Any]) -> Row:
    small = entry.get("small", ())
    row = Row(**{**entry, "small": (small,) if isinstance(small, str) else (*small,)})
    for name in (row.network, row.against, *row.small):
        if name:
            one_of(f"network in the row {row.label!r}", name, NETWORKS)
    if bool(row.network) == bool(row.why):
        raise DynresError(
            "A row names its network, or says why it has none. "
            f"Received: label={row.label!r}"
        )
    return row

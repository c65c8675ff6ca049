"""Instances and the menu they stand on."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from keras_dynres import files, text
from keras_dynres.errors import DynresError, UnknownNameError, one_of

FULL = "full"
ACCURACY = "accuracy"
COSTS = ("macs", "flops", "params")


@dataclasses.dataclass(frozen=True)
class Instance:
    """One way to run a network: its name, its settings, what it costs.

    Args:
        name: What users type, such as `"p3@0.5"`.
        settings: The method's settings, plain strings and numbers.
        macs: Multiply-accumulates an image, None while uncounted.
        flops: Additions and multiplications an image.
        params: Parameters the instance's graph holds.
        measured: Figures measured, such as `{"accuracy": 0.93, "latency_ms": 2.1}`.
        output: Position of the base's output it gives; None is all of them.
        aliases: Other names it is known by.
        average: What an image cost on average, where that depends on the image:
            `"macs"`, `"flops"`, their standard deviations over the images
            (`"macs_spread"`), how many `"images"` of which `"data"`. Its `macs` and
            `flops` are then those of the dearest image.
    """

    name: str
    settings: Mapping = dataclasses.field(default_factory=dict)
    macs: int | None = None
    flops: int | None = None
    params: int | None = None
    measured: Mapping = dataclasses.field(default_factory=dict)
    output: int | None = None
    aliases: tuple = ()
    average: Mapping = dataclasses.field(default_factory=dict)

    def figure(self, name: str) -> float | None:
        """A cost or a measured figure by name, None when it is not known (or NaN).

        A cost is the average one where there is one.
        """
        if name in COSTS:
            value = self.average.get(name, getattr(self, name))
        else:
            value = self.measured.get(name)
        return None if value is None or math.isnan(value) else value


class Menu:
    """Instances ordered by cost, cheapest first.

    An instance is found by its name and by each of its aliases.

    Args:
        instances: The `Instance`s.
        metric: The measured figure, larger is better, by which `within` and `pareto`
            choose.

    Example:

    >>> menu = Menu([Instance("full", macs=10, aliases=("b",)), Instance("a", macs=4)])
    >>> menu.names
    ['a', 'full']
    >>> menu.within(macs=5).name, menu["b"].name
    ('a', 'full')
    """

    def __init__(self, instances: Iterable[Instance], metric: str = ACCURACY):
        self.metric = metric
        self._instances = {}
        for instance in sorted(instances, key=_dearness):
            if instance.name in self._instances:
                raise DynresError(
                    f"Two instances have one name. Received: {instance.name!r}"
                )
            self._instances[instance.name] = instance
        self._aliases = {alias: i.name for i in self for alias in (*i.aliases, i.name)}

    def __len__(self) -> int:
        return len(self._instances)

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._instances.values())

    def __contains__(self, name: str | Instance) -> bool:
        return getattr(name, "name", name) in self._aliases

    def __getitem__(self, name: str | Instance) -> Instance:
        name = getattr(name, "name", name)
        if name not in self._aliases:
            raise UnknownNameError("instance", name, self.names)
        return self._instances[self._aliases[name]]

    @property
    def names(self) -> list[str]:
        """The names, cheapest first."""
        return list(self._instances)

    @property
    def full(self) -> Instance:
        """The undiminished instance."""
        return self[FULL]

    def record(self, name: str | Instance, **measured: float):
        """Keeps measured figures of an instance, beside those it has.

        >>> menu = Menu([Instance("full", macs=10)])
        >>> menu.record("full", accuracy=0.9)
        >>> menu["full"].measured["accuracy"]
        0.9
        """
        old = self[name]
        merged = {**old.measured, **{k: float(v) for k, v in measured.items()}}
        self._instances[old.name] = dataclasses.replace(old, measured=merged)

    def record_average(
        self, name: str | Instance, images: int, data: str, **costs: float
    ):
        """Keeps what an image cost on average, where its cost depends on the image.

        >>> menu = Menu([Instance("full", macs=10)])
        >>> menu.record_average("full", 100, "test images", macs=7.5, macs_spread=2)
        >>> menu["full"].macs, menu["full"].figure("macs")
        (10, 7.5)

        Args:
            name: The instance.
            images: How many images it was measured on.
            data: Which images they were.
            **costs: `macs`, `flops`, and their standard deviations over the images,
                `macs_spread`, `flops_spread`.
        """
        known = [key + end for key in ("macs", "flops") for end in ("", "_spread")]
        for cost in costs:
            one_of("average cost", cost, known)
        old = self[name]
        values = {key: float(value) for key, value in costs.items()}
        average = {**values, "images": int(images), "data": str(data)}
        self._instances[old.name] = dataclasses.replace(old, average=average)

    def recount(self, name: str | Instance, **costs: int):
        """Takes an instance's new costs, and drops what was measured of it.

        >>> menu = Menu([Instance("full", macs=10), Instance("half", macs=5)])
        >>> menu.recount("half", macs=12)
        >>> menu.names
        ['full', 'half']

        Args:
            name: The instance.
            **costs: `macs`, `flops`, `params`.
        """
        old = self[name]
        for cost in costs:
            one_of("cost", cost, COSTS)
        self._instances[old.name] = dataclasses.replace(
            old, measured={}, average={}, **costs
        )
        ordered = sorted(self, key=_dearness)
        self._instances = {instance.name: instance for instance in ordered}

    def forget(self):
        """Drops what was measured, as when the weights have changed."""
        for name, instance in self._instances.items():
            self._instances[name] = dataclasses.replace(
                instance, measured={}, average={}
            )

    def described(self, instances: Iterable[Instance]) -> "Menu":
        """The same figures, with outputs and aliases as these instances have them.

        A file holds no positions of outputs, and an old one no aliases.
        """
        facts = {instance.name: instance for instance in instances}
        return Menu(
            (
                dataclasses.replace(
                    instance,
                    output=facts[instance.name].output,
                    aliases=facts[instance.name].aliases,
                )
                if instance.name in facts
                else instance
                for instance in self
            ),
            self.metric,
        )

    def within(
        self,
        macs: float | None = None,
        flops: float | None = None,
        latency_ms: float | None = None,
        params: float | None = None,
        metric: str | None = None,
    ) -> Instance:
        """The best instance whose figures stay under every given budget.

        Where its metric was not measured the dearest that fits stands in for the
        best. A cost that depends on the image is the average one, where it is known.

        Args:
            macs: Budget in multiply-accumulates an image.
            flops: Budget in FLOPs an image.
            latency_ms: Budget in measured milliseconds.
            params: Budget in parameters.
            metric: The measured figure that decides, by default the menu's.

        Returns:
            An `Instance`. Nothing within the budget raises, naming the cheapest.
        """
        metric = metric or self.metric
        asked = {
            "macs": macs,
            "flops": flops,
            "latency_ms": latency_ms,
            "params": params,
        }
        budgets = {k: v for k, v in asked.items() if v is not None}
        if not budgets:
            raise DynresError(
                "within() needs a budget: macs=, flops=, latency_ms= or params=."
            )
        fitting = list(self)
        for cost, budget in budgets.items():
            known = self._known(cost)
            fitting = [i for i in fitting if i in known and i.figure(cost) <= budget]
            if not any(i.figure(cost) <= budget for i in known):
                cheapest = min(known, key=lambda i: i.figure(cost))
                raise DynresError(
                    f"No instance costs at most {cost}={budget:g}; the cheapest is "
                    f"{cheapest.name!r} with {cost}={cheapest.figure(cost):g}."
                )
        if not fitting:
            raise DynresError(f"No instance meets all budgets. Received: {budgets}")
        rated = [i for i in fitting if i.figure(metric) is not None]
        if rated:
            return max(rated, key=lambda i: (i.figure(metric), -_macs(i)))
        return max(fitting, key=_macs)

    def pareto(self, metric: str | None = None, cost: str = "macs") -> "Menu":
        """The instances no cheaper or equally dear one matches.

        Args:
            metric: Measured figure, larger is better; by default the menu's.
            cost: `"macs"`, `"flops"`, `"params"` or a measured figure.

        Returns:
            A `Menu`.
        """
        metric = metric or self.metric
        known = set(i.name for i in self._known(metric))
        rated = [i for i in self._known(cost) if i.name in known]
        best, kept = float("-inf"), []
        for rival in sorted(rated, key=lambda i: (i.figure(cost), -i.figure(metric))):
            if rival.figure(metric) > best:
                best = rival.figure(metric)
                kept.append(rival)
        return Menu(kept, self.metric)

    def _known(self, figure: str) -> list[Instance]:
        known = [i for i in self if i.figure(figure) is not None]
        if not known:
            had = sorted({k for i in self for k in i.measured})
            raise DynresError(
                f"No instance has a figure {figure!r} yet: measure it first "
                f"(evaluate_menu, benchmark). Measured so far: {had or 'nothing'}"
            )
        return known

    def rows(self) -> list[dict]:
        """The menu as a list of flat dicts, one an instance.

        A cost that depends on the image is the average one, where it is known.
        """
        measured = sorted({k for i in self for k in i.measured})
        return [
            {
                "name": i.name,
                **{cost: i.figure(cost) for cost in COSTS},
                **{key: i.measured.get(key) for key in measured},
            }
            for i in self
        ]

    def get_config(self) -> dict[str, Any]:
        """A plain dict that `from_config` takes."""
        return {"metric": self.metric, "instances": [_fields(i) for i in self]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Menu":
        """The menu that a plain dict describes.

        >>> menu = Menu([Instance("full", macs=10)])
        >>> Menu.from_config(menu.get_config()).names
        ['full']
        """
        try:
            rows = [
                Instance(**{**row, "aliases": tuple(row.get("aliases", ()))})
                for row in config["instances"]
            ]
            return cls(rows, config.get("metric", ACCURACY))
        except (KeyError, TypeError, AttributeError) as error:
            raise DynresError(f"Not a menu: {error}") from error

    def to_json(self, path: str | Path | None = None) -> str:
        """The menu as JSON text, written to `path` when one is given."""
        return _write(json.dumps({"format": 1, **self.get_config()}, indent=1), path)

    @classmethod
    def from_json(cls, source: str | Path) -> "Menu":
        """A menu from JSON text or from the path of a JSON file."""
        return cls.from_config(files.read_json(source, "a menu"))

    def to_csv(self, path: str | Path | None = None) -> str:
        """The menu as CSV text, written to `path` when one is given."""
        table = io.StringIO()
        averages = any(i.average for i in self)
        rows = [
            {
                **row,
                **{cost: getattr(i, cost) for cost in COSTS},
                "settings": json.dumps(dict(i.settings)),
                **({"average": json.dumps(dict(i.average))} if averages else {}),
            }
            for row, i in zip(self.rows(), self, strict=True)
        ]
        fields = list(rows[0]) if rows else ["name"]
        writer = csv.DictWriter(table, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return _write(table.getvalue(), path)

    @classmethod
    def from_csv(cls, source: str | Path) -> "Menu":
        """A menu from CSV text or from the path of a CSV file."""
        instances = []
        try:
            for row in csv.DictReader(io.StringIO(_read(source))):
                name, settings = row.pop("name"), json.loads(row.pop("settings"))
                average = json.loads(row.pop("average", None) or "{}")
                costs = {c: int(v) if (v := row.pop(c)) else None for c in COSTS}
                measured = {k: float(v) for k, v in row.items() if v}
                instances.append(
                    Instance(
                        name, settings, **costs, measured=measured, average=average
                    )
                )
        except (KeyError, ValueError, TypeError) as error:
            raise DynresError(f"Not a menu in CSV: {error}") from error
        if not instances:
            raise DynresError("Not a menu in CSV: it names no instance.")
        return cls(instances)

    def __str__(self) -> str:
        rows = self.rows()
        if not rows:
            return "(empty menu)"
        return text.grid(
            list(rows[0]),
            [[_cell(key, value) for key, value in row.items()] for row in rows],
        )

    __repr__ = __str__


def _cell(key, value):
    return "-" if value is None else text.figure(value, key, digits=2)


def _write(content, path):
    if path is not None:
        files.write(path, content)
    return content


def _read(source):
    content = str(source)
    if isinstance(source, Path) or "\n" not in content:
        return files.read_text(source, "a menu")
    return content


def _dearness(instance):
    return instance.macs or 0, instance.flops or 0


def _macs(instance):
    return instance.figure("macs") or 0


def _fields(instance):
    """What a file holds of an instance; what most lack is left out."""
    fields = dataclasses.asdict(instance)
    del fields["output"]
    return {
        key: value
        for key, value in fields.items()
        if value or key not in ("aliases", "average")
    }

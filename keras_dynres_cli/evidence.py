"""What was measured of a paper's rows: in runs, in cards, in the small table."""

import dataclasses
import decimal
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from keras_dynres.instance import Instance, Menu
from keras_dynres.zoo import cards, places, small_table
from keras_dynres.zoo.paper import Exhibit, Row
from keras_dynres.zoo.runs import Run, mean, published

# What the papers count costs in, and which cost of a menu that is.
COSTS = {"gflops": "flops", "gmacs": "macs"}
# The papers' errors and losses in percent, and of which measured share they are.
ERRORS = {"error": "accuracy", "top5_error": "top5_accuracy"}
DROPS = {"accuracy_drop": "accuracy", "top5_accuracy_drop": "top5_accuracy"}
SHARES = ("map", "mean_iou")


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What was measured of the instance that a row asks for.

    Args:
        network: The network's name.
        data: Its data set and the size of its images.
        source: Where: `"published"`, `"run"`, `"mean of 2 runs"`, `"small table"`.
        menu: All instances.
        instance: The row's; None where none is as cheap as the row.
        figures: The instance's, by the papers' names: errors in percent, GFLOPs.
        changes: In which entries it was trained otherwise than the row says.
    """

    network: str
    data: str
    source: str
    menu: Menu
    instance: Instance | None
    figures: Mapping[str, float]
    changes: Mapping[str, object]

    @property
    def points(self) -> list[Instance]:
        """The dearest instance, the best at half of its cost, and the cheapest."""
        dearest = _dearest(self.menu)
        half = _within(self.menu, "macs", dearest.figure("macs") / 2)
        chosen = {i.name: i for i in (dearest, half, next(iter(self.menu))) if i}
        return list(chosen.values())


class Evidence:
    """All that was measured: in runs, else as published, else in the small table.

    Args:
        runs: The runs of a folder.
    """

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs, self._small = _by_network(runs), _by_network(small_table.runs())
        self._known = {}

    def of(
        self, name: str, changes: Mapping[str, object] | None = None
    ) -> tuple[Run, str] | None:
        """What was measured of a network, and where; None where nothing was.

        Args:
            name: The network's.
            changes: In which entries it is to be trained otherwise than it says.
                Without any, a run that was is taken where there is no other.
        """
        if changes:
            return _joined(_alike(self._runs[name], changes), "run")
        if name not in self._known:
            runs = self._runs[name]
            self._known[name] = (
                _joined(_alike(runs, {}), "run")
                or _shipped(name)
                or _joined(self._small[name], "small table")
                or _joined(runs and _alike(runs, runs[0].changes), "run")
            )
        return self._known[name]

    def row(self, row: Row) -> Measurement | None:
        """What was measured of a row's network."""
        limit = next(((k, v) for k, v in row.said.items() if k in COSTS), None)
        return self._measurement(row, row.network, limit)

    def small(self, row: Row, exhibit: Exhibit) -> list[Measurement]:
        """What was measured of its small networks, at as large a part of their cost."""
        part = _part_of_full(row, exhibit)
        rows = (self._measurement(row, name, part=part) for name in row.small)
        return [measurement for measurement in rows if measurement]

    def _measurement(
        self,
        row: Row,
        name: str,
        limit: tuple[str, float] | None = None,
        part: float | None = None,
    ) -> Measurement | None:
        changes = row.changes if name == row.network else {}
        if not (known := name and self.of(name, changes)):
            return None
        run, source = known
        menu = run.statistics.get(row.statistics) if row.statistics else run.menu
        if menu is None:
            return None
        if part is not None:
            limit = ("gmacs", part * _dearest(menu).figure("macs") / 1e9)
        instance = _chosen(menu, row, limit)
        against = row.against and name == row.network and self.of(row.against)
        figures = _figures(instance, run, against[0] if against else None)
        images = run.network.images
        data = f"{images.name} at {max(images.shape)} pixels"
        changes = {} if changes else run.changes
        return Measurement(name, data, source, menu, instance, figures, changes)


def _by_network(runs: Iterable[Run]) -> Mapping[str, list[Run]]:
    named = defaultdict(list)
    for run in runs:
        named[run.network.name].append(run)
    return named


def _alike(runs: Iterable[Run], changes: Mapping[str, object]) -> list[Run]:
    """Those that were trained with these changes."""
    return [run for run in runs if run.changes == changes]


def _joined(runs: Sequence[Run], where: str) -> tuple[Run, str] | None:
    if not runs:
        return None
    return mean(runs), where if len(runs) == 1 else f"{where}, mean of {len(runs)}"


def _shipped(name: str) -> tuple[Run, str] | None:
    """What is published in the package."""
    if not (places.SHIPPED / name / places.CARD).is_file():
        return None
    run = published(cards.card(name))
    return run and (run, "published")


def _chosen(menu: Menu, row: Row, limit: tuple[str, float] | None) -> Instance | None:
    """The instance that a row asks for; the dearest where it has another name."""
    if row.instance == "within" and limit:
        key, most = limit
        return _within(menu, COSTS[key], 1e9 * (most + _rounding(most)))
    if row.instance == "best":
        return menu.within(macs=float("inf"))
    return menu[row.instance] if row.instance in menu else _dearest(menu)


def _within(menu: Menu, cost: str, most: float) -> Instance | None:
    fitting = [i for i in menu if i.figure(cost) <= most]
    rated = [i for i in fitting if i.figure(menu.metric) is not None]
    return max(rated, key=lambda i: i.figure(menu.metric)) if rated else None


def _dearest(menu: Menu) -> Instance:
    return menu.full if "full" in menu else max(menu, key=lambda i: i.figure("macs"))


def _rounding(value: float) -> float:
    """By how much a printed figure may have been rounded.

    >>> _rounding(7.7), _rounding(0.462)
    (0.05, 0.0005)
    """
    digits = -decimal.Decimal(repr(value)).as_tuple().exponent
    return 0.5 * 10.0**-digits


def _part_of_full(row: Row, exhibit: Exhibit) -> float | None:
    """The row's part of its network's full cost, where it is a cheaper instance."""
    if row.instance != "within":
        return None
    for key in COSTS:
        if key in row.figures:
            rivals = [r.said for r in exhibit.rows if r.network == row.network]
            return row.figures[key] / max(said.get(key, 0) for said in rivals)
    return None


def _figures(
    instance: Instance | None, run: Run, against: Run | None
) -> dict[str, float]:
    """An instance's figures as the papers give them."""
    if instance is None:
        return {}
    values = {k: instance.figure(cost) for k, cost in COSTS.items()}
    figures = {k: v / 1e9 for k, v in values.items() if v is not None}
    measured = instance.measured
    for key, share in ERRORS.items():
        if share in measured:
            figures[key] = 100 * (1 - measured[share])
    figures |= {key: measured[key] for key in SHARES if key in measured}
    if against:
        full = _dearest(against.menu).measured
        for key, share in DROPS.items():
            if share in measured and share in full:
                figures[key] = 100 * (full[share] - measured[share])
        if run.seconds and against.seconds:
            figures["training_time_less"] = 100 * (1 - run.seconds / against.seconds)
    return figures

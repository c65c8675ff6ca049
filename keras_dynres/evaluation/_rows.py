"""The report's table: every instance a row, sortable in the page."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from keras_dynres import text
from keras_dynres.evaluation.curves import COSTS, cost_text, curve, figure
from keras_dynres.evaluation.prediction import Score
from keras_dynres.instance import Instance, Menu


class Cell(NamedTuple):
    """What a cell says, and by what it is sorted; `part` is the length of its bar."""

    text: str
    key: str
    part: int | None = None


class Row(NamedTuple):
    """An instance: whether no cheaper one beats it, whether it is the chosen one."""

    cells: list[Cell]
    settings: str
    best: bool
    chosen: bool


def table(
    menus: Mapping[str, Menu],
    metric: str,
    chosen: Instance | None,
    images: int | None,
) -> tuple[list[str], list[Row]]:
    """The first menu's instances, and how the other menus do at the same ones.

    Returns:
        The columns' titles, and the rows.
    """
    first, *others = menus
    menu = menus[first]
    shared = [o for o in others if any(i.name in menus[o] for i in menu)]
    before, after = _columns(menu, metric)
    on = {p.name for p in curve(menu, "macs", metric).front}
    rated = [f"{text.head(metric)}, {label}" for label in (first, *shared)]
    rated = rated if shared else [text.head(metric)]
    heads = ["Instance", *map(text.head, before), *rated, *map(text.head, after)]
    rows = []
    for instance in menu:
        cells = [Cell(instance.name, instance.name)]
        cells += [_cell(menu, instance, key, images) for key in before]
        for label in (first, *shared):
            there = instance.name in menus[label]
            value = figure(menus[label][instance.name], metric) if there else math.nan
            cells.append(Cell(metric_text(value, metric, images), _key(value)))
        cells += [_cell(menu, instance, key, images) for key in after]
        is_chosen = chosen is not None and instance.name == chosen.name
        settings = text.settings(instance.settings)
        rows.append(Row(cells, settings, instance.name in on, is_chosen))
    return heads, rows


def _constant(menu, key):
    """Whether a column would say the same, or nothing, in every row."""
    values = {i.figure(key) for i in menu}
    return values == {None} or (key == "params" and len(values) == 1)


def _columns(menu, metric):
    """What stands before and after the metric; phones see the first columns."""
    measured = {k for i in menu for k in i.measured} - {metric}
    ahead = [
        k for k in ("top5_accuracy", "latency_ms", "latency_iqr_ms") if k in measured
    ]
    costs = [k for k in text.COUNTS if not _constant(menu, k)]
    after = [*ahead, *(k for k in costs if k != "macs")]
    return costs[:1] if "macs" in costs else [], after + sorted(measured - {*ahead})


def _cell(menu, instance, key, images):
    value = figure(instance, key)
    if key not in COSTS:
        return Cell(metric_text(value, key, images), _key(value))
    part = part_of_full(menu, instance) if key == "macs" else None
    percent = None if part is None else round(100 * part)
    return Cell(cost_text(value, key, key in instance.average), _key(value), percent)


def _key(value):
    return "" if math.isnan(value) else f"{value:.9g}"


def metric_text(value: float, metric: str, images: int | None = None) -> str:
    """A figure as its name asks for; an accuracy with its standard error if known."""
    if images and text.is_accuracy(metric) and not math.isnan(value):
        return str(Score(value, images))
    return text.figure(value, metric)


def part_of_full(menu: Menu, instance: Instance) -> float | None:
    """An instance's MACs as a part of the full one's, None where unknown."""
    if "full" not in menu or not menu.full.macs or instance.macs is None:
        return None
    return instance.figure("macs") / menu.full.macs

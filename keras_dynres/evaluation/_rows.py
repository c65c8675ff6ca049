"""The report's table: every instance a row, sortable in the page."""

import math
from collections.abc import Mapping
from html import escape

from keras_dynres import text
from keras_dynres.evaluation.curves import COSTS, cost_text, curve, figure
from keras_dynres.evaluation.prediction import Score
from keras_dynres.instance import Instance, Menu


def table(
    menus: Mapping[str, Menu],
    metric: str,
    chosen: Instance | None,
    images: int | None,
) -> str:
    """The first menu's instances, and how the other menus do at the same ones."""
    first, *others = menus
    menu = menus[first]
    shared = [o for o in others if any(i.name in menus[o] for i in menu)]
    before, after = _columns(menu, metric)
    on = {p.name for p in curve(menu, "macs", metric).front}
    rated = [f"{text.head(metric)}, {label}" for label in (first, *shared)]
    rated = rated if shared else [text.head(metric)]
    heads = ["Instance", *map(text.head, before), *rated, *map(text.head, after)]
    body = []
    for instance in menu:
        cells = [_name(instance, chosen)]
        cells += [_cell(menu, instance, key, images) for key in before]
        for label in (first, *shared):
            there = instance.name in menus[label]
            value = figure(menus[label][instance.name], metric) if there else math.nan
            cells.append(_td(value, metric_text(value, metric, images)))
        cells += [_cell(menu, instance, key, images) for key in after]
        kind = "on" if instance.name in on else "off"
        kind += " chosen" if chosen and instance.name == chosen.name else ""
        body.append(f'<tr class="{kind}">{"".join(cells)}</tr>')
    head = "".join(
        f'<th scope="col"><button type="button">{escape(h)}</button></th>'
        for h in heads
    )
    return (
        '<section><h2 id="instances">Instances</h2>'
        '<p class="note"><label><input type="checkbox" id="only"> only those that no '
        "cheaper one beats (bold)</label></p>"
        '<div class="scroll" role="region" aria-labelledby="instances" tabindex="0">'
        f'<table class="sort"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div></section>"
    )


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


def _name(instance, chosen):
    tag = ""
    if chosen and instance.name == chosen.name:
        tag = '<span class="tag">chosen</span>'
    name = escape(instance.name)
    return f'<th scope="row" data-v="{name}">{name}{tag}</th>'


def _cell(menu, instance, key, images):
    value = figure(instance, key)
    if key not in COSTS:
        return _td(value, metric_text(value, key, images))
    shown, bar = cost_text(value, key, key in instance.average), ""
    if key == "macs" and (part := part_of_full(menu, instance)):
        bar = f'<span class="bar" style="--part:{100 * part:.0f}%"></span>'
    return _td(value, shown, bar)


def _td(value, shown, before=""):
    known = "" if math.isnan(value) else f"{value:.9g}"
    return f'<td data-v="{known}">{before}{escape(shown)}</td>'


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

"""The report's table: every instance a row, sortable in the page."""

import math
from html import escape

from keras_dynres import text
from keras_dynres.evaluation.curves import curve, figure
from keras_dynres.evaluation.predict import Score


def table(menus, metric, chosen, images):
    """The first menu's instances, and how the other menus do at the same ones."""
    first, *others = menus
    menu = menus[first]
    shared = [o for o in others if any(i.name in menus[o] for i in menu)]
    before, after = _columns(menu, metric)
    on = {p.name for p in curve(menu, "macs", metric).front}
    mine = f"{text.head(metric)}, {first}" if shared else text.head(metric)
    theirs = [f"{text.head(metric)}, {other}" for other in shared]
    heads = ["Instance", *map(text.head, before), mine, *theirs]
    heads += map(text.head, after)
    body = []
    for instance in menu:
        cells = [_name(instance, chosen)]
        cells += [_cell(menu, instance, key, images) for key in before]
        for label in (first, *shared):
            there = instance.name in menus[label]
            value = figure(menus[label][instance.name], metric) if there else math.nan
            cells.append(_td(value, share(value, images)))
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
    costs = [k for k in ("macs", "flops", "params") if not _constant(menu, k)]
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
    if math.isnan(value):
        return _td(value, "–")
    if key.endswith("accuracy"):
        return _td(value, share(value, images))
    if key == "macs" and (part := part_of_full(menu, instance)):
        bar = f'<span class="bar" style="--part:{100 * part:.0f}%"></span>'
        return _td(value, text.cost(value, key), bar)
    costs = ("macs", "flops", "params")
    shown = text.cost(value, key) if key.endswith("_ms") or key in costs else None
    return _td(value, shown or f"{value:.4g}")


def _td(value, shown, before=""):
    known = "" if math.isnan(value) else f"{value:.9g}"
    return f'<td data-v="{known}">{before}{escape(shown)}</td>'


def share(value, images=None):
    """A share in percent, with its standard error where it has one."""
    if math.isnan(value):
        return "–"
    if images:
        return str(Score(value, images))
    return f"{100 * value:.2f} %"


def part_of_full(menu, instance):
    """An instance's MACs as a part of the full one's, None where unknown."""
    if "full" not in menu or not menu.full.macs or instance.macs is None:
        return None
    return instance.macs / menu.full.macs

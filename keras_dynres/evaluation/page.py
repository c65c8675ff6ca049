"""The report: one HTML file that tells what a menu is worth."""

import dataclasses
import datetime
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_dynres import files, text
from keras_dynres.errors import DynresError, one_of
from keras_dynres.evaluation import _rows
from keras_dynres.evaluation._card import as_mapping, entry, picture
from keras_dynres.evaluation._chart import chart, color
from keras_dynres.evaluation._templates import render
from keras_dynres.evaluation.curves import (
    as_menus,
    cost_text,
    curve,
    figure,
    left_out,
    metric_of,
)
from keras_dynres.evaluation.environment import environment
from keras_dynres.evaluation.masks import mask_figures
from keras_dynres.instance import Menu

BUDGETS = ("macs", "flops", "params", "latency_ms")
SIZES = {"wide": (720, 360), "narrow": (360, 300)}


def report(
    menus: Any,
    path: str | Path = "report.html",
    card: Any = None,
    latency: Mapping[str, Any] | None = None,
    budget: Mapping[str, float] | None = None,
    title: str = "Inference menu",
    metric: str | None = None,
    images: int | None = None,
    figures: Mapping[str, Any] | None = None,
    machine: Mapping[str, Any] | None = None,
    data: Any = None,
    preprocessing: Mapping | None = None,
) -> Path:
    """Writes a self-contained page: curves, table, model card, environment.

    The page loads nothing: it opens from a disk, without a network, in light
    and dark, on a phone. It appears whole or not at all.

    Args:
        menus: A `Menu`, a `DynamicModel`, or a dict of them by label. The
            first is the report's subject, the others are compared with it.
        path: The file to write.
        card: What to tell about the model: a dict, nested as you like, or an
            object with `to_json`, such as a card of the zoo.
        latency: Milliseconds by instance name for the first menu, over what
            the menu itself holds as `latency_ms`; or, instead of a number, a
            dict with `median_ms` and, if known, `iqr_ms`.
        budget: What the chosen instance must keep to, such as
            `{"latency_ms": 5}` or `{"macs": 1e8}`; it is highlighted.
        title: The page's heading.
        metric: The figure that the curves show; None means the first menu's own.
        images: How many test images the metric stands on; adds the binomial
            standard error to accuracies.
        figures: More pictures: matplotlib figures or .png, .jpg or .svg paths
            by caption, such as a contact sheet.
        machine: What the figures were made on; None asks this machine.
        data: Images for pictures of how the first model works, where it has any: of a
            model that samples points, over the first of the images.
        preprocessing: What was done to their pixels, as of `contact_sheet`.

    Returns:
        The path, a `pathlib.Path`.

    Example:

    ```python
    kd.evaluation.report(model, "report.html", budget={"macs": 50e6})
    ```
    """
    source, menus = menus, as_menus(menus)
    first = next(iter(menus))
    model = next(iter(source.values())) if isinstance(source, Mapping) else source
    metric = metric_of(menus[first], metric)
    menus = {label: _finite(menu) for label, menu in menus.items()}
    menus[first] = _with_latency(menus[first], latency)
    chosen = _chosen(menus[first], budget, metric)
    pictures = {} if data is None else mask_figures(model, data, preprocessing)
    pictures.update(figures or {})
    heads, rows = _rows.table(menus, metric, chosen, images)
    charts = [
        _chart(menus, cost, metric, chosen, budget) for cost in ("macs", "latency_ms")
    ]
    page = render(
        "page.html.jinja",
        title=title,
        summary=_summary(menus[first], images),
        choice=_choice(menus[first], chosen, budget, metric, images),
        charts=[curves for curves in charts if curves],
        heads=heads,
        rows=rows,
        pictures={str(name): picture(source) for name, source in pictures.items()},
        card=entry(as_mapping(card)) if card else None,
        machine=entry(machine or environment()),
        average=any(i.average for menu in menus.values() for i in menu),
        date=datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    )
    return files.write(path, page)


def _finite(menu):
    """The menu without NaN measurements: unmeasured is said one way only."""
    return Menu(
        dataclasses.replace(
            i, measured={k: v for k, v in i.measured.items() if math.isfinite(v)}
        )
        for i in menu
    )


def _with_latency(menu, latency):
    for name, value in (latency or {}).items():
        spread = {}
        if isinstance(value, Mapping):
            if isinstance(value.get("iqr_ms"), (int, float)):
                spread = {"latency_iqr_ms": value["iqr_ms"]}
            value = value.get("median_ms")
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise DynresError(
                "A latency must be a number of milliseconds, or a dict with "
                f"'median_ms'. Received: {latency[name]!r} for {name!r}."
            )
        menu.record(name, latency_ms=value, **spread)
    return menu


def _chosen(menu, budget, metric):
    for key in budget or ():
        one_of("budget", key, BUDGETS)
    return menu.within(**budget, metric=metric) if budget else None


def _summary(menu, images):
    instances = list(menu)
    what = f"{len(instances)} instances" if len(instances) > 1 else "one instance"
    summary = f"One network, {what}"
    costs = [macs for i in instances if (macs := i.figure("macs"))]
    if len(costs) > 1:
        summary += f", {text.amount(min(costs))} to {text.amount(max(costs))} MACs"
    sizes = {i.params for i in instances}
    if len(sizes) == 1 and (size := sizes.pop()):
        summary += f", {text.amount(size)} parameters"
    return f"{summary}." + (f" Tested on {images:,} images." if images else "")


def _choice(menu, chosen, budget, metric, images):
    """The limits in words, and the figures of the instance that was chosen."""
    if chosen is None:
        return None
    limits = " and ".join(
        f"{text.cost(v, k)}{'' if k == 'latency_ms' else ' ' + text.head(k)}"
        for k, v in budget.items()
    )
    figures = [("Instance", chosen.name)]
    if not math.isnan(value := figure(chosen, metric)):
        figures.append((text.head(metric), _rows.metric_text(value, metric, images)))
    for key in ("macs", "flops", "latency_ms"):
        if not math.isnan(value := figure(chosen, key)):
            cost = cost_text(value, key, key in chosen.average)
            figures.append((text.head(key), cost))
    if part := _rows.part_of_full(menu, chosen):
        figures.append(("MACs of full", f"{100 * part:.0f} %"))
    return {
        "name": chosen.name,
        "limits": limits,
        "figures": figures,
        "settings": text.settings(chosen.settings),
    }


def _chart(menus, x, metric, chosen, budget):
    """The curves over a cost: drawings by size, a legend, what is missing."""
    title = f"{text.head(metric)} against {'cost' if x == 'macs' else 'latency'}"
    curves = [
        curve(menu, x, metric, label)
        for label, menu in menus.items()
        if x == "macs" or any(x in i.measured for i in menu)
    ]
    if not curves:
        return None
    note = left_out([name for line in curves for name in line.missing])
    drawn = [line for line in curves if line.front]
    if not drawn:
        note += " Measure with model.evaluate_menu(data), then write the report again."
        return {"title": title, "legend": [], "drawings": {}, "note": note}
    best = max((p for line in drawn for p in line.front), key=lambda p: p.y)
    label = (
        f"{title}: {sum(len(c.front) for c in drawn)} instances on "
        f"{len(drawn)} curve{'s' if len(drawn) > 1 else ''}, the best {best.name} "
        f"with {text.figure(best.y, metric)}. The table below has every value."
    )
    is_first = drawn[0].label == next(iter(menus))
    name = chosen.name if chosen and is_first else None
    limit = (budget or {}).get(x)
    drawings = {
        kind: chart(drawn, x, metric, label, size, name, limit, [*menus])
        for kind, size in SIZES.items()
    }
    legend = _legend(drawn, [*menus])
    return {"title": title, "legend": legend, "drawings": drawings, "note": note}


def _legend(curves, labels):
    """Colours and what they stand for."""
    keys = []
    if len(labels) > 1:
        keys = [(color(labels.index(c.label)), c.label) for c in curves]
    if any(line.beaten for line in curves):
        keys.append(("faint", "beaten by a cheaper instance"))
    return keys

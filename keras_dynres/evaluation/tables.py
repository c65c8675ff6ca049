"""Menus side by side, as text."""

import math
from collections.abc import Sequence
from typing import Any

from keras_dynres import text
from keras_dynres.errors import one_of
from keras_dynres.evaluation.curves import (
    COSTS,
    as_menus,
    check_measure,
    cost_text,
    figure,
    metric_of,
)
from keras_dynres.evaluation.prediction import Predictions, Score


def compare(
    menus: Any,
    costs: Sequence[str] = ("macs", "flops"),
    metric: str | None = None,
    images: int | None = None,
    style: str | None = None,
) -> str:
    """A table of several menus' errors, one row an instance, cheapest first.

    Instances are the same row when name and cost agree; a menu that lacks one,
    or never measured it, shows a dash. A cost that depends on the image says that it is
    an average.

    Args:
        menus: A `Menu`, a `DynamicModel`, or a dict of them by label.
        costs: The cost columns, from `"macs"`, `"flops"`, `"params"`,
            `"latency_ms"` or other measurements.
        metric: The figure to show; None means the first menu's own. An accuracy
            is shown as an error in percent.
        images: How many test images an accuracy stands on; adds the binomial
            standard error.
        style: `"plain"` (default) or `"markdown"`.

    Returns:
        The table, a string.

    Example:

    ```python
    both = {"instance BN": model.menu, "uniform BN": uniform.menu}
    print(kd.evaluation.compare(both, images=10000, style="markdown"))
    ```
    """
    style = one_of("style", style or "plain", text.STYLES)
    menus = as_menus(menus)
    metric = metric_of(next(iter(menus.values())), metric)
    everything = [instance for menu in menus.values() for instance in menu]
    for cost in costs:
        check_measure(cost, everything, COSTS, "cost")
    check_measure(metric, everything, ("accuracy",), "metric")
    rows = {}
    for label, menu in menus.items():
        for instance in menu:
            key = (instance.macs or 0, instance.flops or 0, instance.name)
            rows.setdefault(key, {})[label] = instance
    header = ["instance", *map(text.head, costs)]
    header += [_column(label, len(menus), metric) for label in menus]
    return text.grid(
        header,
        [_row(rows[key], menus, costs, metric, images) for key in sorted(rows)],
        style,
    )


def _column(label, count, metric):
    what = text.head(metric)
    if text.is_accuracy(metric):
        what = "error %" if metric == "accuracy" else f"{what} error %"
    return what if count == 1 else f"{label}, {what}"


def _row(instances, menus, costs, metric, images):
    first = next(iter(instances.values()))
    cells = [first.name]
    for key in costs:
        # A measured cost (latency) may be known to one menu only.
        known = [i for i in instances.values() if not math.isnan(figure(i, key))]
        average = bool(known) and key in known[0].average
        cells.append(
            cost_text(figure(known[0], key) if known else math.nan, key, average)
        )
    for label in menus:
        value = math.nan
        if label in instances:
            value = figure(instances[label], metric)
        cells.append(_metric_text(value, metric, images))
    return cells


def _metric_text(value, metric, images):
    """An accuracy as an error, with its standard error if it has one; others as are."""
    if math.isnan(value) or not text.is_accuracy(metric):
        return text.figure(value, metric)
    return text.error(value, Score(value, images).stderr if images else None)


def accuracy_table(
    seen: Predictions, k: Sequence[int] = (1,), style: str = "plain"
) -> str:
    """The accuracies of `Predictions`, with their standard errors.

    Args:
        seen: What `predictions` returned.
        k: Which top-k accuracies to show.
        style: `"plain"` or `"markdown"`.

    Returns:
        The table, a string.

    Example:

    ```python
    print(kd.evaluation.accuracy_table(seen, k=(1, 5)))
    ```
    """
    one_of("style", style, text.STYLES)
    rows = [[n, *(str(seen.accuracy(n, top)) for top in k)] for n in seen.names]
    return text.grid(["instance", *(f"top-{top}" for top in k)], rows, style)

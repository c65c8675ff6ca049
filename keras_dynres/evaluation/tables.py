"""Menus side by side, as text."""

import math

from keras_dynres import text
from keras_dynres.errors import UnknownNameError
from keras_dynres.evaluation.curves import COSTS, as_menus, check_measure, figure
from keras_dynres.evaluation.predict import Score

STYLES = ("plain", "markdown")


def compare(menus, costs=("macs", "flops"), metric="accuracy", images=None, style=None):
    """A table of several menus' errors, one row an instance, cheapest first.

    Instances are the same row when name and cost agree; a menu that lacks one,
    or never measured it, shows a dash.

    Args:
        menus: A `Menu`, a `DynamicModel`, or a dict of them by label.
        costs: The cost columns, from `"macs"`, `"flops"`, `"params"`,
            `"latency_ms"` or other measurements.
        metric: The share of right answers to show as an error in percent.
        images: How many test images the metric stands on; adds the binomial
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
    style = style or "plain"
    if style not in STYLES:
        raise UnknownNameError("style", style, STYLES)
    menus = as_menus(menus)
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
    what = "error %" if metric == "accuracy" else f"{text.head(metric)} error %"
    return what if count == 1 else f"{label}, {what}"


def _row(instances, menus, costs, metric, images):
    first = next(iter(instances.values()))
    cells = [first.name]
    for key in costs:
        # A measured cost (latency) may be known to one menu only.
        known = [figure(i, key) for i in instances.values()]
        known = [value for value in known if not math.isnan(value)]
        cells.append(text.cost(known[0] if known else math.nan, key))
    for label in menus:
        value = math.nan
        if label in instances:
            value = figure(instances[label], metric)
        cells.append(error_text(value, images))
    return cells


def error_text(value, images=None):
    """An accuracy as an error in percent, with its standard error if it has one."""
    if math.isnan(value):
        return "–"
    text = f"{100 * (1 - value):.2f}"
    return text + (f" ± {100 * Score(value, images).stderr:.2f}" if images else "")


def accuracy_table(seen, k=(1,), style="plain"):
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
    if style not in STYLES:
        raise UnknownNameError("style", style, STYLES)
    rows = [[n, *(str(seen.accuracy(n, top)) for top in k)] for n in seen.names]
    return text.grid(["instance", *(f"top-{top}" for top in k)], rows, style)

"""The figure a menu chooses by, and figures as the zoo's pages show them."""

import math

from keras_dynres import text
from keras_dynres.instance import COSTS, Menu


def metric(menu: Menu) -> str:
    """The name of the figure by which instances of a menu are chosen.

    >>> metric(kd.Menu([kd.Instance("full")]))
    'accuracy'
    """
    return getattr(menu, "metric", "accuracy")


def is_accuracy(key: str) -> bool:
    """Whether a figure is a share of right answers; it is shown as an error."""
    return key.endswith("accuracy")


def head(key: str) -> str:
    """What stands over a column of figures.

    >>> head("accuracy"), head("top5_accuracy"), head("mean_iou")
    ('error %', 'Top-5 error %', 'Mean iou')
    """
    if not is_accuracy(key):
        return text.head(key)
    return "error %" if key == "accuracy" else f"{text.head(key)} error %"


def cell(key: str, value: float | None) -> str:
    """A figure as it stands in a column; a dash where it is not known.

    >>> cell("accuracy", 0.9), cell("mean_iou", 0.5), cell("macs", 8.2e9)
    ('10.00', '0.5', '8.20 G')
    """
    if value is None or math.isnan(value):
        return "–"
    if is_accuracy(key):
        return f"{100 * (1 - value):.2f}"
    if key in COSTS or key.endswith("_ms"):
        return text.cost(value, key)
    return f"{value:.4g}"


def size(count: int) -> str:
    """A number of bytes: `"1.39 MB"`."""
    return f"{text.amount(count)}B"

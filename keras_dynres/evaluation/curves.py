"""Which instances belong on a cost-accuracy curve, and which a cheaper one beats."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, nan
from typing import Any

from keras_dynres import text
from keras_dynres.errors import DynresError, one_of
from keras_dynres.instance import Instance, Menu

COSTS = ("macs", "flops", "params", "latency_ms")
# Behind an axis' title, where some of its costs are means over images.
AVERAGE = ", on average where images differ"


@dataclasses.dataclass(frozen=True)
class Point:
    """One measured instance: its cost and its metric.

    Attributes:
        name: The instance's.
        x: Its cost.
        y: Its metric.
        average: Whether the cost is a mean over images, which cost differently.
    """

    name: str
    x: float
    y: float
    average: bool = False


@dataclasses.dataclass(frozen=True)
class Curve:
    """A menu split for a plot.

    Attributes:
        label: The menu's name among others.
        front: Instances that no cheaper one beats, cheapest first.
        beaten: The other measured instances.
        missing: Names of instances whose cost or metric was never measured.
    """

    label: str
    front: tuple
    beaten: tuple
    missing: tuple

    @property
    def average(self) -> bool:
        """Whether some of the costs are means over images."""
        return any(point.average for point in (*self.front, *self.beaten))


def curve(
    menu: Menu, x: str = "macs", metric: str | None = None, label: str = "model"
) -> Curve:
    """Splits a menu into the instances worth plotting and the others.

    An instance is left out when one that costs no more is at least as good, as
    in `Menu.pareto`. A cost that depends on the image is the average one where that was
    measured.

    Args:
        menu: A `Menu`.
        x: `"macs"`, `"flops"`, `"params"`, `"latency_ms"`, or any cost that
            the menu holds measurements of.
        metric: A measurement of which more is better; None means the menu's own.
        label: Carried along for the legend.

    Returns:
        A `Curve`.

    Example:

    ```python
    for point in kd.evaluation.curve(model.menu, x="flops").front:
        print(point.name, point.x, point.y)
    ```
    """
    metric = metric_of(menu, metric)
    check_measure(x, menu, COSTS, "cost")
    known, missing = [], []
    for instance in menu:
        finite = isfinite(figure(instance, x) + figure(instance, metric))
        (known if finite else missing).append(instance)
    best = Menu(known).pareto(metric, x) if known else ()
    points = [
        Point(i.name, figure(i, x), figure(i, metric), x in i.average) for i in known
    ]
    points.sort(key=lambda point: (point.x, -point.y))
    return Curve(
        label,
        front=tuple(p for p in points if p.name in best),
        beaten=tuple(p for p in points if p.name not in best),
        missing=tuple(i.name for i in missing),
    )


def metric_of(menu: Menu, metric: str | None = None) -> str:
    """The figure that is meant: the one that is named, or the menu's own."""
    return metric or menu.metric


def figure(instance: Instance, key: str) -> float:
    """A cost or a measurement of an instance; NaN where there is none."""
    value = instance.figure(key)
    return nan if value is None else float(value)


def cost_text(value: float, key: str, average: bool = False) -> str:
    """A cost in its unit, which says so where it is a mean over images."""
    return text.cost(value, key) + (" on average" if average else "")


def check_measure(
    key: str, menu: Iterable[Instance], known: Sequence[str], kind: str
) -> None:
    """Refuses a cost or metric that is neither known nor measured anywhere."""
    measured = {name for instance in menu for name in instance.measured}
    one_of(kind, key, sorted({*known, *measured}))


def as_menus(menus: Any, label: str = "model") -> dict[str, Menu]:
    """`{label: menu}` from one menu, a `DynamicModel`, or a dict of either."""
    if not isinstance(menus, Mapping):
        menus = {label: menus}
    menus = {str(k): getattr(m, "menu", m) for k, m in menus.items()}
    if not menus or not all(len(m) for m in menus.values()):
        raise DynresError("At least one instance is needed. Received: an empty menu.")
    return menus


def left_out(missing: Sequence[str]) -> str:
    """One sentence on unmeasured instances, or an empty string."""
    if not missing:
        return ""
    shown = ", ".join(missing[:4]) + (" ..." if len(missing) > 4 else "")
    what = "instance is" if len(missing) == 1 else "instances are"
    return f"{len(missing)} {what} left out because nothing was measured: {shown}."

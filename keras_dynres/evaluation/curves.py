"""Which instances belong on a cost-error curve, and which a cheaper one beats."""

import dataclasses
from collections.abc import Mapping
from math import isfinite, nan

from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.instance import Menu

COSTS = ("macs", "flops", "params", "latency_ms")


@dataclasses.dataclass(frozen=True)
class Point:
    """One measured instance: its cost and its metric."""

    name: str
    x: float
    y: float


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


def curve(menu, x="macs", metric="accuracy", label="model"):
    """Splits a menu into the instances worth plotting and the others.

    An instance is left out when one that costs no more is at least as good, as
    in `Menu.pareto`.

    Args:
        menu: A `Menu`.
        x: `"macs"`, `"flops"`, `"params"`, `"latency_ms"`, or any cost that
            the menu holds measurements of.
        metric: A measurement of which more is better.
        label: Carried along for the legend.

    Returns:
        A `Curve`.

    Example:

    ```python
    for point in kd.evaluation.curve(model.menu, x="flops").front:
        print(point.name, point.x, point.y)
    ```
    """
    check_measure(x, menu, COSTS, "cost")
    known, missing = [], []
    for instance in menu:
        finite = isfinite(figure(instance, x) + figure(instance, metric))
        (known if finite else missing).append(instance)
    best = Menu(known).pareto(metric, x) if known else ()
    points = [Point(i.name, figure(i, x), figure(i, metric)) for i in known]
    points.sort(key=lambda p: (p.x, -p.y))
    return Curve(
        label,
        front=tuple(p for p in points if p.name in best),
        beaten=tuple(p for p in points if p.name not in best),
        missing=tuple(i.name for i in missing),
    )


def figure(instance, key):
    """A cost or a measurement of an instance; NaN where there is none."""
    value = instance.figure(key)
    return nan if value is None else float(value)


def check_measure(key, menu, known, kind):
    """Refuses a cost or metric that is neither known nor measured anywhere."""
    names = list(known) + [k for i in menu for k in i.measured]
    if key not in names:
        raise UnknownNameError(kind, key, sorted(set(names)))


def as_menus(menus, label="model"):
    """`{label: menu}` from one menu, a `DynamicModel`, or a dict of either."""
    if not isinstance(menus, Mapping):
        menus = {label: menus}
    menus = {str(k): getattr(m, "menu", m) for k, m in menus.items()}
    if not menus or not all(len(m) for m in menus.values()):
        raise DynresError("At least one instance is needed. Received: an empty menu.")
    return menus


def left_out(missing):
    """One sentence on unmeasured instances, or an empty string."""
    if not missing:
        return ""
    shown = ", ".join(missing[:4]) + (" ..." if len(missing) > 4 else "")
    what = "instance is" if len(missing) == 1 else "instances are"
    return f"{len(missing)} {what} left out because nothing was measured: {shown}."

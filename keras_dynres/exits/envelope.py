"""Of several networks with exits the best under each budget."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from keras_dynres.errors import DynresError
from keras_dynres.instance import Instance, Menu


def envelope(menus: Mapping[str, Menu], budgets: Iterable[float]) -> Menu:
    """The policy, of those of all networks, that does best under each budget.

    A shallow network spends a low budget best, a deep one a high one. Which of them a
    budget is given to is decided by the images that their thresholds were fitted to:
    of all policies that cost at most the budget there, the one most accurate there is
    taken, the cheapest of equals. What it costs and gets elsewhere has no say, so that
    a curve of it is what one would have got.

    Args:
        menus: By the networks' names the menus of their policies, of one unit, as
            `ExitModel.evaluate_policies` or `budgeted_menu` give them.
        budgets: Mean costs an image may have.

    Returns:
        A `Menu` of `budget1`, `budget2` and on, an instance for each budget: the
        policy's, with its network's name in the settings as `"net"`.

    Example:

    >>> def menu(budget, accuracy):
    ...     held_out = {"held_out_cost": budget, "held_out_accuracy": accuracy}
    ...     settings = {"unit": "macs"}
    ...     one = kd.Instance("budget1", settings, macs=budget, measured=held_out)
    ...     return kd.Menu([one])
    >>> nets = {"shallow": menu(10, 0.8), "deep": menu(20, 0.9)}
    >>> [i.settings["net"] for i in kd.exits.envelope(nets, [15, 25])]
    ['shallow', 'deep']
    """
    offered = [(instance, name) for name, menu in menus.items() for instance in menu]
    for instance, name in offered:
        if instance.measured.get("held_out_accuracy") is None:
            raise DynresError(
                "An envelope is chosen by what policies got on held-out images. "
                f"Received: instance {instance.name!r} of {name!r}, of which that is "
                "not known."
            )
    units = sorted({instance.settings["unit"] for instance, _ in offered})
    if len(units) != 1:
        raise DynresError(
            "Policies of one unit, one at least, are compared. "
            f"Received: {', '.join(units) or 'no policy'}."
        )
    return Menu(
        _within(offered, float(budget), f"budget{number}")
        for number, budget in enumerate(budgets, 1)
    )


def _within(
    offered: Sequence[tuple[Instance, str]], budget: float, title: str
) -> Instance:
    """The best instance under a budget, by another name."""

    def cost(row: tuple[Instance, str]) -> float:
        return row[0].measured["held_out_cost"]

    affordable = [row for row in offered if cost(row) <= budget]
    if not affordable:
        raise DynresError(
            f"The cheapest policy costs {min(map(cost, offered)):g} on held-out "
            f"images. Received: budget={budget:g}."
        )
    instance, net = max(
        affordable, key=lambda row: (row[0].measured["held_out_accuracy"], -cost(row))
    )
    return dataclasses.replace(
        instance,
        name=title,
        settings={"net": net, **instance.settings},
        measured={**instance.measured, "budget": budget},
    )

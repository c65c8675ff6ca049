"""Which images need the full cost: groups by the least cost that is enough."""

import dataclasses

import numpy as np

from keras_dynres import text
from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.evaluation.curves import figure


@dataclasses.dataclass(frozen=True)
class CostGroups:
    """Images grouped by the cheapest instance that classifies them right.

    Attributes:
        names: The instances, cheapest first; the last is the full one.
        costs: Their costs, in the unit of `cost`.
        cost: Which cost: `"macs"`, `"flops"` or a measurement.
        groups: For each image the index into `names` of the cheapest instance
            that gets it right, or -1 if the full instance gets it wrong.
        only_cheaper: Whether an image is wrong at full cost though some
            cheaper instance gets it right.
        k: How many guesses an instance had.
    """

    names: tuple
    costs: tuple
    cost: str
    groups: np.ndarray
    only_cheaper: np.ndarray
    k: int

    @property
    def counts(self):
        """How many images each instance is the cheapest right one of, by name."""
        return {n: int((self.groups == i).sum()) for i, n in enumerate(self.names)}

    def images(self, name):
        """Positions of a group's images in the data."""
        if name not in self.names:
            raise UnknownNameError("instance", name, self.names)
        return np.flatnonzero(self.groups == self.names.index(name))

    def table(self, style="plain"):
        """The counts, their share of all images, and the share so far."""
        rows, so_far, total = [], 0, len(self.groups)
        for (name, count), value in zip(self.counts.items(), self.costs, strict=True):
            so_far += count
            shares = (f"{100 * part / total:.2f} %" for part in (count, so_far))
            rows.append([name, text.cost(value, self.cost), str(count), *shares])
        wrong = int((self.groups < 0).sum())
        rows.append(
            ["wrong at full cost", "", str(wrong), f"{100 * wrong / total:.2f} %", ""]
        )
        head = ["cheapest right", text.head(self.cost), "images", "share", "so far"]
        return text.grid(head, rows, style)

    def __str__(self):
        rescued = int(self.only_cheaper.sum())
        note = f"Wrong at full cost, right in a cheaper instance: {rescued}."
        return f"{self.table()}\n{note}"


def cost_groups(seen, menu, k=1, cost="flops", instances=None):
    """Groups images by the least cost that classifies them right.

    As in the SDPoint paper's figure 5: of the images that the full instance
    gets right, each belongs to the cheapest instance that gets it right too.

    Args:
        seen: `Predictions` with labels, `full` among its instances.
        menu: The `Menu` with the instances' costs.
        k: An image is right when its class is among the `k` most likely.
        cost: The cost that orders the instances.
        instances: Names to group by; None means all in `seen`. A few, far
            apart in cost, make the plainest groups.

    Returns:
        A `CostGroups`.

    Example:

    ```python
    seen = kd.evaluation.predictions(model, test, logits=False)
    groups = kd.evaluation.cost_groups(seen, model.menu, k=5)
    print(groups)
    hard = groups.images("full")      # right only at full cost
    ```
    """
    names = list(dict.fromkeys(instances or seen.names))
    full = menu.full.name
    if full not in seen.names:
        raise DynresError(
            "The groups need the predictions of the full instance. "
            f"Received: {', '.join(seen.names)}."
        )
    value = {name: figure(menu[name], cost) for name in {*names, full}}
    unknown = sorted(n for n, v in value.items() if np.isnan(v))
    if unknown:
        raise DynresError(
            f"Every instance needs a known cost to be grouped by. Received: "
            f"cost={cost!r}, which {unknown[0]!r} lacks. Did you mean 'flops'?"
        )
    # What costs as much as the full network or more saves nothing.
    names = sorted((n for n in names if value[n] < value[full]), key=value.get)
    right_at_full = seen.correct(full, k)
    groups = np.where(right_at_full, len(names), -1)
    cheaper = np.zeros_like(right_at_full)
    for index, name in reversed(list(enumerate(names))):
        right = seen.correct(name, k)
        groups[right & right_at_full] = index
        cheaper |= right
    names.append(full)
    costs = tuple(value[name] for name in names)
    only_cheaper = cheaper & ~right_at_full
    return CostGroups(tuple(names), costs, cost, groups, only_cheaper, k)

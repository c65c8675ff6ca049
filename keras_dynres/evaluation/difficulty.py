"""Which images need the full cost: groups by the least cost that is enough."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_dynres import text
from keras_dynres.errors import DynresError, one_of
from keras_dynres.evaluation.curves import cost_text, figure
from keras_dynres.evaluation.outputs import refuse_maps
from keras_dynres.evaluation.prediction import Predictions
from keras_dynres.instance import Instance, Menu


@dataclasses.dataclass(frozen=True)
class CostGroups:
    """Images grouped by the cheapest instance that classifies them right.

    Attributes:
        names: The instances, cheapest first; the last is the full one.
        costs: Their costs, in the unit of `cost`; averages where the cost depends on
            the image and was measured.
        cost: Which cost: `"macs"`, `"flops"` or a measurement.
        groups: For each image the index into `names` of the cheapest instance
            that gets it right, or -1 if the full instance gets it wrong.
        only_cheaper: Whether an image is wrong at full cost though some
            cheaper instance gets it right.
        k: How many guesses an instance had.
        averages: Names of the instances whose costs are means over images.
    """

    names: tuple
    costs: tuple
    cost: str
    groups: np.ndarray
    only_cheaper: np.ndarray
    k: int
    averages: tuple = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many images each instance is the cheapest right one of, by name."""
        return {n: int((self.groups == i).sum()) for i, n in enumerate(self.names)}

    def images(self, name: str) -> np.ndarray:
        """Positions of a group's images in the data."""
        one_of("instance", name, self.names)
        return np.flatnonzero(self.groups == self.names.index(name))

    def price(self, name: str) -> str:
        """What an instance costs, in its unit."""
        value = self.costs[self.names.index(name)]
        return cost_text(value, self.cost, name in self.averages)

    def table(self, style: str = "plain") -> str:
        """The counts, their share of all images, and the share so far."""
        rows, so_far, total = [], 0, len(self.groups)
        for name, count in self.counts.items():
            so_far += count
            shares = (text.percent(part / total) for part in (count, so_far))
            rows.append([name, self.price(name), str(count), *shares])
        wrong = int((self.groups < 0).sum())
        share = text.percent(wrong / total)
        rows.append(["wrong at full cost", "", str(wrong), share, ""])
        head = ["cheapest right", text.head(self.cost), "images", "share", "so far"]
        return text.grid(head, rows, style)

    def __str__(self):
        rescued = int(self.only_cheaper.sum())
        note = f"Wrong at full cost, right in a cheaper instance: {rescued}."
        return f"{self.table()}\n{note}"


def cost_groups(
    seen: Predictions,
    menu: Menu,
    k: int = 1,
    cost: str = "flops",
    instances: Sequence[str | Instance] | None = None,
) -> CostGroups:
    """Groups images by the least cost that classifies them right.

    As in the SDPoint paper's figure 5: of the images that the full instance
    gets right, each belongs to the cheapest instance that gets it right too.

    Args:
        seen: `Predictions` with labels, of one answer an image, `full` among its
            instances.
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
    names = list(dict.fromkeys(menu[name].name for name in instances or seen.names))
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
    refuse_maps(right_at_full.shape, "Grouping images")
    groups = np.where(right_at_full, len(names), -1)
    cheaper = np.zeros_like(right_at_full)
    for index, name in reversed(list(enumerate(names))):
        right = seen.correct(name, k)
        groups[right & right_at_full] = index
        cheaper |= right
    names.append(full)
    costs = tuple(value[name] for name in names)
    only_cheaper = cheaper & ~right_at_full
    averages = tuple(name for name in names if cost in menu[name].average)
    return CostGroups(tuple(names), costs, cost, groups, only_cheaper, k, averages)

"""What an MSDNet consists of, and the published ones by name."""

import dataclasses
import math
from typing import Any

from keras_dynres.architectures import _blocks
from keras_dynres.errors import DynresError, one_of

PRUNINGS = ("max", "min", "none")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What an MSDNet consists of; `CONFIGURATIONS` holds the published ones.

    Args:
        steps: Layers of each block; an exit stands after each block.
        channels: Width of the first layer at the finest scale.
        growth: Channels a layer adds at the finest scale.
        factors: Width of each scale, relative to the finest.
        bottlenecks: Widths of the 1x1 convolutions, relative to the 3x3 behind them;
            empty for none.
        reduction: What a transition leaves of the channels; 0 for no transitions.
        head: Width of the exits' convolutions, None for that of their input.
        prune: Which scales end on the way. `"max"`, the paper's: the layers are divided
            evenly among the scales, and where a part ends so does the finest scale,
            with a transition. `"min"`: a scale goes on while the last exit can be
            reached from it; transitions stand after a third and two thirds of the
            layers. `"none"`: all scales go on to the end.
    """

    steps: tuple
    channels: int = 16
    growth: int = 6
    factors: tuple = (1, 2, 4)
    bottlenecks: tuple = (1, 2, 4)
    reduction: float = 0.5
    head: int | None = 128
    prune: str = "max"

    def __post_init__(self) -> None:
        for key in ("steps", "factors", "bottlenecks"):
            object.__setattr__(self, key, tuple(getattr(self, key)))
        _check(self)

    @property
    def layers(self) -> int:
        """How many layers there are."""
        return sum(self.steps)

    def scales(self, layer: int) -> tuple[int, int]:
        """How many scales a layer, counted from 1, takes and gives."""
        count = len(self.factors)
        if self.prune == "none":
            return count, count
        if self.prune == "min":
            left = self.layers - layer + 1
            return min(count, left + 1), min(count, left)
        interval = math.ceil(self.layers / count)
        taken = count - max(0, layer - 2) // interval
        return taken, count - (layer - 1) // interval

    def narrows(self, layer: int) -> bool:
        """Whether a transition follows a layer, counted from 1."""
        if not self.reduction:
            return False
        if self.prune == "min":
            return layer in (self.layers // 3, 2 * self.layers // 3)
        taken, kept = self.scales(layer)
        return taken > kept


def plan(configuration: str, **options: Any) -> Plan:
    """The `Plan` of a configuration, with options changed."""
    one_of("configuration of MSDNet", configuration, CONFIGURATIONS)
    known = [field.name for field in dataclasses.fields(Plan)]
    for option in options:
        one_of("option of MSDNet", option, known)
    return dataclasses.replace(CONFIGURATIONS[configuration], **options)


def _check(made: Plan) -> None:
    one_of("pruning of an MSDNet", made.prune, PRUNINGS)
    _blocks.check_positive(channels=made.channels, growth=made.growth)
    for key in ("steps", "factors", "bottlenecks"):
        for value in getattr(made, key):
            _blocks.check_positive(**{key: value})
    if not made.steps or not made.factors:
        raise DynresError(
            "An MSDNet has at least one block and one scale. "
            f"Received: steps={made.steps}, factors={made.factors}."
        )
    if made.prune == "min" and made.layers + 1 < len(made.factors):
        raise DynresError(
            f"With prune='min' {len(made.factors)} scales need "
            f"{len(made.factors) - 1} layers at least. Received: steps={made.steps}."
        )
    if made.bottlenecks and len(made.bottlenecks) != len(made.factors):
        raise DynresError(
            "bottlenecks holds one factor for each scale, or none. "
            f"Received: bottlenecks={made.bottlenecks}, factors={made.factors}."
        )
    if not 0 <= made.reduction <= 1:
        raise DynresError(
            f"reduction lies in [0, 1]. Received: reduction={made.reduction!r}."
        )
    if len(made.factors) > 1 and any(made.growth * f % 2 for f in made.factors[1:]):
        raise DynresError(
            "Below the finest scale half of the growth comes from each side: it must "
            f"be even. Received: growth={made.growth}, factors={made.factors}."
        )
    if made.head is not None:
        _blocks.check_positive(head=made.head)


def _cifar(*steps: int) -> Plan:
    return Plan(steps)


def _imagenet(*steps: int) -> Plan:
    return Plan(
        steps,
        channels=32,
        growth=16,
        factors=(1, 2, 4, 4),
        bottlenecks=(1, 2, 4, 4),
        head=None,
    )


CONFIGURATIONS = {
    "cifar_anytime": _cifar(4, *(2,) * 10),
    # The k-th exit stands after layer 1 + 2 + ... + k.
    **{
        f"cifar_budget{k * (k + 1) // 2}": _cifar(*range(1, k + 1)) for k in range(4, 9)
    },
    # The paper's, with exits after layers 7, 11, 15, 19, 23; and its code's.
    "imagenet": _imagenet(7, 4, 4, 4, 4),
    **{f"imagenet_step{step}": _imagenet(*(step,) * 5) for step in (4, 6, 7)},
}

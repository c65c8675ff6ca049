"""Which MSDNet a checkpoint is of, told by the names and shapes of its tensors."""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_dynres.architectures._msdnet_plan import CONFIGURATIONS, PRUNINGS, Plan
from keras_dynres.errors import DynresError

_CONV = re.compile(
    r"blocks\.(\d+)\.(\d+)\.(layers|m)\.(\d+)\.(?:(conv_\w+)\.)?.*weight"
)
# The large stem of ImageNet's networks is no module of its own.
_LARGE = "blocks.0.0.layers.0.0.weight"
_USUAL = Plan(steps=(1,), bottlenecks=(1, 2, 4, 4), factors=(1, 2, 4, 4))


class _Module(NamedTuple):
    """A module of a block, and the widths of its convolutions.

    Args:
        block: Position of its block.
        transition: Whether it is a transition.
        scales: For each scale {way into it: [(inputs, outputs) of each convolution]}.
    """

    block: int
    transition: bool
    scales: list[dict[str, list[tuple[int, int]]]]


def options_of(tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What `architectures.msdnet` is given to build the network of a checkpoint.

    What the shapes leave open, such as the width of a bottleneck that its input
    narrows, is as in the published networks.

    Args:
        tensors: What `checkpoint.read` returns.

    Returns:
        A dict of its `configuration`, the fields of `Plan` that differ from that,
        `classes` and `input_shape`.
    """
    try:
        plan = _plan(tensors)
        classes = tensors["classifier.0.linear.bias"].size
    except (LookupError, ValueError, ZeroDivisionError) as error:
        raise DynresError(
            "The shapes of these tensors are no MSDNet's. "
            f"Received: {len(tensors)} tensors ({error})."
        ) from error
    large = _LARGE in tensors
    return {
        **_named(plan, "imagenet_step4" if large else "cifar_anytime"),
        "classes": classes,
        "input_shape": (224, 224, 3) if large else (32, 32, 3),
    }


def _named(plan: Plan, nearest: str) -> dict[str, Any]:
    """The published configuration that a plan is, or the nearest and what differs."""
    for name, published in CONFIGURATIONS.items():
        if plan == published:
            return {"configuration": name}
    usual = dataclasses.asdict(CONFIGURATIONS[nearest])
    options = dataclasses.asdict(plan).items()
    changed = {key: value for key, value in options if value != usual[key]}
    return {"configuration": nearest, **changed}


def _plan(tensors: Mapping[str, np.ndarray]) -> Plan:
    first, *modules = _modules(tensors)
    layers = [module for module in modules if not module.transition]
    blocks = [layer.block for layer in layers]
    widths = [convolutions[-1][1] for (convolutions,) in map(dict.values, first.scales)]
    channels = math.gcd(*widths)
    factors = tuple(width // channels for width in widths)
    added = sum(way[-1][1] for way in layers[0].scales[-1].values())
    plan = Plan(
        steps=tuple(blocks.count(block) for block in range(max(blocks) + 1)),
        channels=channels,
        growth=added // factors[-1],
        factors=factors,
        bottlenecks=_bottlenecks(layers, len(factors)),
        head=_head(tensors),
    )
    return _pruned(plan, modules)


def _modules(tensors: Mapping[str, np.ndarray]) -> list[_Module]:
    """All modules in their order."""
    made = {}
    for name in sorted(tensors, key=_numbers):
        match = _CONV.fullmatch(name)
        if match and tensors[name].ndim == 4:
            block, place, kind, scale, way = match.groups()
            module = _Module(int(block), kind == "m", [])
            scales = made.setdefault((int(block), int(place)), module).scales
            if int(scale) == len(scales):
                scales.append({})
            outputs, inputs = tensors[name].shape[:2]
            scales[int(scale)].setdefault(way, []).append((inputs, outputs))
    return [made[place] for place in sorted(made)]


def _numbers(name: str) -> list[tuple[int, str]]:
    """Sorts names by the numbers in them."""
    return [(int(p), "") if p.isdigit() else (-1, p) for p in name.split(".")]


def _bottlenecks(layers: Sequence[_Module], count: int) -> tuple[int, ...]:
    """For each scale how many times as wide as its outputs a bottleneck may be."""
    known, least = {}, dict.fromkeys(range(count), 1)
    for source, inputs, width, outputs in _narrow(layers, count):
        if width < inputs:
            known[source] = width // outputs
        else:
            least[source] = max(least[source], -(-inputs // outputs))
    if all(len(way) == 1 for way in _ways(layers)):
        return ()
    usual = dict(enumerate(_USUAL.bottlenecks))
    return tuple(
        known.get(scale, max(least[scale], usual.get(scale, 4)))
        for scale in range(count)
    )


def _narrow(
    layers: Sequence[_Module], count: int
) -> Iterator[tuple[int, int, int, int]]:
    """(scale it reads, inputs, own width, outputs behind it) of each bottleneck."""
    for layer in layers:
        for scale, ways in enumerate(layer.scales, count - len(layer.scales)):
            for way, convolutions in ways.items():
                if len(convolutions) == 2:
                    source = scale - (way == "conv_down")
                    (inputs, width), (_, outputs) = convolutions
                    yield source, inputs, width, outputs


def _ways(layers: Sequence[_Module]) -> Iterator[list[tuple[int, int]]]:
    for layer in layers:
        for ways in layer.scales:
            yield from ways.values()


def _head(tensors: Mapping[str, np.ndarray]) -> int | None:
    """The width of the exits' convolutions, None where it is that of their input."""
    pattern = re.compile(r"classifier\.\d+\.m\.0\.net\.0\.weight")
    widths = [t.shape[:2] for name, t in tensors.items() if pattern.fullmatch(name)]
    own = all(outputs == inputs for outputs, inputs in widths)
    return None if own else widths[0][0]


def _pruned(plan: Plan, modules: Sequence[_Module]) -> Plan:
    """The plan with the pruning and the reduction that the modules show."""
    seen, narrowed = [], []
    for module in modules:
        if module.transition:
            seen[-1] = (seen[-1][0], True)
            ((inputs, outputs),) = module.scales[-1][None]
            coarsest = plan.factors[-1]
            narrowed.append((inputs // coarsest, outputs // coarsest))
        else:
            seen.append((len(module.scales), False))
    for prune in PRUNINGS:
        unseen = plan.reduction if prune == "none" else 0.0
        reduction = _reduction(narrowed) if narrowed else unseen
        pruned = dataclasses.replace(plan, prune=prune, reduction=reduction)
        numbers = range(1, plan.layers + 1)
        if seen == [(pruned.scales(n)[1], pruned.narrows(n)) for n in numbers]:
            return pruned
    raise ValueError("their scales end where those of no pruning do")


def _reduction(narrowed: Sequence[tuple[int, int]]) -> float:
    """The roundest share of the inputs that, rounded down, leaves the outputs."""
    for digits in range(1, 7):
        tens = 10**digits
        share = max(-(-outputs * tens // inputs) for inputs, outputs in narrowed) / tens
        if all(math.floor(share * i) == o for i, o in narrowed):
            return share
    raise ValueError("their transitions leave no one share")

"""How many points each mask gets, of those that an instance can pay for."""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import keras
import numpy as np

from keras_dynres import graph
from keras_dynres.core.batches import images_of
from keras_dynres.core.traces import one_trace_each
from keras_dynres.errors import DynresError
from keras_dynres.layers import SamplingMask
from keras_dynres.methods import sampled_costs

# Thresholds at which points are counted: dense around 0, where most ranks are, and
# wide enough for any. Between two of them shares are interpolated.
_THRESHOLDS = np.sinh(np.linspace(-8, 8, 8193))


class RankShares:
    """Which share of a mask's points has a rank above a threshold, over images.

    Example:

    >>> shares = RankShares()
    >>> shares.add([-1.0, 0.5, 2.0, 3.0])
    >>> round(float(shares.above(1)), 3)
    0.5
    """

    def __init__(self) -> None:
        self._counts = np.zeros(len(_THRESHOLDS) - 1, "int64")

    def add(self, ranks: Any) -> None:
        """Counts ranks."""
        inside = np.clip(np.ravel(ranks), _THRESHOLDS[0], _THRESHOLDS[-1])
        self._counts += np.histogram(inside, _THRESHOLDS)[0]

    def above(self, threshold: float) -> float:
        """The share of ranks above a threshold."""
        more = np.append(np.cumsum(self._counts[::-1])[::-1], 0)
        return np.interp(threshold, _THRESHOLDS, more / more[0])


def allocated(
    model: keras.Model,
    data: Any,
    instance: str,
    macs: float | None = None,
    latency_ms: float | None = None,
    batches: int | None = None,
) -> dict[str, int]:
    """The number of points of each mask that an instance samples under a budget.

    Args:
        model: The `Sampled` model.
        data: Images, as `calibrate` takes them.
        instance: The name of an instance of a fixed density.
        macs: Budget in multiply-accumulates; by default what the instance costs now.
        latency_ms: Budget in milliseconds, by the times of `block_times`.
        batches: How many batches of the data to use, by default all.
    """
    counts = model.counts(instance)
    if not counts:
        raise DynresError(
            f"All blocks of {instance!r} are computed whole: there are no points to "
            f"allocate. Received: instance={instance!r}"
        )
    if macs is not None and latency_ms is not None:
        raise DynresError(
            "There is one budget: macs or latency_ms. "
            f"Received: macs={macs!r}, latency_ms={latency_ms!r}"
        )
    masks = {mask.name: mask for mask in model.masks if mask.name in counts}
    least = [max(1, masks[name].grid_points) for name in counts]
    most = [masks[name].points for name in counts]
    if latency_ms is None:
        work = sampled_costs.point_work(model)
        prices = np.array([work[name]["macs"] for name in counts])
        spent = model.menu[instance].macs
        key, budget, dearest = "macs", macs, model.menu.full.macs
    else:
        times = model.block_times(instance)
        prices = np.array([times.point_ms[name] for name in counts])
        before = [times.counts[name] for name in counts]
        spent = times.latency_ms + _priced(prices, list(counts.values()), before)
        key, budget, dearest = "latency_ms", latency_ms, times.full_ms
    # Both are affine in the counts: the rest of the network costs what it costs.
    rest = spent - _priced(prices, list(counts.values()))
    if budget is None:
        budget = spent
    else:
        _check_budget(key, budget, instance, rest + _priced(prices, least), dearest)
    shares = rank_shares(model, data, instance, batches)
    ordered = [shares[name] for name in counts]
    solved = solve(ordered, least, most, prices, budget - rest)
    return dict(zip(counts, solved, strict=True))


def rank_shares(
    model: keras.Model, data: Any, instance: str, batches: int | None = None
) -> dict[str, RankShares]:
    """The `RankShares` of each mask, over images that an instance works on.

    Args:
        model: The `Sampled` model.
        data: Images, as `calibrate` takes them.
        instance: The instance's name.
        batches: How many batches to use, by default all.
    """
    flat = model.at(instance, uncalibrated=True, training=True)
    calls = [c for c in graph.calls(flat) if isinstance(c.layer, SamplingMask)]
    probe = keras.Model(flat.input, [call.inputs[0] for call in calls])
    shares = {call.name: RankShares() for call in calls}
    for images in images_of(data, limit_batches=batches):
        with one_trace_each():
            scores = keras.tree.flatten(probe.predict_on_batch(images))
        for call, score in zip(calls, scores, strict=True):
            ranks = keras.ops.convert_to_numpy(call.layer.ranks(np.asarray(score)))
            if not np.isfinite(ranks).all():
                raise DynresError(
                    f"The scores of {call.name!r} are not finite: the weights or the "
                    "images hold NaN or infinity."
                )
            shares[call.name].add(ranks)
    return shares


def solve(
    shares: Sequence[RankShares],
    least: Sequence[int],
    most: Sequence[int],
    prices: Sequence[float],
    budget: float,
) -> list[int]:
    """The counts of the lowest common threshold that the budget pays for.

    A threshold that is the same for all masks is a shift of all their scores: a mask
    gets the share of points that it would sample of itself at that shift.

    Example:

    >>> keen, shy = RankShares(), RankShares()
    >>> keen.add(np.linspace(0, 4, 100))
    >>> shy.add(np.linspace(-4, 0, 100))
    >>> solve([keen, shy], [1, 1], [100, 100], [2.0, 2.0], 202)
    [100, 1]

    Args:
        shares: Of each mask.
        least: The fewest points of each mask.
        most: The most points of each mask.
        prices: What a point of each mask costs.
        budget: What all points together may cost.
    """

    def counts(threshold: float) -> list[int]:
        shared = [row.above(threshold) for row in shares]
        return np.clip(np.rint(np.multiply(shared, most)), least, most).tolist()

    low, high = _THRESHOLDS[0], _THRESHOLDS[-1]
    if _priced(prices, counts(low)) <= budget:
        return [int(count) for count in most]
    while (middle := (low + high) / 2) not in (low, high):
        if _priced(prices, counts(middle)) <= budget:
            high = middle
        else:
            low = middle
    return [int(count) for count in counts(high)]


def check_counts(
    counts: Mapping[str, Sequence[int]], names: Sequence[str], masks: Sequence
) -> None:
    """Refuses counts that are not of these instances and masks.

    Args:
        counts: `{instance: [count, ...]}`.
        names: Instances of a fixed density.
        masks: The `SamplingMask`s.
    """
    for name, row in counts.items():
        if name not in names:
            raise DynresError(
                f"Counts are of instances of a fixed density: {', '.join(names)}. "
                f"Received: counts of {name!r}"
            )
        if len(row) != len(masks):
            raise DynresError(
                f"There is a count for each of {len(masks)} masks. "
                f"Received: {len(row)} counts of {name!r}"
            )
        for mask, count in zip(masks, row, strict=True):
            if not max(1, mask.grid_points) <= count <= mask.points:
                raise DynresError(
                    f"{mask.name!r} samples {max(1, mask.grid_points)} to "
                    f"{mask.points} points. Received: {count} of {name!r}"
                )


def _priced(prices, counts, before=0):
    """What so many points cost, or so many more than before."""
    return float(np.dot(prices, np.subtract(counts, before)))


def _check_budget(key, budget, instance, cheapest, dearest):
    received = f"Received: {key}={budget!r}"
    if not isinstance(budget, Real) or not math.isfinite(budget) or budget <= 0:
        raise DynresError(f"A budget is a number above 0. {received}")
    if budget < cheapest:
        raise DynresError(
            f"{instance!r} costs at least {key}={cheapest:.4g}, with one point a mask "
            f"or the grid alone. {received}"
        )
    if budget > dearest:
        raise DynresError(
            f"'full' computes all points for {key}={dearest:.4g}: no allocation "
            f"needs more. {received}"
        )

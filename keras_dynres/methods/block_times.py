"""What blocks and their points take, by measurement."""

import dataclasses
from collections.abc import Mapping, Sequence

import keras

from keras_dynres import graph
from keras_dynres.methods import sampled_costs
from keras_dynres.methods.sampled_graph import SampledBlock

DENSE, SAMPLED, FEWER = "dense", "sampled", "fewer"


@dataclasses.dataclass(frozen=True)
class BlockTimes:
    """What was measured of an instance, on one machine.

    Args:
        counts: How many points each mask sampled.
        point_ms: What a point of each mask takes, in milliseconds.
        latency_ms: What the instance took.
        full_ms: What `full` took.
    """

    counts: Mapping[str, int]
    point_ms: Mapping[str, float]
    latency_ms: float
    full_ms: float

    @classmethod
    def of(
        cls,
        model: keras.Model,
        counts: Sequence[int],
        blocks: Mapping[str, Mapping[str, float]],
        latency_ms: float,
        full_ms: float,
    ) -> "BlockTimes":
        """By the times of blocks at two numbers of points.

        Args:
            model: The `Sampled` model.
            counts: How many points each mask samples.
            blocks: `{block: {way: ms}}`, the ways of `block_graphs`.
            latency_ms: What the instance took.
            full_ms: What `full` took.
        """
        work, by_mask, point_ms = sampled_costs.point_work(model), {}, {}
        for part, row in zip(
            model.sampled_parts, _by_block(model.sampled_parts, counts), strict=True
        ):
            names = [mask.name for mask in part.masks]
            by_mask.update(zip(names, row, strict=True))
            times = blocks[part.block.name]
            pairs = zip(names, row, fewer(part, row), strict=True)
            macs = sum(work[name]["macs"] * (one - two) for name, one, two in pairs)
            # Noise may make fewer points slower: a point then costs nothing.
            rate = max(0, (times[SAMPLED] - times[FEWER]) / macs) if macs else 0
            point_ms.update({name: rate * work[name]["macs"] for name in names})
        return cls(by_mask, point_ms, latency_ms, full_ms)


def block_graphs(
    parts: Sequence[SampledBlock], counts: Sequence[int], instance: str
) -> dict[str, dict[str, keras.Model]]:
    """The convolutions of blocks, dense and at points: `{block: {way: model}}`.

    Args:
        parts: The `SampledBlock`s.
        counts: How many points each mask samples.
        instance: Whose layers are named.
    """
    models = {}
    for part, row in zip(parts, _by_block(parts, counts), strict=True):
        convs = part.block.convs
        ends = convs[0].first.inputs[0], convs[-1].last.outputs[0]
        dense = keras.Model(*ends, name=f"{part.block.name}_dense")
        models[part.block.name] = {
            DENSE: dense,
            **{
                way: graph.rewire(
                    dense, part.point_edits(points, instance), f"{dense.name}_{way}"
                )
                for way, points in ((SAMPLED, row), (FEWER, fewer(part, row)))
            },
        }
    return models


def fewer(part: SampledBlock, counts: Sequence[int]) -> list[int]:
    """Half of a block's points; twice as many where none can be left out."""
    least = [max(1, mask.grid_points) for mask in part.masks]
    half = [max(low, n // 2) for low, n in zip(least, counts, strict=True)]
    if half != list(counts):
        return half
    return [min(m.points, 2 * n) for m, n in zip(part.masks, counts, strict=True)]


def _by_block(parts, counts):
    numbers = iter(counts)
    return [[next(numbers) for _ in part.masks] for part in parts]

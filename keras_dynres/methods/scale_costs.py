"""What a network costs with its stages at any scales, without building a graph each."""

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence

import keras

from keras_dynres import cost, graph
from keras_dynres.cost.record import Work
from keras_dynres.cost.registry import work_of
from keras_dynres.errors import DynresError, reason
from keras_dynres.layers import ResizeLike


@dataclasses.dataclass(frozen=True)
class ScaledCost:
    """The cost of one configuration, per image."""

    macs: int
    flops: int
    params: int


class ResizedCosts:
    """Costs of a network of which one feature map is resized.

    Args:
        flat: The flat base.
    """

    def __init__(self, flat: keras.Model):
        self._flat = flat
        self._known = {}

    def of(self, point: str, resize: keras.Operation, size: tuple) -> ScaledCost:
        """The `ScaledCost` of one size.

        Args:
            point: The layer behind which the map is resized; an input layer is one too.
            resize: What resizes it.
            size: Height and width that it is given.
        """
        counted = _counted(self._flat, {point: size}, self._known)
        shapes = {row.name: row.output_shape for row in counted.layers}
        arriving = shapes.get(point, tuple(self._flat.inputs[0].shape[1:]))
        work = work_of(resize, [arriving], [(*size, arriving[-1])])
        macs, flops = counted.macs + work.macs, counted.flops + work.flops
        return ScaledCost(macs, flops, counted.params)


class ScaleCosts:
    """Costs of all configurations from one count of the network at each scale.

    A stage's size is set where it begins, so what it costs depends on its own scale
    alone; the resizing there depends on the scale before it too. In a pyramid, where
    maps of several stages meet, that does not hold: there each configuration is
    counted.

    Args:
        flat: The flat base.
        sizes: For each point, in order: its name and `{scale: (height, width)}`.
        stage_of: For each layer's name the number of points before it.
    """

    def __init__(
        self,
        flat: keras.Model,
        sizes: Sequence[tuple[str, dict]],
        stage_of: Mapping[str, int],
    ):
        self._flat = flat
        self._work = collections.defaultdict(Work)
        self._arriving = {}
        self._sizes = sizes
        self._meet = _stages_meet(flat)
        for scale in sizes[0][1]:
            counted = _counted(flat, {name: at[scale] for name, at in sizes})
            points = {name: number for number, (name, _) in enumerate(sizes)}
            for row in counted.layers:
                key = stage_of.get(row.name, 0), scale
                work = Work(row.macs, row.flops, row.elements)
                self._work[key] = self._work[key].plus(work)
                if row.name in points:
                    self._arriving[points[row.name], scale] = row.output_shape
            if graph.input_names(flat)[0] in points:
                self._arriving[0, scale] = tuple(flat.inputs[0].shape[1:])
            self._params = counted.params

    def of(self, scales: Iterable[float]) -> ScaledCost:
        """The `ScaledCost` of one scale for each stage."""
        scales, works = tuple(scales), []
        for number, (before, scale) in enumerate(itertools.pairwise((1.0, *scales))):
            works.append(self._work[number + 1, scale])
            works.append(self._resizing(number, before, scale))
        if self._meet:
            pairs = zip(self._sizes, scales, strict=True)
            counted = _counted(self._flat, {name: at[s] for (name, at), s in pairs})
            works = [Work(counted.macs, counted.flops), *works[1::2]]
        else:
            works.append(self._work[0, 1.0])
        total = Work().plus(*works)
        return ScaledCost(total.macs, total.flops, self._params)

    def _resizing(self, number, before, scale):
        height, width, channels = self._arriving[number, before]
        size = self._sizes[number][1][scale]
        if (height, width) == size:
            return Work()
        shapes = [(height, width, channels)], [(*size, channels)]
        return work_of(keras.layers.Resizing(*size), *shapes)


def _stages_meet(flat):
    """Whether maps are resized to the size of others than the images."""
    inputs = {id(tensor) for tensor in flat.inputs}
    return any(
        id(call.inputs[1]) not in inputs
        for call in graph.calls(flat)
        if isinstance(call.layer, ResizeLike)
    )


def _counted(flat, sizes, known=None):
    (name,) = graph.input_names(flat)
    try:
        if name in sizes:
            shape = (*sizes[name], flat.inputs[0].shape[-1])
            return cost.count(flat, input_shape=shape, known=known)
        return cost.count(flat, resized=sizes, known=known)
    except DynresError:
        raise
    except ValueError as error:
        raise DynresError(
            f"{flat.name!r} cannot be computed with smaller maps: one becomes too "
            "small, or two that meet become unequal. Take larger images, shrink less "
            "or elsewhere, or end it with GlobalAveragePooling2D. "
            f"Received: {_at(sizes)}: {reason(error)}"
        ) from error


def _at(sizes):
    return ", ".join(f"{name!r} at {h} x {w}" for name, (h, w) in sizes.items())

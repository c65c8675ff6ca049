"""Features of regions, read from the level of a pyramid that fits their size."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres.detection.boxes import areas, columns
from keras_dynres.detection.levels import strides
from keras_dynres.layers.rows import take_rows

# Up to twice this side regions are read from the finest level.
_SIDE = 56


@keras.saving.register_keras_serializable(package="keras_dynres")
class RegionAlign(keras.layers.Layer):
    """RoIAlign: a small grid of features for each region, read between the cells.

    Called on `[images, regions, maps of the levels]`. A region is read from one level,
    a coarser one for each doubling of its side; a cell of the grid is the mean of
    points that are read bilinearly.

    Args:
        size: Height and width of the grid.
        samples: Points a cell has along each axis.
        half_pixel: Whether a cell of a level stands for the middle of its pixels.
            Checkpoints of mmdetection 0.6 want False: there it stands for their
            upper left corner.

    Example:

    >>> images, regions = keras.Input((64, 64, 3)), keras.Input((20, 4))
    >>> maps = [keras.Input((16, 16, 8)), keras.Input((8, 8, 8))]
    >>> RegionAlign()([images, regions, maps]).shape
    (None, 20, 7, 7, 8)

    Reference:
        [Mask R-CNN](https://arxiv.org/abs/1703.06870) (He et al., 2017), [Feature
        Pyramid Networks](https://arxiv.org/abs/1612.03144) (Lin et al., 2017)
    """

    def __init__(
        self,
        size: int = 7,
        samples: int = 2,
        half_pixel: bool = True,
        **kwargs: Any,
    ):
        # Half precision cannot tell the pixels of a region's edges.
        super().__init__(**{"autocast": False, **kwargs})
        self.size = size
        self.samples = samples
        self.half_pixel = half_pixel

    def call(self, inputs: Sequence[Any]) -> Any:
        """`(batch, regions, size, size, channels)`."""
        images, regions, maps = inputs
        regions = ops.stop_gradient(ops.cast(regions, "float32"))
        sizes = [tuple(level.shape[1:3]) for level in maps]
        channels = maps[0].shape[-1]
        tables = [
            ops.reshape(level, (-1, size[0] * size[1], channels))
            for level, size in zip(maps, sizes, strict=True)
        ]
        table = ops.reshape(ops.concatenate(tables, axis=1), (-1, channels))
        level = self.levels(regions, len(maps))
        rows, across = (
            self._axis(regions, level, axis, tuple(images.shape[1:3]), sizes)
            for axis in (0, 1)
        )
        starts = np.cumsum([0, *(height * width for height, width in sizes)])
        start = _of_level(starts[:-1], level)
        if regions.shape[0] != 1:
            batch = ops.arange(ops.shape(regions)[0], dtype="int32")
            start = start + ops.expand_dims(batch * int(starts[-1]), 1)
        width = _of_level([width for _, width in sizes], level)
        read = None
        # Of each point of a cell the four cells of the map around it.
        for row, share in rows:
            lines = ops.expand_dims(start, -1) + row * ops.expand_dims(width, -1)
            for column, other in across:
                index = ops.expand_dims(lines, 3) + ops.expand_dims(column, 2)
                shares = ops.expand_dims(share, 3) * ops.expand_dims(other, 2)
                part = take_rows(table, index) * ops.cast(
                    ops.expand_dims(shares, -1), table.dtype
                )
                read = part if read is None else read + part
        return read

    def levels(self, regions: Any, count: int) -> Any:
        """The number of the level that each region is read from."""
        side = ops.expand_dims(ops.sqrt(areas(regions)) / _SIDE + 1e-6, -1)
        # As the logarithm of the side, whose last digit is another on each backend.
        doubled = side >= 2.0 ** np.arange(1, count, dtype="float32")
        return ops.sum(ops.cast(doubled, "int32"), axis=-1)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple:
        """A grid for each region."""
        _, regions, maps = input_shape
        return (regions[0], regions[1], self.size, self.size, maps[0][-1])

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "size": self.size,
            "samples": self.samples,
            "half_pixel": self.half_pixel,
        }
        return {**super().get_config(), **own}

    def _axis(self, regions, level, axis, whole, sizes):
        """Of each point of a cell, along an axis, two cells of the map and shares.

        The shares of all points of a cell add up to one.
        """
        x1, y1, x2, y2 = columns(regions)
        begin, end = ((y1, y2), (x1, x2))[axis]
        steps = [step[axis] for step in strides(whole, sizes)]
        stride = _of_level(steps, level, "float32")
        limit = _of_level([size[axis] - 1 for size in sizes], level, "float32")
        begin, extent = (ops.expand_dims(n / stride, -1) for n in (begin, end - begin))
        limit = ops.expand_dims(limit, -1)
        cells = []
        for point in range(self.samples):
            place = np.arange(self.size) + (point + 0.5) / self.samples
            points = begin + extent * (place / self.size).astype("float32")
            if self.half_pixel:
                points = points - 0.5
            # Farther than a cell beyond the border nothing is read.
            inside = ops.logical_and(points >= -1.0, points <= limit + 1.0)
            weight = ops.cast(inside, "float32") / self.samples
            points = ops.clip(points, 0.0, limit)
            first = ops.floor(points)
            second = ops.minimum(first + 1.0, limit)
            share = points - first
            cells.append((ops.cast(first, "int32"), (1.0 - share) * weight))
            cells.append((ops.cast(second, "int32"), share * weight))
        return cells


def _of_level(values, level, dtype="int32"):
    """Each region's value of its level."""
    return take_rows(ops.convert_to_tensor(np.asarray(values, dtype)), level)

"""Levels of a feature pyramid: how far their cells lie apart, and anchors on them."""

from collections.abc import Sequence

import numpy as np

Size = tuple[int, int]


def strides(image: Size, levels: Sequence[Size]) -> list[tuple[float, float]]:
    """How many pixels of the image lie between the cells of each level, down and right.

    A level of half the size of the one before has every second of its cells, so 25
    cells and the 13 after them are of one pyramid; any other size divides the image.

    >>> strides((800, 800), [(25, 50), (13, 25)])
    [(32.0, 16.0), (64.0, 32.0)]

    Args:
        image: Height and width of the image.
        levels: Those of the levels' maps, the finest first.
    """
    steps = []
    for axis in (0, 1):
        before = step = None
        column = []
        for size in (level[axis] for level in levels):
            halved = before is not None and size == -(-before // 2)
            step = 2 * step if halved else image[axis] / size
            column.append(float(step))
            before = size
        steps.append(column)
    return list(zip(*steps, strict=True))


def anchors(
    size: Size,
    stride: tuple[float, float],
    side: float = 8,
    ratios: Sequence[float] = (0.5, 1, 2),
) -> np.ndarray:
    """The anchors of a level: boxes around its cells, row by row.

    Their edges are whole pixels where they stand around the first cell, as in
    published detectors.

    >>> anchors((1, 1), (4, 4), ratios=[1]).tolist()
    [[-14.0, -14.0, 18.0, 18.0]]

    Args:
        size: Height and width of the level's map.
        stride: As of `strides`.
        side: Side of a square anchor, in strides.
        ratios: Height over width of the anchors of a cell.

    Returns:
        `(height * width * ratios, 4)`, float32.
    """
    middle = np.asarray(stride) / 2
    roots = np.sqrt(np.asarray(ratios, "float64"))
    heights, widths = side * stride[0] * roots, side * stride[1] / roots
    around = np.stack(
        [
            np.round(middle[1] - widths / 2),
            np.round(middle[0] - heights / 2),
            # Rounded as the last pixel, which lies before the edge.
            np.round(middle[1] + widths / 2 - 1) + 1,
            np.round(middle[0] + heights / 2 - 1) + 1,
        ],
        axis=-1,
    )
    ys = np.arange(size[0])[:, None, None, None] * stride[0]
    xs = np.arange(size[1])[None, :, None, None] * stride[1]
    shift = np.concatenate(np.broadcast_arrays(xs, ys, xs, ys), axis=-1)
    return (shift + around).reshape(-1, 4).astype("float32")

"""Reading feature maps between their pixels."""

from typing import Any

from keras import ops

from keras_dynres.layers.rows import take_rows


def bilinear_patches(images: Any, ys: Any, xs: Any, masks: Any = None) -> Any:
    """Reads the taps of points between the pixels; outside the image lies zero.

    Gradients reach the images, the coordinates and the masks.

    >>> import numpy as np
    >>> images = np.arange(4, dtype="float32").reshape((1, 2, 2, 1))
    >>> ys, xs = np.array([[[0.5, 1.0]]]), np.array([[[0.5, 1.5]]])
    >>> np.array(bilinear_patches(images, ys, xs)).ravel().tolist()
    [1.5, 1.5]

    Args:
        images: A batch of known height and width, channels last.
        ys: Rows of the taps in pixels, `(batch, points, taps)`.
        xs: Their columns.
        masks: What the taps are multiplied with, of that shape too; by default one.

    Returns:
        What was read, `(batch, points, taps, channels)`, in the images' dtype.
    """
    images = ops.convert_to_tensor(images)
    _, height, width, channels = images.shape
    # Two rows and columns of zeros: a corner and the one after it then have one index,
    # and whatever lies farther out is clipped into zeros.
    around = ops.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    pixels = ops.reshape(around, (-1, channels))
    line = width + 4
    ys, xs = (ops.cast(coordinates, "float32") for coordinates in (ys, xs))
    top, left = ops.floor(ys), ops.floor(xs)
    row = ops.cast(ops.clip(top, -2.0, float(height)), "int32")
    column = ops.cast(ops.clip(left, -2.0, float(width)), "int32")
    corner = row * line + column
    if images.shape[0] != 1:
        batch = ops.arange(ops.shape(images)[0], dtype="int32")
        corner = corner + ops.reshape(batch * ((height + 4) * line), (-1, 1, 1))
    below, right = ys - top, xs - left
    shares = (
        (1 - below) * (1 - right),
        (1 - below) * right,
        below * (1 - right),
        below * right,
    )
    # Four gathers, for one of all corners is slower under TFLite; by a flat index,
    # which every backend and TFLite's own operators know.
    origin = 2 * line + 2
    steps = (origin, origin + 1, origin + line, origin + line + 1)
    first, *others = (
        take_rows(pixels, corner + step)
        * ops.expand_dims(
            ops.cast(share if masks is None else share * masks, images.dtype), -1
        )
        for step, share in zip(steps, shares, strict=True)
    )
    return sum(others, first)

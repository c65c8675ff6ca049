"""Features of regions against points that are read one by one."""

import keras
import numpy as np
import pytest
from plain_boxes import random_boxes

from keras_dynres.detection import RegionAlign

pytestmark = pytest.mark.backends
SIZE = (64, 96)


def pixel(image, y, x):
    """Between the pixels; beyond the border it goes on for one cell, then lies zero."""
    height, width = image.shape[:2]
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    upper = image[top, left] * (1 - x + left) + image[top, right] * (x - left)
    lower = image[bottom, left] * (1 - x + left) + image[bottom, right] * (x - left)
    return upper * (1 - y + top) + lower * (y - top)


def by_hand(image, box, strides, size, shift):
    """The mean of two points by two in each cell of the grid."""
    x1, y1, x2, y2 = box
    down, across = strides
    grid = np.zeros((size, size, image.shape[-1]))
    for row, column in np.ndindex(size, size):
        for part in ((0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)):
            y = (y1 + (row + part[0]) * (y2 - y1) / size) / down - shift
            x = (x1 + (column + part[1]) * (x2 - x1) / size) / across - shift
            grid[row, column] += pixel(image, y, x) / 4
    return grid


@pytest.mark.parametrize("half_pixel", [True, False])
def test_points_one_by_one(half_pixel):
    draw = np.random.default_rng(0)
    # The second map is pooled along its height alone: no stride of one pyramid.
    maps = [draw.normal(size=(2, *size, 3)) for size in ((16, 24), (6, 12))]
    maps = [level.astype("float32") for level in maps]
    boxes = random_boxes(2, 6)
    boxes[:, 0] = [0, 0, 96, 64]  # The whole image.
    boxes[:, 1] = [-30, -20, 100, 90]  # More than it.
    boxes[:, 2] = [95, 63, 96, 64]
    layer = RegionAlign(size=3, half_pixel=half_pixel)
    images = np.zeros((2, *SIZE, 3), "float32")
    read = keras.ops.convert_to_numpy(layer([images, boxes, maps]))
    levels = keras.ops.convert_to_numpy(layer.levels(keras.ops.array(boxes), 2))
    assert levels.min() == 0 and levels.max() == 1
    strides = [(4, 4), (64 / 6, 8)]
    for image, region in np.ndindex(2, 6):
        level = levels[image, region]
        wanted = by_hand(
            maps[level][image],
            boxes[image, region].astype("float64"),
            strides[level],
            3,
            0.5 if half_pixel else 0,
        )
        np.testing.assert_allclose(read[image, region], wanted, atol=1e-4)


def test_gradients_reach_the_maps_and_not_the_boxes():
    maps = [keras.Variable(np.ones((1, 16, 24, 1), "float32"))]
    boxes = keras.Variable(random_boxes(1, 2))
    images = np.zeros((1, *SIZE, 3), "float32")
    layer = RegionAlign(size=2)
    if keras.backend.backend() == "jax":
        import jax

        def total(level, regions):
            return layer([images, regions, [level]]).sum()

        of_map, of_boxes = jax.grad(total, (0, 1))(maps[0].value, boxes.value)
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer([images, boxes.value, [maps[0].value]]))
        of_map, of_boxes = tape.gradient(total, [maps[0].value, boxes.value])
        assert of_boxes is None
        of_boxes = np.zeros(1)
    # Each of the two regions has four cells, whose shares add up to one.
    assert float(np.sum(of_map)) == pytest.approx(2 * 4, rel=1e-5)
    assert not np.any(of_boxes)

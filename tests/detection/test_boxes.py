"""Boxes as arithmetic, and anchors on the levels of a pyramid."""

import numpy as np
import pytest
from keras import ops
from plain_boxes import by_hand, random_boxes

from keras_dynres.detection import boxes, levels

pytestmark = pytest.mark.backends
SCALES = (0.1, 0.1, 0.2, 0.2)


def test_overlaps():
    one, other = random_boxes(2, 5), random_boxes(2, 7, seed=1)
    shared = ops.convert_to_numpy(boxes.overlaps(one, other))
    wanted = [
        [[by_hand(a, b) for b in o] for a in n] for n, o in zip(one, other, strict=True)
    ]
    np.testing.assert_allclose(shared, wanted, atol=1e-5)
    nothing = np.zeros((1, 2, 4), "float32")
    assert not ops.convert_to_numpy(boxes.overlaps(nothing, nothing)).any()


def test_what_is_encoded_is_decoded():
    anchors, wanted = random_boxes(2, 9), random_boxes(2, 9, seed=1)
    deltas = boxes.encoded(anchors, wanted, SCALES)
    again = ops.convert_to_numpy(boxes.decoded(anchors, deltas, SCALES))
    np.testing.assert_allclose(again, wanted, atol=1e-3)


def test_no_box_is_decoded_without_end():
    anchors = random_boxes(1, 1)
    deltas = np.array([[[0, 0, 90, 90]]], "float32")
    sizes = ops.convert_to_numpy(boxes.decoded(anchors, deltas))
    ratio = (sizes[0, 0, 2] - sizes[0, 0, 0]) / (anchors[0, 0, 2] - anchors[0, 0, 0])
    assert ratio == pytest.approx(1000 / 16, rel=1e-4)


def test_a_box_outside_keeps_a_pixel_of_the_image():
    outside = np.array([[-9.0, -9, -5, -5], [99, 99, 120, 120]], "float32")
    inside = ops.convert_to_numpy(boxes.clipped(outside, 40, 50))
    np.testing.assert_array_equal(inside, [[0, 0, 1, 1], [49, 39, 50, 40]])


def test_anchors_stand_around_the_cells():
    anchors = levels.anchors((2, 3), (8, 16))  # Twice as wide cells as high ones.
    assert anchors.shape == (2 * 3 * 3, 4)
    middles = (anchors[:, :2] + anchors[:, 2:]) / 2
    np.testing.assert_allclose(middles[1], (8, 4))
    np.testing.assert_allclose(middles[-2], (8 + 2 * 16, 4 + 8))
    sizes = anchors[:3, 2:] - anchors[:3, :2]
    np.testing.assert_allclose(sizes[1], (128, 64))
    # Of the same area, half and double as high for their width.
    np.testing.assert_allclose(sizes[0] / sizes[1], (2**0.5, 0.5**0.5), atol=0.02)
    np.testing.assert_allclose(sizes[2] / sizes[1], (0.5**0.5, 2**0.5), atol=0.02)

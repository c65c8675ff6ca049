"""Suppression is the greedy one, by both of its ways."""

import numpy as np
import pytest
from keras import ops
from plain_boxes import by_hand, random_boxes

from keras_dynres.detection.suppression import kept

pytestmark = pytest.mark.backends


def greedy(boxes, threshold, groups):
    """One box after the other, the best first."""
    stay = []
    for number, box in enumerate(boxes):
        same = [i for i in stay if groups[i] == groups[number]]
        if all(by_hand(boxes[i], box) < threshold for i in same):
            stay.append(number)
    return [float(i in stay) for i in range(len(boxes))]


@pytest.mark.parametrize("threshold", [0.3, 0.7])
@pytest.mark.parametrize("grouped", [False, True])
def test_it_is_the_greedy_one(threshold, grouped):
    boxes = random_boxes(3, 40)
    groups = np.random.default_rng(1).integers(0, 3 if grouped else 1, (3, 40))
    wanted = [greedy(b, threshold, g) for b, g in zip(boxes, groups, strict=True)]
    told = ops.convert_to_tensor(groups) if grouped else None
    stay = ops.convert_to_numpy(kept(boxes, threshold, told))
    np.testing.assert_array_equal(stay, wanted)
    # A batch of one, for which TensorFlow and TFLite have an operator.
    alone = [
        ops.convert_to_numpy(kept(b[None], threshold, g[None] if grouped else None))[0]
        for b, g in zip(boxes, groups, strict=True)
    ]
    np.testing.assert_array_equal(alone, wanted)
    assert 0 < np.sum(wanted) < boxes.shape[1] * 3


def test_many_groups_do_not_blur_each_other():
    """A quarter of a pixel decides, in the last group as in the first."""
    first = [0.0, 0.0, 8.0, 8.0]
    pair = [first, [0.25, 0.0, 8.0, 8.0]]  # They overlap by 7.75 / 8.
    boxes = np.array([4 * pair], "float32")
    groups = np.repeat([0, 15, 16, 999], 2)[None]
    for threshold, second in ((0.968, 0), (0.969, 1)):
        stay = ops.convert_to_numpy(kept(boxes, threshold, groups))
        np.testing.assert_array_equal(stay, [4 * [1, second]])


def test_a_chain_of_overlaps_is_followed_to_its_end():
    """Each overlaps the next alone: every second one stays."""
    left = np.arange(20) * 4.0
    boxes = np.stack([left, 0 * left, left + 10, 0 * left + 10], axis=1)
    boxes = np.stack(2 * [boxes]).astype("float32")
    stay = ops.convert_to_numpy(kept(boxes, 0.4))
    np.testing.assert_array_equal(stay, 2 * [10 * [1.0, 0.0]])

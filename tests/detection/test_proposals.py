"""From rows of anchors to regions, and from rows of regions to detections."""

import numpy as np
import pytest
from keras import ops

from keras_dynres.detection import AnchorRows, DetectionColumns, Detections, Proposals

pytestmark = pytest.mark.backends


def level(*size, channels, value=0.0):
    return np.full((2, *size, channels), value, "float32")


def proposals(size, *levels, layers):
    """Regions where only the third anchor of one cell is an object."""
    rows_of, choose = layers
    objectness = [level(*cells, channels=3, value=-3.0) for cells in levels]
    objectness[0][:, 1, 2, 1] = 5.0
    deltas = [level(*cells, channels=12) for cells in levels]
    images = level(*size, channels=3)
    rows = rows_of([images, objectness, deltas])
    return ops.convert_to_numpy(choose([images, rows, objectness]))


def test_the_best_come_first_and_nothing_follows_the_last():
    layers = AnchorRows(side=2), Proposals(count=200)
    boxes = proposals((32, 32), (4, 4), (2, 2), layers=layers)
    assert boxes.shape == (2, 200, 4)
    # The square of two strides around the cell of the second row and third column.
    np.testing.assert_array_equal(boxes[:, 0], 2 * [[12, 4, 28, 20]])
    there = (boxes != 0).any(axis=2)
    count = there.sum(axis=1)
    assert (count < 3 * (16 + 4)).all() and (count > 10).all()
    np.testing.assert_array_equal(there, np.arange(200) < count[:, None])
    assert (boxes >= 0).all() and (boxes <= 32).all()


def test_the_same_layers_take_maps_of_other_sizes():
    layers = AnchorRows(side=2), Proposals(count=5)
    small = proposals((32, 32), (4, 4), (2, 2), layers=layers)
    # Cells of half the size: so are the anchors.
    fine = proposals((32, 32), (8, 8), (4, 4), layers=layers)
    np.testing.assert_array_equal(small[0, 0], [12, 4, 28, 20])
    np.testing.assert_array_equal(fine[0, 0], [6, 2, 14, 10])
    large = proposals((64, 64), (8, 8), (4, 4), layers=layers)
    np.testing.assert_array_equal(large[0, 0], [12, 4, 28, 20])


def test_detections_by_hand():
    regions = [[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 40], [0, 0, 0, 0]]
    logits = np.log([[0.1, 0.8, 0.1], [0.31, 0.6, 0.09], [0.04, 0.01, 0.95], [0.1] * 3])
    deltas = np.zeros((4, 3, 4))
    deltas[2, 2, 1] = 1  # A tenth of its height down.
    rows = np.concatenate([regions, logits, deltas.reshape(4, -1)], axis=1)
    rows = np.stack([rows, rows * 0]).astype("float32")
    answer = Detections(classes=2, count=6)([level(64, 64, channels=3), rows])
    columns = {
        name: ops.convert_to_numpy(value)
        for name, value in DetectionColumns()(answer).items()
    }
    # The second region goes, for both classes: it overlaps the first by 9 of 11.
    assert columns["count"].tolist() == [3, 0]
    assert columns["classes"][0].tolist() == [1, 0, 1, -1, -1, -1]
    boxes = [[20, 22, 30, 42], [0, 0, 10, 10], [0, 0, 10, 10], *3 * [4 * [0]]]
    np.testing.assert_allclose(columns["boxes"][0], boxes, atol=1e-4)
    scores = [0.95, 0.8, 0.1, 0, 0, 0]
    np.testing.assert_allclose(columns["scores"][0], scores, atol=1e-5)
    assert (columns["classes"][1] == -1).all()

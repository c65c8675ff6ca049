"""Who is trained, and what by; what is no box does no harm."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_dynres as kd
from keras_dynres.detection import AnchorLoss, RegionLoss
from keras_dynres.detection.matches import Matches

pytestmark = pytest.mark.backends
NONE = [0.0, 0, 0, 0, -1]


def labels(*rows, count=3):
    rows = [list(map(float, row)) for row in rows]
    return np.array([rows + [NONE] * (count - len(rows))], "float32")


def anchor_rows(anchors, logits=0.0):
    anchors = np.array(anchors, "float32")
    rest = np.zeros((len(anchors), 5), "float32")
    rest[:, 0] = logits
    return np.concatenate([anchors, rest], axis=1)[None]


def numbers(tensor):
    return ops.convert_to_numpy(tensor).tolist()


def test_anchors_of_boxes_of_none_and_in_between():
    anchors = [[0, 0, 10, 10], [0, 0, 10, 6], [40, 40, 50, 50], [20, 20, 30, 26]]
    truth = labels((0, 0, 10, 10, 1), (20, 20, 30, 30, 0))
    matches = Matches.of(np.array([anchors], "float32"), truth, 0.7, 0.3, best=0.3)
    # The last overlaps its box by 0.6, and no other one does by more.
    assert numbers(matches.positive) == [[1, 0, 0, 1]]
    assert numbers(matches.negative) == [[0, 0, 1, 0]]
    assert numbers(matches.boxes[0, :, 4])[0] == 1
    assert numbers(matches.boxes[0, :, 4])[3] == 0


def test_as_many_are_drawn_as_asked_for():
    flags = np.zeros((2, 100), "float32")
    flags[0, :60], flags[1, :5] = 1, 1
    matches = Matches(flags, 1 - flags, np.zeros((2, 100, 5), "float32"))
    drawn = matches.sampled(32, 0.25, np.array([0.1, 0.8], "float32"))
    assert numbers(ops.sum(drawn.positive, axis=1)) == [8, 5]
    assert numbers(ops.sum(drawn.negative, axis=1)) == [24, 27]
    again = matches.sampled(32, 0.25, np.array([0.1, 0.8], "float32"))
    assert numbers(drawn.negative) == numbers(again.negative)
    others = matches.sampled(32, 0.25, np.array([0.6, 0.3], "float32"))
    assert numbers(drawn.negative) != numbers(others.negative)


def test_a_share_of_less_than_one_is_none():
    flags = np.ones((1, 4), "float32")
    matches = Matches(flags, 0 * flags, np.zeros((1, 4, 5), "float32"))
    drawn = matches.sampled(1, 0.5, np.array([0.1], "float32"))
    assert numbers(ops.sum(drawn.positive)) == 0


def test_the_loss_of_anchors_by_hand():
    anchors = [[0, 0, 10, 10], [40, 40, 50, 50]]
    truth = labels((1, 0, 11, 10, 2))
    loss = AnchorLoss(count=2)(truth, anchor_rows(anchors, [2.0, -1.0]))
    wrong = np.log1p(np.exp([-2.0, -1.0])).sum()
    far = 0.1  # A tenth of a width: beyond a ninth it would be counted as it is.
    wanted = (wrong + 0.5 * far**2 * 9) / 2
    assert float(loss) == pytest.approx(wanted, rel=1e-5)


def test_the_loss_of_regions_by_hand():
    regions = np.array([[0, 0, 10, 10], [40, 40, 50, 50], [0, 0, 0, 0]], "float32")
    logits = np.array([[0, 1, 3], [2, 0, 0], [0, 9, 0]], "float32")
    rows = np.concatenate([regions, logits, np.zeros((3, 12), "float32")], axis=1)
    loss = RegionLoss(classes=2, count=4, share=0.5)(
        labels((0, 0, 10, 10, 1)), rows[None]
    )
    likely = np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    # A region without an area is nobody's.
    wanted = -(likely[0, 2] + likely[1, 0]) / 2
    assert float(loss) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    "truth",
    [
        labels(),
        labels((5, 5, 5, 9, 1)),
        labels((-40, -40, -20, -20, 0)),
        labels((0, 0, 10, 10, 7)),
    ],
    ids=["no boxes", "no area", "outside", "beyond the classes"],
)
def test_odd_boxes_give_finite_losses(truth):
    rows = anchor_rows([[0, 0, 10, 10], [40, 40, 50, 50]])
    assert np.isfinite(float(AnchorLoss()(truth, rows)))
    regions = np.concatenate([rows[..., :4], np.zeros((1, 2, 15), "float32")], axis=-1)
    assert np.isfinite(float(RegionLoss(classes=2)(truth, regions)))


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 5, 1)])
def test_labels_of_another_shape_are_refused(shape):
    with pytest.raises(kd.DynresError, match="boxes of the shape .images, boxes, 5"):
        AnchorLoss()(np.zeros(shape), np.zeros((2, 4, 9)))


def test_configurations_return():
    for loss in (AnchorLoss(count=9, share=0.3), RegionLoss(classes=4, positive=0.6)):
        again = keras.losses.deserialize(keras.losses.serialize(loss))
        assert again.get_config() == loss.get_config()

"""Average precision within compiled steps, and that of pycocotools."""

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.detection import MeanAveragePrecision, coco_figures

pytestmark = pytest.mark.backends


def scenes(count=30, seed=0):
    """Boxes of three classes, and what a middling detector makes of them."""
    draw = np.random.default_rng(seed)
    truth = np.zeros((count, 8, 5), "float32")
    rows = np.zeros((count, 20, 6), "float32")
    truth[..., 4], rows[..., 5] = -1, -1
    for boxes, answers in zip(truth, rows, strict=True):
        number = draw.integers(0, 8)  # Some images are empty.
        corner, size = (
            draw.uniform(0, 100, (number, 2)),
            draw.uniform(5, 80, (number, 2)),
        )
        kind = draw.integers(0, 3, number)
        boxes[:number] = np.column_stack([corner, corner + size, kind])
        objects = np.repeat(boxes[:number], 2, axis=0)[draw.random(2 * number) < 0.8]
        objects[:, :4] += draw.normal(0, 4, (len(objects), 4))
        objects[:, 2:4] = np.maximum(objects[:, 2:4], objects[:, :2] + 1)
        scores = 1 / (1 + np.exp(-draw.normal(3, 3, len(objects))))
        seen = np.column_stack([objects[:, :4], scores, objects[:, 4]])
        answers[: len(seen)] = seen[np.argsort(-scores)]
    return truth, rows


def figure(truth, rows, **options):
    metric = MeanAveragePrecision(3, **options)
    for start in range(0, len(truth), 7):
        metric.update_state(truth[start : start + 7], rows[start : start + 7])
    return float(metric.result())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_that_of_pycocotools(seed):
    truth, rows = scenes(seed=seed)
    wanted = coco_figures(truth, rows)
    assert 0.1 < wanted["map"] < 0.9
    assert figure(truth, rows) == pytest.approx(wanted["map"], abs=3e-3)
    half = figure(truth, rows, thresholds=[0.5])
    assert half == pytest.approx(wanted["map50"], abs=3e-3)


def test_all_right_and_nothing_right():
    truth, _ = scenes()
    sure = np.full((*truth.shape[:2], 1), 0.9, "float32")
    right = np.concatenate([truth[..., :4], sure, truth[..., 4:]], axis=-1)
    assert figure(truth, right) == pytest.approx(1, abs=1e-5)
    wrong = right.copy()
    wrong[..., 5] = np.where(wrong[..., 5] >= 0, (wrong[..., 5] + 1) % 3, -1)
    assert figure(truth, wrong) < 0.01
    nothing = np.zeros_like(truth)
    nothing[..., 4] = -1
    assert figure(nothing, right) == 0
    assert coco_figures(nothing, right)["map"] == -1
    assert coco_figures(truth, 0 * right - 1)["map"] == 0


def test_other_shapes_are_refused():
    with pytest.raises(kd.DynresError, match=r"same images.*\(3, 8, 5\).*\(2, 9, 6\)"):
        coco_figures(np.zeros((3, 8, 5)), np.zeros((2, 9, 6)))

    with pytest.raises(kd.DynresError, match=r"boxes of the shape.*\(3, 8\)"):
        MeanAveragePrecision(3).update_state(np.zeros((3, 8)), np.zeros((3, 9, 6)))


def test_within_compiled_steps():
    truth, rows = scenes(8)
    inputs = keras.Input((20, 6))
    net = keras.Model(inputs, keras.layers.Identity()(inputs))
    net.compile(metrics=[MeanAveragePrecision(3)], loss=lambda y, x: 0.0 * x[..., 0])
    seen = net.evaluate(rows, truth, batch_size=4, verbose=0, return_dict=True)
    assert seen["map"] == pytest.approx(coco_figures(truth, rows)["map"], abs=3e-3)

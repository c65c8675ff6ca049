"""A net that gives maps, by its mean IoU, from the measurement to the report."""

import keras
import numpy as np
import pytest

from keras_dynres import Menu
from keras_dynres.evaluation import (
    compare,
    curve,
    lookup_table,
    plot,
    predictions,
    report,
)

pytestmark = [
    pytest.mark.backends,
    # Keras' own MeanIoU counts in int64, which JAX does not have.
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning"),
]


def mean_iou(name="mean_iou"):
    return keras.metrics.MeanIoU(3, sparse_y_pred=False, name=name)


def by_hand(classes, labels):
    """Mean over the classes of what both have of what one of them has."""
    shares = [
        np.sum((classes == c) & (labels == c)) / np.sum((classes == c) | (labels == c))
        for c in range(3)
    ]
    return np.mean(shares)


def test_a_table_and_a_report_of_maps(map_model, data, map_labels, tmp_path):
    test = data[0], map_labels
    menu = lookup_table(
        map_model, test, tmp_path / "t.json", metrics=[mean_iou()], verbose=0
    )
    assert menu.metric == Menu.from_json(tmp_path / "t.json").metric == "mean_iou"
    seen = predictions(map_model, test, verbose=0)
    for instance in menu:
        share = by_hand(seen.classes[instance.name], map_labels)
        assert instance.measured["mean_iou"] == pytest.approx(share, abs=1e-6)
    best = max(menu, key=lambda i: i.measured["mean_iou"])
    assert menu.within(macs=menu.full.macs) == best
    assert max(point.y for point in curve(menu).front) == best.measured["mean_iou"]
    assert plot(menu).axes[0].get_ylabel() == "Mean IoU (%)"
    shown = f"{100 * best.measured['mean_iou']:.2f} %"
    assert shown in compare(menu)
    page = report(menu, tmp_path / "r.html").read_text("utf-8")
    assert f"{best.name}: {shown} at " in page


def test_several_outputs_have_figures_of_their_own(two_headed, data, map_labels):
    test = data[0], {"classes": data[1], "pixels": map_labels}
    metrics = {"classes": ["accuracy"], "pixels": [mean_iou()]}
    menu = two_headed.evaluate_menu(test, metrics=metrics, verbose=0)
    seen = {o: predictions(two_headed, test, output=o, verbose=0) for o in test[1]}
    for instance in menu:
        score = seen["classes"].accuracy(instance.name)
        share = by_hand(seen["pixels"].classes[instance.name], map_labels)
        assert instance.measured == {
            "classes_accuracy": pytest.approx(score.value),
            "pixels_mean_iou": pytest.approx(share, abs=1e-6),
        }
    assert "error %" in compare(menu, metric="classes_accuracy").splitlines()[0]
    axes = plot(menu, metric="pixels_mean_iou").axes[0]
    assert axes.get_ylabel() == "Pixels mean IoU (%)"


def test_ignored_pixels_count_for_nothing(map_model, data, map_labels):
    labels = map_labels.copy()
    labels[:, :2] = 255
    seen = predictions(map_model, (data[0], labels), ignore_class=255, verbose=0)
    name = seen.names[0]
    right = seen.classes[name][:, 2:] == map_labels[:, 2:]
    assert seen.accuracy(name).value == pytest.approx(right.mean())
    assert not seen.correct(name)[:, :2].any()

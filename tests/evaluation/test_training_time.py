"""Accuracy over the time of training, and how fast it grows."""

import csv

import numpy as np
import pytest

from keras_dynres import evaluation
from keras_dynres.errors import DynresError

COLUMNS = {
    "seconds": [30.0, 10.0, 20.0, 60.0],
    "val_accuracy": [0.2, None, 0.4, 0.5],
}


def test_both_panels(tmp_path):
    path = tmp_path / "time.svg"
    rival = {"seconds": [60.0, 60.0], "val_accuracy": [0.3, 0.6]}
    trainings = {"plain": COLUMNS, "rival": rival}
    figure = evaluation.time_plot(trainings, path, window=1, title="Two")
    left, right = figure.axes
    assert path.read_text().startswith("<?xml")
    plain, other = left.lines
    np.testing.assert_allclose(plain.get_xdata(), [0.5, 1, 2])  # In minutes.
    np.testing.assert_allclose(plain.get_ydata(), [20, 40, 50])
    np.testing.assert_allclose(other.get_ydata(), [30, 60])
    np.testing.assert_array_equal(right.lines[0].get_xdata(), [3, 4])
    # 20 points in half a minute, then 10 in one.
    np.testing.assert_allclose(right.lines[0].get_ydata(), [40, 10])
    assert [words.get_text() for words in left.get_legend().texts] == [*trainings]


def test_a_log_is_read_as_train_leaves_it(tmp_path):
    path = tmp_path / "log.csv"
    with path.open("w", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(["epoch", *COLUMNS])
        for number, row in enumerate(zip(*COLUMNS.values(), strict=True)):
            lines.writerow([number + 1, *row])
    of_log = evaluation.time_plot({"plain": path}).axes[0].lines[0]
    of_columns = evaluation.time_plot({"plain": COLUMNS}).axes[0].lines[0]
    np.testing.assert_array_equal(of_log.get_xydata(), of_columns.get_xydata())


def test_a_loss_is_no_share():
    columns = {"seconds": [60.0, 60.0], "loss": [2.0, 1.5]}
    left, right = evaluation.time_plot({"a": columns}, metric="loss", window=1).axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), [2.0, 1.5])
    np.testing.assert_allclose(right.lines[0].get_ydata(), [-0.5])


@pytest.mark.parametrize(
    ("trainings", "options", "message"),
    [
        ({}, {}, "Received: trainings="),
        ({"a": COLUMNS}, {"window": 0}, "window=0"),
        ({"a": COLUMNS}, {"metric": "accuracy"}, "columns without 'accuracy'"),
        ({"a": {"seconds": [1.0], "val_accuracy": [None]}}, {}, "never measured"),
        ({"a": COLUMNS}, {"path": "time.gif"}, "figure format"),
        ({"a": {**COLUMNS, "seconds": [1, None, 1, 1]}}, {}, "took no time"),
        ({"a": {**COLUMNS, "seconds": [1, 0, 1, 1]}}, {}, "took no time"),
    ],
)
def test_what_cannot_be_drawn(trainings, options, message):
    with pytest.raises(DynresError, match=message):
        evaluation.time_plot(trainings, **options)


def test_logs_that_cannot_be_read(tmp_path):
    path = tmp_path / "log.csv"
    with pytest.raises(DynresError, match="could not be read"):
        evaluation.time_plot({"a": path})
    path.write_text("")
    with pytest.raises(DynresError, match="without 'seconds'"):
        evaluation.time_plot({"a": path})
    path.write_text("epoch,seconds,val_accuracy\n1,ten,0.5\n")
    with pytest.raises(DynresError, match="could not be read"):
        evaluation.time_plot({"a": path})

"""Trainings whose images, and labels, are mixed."""

import json

import keras
import pytest

from keras_dynres.training import train
from keras_dynres.zoo import Network

METHODS = {
    "plain": {},
    "early_exit": {"points": ["relu1", "relu2"]},
    "resizable": {
        "scales": [0.5, 1.0],
        "stages": ["relu1"],
        "sampling": "sandwich",
        "samples": 2,
    },
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_labels_are_shares_in_training_and_classes_in_evaluation(
    tmp_path, method, smoothing
):
    network = Network.from_config(
        {
            "name": "tiny",
            "architecture": "tiny",
            "method": method,
            "method_options": METHODS[method],
            "dataset": "synthetic",
            "augment": "flip+cutout+mixup",
            "epochs": 2,
            "batch_size": 64,
            "learning_rate": 0.05,
            "label_smoothing": smoothing,
            "calibration_batches": 2,
        }
    )
    assert network.mixes_labels
    train(network, out_dir=tmp_path, verbose=0)
    history = json.loads((tmp_path / "history.json").read_text())
    losses = [epoch["loss"] for epoch in history]
    assert losses[1] < losses[0]
    accuracies = [v for k, v in history[1].items() if k.endswith("accuracy")]
    assert accuracies and all(0 < accuracy < 1 for accuracy in accuracies)
    results = json.loads((tmp_path / "results.json").read_text())["instances"]
    again = keras.models.load_model(tmp_path / "model.keras")
    assert set(again.instances) == set(results)
    assert all(0 < measured["accuracy"] <= 1 for measured in results.values())

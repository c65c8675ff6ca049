"""A run of a network with exits ends with budgets that are solved and measured."""

import json

import keras
import numpy as np
import pytest

from keras_dynres import data
from keras_dynres.training import train
from keras_dynres.zoo import Network

NETWORK = {
    "name": "tiny",
    "architecture": "tiny",
    "method": "early_exit",
    "method_options": {"points": ["relu1", "relu2"]},
    "dataset": "synthetic",
    "epochs": 2,
    "batch_size": 64,
    "learning_rate": 0.05,
    "held_out": 50,
}


def test_the_end_has_each_exit_and_budgets_measured_on_the_test_images(tmp_path):
    network = Network.from_config(NETWORK)
    model = train(network, out_dir=tmp_path, verbose=0)
    # 462 images are trained on, in 7 batches.
    assert int(model.optimizer.iterations) == 2 * 7
    results = json.loads((tmp_path / "results.json").read_text())
    test = list(data.load("synthetic", "test", batch_size=128).as_numpy_iterator())[0]
    again = keras.models.load_model(tmp_path / "model.keras")
    for name, out in zip(model.instances, again.every_exit(test[0]), strict=True):
        accuracy = np.mean(out.argmax(-1) == test[1])
        assert results["instances"][name]["accuracy"] == pytest.approx(
            accuracy, abs=1e-6
        )
    assert "uniform" not in results
    solved = results["budgets"]["solved"]
    costs = np.array(model.exit_costs())
    assert len(again.policies) == len(solved) > 1
    assert "last 50 training images" in results["budgets"]["images"]
    for policy, row in zip(again.policies, solved, strict=True):
        assert policy.held_out["count"] == 50
        assert row["held_out_cost"] <= row["budget"] == policy.budget
        outputs, left = again.predict_dynamic(test[0], policy, return_exits=True)
        assert row["macs"] == round(costs[left].mean())
        assert row["accuracy"] == np.mean(outputs.argmax(-1) == test[1])


def test_a_network_that_holds_out_nothing_solves_nothing(tmp_path):
    network = Network.from_config({**NETWORK, "held_out": 0, "epochs": 1})
    model = train(network, out_dir=tmp_path, verbose=0)
    results = json.loads((tmp_path / "results.json").read_text())
    assert "budgets" not in results and not model.policies

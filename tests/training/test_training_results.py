"""What the end of a training compares the statistics of instances with."""

import numpy as np
import pytest

from keras_dynres import data
from keras_dynres.training import build
from keras_dynres.training.results import finish
from keras_dynres.zoo import Network

IMAGES = {"name": "synthetic", "data_dir": None, "batch_size": 64}


def finished(statistics, folder):
    network = Network.from_config(
        {
            "name": "tiny",
            "architecture": "tiny",
            "method": "resizable",
            "method_options": {
                "scales": [0.5, 1.0],
                "stages": ["relu1", "relu2"],
                "statistics": statistics,
            },
            "dataset": "synthetic",
            "epochs": 1,
            "calibration_batches": 2,
        }
    )
    model = build(network)
    return model, finish(model, network, IMAGES, folder, history=[], verbose=0)


def test_finer_statistics_stand_beside_the_next_coarser_ones(tmp_path):
    model, results = finished("configuration", tmp_path)
    assert set(results["instances"]) == set(results["scale"]) == set(model.instances)
    test = list(data.load("synthetic", "test", batch_size=128).as_numpy_iterator())[0]
    for name in model.instances:
        right = model.at(name).predict(test[0], verbose=0).argmax(-1) == test[1]
        accuracy = results["instances"][name]["accuracy"]
        assert accuracy == pytest.approx(np.mean(right), abs=1e-6)


def test_statistics_that_training_made_are_kept(tmp_path):
    model, results = finished("scale", tmp_path)
    assert "uniform" not in results and not model.is_calibrated("full")
    assert (model.slots["bn3/0.5"].moving_mean.numpy() == 0).all()


def test_statistics_of_few_steps_are_computed_anew(tmp_path):
    config = {"name": "tiny", "architecture": "tiny", "dataset": "synthetic"}
    network = Network.from_config({**config, "epochs": 1, "calibration_batches": 2})
    model = build(network)
    norm = model.base.get_layer("bn1")
    assert (norm.moving_mean.numpy() == 0).all()
    results = finish(model, network, IMAGES, tmp_path, history=[], verbose=0)
    assert model.is_calibrated("full") and (norm.moving_mean.numpy() != 0).all()
    assert set(results["instances"]) == {"full"}

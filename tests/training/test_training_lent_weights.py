"""Training that begins with the weights of a network of the zoo."""

import functools

import numpy as np
import pytest

from keras_dynres import zoo
from keras_dynres.errors import DynresError
from keras_dynres.training import Recipe, build

CONFIG = {
    "architecture": "tiny",
    "dataset": "synthetic",
    "epochs": 4,
}


def test_a_recipe_may_start_from_a_network_of_the_zoo(monkeypatch):
    monkeypatch.setattr(zoo, "load", functools.cache(zoo.load))
    name = "sdpoint_wrn16_2_cifar10"
    same = {"depth": 16, "width": 2, "classes": 10, "input_shape": [32, 32, 3]}
    config = {**CONFIG, "name": "warm", "starts_from": name, "method": "plain"}
    config["method_options"] = {}
    like = {"architecture": "wide_resnet", "architecture_options": same}
    model = build(Recipe.from_config({**config, **like}))
    lender = zoo.load(name).base
    assert len(model.base.weights) == len(lender.weights)
    for weight, lent in zip(model.base.weights, lender.weights, strict=True):
        np.testing.assert_array_equal(weight, lent)
    with pytest.raises(DynresError, match="base of 'sdpoint_wrn16_2.* another network"):
        build(Recipe.from_config(config))
    with pytest.raises(DynresError, match="Did you mean 'sdpoint_wrn16_2_cifar10'"):
        build(Recipe.from_config({**config, "starts_from": "sdpoint_wrn16_2_cifar"}))

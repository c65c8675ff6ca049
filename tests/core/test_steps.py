"""What training says before its first steps."""

import contract
import keras
import pytest

import keras_dynres as kd


@pytest.fixture
def fit():
    model = kd.SDPoint(contract.base())
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = contract.images(4), contract.labels(4)
    return lambda **options: model.fit(x, y, batch_size=4, **options)


@pytest.mark.backends
def test_training_says_once_that_instances_compile(fit, capsys):
    fit(verbose=2)
    assert "Compiling 7 instances" in capsys.readouterr().out
    fit(verbose=2)
    assert "Compiling" not in capsys.readouterr().out


def test_silent_training_says_nothing(fit, capsys):
    fit(verbose=0)
    assert capsys.readouterr().out == ""

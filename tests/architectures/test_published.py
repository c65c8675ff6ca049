"""Parameters to the last one, and FLOPs, as published for each network."""

import gc

import keras
import pytest

from keras_dynres import architectures, cost

IMAGENET = {"input_shape": (224, 224, 3), "classes": 1000}
WIDE = {"width": 64, "input_shape": (32, 32, 3), "classes": 10}
DENSE_HEAD = {**IMAGENET, "head": "dense"}


@pytest.fixture(autouse=True)
def _no_random_weights(monkeypatch):
    """Only shapes matter here: zeros are made faster than random numbers."""

    def zeros(self, shape, dtype=None):
        return keras.ops.zeros(shape, dtype)

    for kind in ("VarianceScaling", "GlorotUniform"):
        monkeypatch.setattr(getattr(keras.initializers, kind), "__call__", zeros)
    yield
    gc.collect()  # Models are cycles: hundreds of megabytes would wait for it.


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("resnet", {"depth": 18}, 11_689_512),
        ("resnet", {"depth": 34}, 21_797_672),
        ("resnet", {"depth": 152}, 60_192_808),
        ("resnext", {"depth": 50}, 25_028_904),
        ("densenet_bc", {"depth": 121, **IMAGENET}, 7_978_856),
        ("densenet_bc", {"depth": 161, **IMAGENET}, 28_681_000),
        ("vgg", {"depth": 11, **DENSE_HEAD}, 132_868_840),
        ("vgg", {"depth": 16, **DENSE_HEAD}, 138_365_992),
    ],
)
def test_parameters_of_the_public_weights(name, options, parameters):
    assert cost.count(architectures.create(name, **options)).params == parameters


@pytest.mark.parametrize(
    ("name", "options", "parameters", "gflops"),
    [
        ("resnet", {"depth": 50}, 25_557_032, 8.218),
        ("preresnet", {"depth": 101}, 44_549_288, 15.661),
        ("resnext", {"depth": 101}, 44_177_704, 16.013),
    ],
)
def test_imagenet_costs(name, options, parameters, gflops):
    counted = cost.count(architectures.create(name, **options))
    assert counted.params == parameters
    assert counted.flops / 1e9 == pytest.approx(gflops, rel=1e-3)


# Where the paper only prints millions, cut or rounded: within the last digit.
@pytest.mark.parametrize(
    ("name", "options", "parameters", "within", "gflops"),
    [
        ("wide_resnet", {"depth": 28, "width": 10}, 36_479_194, 0, 10.5),
        ("wide_resnet", {"depth": 40, "width": 4}, 8_949_210, 0, 2.6),
        ("densenet_bc", {"depth": 40, "growth": 60}, 4.3e6, 1e5, 3.6),
        ("resnext", {"depth": 29, "cardinality": 8, **WIDE}, 34.4e6, 1e5, 10.8),
        ("resnext", {"depth": 29, "cardinality": 16, **WIDE}, 68.1e6, 1e5, 21.4),
    ],
)
def test_cifar_costs_as_the_table_prints_them(
    name, options, parameters, within, gflops
):
    counted = cost.count(architectures.create(name, **options))
    assert abs(counted.params - parameters) <= within
    assert abs(counted.flops / 1e9 - gflops) < 0.05

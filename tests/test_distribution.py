"""All replicas run one instance, and the result is one device's."""

import contract
import keras
import numpy as np
import pytest

pytestmark = pytest.mark.backends

# A step of one instance, and a step of several.
METHODS = {"sdpoint": {}, "resizable": {"scales": [0.5, 1.0]}}
TRAIN = """
import json, sys
arguments = json.loads(sys.argv[1])
sys.path.insert(0, arguments["tests"])
import contextlib, numpy as np, keras
{setup}
import contract, keras_dynres as kd
x, y = contract.images(16), contract.labels(16)
if arguments["repeat"]:  # Each replica is given what the single device is given.
    fold = lambda a: np.concatenate(
        [part for i in range(0, 16, 4) for part in (a[i:i + 4], a[i:i + 4])]
    )
    x, y = fold(x), fold(y)
with scope:
    keras.utils.set_random_seed(0)
    name, options = arguments["method"]
    model = kd.methods.create(name, contract.base(), **options)
    contract.compiled(model, jit_compile=arguments["jit"])
model.fit(x, y, batch_size=arguments["batch"], shuffle=False, verbose=0)
drawn = [model.instances_at_step(s) for s in range(4)]
weights = [np.asarray(keras.ops.convert_to_tensor(w)) for w in model.base.weights]
print(json.dumps({{"drawn": drawn, "weights": [w.tolist() for w in weights]}}))
"""
ONE = "scope = contextlib.nullcontext()"
MIRRORED = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
scope = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope()
"""
SHARDED = """
scope = contextlib.nullcontext()
assert len(keras.distribution.list_devices()) == 2
keras.distribution.set_distribution(keras.distribution.DataParallel())
"""


def trained(setup, backend, **arguments):
    tests = str(contract.__file__).rsplit("/", 1)[0]
    code = TRAIN.format(setup=setup)
    return contract.python(code, backend, tests=tests, **arguments)


def assert_same(one, two):
    assert one["drawn"] == two["drawn"]
    assert len({name for names in one["drawn"] for name in names}) > 2
    for a, b in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4, rtol=2e-3)


@pytest.mark.tensorflow
@pytest.mark.parametrize("method", METHODS.items(), ids=METHODS)
def test_mirrored_strategy(method):
    common = {"method": method, "jit": False}
    one = trained(ONE, "tensorflow", batch=4, repeat=False, **common)
    two = trained(MIRRORED, "tensorflow", batch=8, repeat=True, **common)
    assert_same(one, two)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="needs KERAS_BACKEND=jax")
@pytest.mark.parametrize("method", METHODS.items(), ids=METHODS)
def test_data_parallel(method):
    common = {"method": method, "batch": 4, "repeat": False, "jit": True}
    one = trained(ONE, "jax", **common)
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    two = trained(SHARDED, "jax", environment=flags, **common)
    assert_same(one, two)

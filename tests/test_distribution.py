"""All replicas run one instance, and the result is one device's."""

import contract
import keras
import numpy as np
import pytest

pytestmark = pytest.mark.backends

# A step of one instance, and a step of several.
METHODS = {
    "sdpoint": {"ratios": [0.5]},
    "resizable": {"scales": [0.5, 1.0]},
}
# Every method on one device, then on two, in one process that sees two.
TRAIN = """
import json, sys
arguments = json.loads(sys.argv[1])
sys.path.insert(0, arguments["tests"])
import contextlib, numpy as np, keras
{setup}
import contract, small_nets, keras_dynres as kd

def base():  # Two blocks are enough: three instances of points, four of scales.
    images, x = small_nets.features()
    x = keras.layers.Conv2D(6, 3, activation="relu", padding="same")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, keras.layers.Dense(4)(x))

def trained(name, options, scope, x, y, batch):
    with scope():
        keras.utils.set_random_seed(0)
        model = kd.methods.create(name, base(), **options)
        contract.compiled(model, jit_compile=arguments["jit"])
    model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)
    drawn = [model.instances_at_step(s) for s in range(4)]
    weights = [np.asarray(keras.ops.convert_to_tensor(w)) for w in model.base.weights]
    devices = ({devices})(model.base.weights[0].value)
    weights = [w.tolist() for w in weights]
    return {{"drawn": drawn, "weights": weights, "devices": devices}}

x, y = contract.images(16), contract.labels(16)
one = {{
    name: trained(name, options, contextlib.nullcontext, x, y, batch=4)
    for name, options in arguments["methods"].items()
}}
{two}
two = {{
    name: trained(name, options, scope, x, y, batch)
    for name, options in arguments["methods"].items()
}}
print(json.dumps({{name: [one[name], two[name]] for name in one}}))
"""
MIRRORED = {
    "setup": """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
logical = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, logical)
""",
    "devices": "lambda value: len(getattr(value, 'values', [value]))",
    # Each replica is given what the single device is given.
    "two": """
fold = lambda a: np.concatenate(
    [part for i in range(0, 16, 4) for part in (a[i:i + 4], a[i:i + 4])]
)
x, y, batch = fold(x), fold(y), 8
scope = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope
""",
}
SHARDED = {
    "setup": "",
    "devices": "lambda value: len(value.sharding.device_set)",
    "two": """
scope, batch = contextlib.nullcontext, 4
assert len(keras.distribution.list_devices()) == 2
keras.distribution.set_distribution(keras.distribution.DataParallel())
""",
}


def trained(script, backend, **arguments):
    tests = str(contract.__file__).rsplit("/", 1)[0]
    code = TRAIN.format(**script)
    return contract.python(code, backend, tests=tests, methods=METHODS, **arguments)


def assert_same(results):
    assert list(results) == list(METHODS)
    for one, two in results.values():
        assert (one["devices"], two["devices"]) == (1, 2)
        assert one["drawn"] == two["drawn"]
        assert len({name for names in one["drawn"] for name in names}) > 2
        for a, b in zip(one["weights"], two["weights"], strict=True):
            np.testing.assert_allclose(a, b, atol=2e-4, rtol=2e-3)


@pytest.mark.tensorflow
def test_mirrored_strategy():
    assert_same(trained(MIRRORED, "tensorflow", jit=False))


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="needs KERAS_BACKEND=jax")
def test_data_parallel():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    assert_same(trained(SHARDED, "jax", environment=flags, jit=True))

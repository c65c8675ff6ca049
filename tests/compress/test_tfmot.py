"""tensorflow-model-optimization on a twin, and its weights in the shared network."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from small_nets import CLASSES, SIZE, map_net, row_net

import keras_dynres as kd
from keras_dynres import compress, exits
from keras_dynres.compress.bridge import Bridge

pytest.importorskip("tensorflow_model_optimization", exc_type=ImportError)
pytestmark = pytest.mark.tensorflow
IMAGES = np.random.default_rng(0).normal(size=(24, SIZE, SIZE, 3)).astype("float32")
LABELS = (np.arange(24) % CLASSES).astype("int32")
DATA = (IMAGES, LABELS)
FEW = {"epochs": 1, "batch_size": 8, "verbose": 0}


def network():
    keras.utils.set_random_seed(0)
    return kd.SDPoint(row_net(), ratios=(0.5,))


def kernels(model):
    return [
        np.asarray(layer.kernel)
        for layer in model.base.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]


def share_of_zeros(model):
    """Of the kernels of all convolutions and classifiers together."""
    layers = [layer for layer in model.base.layers if hasattr(layer, "kernel")]
    values = [np.ravel(layer.kernel) for layer in layers]
    return (np.concatenate(values) == 0).mean()


BASES = {
    "wide_resnet": lambda a: a.wide_resnet(10, 1, input_shape=(16, 16, 3)),
    "densenet_bc": lambda a: a.densenet_bc(10, 4, input_shape=(16, 16, 3)),
    "mobilenet_v1": lambda a: a.mobilenet_v1(0.25, input_shape=(32, 32, 3)),
    "mobilenet_v2": lambda a: a.mobilenet_v2(0.25, input_shape=(32, 32, 3)),
    "vgg": lambda a: a.vgg(11, input_shape=(32, 32, 3)),
    "resnet": lambda a: a.resnet(8, input_shape=(16, 16, 3)),
    "msdnet": lambda a: (
        kd.MSDNet(
            "cifar_budget10",
            input_shape=(16, 16, 3),
            steps=(1, 1),
            channels=4,
            growth=2,
        ).base
    ),
    "keras": lambda a: keras.applications.MobileNetV2(
        (32, 32, 3), 0.35, weights=None, classes=4
    ),
}


@pytest.mark.parametrize("name", BASES)
def test_the_twin_computes_the_same(name):
    base = kd.graph.flatten(BASES[name](kd.architectures))
    rng = np.random.default_rng(0)
    for weight in base.weights:  # Statistics too: at their start they do nothing.
        weight.assign(np.asarray(weight) + 0.1 * rng.random(weight.shape))
    images = rng.normal(size=(2, *base.input_shape[1:])).astype("float32")
    expected = keras.tree.flatten(base(images, training=False))
    outputs = keras.tree.flatten(Bridge(base).net(images, training=False))
    for one, other in zip(expected, outputs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_pruned_weights_are_every_instances():
    model = network()
    model.calibrate(IMAGES, verbose=0)
    before = kernels(model)
    compress.prune(model, DATA, sparsity=0.6, **FEW)
    after = kernels(model)
    zeros = {kernel.size: (kernel == 0).mean() for kernel in after}
    smallest, *_, largest = [zeros[size] for size in sorted(zeros)]
    assert smallest < largest
    assert abs(share_of_zeros(model) - 0.6) < 0.02
    assert all((kernel != old).any() for kernel, old in zip(after, before, strict=True))
    with pytest.raises(kd.NotCalibratedError):
        model.at("p1@0.5")
    model.calibrate(IMAGES, verbose=0)
    assert np.isfinite(model.at("p1@0.5").predict(IMAGES[:2], verbose=0)).all()
    names = {layer.name for layer in model.base.layers}
    assert {layer.name for layer in model.at("full").layers} <= names | {"images"}


def test_a_kernels_scale_says_nothing_about_its_zeros():
    shares = []
    for scale in (1, 30):
        model = network()
        kernel = model.base.get_layer("b_conv").kernel
        kernel.assign(kernel * scale)
        compress.prune(model, DATA, learning_rate=1e-9, **FEW)
        shares.append([(kernel == 0).mean() for kernel in kernels(model)])
    np.testing.assert_allclose(*shares, atol=0.01)


def test_clustered_kernels_have_a_few_values():
    model = network()
    compress.cluster(model, DATA, clusters=8, **FEW)
    sizes = [len(np.unique(kernel)) for kernel in kernels(model)]
    assert max(sizes) <= 8


def test_values_that_thousands_share_do_not_leap():
    x = keras.Input((SIZE, SIZE, 3))
    y = keras.layers.Conv2D(64, 3, activation="relu")(x)
    y = keras.layers.Conv2D(64, 3, activation="relu")(y)
    y = keras.layers.GlobalAveragePooling2D()(y)
    model = kd.Plain(keras.Model(x, keras.layers.Dense(CLASSES)(y)))
    before = kernels(model)
    compress.cluster(model, DATA, learning_rate=0.03, epochs=4, verbose=0)
    for old, new in zip(before, kernels(model), strict=True):
        assert np.square(new - old).sum() < 0.03 * np.square(old).sum()


def test_several_exits_are_trained_together():
    model = kd.MSDNet(
        "cifar_budget10",
        input_shape=(SIZE, SIZE, 3),
        classes=CLASSES,
        steps=(1, 1),
        channels=4,
        growth=2,
    )
    compress.prune(model, DATA, **FEW)
    assert len(exits.names_of(model)) == 2
    assert abs(share_of_zeros(model) - 0.6) < 0.02


def test_one_instance_becomes_an_int8_file(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    model = network()
    model.calibrate(IMAGES, verbose=0)
    kept = kernels(model)
    path = compress.quantized_file(
        model, DATA, tmp_path / "net.tflite", "p1@0.5", learning_rate=1e-4, **FEW
    )
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]
    row = interpreter.get_output_details()[0]["index"]
    interpreter.set_tensor(place, IMAGES[:1])
    interpreter.invoke()
    expected = model.at("p1@0.5").predict(IMAGES[:1], verbose=0)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(interpreter.get_tensor(row), expected, atol=scale / 4)
    kinds = {detail["dtype"].__name__ for detail in interpreter.get_tensor_details()}
    assert "int8" in kinds
    for kernel, old in zip(kernels(model), kept, strict=True):
        np.testing.assert_array_equal(kernel, old)


def test_importing_it_leaves_the_process_as_it_was():
    script = (
        "import os, numpy as np, keras, keras_dynres as kd, tensorflow as tf\n"
        "from small_nets import row_net\n"
        "model = kd.Plain(row_net())\n"
        "data = np.zeros((4, 16, 16, 3), 'float32'), np.zeros(4, 'int32')\n"
        "kd.compress.prune(model, data, epochs=1, batch_size=4, verbose=0)\n"
        "assert 'TF_USE_LEGACY_KERAS' not in os.environ\n"
        "assert tf.keras.__version__ == keras.__version__\n"
        "model.compile('sgd', 'mse'); model.predict(data[0], verbose=0)\n"
    )
    tests = Path(__file__).parents[1]
    path = os.pathsep.join(map(str, [tests, tests.parent]))
    environment = {**os.environ, "PYTHONPATH": path}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def shuffled():
    return kd.Plain(kd.architectures.shufflenet_v2(1.0, input_shape=(32, 32, 3)))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: compress.prune(network(), DATA, 1.5), "0 and 1.*sparsity=1.5"),
        (lambda: compress.cluster(network(), DATA, 1), "clusters=1"),
        (lambda: compress.prune(row_net(), DATA), "DynamicModel.*Functional"),
        (lambda: compress.quantized_file(row_net(), DATA, "x"), "DynamicModel"),
        (lambda: compress.prune(shuffled(), DATA), "stock layers.*ChannelShuffle"),
        (lambda: compress.prune(kd.Plain(map_net()), DATA), "needs a loss"),
        (lambda: compress.prune(network(), IMAGES, verbose=0), "needs labels"),
        (
            lambda: compress.prune(network(), iter([DATA]), verbose=0),
            "not known.*iterator",
        ),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises(kd.DynresError, match=sentence):
        call()


def test_weights_that_are_not_finite_are_not_taken():
    model = network()
    before = kernels(model)
    with pytest.raises(kd.DynresError, match="not finite.*lower the learning rate"):
        compress.prune(model, (IMAGES * np.nan, LABELS), **FEW)
    for kernel, old in zip(kernels(model), before, strict=True):
        np.testing.assert_array_equal(kernel, old)

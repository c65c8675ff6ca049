"""What the networks for phones compute, and where they may be resized."""

import functools
import re

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import architectures, cost, graph
from keras_dynres.architectures import _blocks, _shuffle
from keras_dynres.architectures.mobilenet_v2 import _block

WIDTHS = {
    "mobilenet_v1": {"width": 0.25},
    "mobilenet_v2": {"width": 0.35},
    "shufflenet_v2": {"width": 0.5},
    "efficient_resizable": {},
}
# How the last layer of each block ends.
ENDS = {
    "mobilenet_v1": "_relu2",
    "mobilenet_v2": "_(add|bn3)",
    "shufflenet_v2": "_shuffle",
    "efficient_resizable": "_shuffle",
}


def build(name, size=32, **options):
    options = {**WIDTHS[name], **options}
    return architectures.create(name, input_shape=(size, size, 3), **options)


def units(size=8, classes=3):
    """A small net of every kind of unit: 6 channels, 16 at half the size, 16."""
    gated = functools.partial(_shuffle.gated_branch, _shuffle.xception_branch)
    inputs = keras.Input((size, size, 3))
    x = _blocks.conv(inputs, 6, 3, "stem_conv")
    x = _shuffle.unit(x, 16, 2, "strided", _shuffle.shuffle_branch, kernel=5)
    x = _shuffle.unit(x, 16, 1, "plain", _shuffle.shuffle_branch)
    x = _shuffle.unit(x, 16, 1, "gated", gated)
    x = _shuffle.unit(x, 24, 1, "wider", _shuffle.shuffle_branch, shortcut=12)
    return disturb(keras.Model(inputs, _blocks.head(x, classes)))


def disturb(model):
    """Gives every batch norm and bias numbers of its own."""
    draw = np.random.default_rng(2)
    for variable in model.weights:
        if len(variable.shape) == 1:
            variable.assign(draw.uniform(0.5, 1.5, variable.shape))
    return model


def images(size=8, count=8):
    draw = np.random.default_rng(0)
    return draw.normal(size=(count, size, size, 3)).astype("float32")


class Arithmetic:
    """The layers of a block once more, as sums in float64."""

    def __init__(self, model, block):
        self.weights = {
            layer.name.removeprefix(f"{block}_"): [
                np.asarray(w, "float64") for w in layer.weights
            ]
            for layer in model.layers
            if layer.name.startswith(f"{block}_")
        }

    def norm(self, x, name):
        gamma, beta, mean, variance = self.weights[name]
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def mix(self, x, conv, norm):
        return np.maximum(self.norm(x @ self.weights[conv][0][0, 0], norm), 0)

    def depthwise(self, x, name, norm, stride=1):
        kernel = self.weights[name][0][..., 0]
        edge = len(kernel) // 2
        padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
        sides = [(side - 1) // stride + 1 for side in x.shape[1:3]]
        y = np.zeros((len(x), *sides, x.shape[-1]))
        for i, j in np.ndindex(*sides):
            top, left = stride * i, stride * j
            window = padded[:, top : top + len(kernel), left : left + len(kernel)]
            y[:, i, j] = (window * kernel).sum(axis=(1, 2))
        return self.norm(y, norm)

    def passed(self, x, stride):
        y = self.depthwise(x, "shortcut_depthwise", "shortcut_bn1", stride)
        return self.mix(y, "shortcut", "shortcut_bn2")

    def shuffle_path(self, x, stride=1):
        y = self.mix(x, "conv1", "bn1")
        return self.mix(self.depthwise(y, "depthwise", "bn2", stride), "conv2", "bn3")

    def xception_path(self, x):
        for i in (1, 2, 3):
            x = self.depthwise(x, f"depthwise{i}", f"depthwise_bn{i}")
            x = self.mix(x, f"conv{i}", f"bn{i}")
        return x

    def gate(self, x):
        squeeze, bias = self.weights["se_conv1"]
        excite, offset = self.weights["se_conv2"]
        y = np.maximum(x.mean(axis=(1, 2)) @ squeeze[0, 0] + bias, 0)
        factor = 1 / (1 + np.exp(-(y @ excite[0, 0] + offset)))
        return x * factor[:, None, None]


def interleaved(kept, made):
    """The published shuffle: one channel of each half of the joined in turn."""
    joined = np.concatenate([kept, made], axis=-1)
    half = joined.shape[-1] // 2
    return joined[..., [i + half * group for i in range(half) for group in (0, 1)]]


@pytest.mark.backends
@pytest.mark.parametrize("size", [7, 8])
def test_units_are_the_published_ones(size):
    """The split, the work on one half, the strided padding, gate and shuffle."""
    model = units(size)
    names = ["stem_conv", *(f"{u}_shuffle" for u in ("strided", "plain", "gated"))]
    maps = keras.Model(model.input, [model.get_layer(n).output for n in names])
    x, *outputs = maps.predict_on_batch(images(size, 2))

    work = Arithmetic(model, "strided")
    strided = interleaved(work.passed(x, 2), work.shuffle_path(x, 2))
    assert strided.shape == (2, 4, 4, 16)
    assert work.passed(x, 2).shape[-1] == 6  # as many as came in
    half = strided[..., 8:]
    plain = interleaved(strided[..., :8], Arithmetic(model, "plain").shuffle_path(half))
    work = Arithmetic(model, "gated")
    made = work.gate(work.xception_path(plain[..., 8:]))
    expected = [strided, plain, interleaved(plain[..., :8], made)]
    for output, wanted in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(output, wanted, rtol=5e-3, atol=5e-3)


@pytest.mark.backends
def test_an_inverted_residual_block():
    inputs = keras.Input((8, 8, 4))
    model = disturb(keras.Model(inputs, _block(inputs, 4, 1, 6, "block")))
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    work = Arithmetic(model, "block")
    y = np.clip(work.norm(x @ work.weights["conv1"][0][0, 0], "bn1"), 0, 6)
    assert y.shape[-1] == 24
    y = np.clip(work.depthwise(y, "depthwise", "bn2"), 0, 6)
    y = work.norm(y @ work.weights["conv2"][0][0, 0], "bn3")
    output = model.predict_on_batch(x)
    np.testing.assert_allclose(output, x + y, rtol=2e-3, atol=2e-3)


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize(
    ("name", "blocks", "small", "large"),
    [
        ("mobilenet_v1", [1, 2, 2, 6, 2], [32, 32, 16, 8, 4], [32, 16, 8, 4, 2]),
        ("mobilenet_v2", [1, 2, 3, 7, 4], [32, 32, 16, 8, 4], [32, 16, 8, 4, 2]),
        ("shufflenet_v2", [4, 8, 4], [16, 8, 4], [8, 4, 2]),
        ("efficient_resizable", [4, 4, 8, 4], [32, 16, 8, 4], [16, 8, 4, 2]),
    ],
)
def test_blocks_end_in_bottlenecks_of_their_stages_size(name, blocks, small, large):
    for size, sides in ((32, small), (64, large)):
        stages = {}
        for call in graph.bottlenecks(build(name, size, classes=2)):
            end = re.fullmatch(rf"stage(\d)_block\d{ENDS[name]}", call.name)
            if end:
                stages.setdefault(end[1], []).append(call.outputs[0].shape[1])
        wanted = [[side] * count for side, count in zip(sides, blocks, strict=True)]
        assert list(stages.values()) == wanted


def test_a_map_of_another_size_goes_through_the_same_layers():
    model = units()
    resized = graph.rewire(
        model, {"plain_shuffle": graph.after(keras.layers.Resizing(3, 2))}
    )
    maps = {c.name: c.outputs[0].shape[1:3] for c in graph.calls(resized)}
    assert maps["plain_shuffle"] == (4, 4)
    assert maps["gated_shuffle"] == maps["wider_shuffle"] == (3, 2)
    assert cost.count(resized).macs < cost.count(model).macs
    assert np.isfinite(resized.predict_on_batch(images())).all()


@pytest.mark.backends
def test_a_method_trains_calibrates_saves_and_loads_such_a_net(tmp_path):
    model = kd.SDPoint(units(), ratios=(0.5,), points=["plain_concat"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss)
    assert np.isfinite(model.train_on_batch(images(), np.arange(8) % 3))
    model.calibrate(images(), verbose=0)
    model.save(tmp_path / "net.keras")
    twin = keras.saving.load_model(tmp_path / "net.keras")
    for name in model.instances:
        expected, logits = (np.asarray(m.at(name)(images())) for m in (model, twin))
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.tensorflow
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_xnnpack_runs_every_operator(precision):
    from keras_dynres.tflite import checks, convert

    model = units()
    data = convert.convert({"full": model}, precision, images())
    assert checks.check_signature(data, "full", model, images(), precision).whole

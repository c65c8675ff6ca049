"""Blocks of the published code: outputs, densities, losses and gradients reproduced.

The fixture holds weights, an input and the uniform noise that was drawn, with what the
published code made of them: in training at temperature 0.7, at inference at 0.03, where
it keeps a sampled point's soft value.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

import keras_dynres as kd
from keras_dynres.layers import DeformableConv2D

PATH = Path(__file__).parents[1] / "fixtures" / "sampled_blocks.npz"
CASES = {
    # Blocks, stride, dilation, grid, offsets.
    "plain": (2, 1, 1, 11, None),
    "stride2": (2, 2, 1, 5, None),
    "dilated": (1, 1, 2, 11, None),
    "deform": (2, 1, 1, 11, "plain"),
    "deform_stride2": (1, 2, 1, 11, "plain"),
    "modulated": (1, 1, 1, 11, "modulated"),
}
PLANES = 4
layers = keras.layers


@pytest.fixture(scope="module")
def published():
    with np.load(PATH) as content:
        return dict(content)


class Case:
    """A case of the fixture, and the same network here."""

    def __init__(self, published, name):
        blocks, stride, dilation, grid, offsets = CASES[name]
        prefix = f"{name}/"
        self.values = {
            key[len(prefix) :]: value
            for key, value in published.items()
            if key.startswith(prefix)
        }
        self.images = channels_last(self.values["input"])
        x = images = keras.Input(self.images.shape[1:])
        for block in range(blocks):
            first = block == 0
            x = bottleneck(x, block, stride if first else 1, dilation, offsets)
        self.model = kd.Sampled(
            keras.Model(images, x),
            densities=[0.5],
            window=7,
            grid=grid,
            sparse_loss=blocks,  # It is divided by them.
            freeze_norms=True,
        )
        self.load(blocks)

    def load(self, blocks):
        weights = {
            key.removeprefix("weights/"): value
            for key, value in self.values.items()
            if key.startswith("weights/")
        }
        base = self.model.base
        for block in range(blocks):
            for number in (1, 2, 3):
                kernel = weights[f"{block}.conv{number}.weight"]
                base.get_layer(f"b{block}_conv{number}").set_weights(
                    [as_kernel(kernel)]
                )
                load_norm(
                    base.get_layer(f"b{block}_bn{number}"), weights, block, number
                )
            if f"{block}.downsample.0.weight" in weights:
                kernel = as_kernel(weights[f"{block}.downsample.0.weight"])
                base.get_layer(f"b{block}_shortcut").set_weights([kernel])
                norm = base.get_layer(f"b{block}_shortcut_bn")
                names = "weight", "bias", "running_mean", "running_var"
                norm.set_weights([weights[f"{block}.downsample.1.{n}"] for n in names])
            if f"{block}.conv2_offset.weight" in weights:
                kernel = as_kernel(weights[f"{block}.conv2_offset.weight"])
                bias = weights[f"{block}.conv2_offset.bias"]
                base.get_layer(f"b{block}_offset").set_weights([kernel, bias])
        for part, block in zip(self.model.sampled_parts, range(blocks), strict=True):
            heads = [
                (
                    as_kernel(weights[f"{block}.conv{n}_mask.weight"]),
                    weights[f"{block}.conv{n}_mask.bias"],
                )
                for n in (1, 2)
            ]
            if len(part.heads) == 1:
                kernels, biases = zip(*heads, strict=True)
                heads = [(np.concatenate(kernels, -1), np.concatenate(biases))]
            for head, values in zip(part.heads.values(), heads, strict=True):
                head.set_weights(values)
            for number, fill in enumerate(part.fills, 1):
                fill.width.assign(weights[f"{block}.conv{number}_sigma"])

    def draw(self, part, temperature):
        """Lets the masks draw the published noise, at the published temperature."""
        for place, mask in enumerate(self.model.masks):
            draws = [
                channels_last(self.values[f"{part}/uniform_{2 * place + i}"])
                for i in (0, 1)
            ]
            mask.uniform = Draws(draws)
            mask.follow(lambda: temperature)

    def graph(self):
        return self.model.at("sampled", training=True)


class Draws:
    """Two draws in turn, however often a graph is traced."""

    def __init__(self, draws):
        self._draws, self._turn = draws, 0

    def __call__(self, shape):
        self._turn += 1
        return ops.convert_to_tensor(self._draws[(self._turn - 1) % 2])


def bottleneck(x, block, stride, dilation, offsets):
    name = f"b{block}"
    y = layers.Conv2D(PLANES, 1, use_bias=False, name=f"{name}_conv1")(x)
    y = layers.ReLU()(norm(y, f"{name}_bn1"))
    if offsets is None:
        y = layers.ZeroPadding2D(dilation, name=f"{name}_pad")(y)
        y = layers.Conv2D(
            *(PLANES, 3, stride),
            dilation_rate=dilation,
            use_bias=False,
            name=f"{name}_conv2",
        )(y)
    else:
        modulated = offsets == "modulated"
        around = layers.ZeroPadding2D(1, name=f"{name}_offset_pad")(x)
        channels = 27 if modulated else 18
        moved = layers.Conv2D(channels, 3, stride, name=f"{name}_offset")(around)
        y = DeformableConv2D(
            *(PLANES, 3, stride, "same"),
            modulated=modulated,
            use_bias=False,
            name=f"{name}_conv2",
        )([y, moved])
    y = layers.ReLU()(norm(y, f"{name}_bn2"))
    y = layers.Conv2D(4 * PLANES, 1, use_bias=False, name=f"{name}_conv3")(y)
    y = norm(y, f"{name}_bn3")
    if stride > 1:
        x = layers.Conv2D(
            4 * PLANES, 1, stride, use_bias=False, name=f"{name}_shortcut"
        )(x)
        x = norm(x, f"{name}_shortcut_bn")
    return layers.ReLU()(layers.Add(name=f"{name}_add")([x, y]))


def norm(x, name):
    return layers.BatchNormalization(epsilon=1e-5, name=name)(x)


def load_norm(layer, weights, block, number):
    names = "weight", "bias", "running_mean", "running_var"
    layer.set_weights([weights[f"{block}.bn{number}.{name}"] for name in names])


def channels_last(array):
    return np.moveaxis(array, 1, -1)


def as_kernel(array):
    return np.transpose(array, (2, 3, 1, 0))


def assert_near(array, wanted, share):
    """Equal to within a share of the largest value."""
    np.testing.assert_allclose(array, wanted, rtol=0, atol=share * abs(wanted).max())


def kept(mask):
    """The published inference: what is above a half keeps its soft value."""

    def hard(scores, count=None):
        soft = mask.soft(scores, count)
        return soft * ops.cast(soft >= 0.5, soft.dtype)

    return hard


def training_pass(graph, images):
    """(output, sparse loss, gradients by variable, that of the images)."""
    weights = graph.trainable_variables
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        images = tf.constant(images)
        with tf.GradientTape() as tape:
            tape.watch(images)
            output = graph(images, training=True)
            sparse = sum(graph.losses)
            loss = tf.reduce_mean(output**2) + sparse
        *gradients, of_images = tape.gradient(loss, [*weights, images])
        gradients = [None if g is None else g.numpy() for g in gradients]
        return output.numpy(), sparse.numpy(), gradients, of_images.numpy()
    import jax

    def loss(values, images):
        fixed = [v.value for v in graph.non_trainable_variables]
        output, _, losses = graph.stateless_call(
            values, fixed, images, training=True, return_losses=True
        )
        sparse = sum(losses)
        return (output**2).mean() + sparse, (output, sparse)

    values = [v.value for v in weights]
    gradients, (output, sparse) = jax.grad(loss, (0, 1), has_aux=True)(values, images)
    return output, sparse, gradients[0], gradients[1]


@pytest.mark.backends
@pytest.mark.parametrize("name", CASES)
def test_training_equals_the_published_code(published, name):
    case = Case(published, name)
    case.draw("train", 0.7)
    graph = case.graph()
    output, sparse, gradients, of_images = training_pass(graph, case.images)
    values = case.values
    assert_near(output, channels_last(values["train/output"]), 1e-5)
    np.testing.assert_allclose(sparse, values["train/sparse_loss"], rtol=1e-5)
    np.testing.assert_allclose(
        of_images, channels_last(values["train/input_gradient"]), atol=1e-4
    )
    by_weight = {
        id(weight): gradient
        for weight, gradient in zip(graph.trainable_variables, gradients, strict=True)
    }
    for block, part in enumerate(case.model.sampled_parts):
        prefix = f"train/gradient/{block}."
        kernels = [by_weight[id(h.kernel)] for h in part.heads.values()]
        biases = [by_weight[id(h.bias)] for h in part.heads.values()]
        kernels, biases = np.concatenate(kernels, -1), np.concatenate(biases)
        for number in (1, 2):
            np.testing.assert_allclose(
                kernels[..., number - 1 : number],
                as_kernel(values[f"{prefix}conv{number}_mask.weight"]),
                atol=1e-4,
            )
            np.testing.assert_allclose(
                biases[number - 1],
                values[f"{prefix}conv{number}_mask.bias"][0],
                atol=1e-4,
            )
            np.testing.assert_allclose(
                by_weight[id(part.fills[number - 1].width)],
                values[f"{prefix}conv{number}_sigma"],
                atol=1e-4,
            )
        if f"{prefix}conv2_offset.weight" in values:
            offset = case.model.base.get_layer(f"b{block}_offset")
            np.testing.assert_allclose(
                by_weight[id(offset.kernel)],
                as_kernel(values[f"{prefix}conv2_offset.weight"]),
                atol=1e-4,
            )


@pytest.mark.backends
@pytest.mark.parametrize("name", CASES)
def test_inference_equals_the_published_code(published, name):
    case = Case(published, name)
    case.draw("eval", 0.03)
    for mask in case.model.masks:
        mask.hard = kept(mask)
    graph = case.graph()
    probe = keras.Model(
        graph.input,
        [
            graph.output,
            *(
                call.outputs[0]
                for call in kd.graph.calls(graph)
                if isinstance(call.layer, kd.layers.SamplingMask)
            ),
        ],
    )
    output, *masks = map(ops.convert_to_numpy, probe(case.images))
    assert_near(output, channels_last(case.values["eval/output"]), 1e-5)
    densities = [(mask > 0).mean() for mask in masks]
    np.testing.assert_allclose(
        np.reshape(densities, (-1, 2)), case.values["eval/densities"], atol=1e-6
    )

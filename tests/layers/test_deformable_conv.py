import keras
import numpy as np
import pytest
from keras import ops

import keras_dynres as kd
from keras_dynres.layers import DeformableConv2D
from keras_dynres.layers.deformable_conv import tap_coordinates

DRAW = np.random.default_rng(0)


def normal(*shape, scale=1.0):
    return DRAW.normal(scale=scale, size=shape).astype("float32")


def layer_and_inputs(size=(7, 9), channels=4, filters=6, batch=2, reach=2, **options):
    """A layer with a kernel and a bias, images and offsets up to `reach` pixels."""
    layer = DeformableConv2D(filters, 3, **{"padding": "same", **options})
    border = layer.dilation_rate[0] if layer.padding == "same" else 0
    shape = [
        (length + 2 * border - 2 * layer.dilation_rate[0] - 1) // layer.strides[0] + 1
        for length in size
    ]
    images = normal(batch, *size, channels)
    offsets = DRAW.uniform(-reach, reach, (batch, *shape, layer.offset_channels))
    offsets = offsets.astype("float32")
    layer.build([images.shape, offsets.shape])
    layer.set_weights([normal(*weight.shape) for weight in layer.weights])
    return layer, images, offsets


def pixel(image, y, x):
    height, width, channels = image.shape
    inside = 0 <= y < height and 0 <= x < width
    return image[y, x].astype(float) if inside else np.zeros(channels)


def between(image, y, x):
    """Bilinear: every pixel around weighs by how near it is."""
    top, left = int(np.floor(y)), int(np.floor(x))
    return sum(
        (1 - abs(y - row)) * (1 - abs(x - column)) * pixel(image, row, column)
        for row in (top, top + 1)
        for column in (left, left + 1)
    )


def by_hand(layer, images, offsets):
    """The definition, one output position and one tap after the other."""
    kernel, *bias = [np.asarray(weight) for weight in layer.weights]
    taps, groups = kernel.shape[0] * kernel.shape[1], layer.groups
    (stride, _), (dilation, _) = layer.strides, layer.dilation_rate
    border = dilation * (kernel.shape[0] // 2) if layer.padding == "same" else 0
    out = np.zeros((*offsets.shape[:3], layer.filters))
    for b, i, j in np.ndindex(*offsets.shape[:3]):
        for tap in range(taps):
            down, right = offsets[b, i, j, 2 * tap : 2 * tap + 2]
            row, column = divmod(tap, kernel.shape[1])
            y = i * stride - border + row * dilation + down
            x = j * stride - border + column * dilation + right
            read = between(images[b], y, x)
            if layer.modulated:
                read = read / (1 + np.exp(-offsets[b, i, j, 2 * taps + tap]))
            parts = zip(
                np.split(read, groups),
                np.split(kernel[row, column], groups, axis=-1),
                strict=True,
            )
            out[b, i, j] += np.concatenate([part @ weights for part, weights in parts])
    return out + (bias[0] if bias else 0)


@pytest.mark.backends
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": 2, "modulated": True, "use_bias": False},
        {"strides": 2, "size": (8, 6), "dilation_rate": 2},
        {"dilation_rate": 3, "groups": 2, "reach": 20},
        {"dilation_rate": 4, "reach": 20, "padding": "valid", "size": (9, 11)},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_it_is_the_definition(options):
    layer, images, offsets = layer_and_inputs(**options)
    expected = by_hand(layer, images, offsets)
    outputs = layer([images, offsets])
    assert tuple(outputs.shape) == expected.shape
    np.testing.assert_allclose(outputs, expected, atol=2e-5)


@pytest.mark.backends
@pytest.mark.parametrize(("padding", "dilation"), [("same", 2), ("valid", 1)])
def test_without_offsets_it_is_a_convolution(padding, dilation):
    options = {"padding": padding, "dilation_rate": dilation}
    layer, images, offsets = layer_and_inputs(reach=0, **options)
    plain = keras.layers.Conv2D(6, 3, **options)
    plain.build(images.shape)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer([images, offsets]), plain(images), atol=2e-5)


def test_strided_it_pads_alike_on_both_sides():
    layer, images, offsets = layer_and_inputs((8, 8), strides=2, reach=0)
    plain = keras.layers.Conv2D(6, 3, strides=2)
    plain.build(images.shape)
    plain.set_weights(layer.get_weights())
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    np.testing.assert_allclose(layer([images, offsets]), plain(padded), atol=2e-5)


@pytest.mark.backends
def test_some_positions_are_what_all_positions_say():
    layer, images, offsets = layer_and_inputs(strides=2, modulated=True)
    rows, columns = np.array([[3, 0, 1], [2, 2, 0]]), np.array([[4, 1, 1], [0, 3, 2]])
    image = np.arange(2)[:, None]
    some = layer.patches(images, offsets[image, rows, columns], rows, columns)
    assert tuple(some.shape) == (2, 3, 9, 4)
    whole = np.asarray(layer([images, offsets]))
    np.testing.assert_allclose(
        layer.products(some), whole[image, rows, columns], atol=2e-5
    )


class Parts(keras.layers.Layer):
    """Images and offsets as weights, so that a training step moves them too."""

    def __init__(self, layer, images, offsets):
        super().__init__()
        self.deformable = layer
        self.images, self.offsets = (
            self.add_weight(shape=part.shape, initializer="zeros")
            for part in (images, offsets)
        )
        self.images.assign(images)
        self.offsets.assign(offsets)

    def call(self, inputs):
        return self.deformable([self.images, self.offsets])


@pytest.mark.backends
@pytest.mark.parametrize("modulated", [False, True])
def test_gradients_reach_images_offsets_and_kernel(modulated):
    layer, images, offsets = layer_and_inputs((5, 6), 2, 3, modulated=modulated)
    # Away from whole pixels, where the slope changes.
    offsets = np.floor(offsets) + DRAW.uniform(0.2, 0.8, offsets.shape)
    offsets = offsets.astype("float32")
    values = [images, offsets, np.array(layer.kernel)]
    slopes = normal(*offsets.shape[:3], 3)

    def loss(images, offsets, kernel):
        layer.kernel.assign(kernel)
        return float(np.sum(slopes * by_hand(layer, images, offsets)))

    parts = Parts(layer, images, offsets)
    inputs = keras.Input((1,))
    model = keras.Model(inputs, parts(inputs))
    model.compile(
        keras.optimizers.SGD(1.0), loss=lambda _, outputs: ops.sum(slopes * outputs)
    )
    model.train_on_batch(np.zeros((2, 1), "float32"), slopes)
    weights = (parts.images, parts.offsets, layer.kernel)
    gradients = [
        value - np.array(weight) for value, weight in zip(values, weights, strict=True)
    ]
    for index, gradient in enumerate(gradients):
        places = [tuple(DRAW.integers(gradient.shape)) for _ in range(4)]
        if index == 1:
            # A tap's move down, its move right, the last tap's last channel.
            places = [(0, 1, 2, 6), (1, 3, 4, 9), (1, 2, 2, offsets.shape[-1] - 1)]
        for place in places:
            ends = []
            for step in (0.01, -0.01):
                moved = [np.array(value, "float64") for value in values]
                moved[index][place] += step
                ends.append(loss(*moved))
            slope = (ends[0] - ends[1]) / 0.02
            np.testing.assert_allclose(gradient[place], slope, rtol=0.01, atol=0.002)


def test_taps_stand_around_strided_positions():
    ys, xs = tap_coordinates([0, 2], [1, 0], (3, 1), (2, 3), (4, 1), "same")
    np.testing.assert_array_equal(ys, [[-4, 0, 4], [0, 4, 8]])
    np.testing.assert_array_equal(xs, [[3, 3, 3], [0, 0, 0]])
    ys, _ = tap_coordinates([0, 2], [1, 0], (3, 1), (2, 3), (4, 1), "valid")
    np.testing.assert_array_equal(ys, [[0, 4, 8], [4, 8, 12]])


def network(size=(6, 8), **options):
    """A net whose offsets come from the images, and some images."""
    layer = DeformableConv2D(4, 3, 2, "same", name="deformable", **options)
    images = keras.Input((*size, 3))
    x = keras.layers.Conv2D(4, 1, name="conv")(images)
    padded = keras.layers.ZeroPadding2D(1)(images)
    offsets = keras.layers.Conv2D(layer.offset_channels, 3, 2, name="offset")(padded)
    model = keras.Model(images, layer([x, offsets]))
    model.get_layer("offset").kernel.assign(normal(3, 3, 3, layer.offset_channels))
    return model, normal(2, *size, 3)


@pytest.mark.backends
def test_a_saved_model_computes_the_same(tmp_path):
    model, images = network(modulated=True, kernel_initializer="he_normal")
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    layer = loaded.get_layer("deformable")
    assert layer.get_config() == model.get_layer("deformable").get_config()
    np.testing.assert_array_equal(
        loaded.predict_on_batch(images), model.predict_on_batch(images)
    )


@pytest.mark.backends
def test_bfloat16_reads_where_float32_does():
    layer, images, offsets = layer_and_inputs((3, 600), 2, 2, reach=0)
    # What bfloat16 holds, beyond column 256, where it holds no odd number.
    offsets[...] = 0.5
    images = np.cumsum(np.ones_like(images), axis=2) % 3
    rounded = DeformableConv2D(2, 3, padding="same", dtype="mixed_bfloat16")
    rounded.build([images.shape, offsets.shape])
    rounded.set_weights([np.ones_like(weight) for weight in layer.get_weights()])
    layer.set_weights(rounded.get_weights())
    outputs = rounded([images, offsets])
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    np.testing.assert_allclose(
        np.asarray(ops.cast(outputs, "float32")), layer([images, offsets]), rtol=0.02
    )


@pytest.mark.tensorflow
@pytest.mark.parametrize("options", [{"modulated": True}, {"groups": 2}])
def test_tflites_own_operators_compute_it(options):
    from ai_edge_litert.interpreter import Interpreter

    from keras_dynres.tflite import convert

    model, images = network(**options)
    data = convert.convert({"full": model})
    interpreter = Interpreter(model_content=data)
    run = interpreter.get_signature_runner("full")
    names = {operator["op_name"] for operator in interpreter._get_ops_details()}
    assert "GATHER" in names and not any(name.startswith("Flex") for name in names)
    for image in images:
        (outputs,) = run(images=image[None]).values()
        np.testing.assert_allclose(outputs, model(image[None]), atol=1e-4)


def test_its_cost_is_counted():
    images, offsets = keras.Input((8, 8, 4)), keras.Input((4, 4, 27))
    layer = DeformableConv2D(6, 3, 2, "same", groups=2, modulated=True)
    counted = kd.cost.count(
        keras.Model([images, offsets], layer([images, offsets])),
    )
    read = 4 * 4 * 9 * 4
    assert counted.macs == read * 6 // 2
    assert counted.flops == 2 * counted.macs + 4 * 4 * 6 + 7 * read


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kernel_size": 2}, "odd height and width.*kernel_size=2"),
        ({"padding": "causal"}, "padding.*causal"),
        ({"strides": (1, 2, 3)}, r"strides.*\(1, 2, 3\)"),
        ({"dilation_rate": 0}, "dilation_rate=0"),
        ({"filters": 6, "groups": 4}, "groups=4"),
    ],
)
def test_bad_arguments(options, says):
    with pytest.raises(kd.DynresError, match=says):
        DeformableConv2D(
            **{"filters": 4, "kernel_size": 3, "padding": "same", **options}
        )


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ([(8, 8, 4), (8, 8, 27)], r"\(8, 8, 18\).*\(None, 8, 8, 27\)"),
        ([(8, 8, 4), (4, 4, 18)], r"\(8, 8, 18\).*\(None, 4, 4, 18\)"),
        ([(None, 8, 4), (8, 8, 18)], "known height and width"),
        ([(8, 8, 3), (8, 8, 18)], "3 channels.*groups=2"),
        ([(8, 8, 4)], r"called on \[images, offsets\]"),
    ],
)
def test_inputs_that_do_not_fit(shapes, says):
    layer = DeformableConv2D(4, 3, padding="same", groups=2)
    inputs = [keras.Input(shape) for shape in shapes]
    with pytest.raises(kd.DynresError, match=says):
        layer(inputs)


def test_an_image_smaller_than_the_kernel():
    inputs = [keras.Input((2, 8, 4)), keras.Input((1, 6, 18))]
    with pytest.raises(kd.DynresError, match="smaller than the kernel"):
        DeformableConv2D(4, 3)(inputs)

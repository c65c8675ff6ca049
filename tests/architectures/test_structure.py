"""Where the families differ: padding, shortcuts, names, heads."""

import inspect
import re

import keras
import numpy as np
import pytest

import keras_dynres
from keras_dynres import architectures
from keras_dynres.layers import DeformableConv2D

no_weights = pytest.mark.usefixtures("no_weights")


def between(model, first, last, values):
    """The output of layer `last` for `values` in the place of `first`'s input."""
    part = keras.Model(model.get_layer(first).input, model.get_layer(last).output)
    return keras.ops.convert_to_numpy(part(values))


@pytest.mark.backends
@pytest.mark.parametrize("size", [8, 9])
def test_strided_convolutions_pad_one_pixel_on_each_side(size):
    model = architectures.wide_resnet(10, 1, input_shape=(size, size, 3))
    name = "stage2_block1_conv1"
    kernel = np.random.default_rng(0).normal(size=(3, 3, 16, 32)).astype("float32")
    model.get_layer(name).set_weights([kernel])
    x = np.random.default_rng(1).normal(size=(1, size, size, 16)).astype("float32")
    y = between(model, f"{name}_pad", name, x)
    padded = np.pad(x[0], ((1, 1), (1, 1), (0, 0)))
    cells = (size + 1) // 2
    assert y.shape == (1, cells, cells, 32)
    for i, j in ((0, 0), (0, cells - 1), (cells - 1, 1)):
        window = padded[2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        expected = np.einsum("hwc,hwcf->f", window, kernel)
        np.testing.assert_allclose(y[0, i, j], expected, rtol=1e-3, atol=1e-3)


def test_the_imagenet_stem_quarters_the_image_as_published():
    model = architectures.resnet(18, input_shape=(33, 64, 3), stem="imagenet")
    assert model.get_layer("stem_conv").output.shape == (None, 17, 32, 64)
    assert model.get_layer("stem_pool").output.shape == (None, 9, 16, 64)
    x = -np.ones((1, 17, 32, 64), "float32")
    assert between(model, "stem_relu", "stem_pool", x).max() == 0


@no_weights
def test_the_pooled_stem_halves_the_image_once():
    model = architectures.resnet(18, input_shape=(32, 32, 3), stem="pooled")
    assert model.get_layer("stem_conv").kernel.shape == (3, 3, 3, 64)
    assert model.get_layer("stem_pool").output.shape == (None, 16, 16, 64)


def test_the_stem_follows_the_image_size():
    def halved(size):
        model = architectures.resnet(18, input_shape=(size, size, 3), classes=2)
        return "stem_pool" in {layer.name for layer in model.layers}

    assert [halved(size) for size in (32, 63, 64)] == [False, False, True]


@no_weights
@pytest.mark.parametrize(
    ("name", "options"),
    [("wide_resnet", {"depth": 10, "width": 2}), ("preresnet", {"depth": 50})],
)
def test_preactivated_projections_see_the_activated_tensor(name, options):
    model = architectures.create(name, input_shape=(32, 32, 3), classes=2, **options)
    projections = [x.name for x in model.layers if x.name.endswith("_shortcut")]
    assert "stage1_block1_shortcut" in projections
    for projection in projections:
        activated = model.get_layer(projection.replace("_shortcut", "_relu1"))
        assert model.get_layer(projection).input is activated.output


@no_weights
def test_postactivated_projections_see_the_block_input():
    model = architectures.resnet(50, input_shape=(32, 32, 3), classes=2)
    projection = model.get_layer("stage2_block1_shortcut")
    assert projection.input is model.get_layer("stage1_block3_relu").output
    strides = {
        name: model.get_layer(f"stage2_block1_{name}").strides[0]
        for name in ("conv1", "conv2", "conv3", "shortcut")
    }
    assert strides == {"conv1": 1, "conv2": 2, "conv3": 1, "shortcut": 2}


@no_weights
@pytest.mark.parametrize(("modulated", "channels"), [(False, 18), (True, 27)])
def test_offsets_are_computed_from_the_block_input(modulated, channels):
    options = {"deformable": [2, 4], "modulated": modulated}
    model = architectures.resnet(50, input_shape=(32, 32, 3), classes=2, **options)
    deformable = [x.name for x in model.layers if isinstance(x, DeformableConv2D)]
    stages = {2: 4, 4: 3}
    assert deformable == [
        f"stage{stage}_block{block}_conv2"
        for stage, count in stages.items()
        for block in range(1, count + 1)
    ]
    # At stride 2 a pixel of padding on every side comes first.
    padding = model.get_layer("stage2_block1_offset_pad")
    assert padding.input is model.get_layer("stage1_block3_relu").output
    offset = model.get_layer("stage2_block1_offset")
    assert offset.input is padding.output and offset.strides == (2, 2)
    assert offset.filters == channels and offset.use_bias
    block_input = model.get_layer("stage4_block2_relu").output
    assert model.get_layer("stage4_block3_offset").input is block_input


def test_a_deformable_network_starts_as_the_plain_one():
    options = {"input_shape": (16, 16, 3), "classes": 2, "channels": (2, 2, 4, 4)}
    nets = [
        architectures.resnet(50, deformable=numbers, **options)
        for numbers in ((), (2, 4))
    ]
    for layer in nets[0].layers:
        if layer.weights:
            nets[1].get_layer(layer.name).set_weights(layer.get_weights())
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype("float32")
    plain, deformable = (net(images) for net in nets)
    np.testing.assert_allclose(deformable, plain, rtol=1e-4, atol=1e-4)


@no_weights
@pytest.mark.parametrize(
    ("name", "options", "kind", "ending", "count"),
    [
        ("wide_resnet", {"depth": 28, "width": 1}, keras.layers.Add, "_add", 12),
        ("wide_resnet", {"depth": 40, "width": 1}, keras.layers.Add, "_add", 18),
        ("resnet", {"depth": 50}, keras.layers.Add, "_add", 16),
        ("resnet", {"depth": 20}, keras.layers.Add, "_add", 9),
        ("resnext", {"depth": 29, "width": 8}, keras.layers.Add, "_add", 9),
        ("densenet_bc", {"growth": 4}, keras.layers.Concatenate, "_concat", 18),
    ],
)
def test_joins_are_counted_and_named(name, options, kind, ending, count):
    model = architectures.create(name, input_shape=(32, 32, 3), classes=2, **options)
    joins = [layer.name for layer in model.layers if isinstance(layer, kind)]
    assert len(joins) == count
    assert all(re.fullmatch(rf"stage\d_block\d+{ending}", join) for join in joins)


@no_weights
def test_names_do_not_depend_on_what_was_built_before():
    first, second = (architectures.vgg(11) for _ in range(2))
    assert [x.name for x in first.layers] == [x.name for x in second.layers]
    assert first.name == "vgg_11"
    assert architectures.resnext(11, 4, 8, (32, 32, 3)).name == "resnext_11_4x8d"
    assert architectures.wide_resnet(10, 1, name="mine").name == "mine"


@no_weights
def test_dropout_stands_between_the_two_convolutions():
    model = architectures.wide_resnet(10, 1, dropout=0.3)
    dropout = model.get_layer("stage1_block1_dropout")
    assert dropout.rate == 0.3
    assert dropout.output is model.get_layer("stage1_block1_conv2").input


@no_weights
def test_the_dense_head_of_vgg():
    model = architectures.vgg(11, input_shape=(32, 32, 3), head="dense", dropout=0.0)
    names = [layer.name for layer in model.layers][-6:]
    assert names == [
        "flatten",
        "head_dense1",
        "head_relu1",
        "head_dense2",
        "head_relu2",
        "logits",
    ]


@pytest.mark.backends
def test_grouped_convolutions_train():
    model = architectures.resnext(11, 4, 8, input_shape=(8, 8, 3), classes=2)
    # Two stages: the second one strides.
    x = keras.layers.Flatten()(model.get_layer("stage2_block1_relu").output)
    model = keras.Model(model.input, keras.layers.Dense(2)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    grouped = model.get_layer("stage1_block1_conv2")
    assert grouped.groups == 4
    before = grouped.get_weights()[0]
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    value = model.train_on_batch(images, np.array([0, 1, 0, 1]))
    moved = np.abs(grouped.get_weights()[0] - before).reshape(-1, 32).max(axis=0)
    assert np.isfinite(value)
    assert (moved > 0).all()


EXAMPLES = [*architectures.names(), "feature_pyramid", "create", "names"]


# One backend suffices: the examples call models eagerly, which JAX compiles op by op.
@pytest.mark.tensorflow
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_docstring_examples_run(name):
    function = getattr(architectures, name)
    code = re.search(r"```python\n(.*?)```", inspect.getdoc(function), re.DOTALL)
    scope = {"keras": keras, "kd": keras_dynres, **vars(architectures)}
    exec(code.group(1), scope)
    if "logits" in scope:
        assert scope["logits"].shape == (1, 10)

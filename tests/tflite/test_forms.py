"""The forms layers take for TFLite, on graphs of other shapes than a WRN's."""

import functools

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.tflite import PRECISIONS, checks, compact, convert, forms, norms

pytestmark = pytest.mark.tensorflow
L = keras.layers
SHAPE = (16, 16, 3)


def post_activation(pool=None):
    """Convolution, batch norm, ReLU: what the converter folds."""
    x = inputs = keras.Input(SHAPE, name="images")
    for i in range(4):
        x = L.Conv2D(48, 3, padding="same", name=f"conv{i}")(x)
        x = L.BatchNormalization(name=f"bn{i}")(x)
        x = L.ReLU(name=f"relu{i}")(x)
    if pool is not None:
        x = pool(x)
    x = L.DepthwiseConv2D(3, name="depthwise")(x)
    x = L.BatchNormalization(scale=False, name="bn_last")(x)
    x = L.GlobalAveragePooling2D(name="pool")(x)
    x = L.Dense(32, name="hidden")(x)
    x = L.BatchNormalization(center=False, name="bn_hidden")(x)
    return keras.Model(inputs, L.Dense(5, dtype="float32", name="logits")(x))


def spread(model, seed=0):
    """Statistics that differ from layer to layer and instance to instance."""
    rng = np.random.default_rng(seed)
    for name in model.instances:
        for layer in model.at(name, uncalibrated=True).layers:
            if isinstance(layer, L.BatchNormalization):
                mean, variance = layer.moving_mean, layer.moving_variance
                mean.assign(rng.normal(0, 0.2, mean.shape))
                variance.assign(rng.uniform(0.5, 2, mean.shape))
    return model


def graphs(model, *names):
    return {name: model.at(name, uncalibrated=True) for name in names}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).standard_normal((8, *SHAPE), "float32")


@pytest.fixture(scope="module")
def plain():
    model = kd.SDPoint(post_activation(), points=["relu0", "relu2"])
    return graphs(spread(model), "full", "p1@0.75", "p2@0.5")


@pytest.fixture(scope="module")
def converted(plain, images):
    """The file of all graphs, or of those named, in a precision; made once."""

    @functools.cache
    def converted(precision, *names):
        kept = {name: plain[name] for name in names or plain}
        return convert.convert(kept, precision, images)

    return converted


def check(data, models, images, precision):
    return {
        name: checks.check_signature(data, name, model, images, precision)
        for name, model in models.items()
    }


@pytest.mark.parametrize("precision", PRECISIONS)
def test_folding_nets_store_kernels_once_and_run_whole(
    plain, converted, images, precision
):
    data = converted(precision)
    checked = check(data, plain, images, precision)
    assert all(c.whole for c in checked.values()), checked
    assert all(c.error < 0.1 for c in checked.values()), checked
    alone = converted(precision, "full")
    # Four kernels of 48 channels: what is not shared shows, graphs hardly do.
    assert len(data) < 1.25 * len(alone)


def test_the_converter_alone_would_store_them_thrice(plain, converted, monkeypatch):
    once = len(converted("float32"))
    monkeypatch.setattr(norms, "disputed", lambda *args: set())
    assert len(convert.convert(plain, "float32")) > 2 * once


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_kernel_is_stored_once_where_some_graphs_read_it_before_its_norm(
    plain, converted, images, precision
):
    full = plain["full"]
    early = L.GlobalAveragePooling2D(name="pool")(full.get_layer("conv3").output)
    early = keras.Model(full.input, L.Dense(5, name="early")(early))
    both = {"full": full, "early": early}
    data = convert.convert(both, precision, images)
    checked = check(data, both, images, precision)
    assert all(c.whole and c.error < 0.1 for c in checked.values()), checked
    alone = converted(precision, "full")
    assert len(data) < 1.25 * len(alone)


def test_an_instance_alone_keeps_its_norms_folded(plain, converted, images):
    data = converted("float32", "full")
    (checked,) = check(data, {"full": plain["full"]}, images, "float32").values()
    # 4 convolutions, 1 depthwise, mean, 2 dense: every norm and ReLU is inside them.
    assert checked.operators == 8


def test_preparing_changes_no_weight_and_shares_what_was_shared(plain, images):
    before = {name: np.asarray(model(images)) for name, model in plain.items()}
    prepared = forms.prepared(plain, "int8")
    for name, model in plain.items():
        np.testing.assert_array_equal(before[name], model(images))
    for layer in ("conv0", "depthwise"):
        kernels = {id(m.get_layer(layer).kernel) for m in prepared.values()}
        assert len(kernels) == 1
        copy = prepared["full"].get_layer(layer)
        own = plain["full"].get_layer(layer)
        assert copy is not own
        axes = (0, 1) if layer == "depthwise" else (0, 1, 2)
        kernel = np.asarray(copy.kernel)
        levels = kernel / np.abs(kernel).max(axes, keepdims=True) * 127
        np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
        step = np.abs(kernel).max(axes, keepdims=True) / 127
        assert (np.abs(kernel - own.kernel) <= step * 0.501).all()


def test_what_xnnpack_does_not_run_is_reported(images):
    pool = L.AveragePooling2D(2, padding="same", name="odd")
    model = kd.DynamicModel(post_activation(pool))
    models = graphs(model, "full")
    data = convert.convert(models, "int8", images)
    assert check(data, models, images, "int8")["full"].left == {"AVERAGE_POOL_2D": 1}
    # Without padding it is written as a convolution, which XNNPACK takes.
    model = kd.DynamicModel(post_activation(L.AveragePooling2D(2, name="even")))
    models = graphs(model, "full")
    data = convert.convert(models, "int8", images)
    assert check(data, models, images, "int8")["full"].whole


def test_mixed_precision_models_are_exported_in_float32(images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        base = post_activation()
    finally:
        keras.config.set_dtype_policy("float32")
    model = spread(kd.SDPoint(base, points=["relu1"], ratios=(0.5,)))
    models = graphs(model, "full", "p1@0.5")
    assert models["full"].get_layer("conv0").compute_dtype == "bfloat16"
    data = convert.convert(models, "float32")
    checked = check(data, models, images, "float32")
    assert all(c.error < 1e-5 and c.whole for c in checked.values())


def test_other_methods_need_nothing_of_their_own(images):
    base = kd.architectures.wide_resnet(10, 1, input_shape=SHAPE)
    model = spread(kd.MultiScale(base, sizes=[8, 12]))
    models = graphs(model, "s8", "s12", "full")
    data = convert.convert(models, "float32")
    checked = check(data, models, images, "float32")
    assert all(c.error < 1e-5 and c.whole for c in checked.values())


def test_compacting_changes_bytes_and_no_result(plain, converted, images, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(compact, "compact", lambda data, *_: data)
        raw = convert.convert(plain, "int8", images)
    small = compact.compact(raw)
    assert compact.compact(raw, integer=True) == converted("int8")
    assert len(small) < 0.9 * len(raw)
    for name in plain:
        both = [run(data, name, images) for data in (raw, small)]
        np.testing.assert_array_equal(*both)


def run(data, name, images):
    from ai_edge_litert.interpreter import Interpreter

    call = Interpreter(model_content=data).get_signature_runner(name)
    return np.concatenate([call(images=image[None])["outputs"] for image in images])

"""What every architecture keeps, whatever its family."""

import keras
import numpy as np
import pytest
from shapes_only import shapes_only

from keras_dynres import architectures, graph
from keras_dynres.errors import DynresError
from keras_dynres.layers import ChannelShuffle

no_weights = pytest.mark.usefixtures("no_weights")

# The smallest net of each family, in both forms where the stem decides the form.
SMALL = {
    "wide_resnet": [{"depth": 10, "width": 1}],
    "preresnet": [{"depth": 18}, {"depth": 18, "stem": "imagenet"}],
    "resnet": [{"depth": 18}, {"depth": 18, "stem": "imagenet"}],
    "resnext": [{"depth": 11, "cardinality": 4, "width": 8}],
    "densenet_bc": [
        {"depth": 10, "growth": 4},
        {"depth": 10, "growth": 4, "stem": "imagenet"},
    ],
    "msdnet": [{"steps": (1, 1), "channels": 4, "growth": 2, "head": 4}],
    "vgg": [{"depth": 11}, {"depth": 11, "head": "dense"}],
    "mobilenet_v1": [{"width": 0.25}, {"width": 0.25, "stem": "imagenet"}],
    "mobilenet_v2": [{"width": 0.35}, {"width": 0.35, "stem": "imagenet"}],
    "shufflenet_v2": [{"width": 0.5}, {"width": 0.5, "stem": "imagenet"}],
    "efficient_resizable": [{"stem": "imagenet"}],
}
# Those that give no row of logits have tests of their own.
DENSE = {"fcn": "test_fcn", "faster_rcnn": "test_faster_rcnn"}
# What has no default.
WANTED = {"faster_rcnn": {"backbone": {"depth": 18}}}
# What Keras has no layer for.
OWN = {"shufflenet_v2": {ChannelShuffle}, "efficient_resizable": {ChannelShuffle}}
CASES = [
    pytest.param(name, options, id="-".join([name, *map(str, options.values())]))
    for name in architectures.names()
    if name not in DENSE
    for options in SMALL[name]
]


def build(name, options, **more):
    return architectures.create(
        name, **{"input_shape": (32, 32, 3), "classes": 5, **options, **more}
    )


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_forward_pass_and_the_config_round_trip(name, options):
    model = build(name, options)
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    logits = keras.tree.flatten(model.predict_on_batch(images))[-1]
    assert logits.shape == (2, 5)
    assert np.isfinite(logits).all()
    assert np.ptp(logits[0] - logits[1]) > 0
    with shapes_only():
        twin = keras.Model.from_config(model.get_config())
    assert [layer.name for layer in twin.layers] == [
        layer.name for layer in model.layers
    ]
    values = model.trainable_variables, model.non_trainable_variables
    outputs, _ = twin.stateless_call(*values, images)
    again = np.asarray(keras.tree.flatten(outputs)[-1])
    np.testing.assert_allclose(again, logits, rtol=1e-4, atol=1e-4)


@no_weights
@pytest.mark.parametrize(("name", "options"), CASES)
def test_layers_are_stock_and_each_is_used_once(name, options):
    model = build(name, options)
    calls = graph.calls(model)
    assert len({call.name for call in calls}) == len(calls)
    kinds = {type(call.layer) for call in calls}
    own = {kind for kind in kinds if not kind.__module__.startswith("keras.")}
    assert own == OWN.get(name, set())
    assert isinstance(model.layers[-1], keras.layers.Dense)
    assert model.layers[-1].activation is keras.activations.linear


@no_weights
@pytest.mark.parametrize(("name", "options"), CASES)
def test_mixed_precision_gives_float32_logits(name, options):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = build(name, options)
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert {t.dtype for t in model.outputs} == {"float32"}
    convolutions = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert {x.compute_dtype for x in convolutions} == {"bfloat16"}
    assert {x.variable_dtype for x in convolutions} == {"float32"}


@pytest.mark.parametrize("name", architectures.names())
@pytest.mark.parametrize("shape", [(32, 32), (32, 32, None), (0, 32, 3), 32, None])
def test_an_input_without_known_channels_is_refused(name, shape):
    with pytest.raises(DynresError, match=r"input_shape must be .* Received"):
        architectures.create(name, input_shape=shape, **WANTED.get(name, {}))


@pytest.mark.parametrize("name", architectures.names())
@pytest.mark.parametrize("classes", [0, 2.5, True, "ten"])
def test_classes_must_be_a_whole_number(name, classes):
    with pytest.raises(DynresError, match="classes must be a whole number"):
        architectures.create(name, classes=classes, **WANTED.get(name, {}))


FREE_SIZE = "wide_resnet resnet densenet_bc vgg mobilenet_v1 shufflenet_v2"


@pytest.mark.parametrize("name", FREE_SIZE.split())
def test_height_and_width_may_be_unknown(name):
    options = SMALL[name][0]
    model = build(name, options, input_shape=(None, None, 3))
    assert model.output.shape == (None, 5)
    images = np.ones((1, 48, 33, 3), "float32")
    assert np.isfinite(model.predict_on_batch(images)).all()

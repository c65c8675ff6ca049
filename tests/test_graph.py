import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import graph


def nested():
    """An outer graph that calls one inner model twice and holds a Sequential."""
    inner_in = keras.Input((8, 8, 4), name="inner_in")
    inner_out = keras.layers.Conv2D(4, 3, padding="same", name="inner_conv")(inner_in)
    inner = keras.Model(inner_in, inner_out, name="inner")
    tail = keras.Sequential(
        [keras.Input((8, 8, 4)), keras.layers.Conv2D(2, 1, name="tail_conv")],
        name="tail",
    )
    x = keras.Input((8, 8, 3), name="image")
    y = keras.layers.Conv2D(4, 3, padding="same", name="conv")(x)
    y = inner(inner(y))
    return keras.Model(x, tail(y), name="outer")


def image():
    return np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")


@pytest.mark.backends
def test_no_edit_gives_the_same_numbers_over_the_same_weights():
    model = nested()
    flat = graph.rewire(model, {})
    np.testing.assert_array_equal(model(image()), flat(image()))
    assert {id(w) for w in flat.weights} == {id(w) for w in model.weights}
    names = [call.name for call in graph.calls(flat)]
    assert names == ["conv", "inner_conv", "inner_conv", "tail_conv"]


@pytest.mark.backends
def test_edits_reach_layers_in_nested_models_at_every_call():
    double = keras.layers.Rescaling(2.0)
    linear = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, use_bias=False, name="dense")]
    )
    x = np.ones((1, 4), "float32")
    outer = keras.Input((4,))
    twice = linear.layers[0]
    base = keras.Model(outer, linear(outer))
    edited = graph.rewire(base, {"dense": graph.after(double)})
    np.testing.assert_allclose(edited(x), 2 * np.asarray(base(x)), rtol=1e-6)
    model = nested()
    pooled = graph.rewire(
        model, {"inner_conv": graph.after(keras.layers.AveragePooling2D(2))}
    )
    assert pooled.output.shape == (None, 2, 2, 2)
    assert twice.kernel is edited.layers[1].kernel


@pytest.mark.backends
def test_swap_call_with_and_chain():
    x = keras.Input((4, 4, 3))
    y = keras.layers.BatchNormalization(name="bn")(x)
    base = keras.Model(x, y)
    other = keras.layers.BatchNormalization(name="other", epsilon=3.0)
    swapped = graph.rewire(base, {"bn": graph.swap(other)})
    ones = np.ones((1, 4, 4, 3), "float32")
    np.testing.assert_allclose(swapped(ones), 0.5 * ones, rtol=1e-5)
    both = graph.chain(graph.swap(other), graph.after(keras.layers.Rescaling(4.0)))
    chained = graph.rewire(base, {"bn": both})
    np.testing.assert_allclose(chained(ones), 2 * ones, rtol=1e-5)
    batch = np.random.default_rng(0).normal(3, 2, (8, 4, 4, 3)).astype("float32")
    trained = graph.rewire(base, {"bn": graph.call_with(training=True)})
    assert abs(float(np.mean(trained(batch)))) < 1e-3 < float(np.mean(base(batch)))


def test_an_edit_on_the_input_and_a_structured_output():
    x = keras.Input((8, 8, 3), name="image")
    y = keras.layers.Conv2D(2, 1, name="conv")(x)
    base = keras.Model({"image": x}, {"a": y, "b": keras.layers.ReLU()(y)})
    half = graph.after(keras.layers.AveragePooling2D(2))
    model = graph.rewire(base, {"image": half})
    out = model({"image": image()})
    assert {k: tuple(v.shape) for k, v in out.items()} == {
        "a": (2, 4, 4, 2),
        "b": (2, 4, 4, 2),
    }


def test_tensors_before_the_first_edit_are_shared():
    base = kd.architectures.wide_resnet(depth=10, width=1)
    point = "stage2_block1_add"
    model = graph.rewire(base, {point: graph.after(keras.layers.MaxPooling2D())})
    later = graph.downstream(base, point)
    assert "stage3_block1_conv1" in later and "stage1_block1_conv1" not in later
    assert model.get_layer("stage1_block1_add").output is (
        base.get_layer("stage1_block1_add").output
    )


def test_every_path_passes_through_a_bottleneck():
    names = {c.name for c in graph.bottlenecks(kd.architectures.wide_resnet(10, 1))}
    assert {"stage1_block1_add", "stage2_block1_add"} <= names
    assert not {"stage1_block1_conv1", "stage2_block1_conv2"} & names


@pytest.mark.parametrize(
    ("model", "edits", "says"),
    [
        (lambda: kd.architectures.wide_resnet(10, 1), {"stage1_block1_ad": 1}, "_add"),
        (lambda: keras.Sequential([keras.layers.Dense(2)]), {}, "no input shape"),
        (lambda: "net", {}, "functional keras.Model"),
    ],
)
def test_refusals(model, edits, says):
    with pytest.raises(kd.DynresError, match=says):
        graph.rewire(model(), edits)


def test_two_layers_of_one_name_are_refused_by_name():
    x = keras.Input((4,))
    inner_in = keras.Input((4,))
    inner = keras.Model(inner_in, keras.layers.Dense(4, name="dense")(inner_in))
    base = keras.Model(x, inner(keras.layers.Dense(4, name="dense")(x)))
    with pytest.raises(kd.DynresError, match="'dense'"):
        graph.rewire(base, {})

"""Dilated fully convolutional networks, and every method that carries them."""

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import architectures, graph

SMALL = {"depth": 14, "channels": (4, 6, 8), "head": 8, "auxiliary": 4}
IGNORED = 255
METHODS = {
    "sdpoint": {"ratios": [0.5], "points": "alternate"},
    "resizable": {"scales": [0.5, 1.0]},
    "sampled": {"densities": [0.5], "draw": "sandwich"},
}
# One of them suffices on JAX, which compiles for long.
CASES = [pytest.param("sdpoint", marks=pytest.mark.backends), "resizable", "sampled"]


def small(size=(48, 64), **options):
    settings = {**SMALL, "stem": "imagenet", "classes": 3, **options}
    return architectures.fcn(input_shape=(*size, 3), **settings)


def data(size=(48, 64)):
    """Dark and bright halves are classes; the first row counts for nothing."""
    draw = np.random.default_rng(0)
    labels = np.repeat(draw.integers(0, 3, (4, 2, 1)), size[0] // 2, axis=1)
    labels = np.repeat(labels, size[1], axis=2).astype("int32")
    images = labels[..., None] + draw.normal(0, 0.1, (4, *size, 3))
    labels[:, 0] = IGNORED
    return images.astype("float32"), labels


def iou():
    return keras.metrics.MeanIoU(3, ignore_class=IGNORED, sparse_y_pred=False)


def compiled(method, **options):
    model = kd.methods.create(method, small(), **options)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=IGNORED
    )
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        {"map": loss, "auxiliary": loss},
        loss_weights={"map": 1.0, "auxiliary": 0.4},
        metrics={"map": [iou()]},
        jit_compile=keras.backend.backend() == "jax",
    )
    return model


def test_stages_keep_an_eighth_of_the_images_size():
    net = architectures.fcn(18, (64, 96, 3), head=8, auxiliary=8)
    sizes = {n: net.get_layer(f"stage{n}_block2_relu").output.shape[1:3] for n in "234"}
    assert set(sizes.values()) == {(8, 12)}
    rates = {
        (stage, conv): net.get_layer(f"stage{stage}_block1_conv{conv}").dilation_rate[0]
        for stage in (3, 4)
        for conv in (1, 2)
    }
    assert rates == {(3, 1): 1, (3, 2): 2, (4, 1): 2, (4, 2): 4}
    assert net.output["map"].shape == net.output["auxiliary"].shape


def test_dilated_stages_compute_what_strided_ones_do_at_their_points():
    """A dilated stage at every second point is the strided stage."""
    options = {"stem": "imagenet", "channels": (2, 4, 6, 8), "classes": None}
    strided = architectures.resnet(18, (64, 64, 3), **options)
    dilated = architectures.resnet(18, (64, 64, 3), dilations=(1, 1, 2, 4), **options)
    dilated.set_weights(strided.get_weights())
    images = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype("float32")
    fine, coarse = (np.asarray(net(images)) for net in (dilated, strided))
    np.testing.assert_allclose(fine[:, ::4, ::4], coarse, atol=1e-5)


def test_without_an_auxiliary_head_there_is_one_output():
    assert small(auxiliary=0).output.shape == (None, 48, 64, 3)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64")  # MeanIoU's.
@pytest.mark.parametrize("method", CASES)
def test_a_method_trains_measures_and_saves_it(method, tmp_path):
    images, labels = data()
    model = compiled(method, **METHODS[method])
    validation = (images, labels)
    history = model.fit(
        images, labels, 2, 2, validation_data=validation, verbose=0
    ).history
    assert np.isfinite(history["val_auxiliary_loss"]).all()
    model.calibrate(images, verbose=0)
    menu = model.evaluate_menu((images, labels), verbose=0)
    assert menu.metric == "mean_iou"
    for name in model.instances:
        net = model.at(name)
        assert list(net.output) == ["map"]
        assert not [layer for layer in net.layers if "auxiliary" in layer.name]
        metric = iou()
        metric.update_state(labels, net(images, training=False)["map"])
        figure = menu[name].measured["mean_iou"]
        assert figure == pytest.approx(float(metric.result()), abs=1e-5)
    model.save(tmp_path / "net.keras")
    other = keras.models.load_model(tmp_path / "net.keras")
    assert other.menu.metric == "mean_iou"
    for name in model.instances[:3]:
        same = [np.asarray(m.at(name)(images)["map"]) for m in (model, other)]
        np.testing.assert_allclose(*same, atol=1e-5)


def test_costs_and_parameters_are_those_of_inference():
    model = kd.methods.create("plain", small())
    head = sum(
        np.prod(w.shape)
        for layer in model.base.layers
        if layer.name.startswith("auxiliary")
        for w in layer.trainable_weights
    )
    whole = kd.cost.count(model.base).params
    assert model.menu.full.params == whole - head > 0


def test_the_whole_network_gives_what_the_base_gives():
    net = small()
    model = kd.Sampled(net, densities=[0.5])
    images = data()[0]
    full = model.at("full", whole=True)(images, training=False)
    for name, values in net(images, training=False).items():
        np.testing.assert_array_equal(np.asarray(full[name]), np.asarray(values))


def test_a_base_with_nothing_to_infer_is_refused():
    images = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 1)(images)
    net = keras.Model(images, kd.layers.TrainingOutput(name="early")(x))
    with pytest.raises(kd.DynresError, match="nothing to infer.*early"):
        kd.methods.create("plain", net)


@pytest.mark.parametrize("method", CASES)
def test_the_same_weights_for_images_of_another_size(method):
    model = kd.methods.create(method, small(), **METHODS[method])
    for weight in model.non_trainable_weights:
        if "variance" in weight.name:
            weight.assign(np.random.default_rng(0).uniform(0.5, 2, weight.shape))
    larger = model.at_size(96, 64)
    back = larger.at_size(48, 64)
    images = data()[0]
    for name in model.instances[:3]:
        assert larger.at(name, uncalibrated=True).output["map"].shape == (
            *(None, 96, 64, 3),
        )
        same = [
            np.asarray(m.at(name, uncalibrated=True)(images)["map"])
            for m in (model, back)
        ]
        np.testing.assert_array_equal(*same)
    assert larger.menu.full.macs == 2 * model.menu.full.macs


def test_points_are_those_of_the_backbone_and_the_head():
    names = list(kd.SDPoint(small()).points.values())
    assert names == [f"stage{s}_block{b}_add" for s in (1, 2, 3) for b in (1, 2)]
    assert len(graph.bottlenecks(small())) > len(names)

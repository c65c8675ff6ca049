"""Detectors over any residual network, and every method that carries them."""

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import architectures

NARROW = {"depth": 14, "stem": "imagenet", "channels": (4, 6, 8)}
SMALL = {"pyramid": 8, "head": 16, "per_level": 40, "regions": 24, "detections": 6}
ANSWERS = {"boxes", "scores", "classes", "count"}
METHODS = {
    "sdpoint": {"ratios": [0.5], "points": ["stage1_block2_add"]},
    "resizable": {"scales": [0.5, 1.0], "stages": ["stage2_block1_relu"]},
    "sampled": {"densities": [0.5], "draw": "joint"},
}


def small(size=(64, 96), **options):
    settings = {"backbone": NARROW, "classes": 3, **SMALL, **options}
    return architectures.faster_rcnn(input_shape=(*size, 3), **settings)


def compiled(model):
    model.compile(
        keras.optimizers.SGD(0.02, momentum=0.9),
        {
            "anchors": kd.detection.AnchorLoss(),
            "regions": kd.detection.RegionLoss(classes=3),
        },
        metrics={"detections": [kd.detection.MeanAveragePrecision(classes=3)]},
        jit_compile=keras.backend.backend() == "jax",
    )
    return model


def scenes(count=8):
    """Images and boxes that the package makes up."""
    pytest.importorskip("tensorflow")
    batch = next(iter(kd.data.load("synthetic_boxes", "test", batch_size=count)))
    return tuple(np.asarray(part) for part in batch)


def answers(model, name, images):
    outputs = model.at(name, uncalibrated=True)(images, training=False)
    return {key: np.asarray(value) for key, value in outputs.items()}


def same(one, other):
    for key in ANSWERS:
        np.testing.assert_allclose(one[key], other[key], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_measures_and_saves_it(method, tmp_path):
    images, boxes = scenes()
    model = compiled(kd.methods.create(method, small(), **METHODS[method]))
    losses = model.fit(images, boxes, 4, 2, verbose=0).history
    assert np.isfinite(losses["loss"]).all()
    assert {"anchors_loss", "regions_loss", "detections_map"} <= set(losses)
    model.calibrate(images, verbose=0)
    menu = model.evaluate_menu((images, boxes), verbose=0)
    assert menu.metric == "map"
    for name in model.instances:
        assert 0 <= menu[name].measured["map"] <= 1
        assert set(model.at(name).output) == ANSWERS
        if name != "sampled":
            counted = kd.cost.count(model.at(name))
            assert (menu[name].macs, menu[name].params) == (
                counted.macs,
                counted.params,
            )
    model.save(tmp_path / "net.keras")
    other = keras.models.load_model(tmp_path / "net.keras")
    assert other.menu.metric == "map"
    for name in model.instances[:2]:
        same(answers(model, name, images), answers(other, name, images))


@pytest.mark.backends
def test_it_learns_made_up_objects():
    images, boxes = scenes()
    model = compiled(kd.methods.create("plain", small()))
    losses = model.fit(images, boxes, 8, 12, verbose=0).history["loss"]
    assert losses[-1] < 0.75 * losses[0]


def test_answers_are_of_one_shape_and_nothing_is_marked():
    model = kd.methods.create("plain", small())
    images = np.random.default_rng(0).normal(size=(2, 64, 96, 3)).astype("float32")
    seen = answers(model, "full", images)
    shapes = {key: value.shape for key, value in seen.items()}
    assert shapes == {
        "boxes": (2, 6, 4),
        "scores": (2, 6),
        "classes": (2, 6),
        "count": (2,),
    }
    empty = seen["classes"] < 0
    np.testing.assert_array_equal(seen["count"], (~empty).sum(axis=1))
    assert not seen["scores"][empty].any()
    assert not seen["boxes"][empty].any()
    x1, y1, x2, y2 = np.moveaxis(seen["boxes"], -1, 0)
    assert (x1 >= 0).all() and (y1 >= 0).all()
    assert (x2 <= 96).all() and (y2 <= 64).all()


def test_one_image_is_seen_as_in_a_batch():
    """A batch of one is suppressed by another operator on TensorFlow."""
    model = kd.methods.create("plain", small())
    for layer in ("head_classes", "anchors_objectness"):
        layer = model.base.get_layer(layer)
        draw = np.random.default_rng(0)
        layer.kernel.assign(draw.normal(0, 0.5, layer.kernel.shape))
    images = np.random.default_rng(0).normal(size=(3, 64, 96, 3)).astype("float32")
    net = model.at("full")
    single = keras.Input(batch_shape=(1, 64, 96, 3))
    alone = keras.Model(single, kd.graph.rewire(net, {})(single))
    whole = answers(model, "full", images)
    assert whole["count"].sum() > 3
    for number in range(3):
        one = alone(images[number : number + 1], training=False)
        same(
            {key: np.asarray(value)[0] for key, value in one.items()},
            {key: value[number] for key, value in whole.items()},
        )


def test_half_precision_keeps_pixels_whole():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        net = small((64, 512))
    finally:
        keras.config.set_dtype_policy(policy)
    model = kd.methods.create("plain", net)
    images = np.random.default_rng(0).normal(size=(1, 64, 512, 3)).astype("float32")
    whole = model.at("full", whole=True)(images, training=False)
    edges = np.asarray(whole["regions"])[0, :, 2]
    assert whole["boxes"].dtype == "float32"
    # Above 256 half precision has but even numbers.
    assert np.any((edges > 256) & (np.abs(edges / 2 - np.round(edges / 2)) > 0.01))


def test_instances_of_a_detector_do_not_teach_each_other():
    with pytest.raises(kd.DynresError, match="are not: take draw='joint'"):
        kd.Sampled(small(), densities=[0.5], draw="sandwich")


def test_the_same_weights_for_images_of_another_size():
    model = kd.SDPoint(small(), **METHODS["sdpoint"])
    larger = model.at_size(128, 96)
    images = np.random.default_rng(0).normal(size=(1, 64, 96, 3)).astype("float32")
    assert larger.at("full").output["boxes"].shape == (None, 6, 4)
    back = larger.at_size(64, 96)
    same(answers(model, "full", images), answers(back, "full", images))


@pytest.mark.parametrize(
    ("backbone", "sides"),
    [
        ("keras", (16, 8, 4, 2, 1)),
        ("preresnet", (16, 8, 4, 2, 1)),
        ("mobilenet", (16, 8, 4, 2, 1)),
        ("resnet14", (16, 8, 4, 2)),
    ],
)
def test_a_pyramid_over_any_residual_network(backbone, sides):
    if backbone == "keras":
        net = keras.applications.ResNet50(
            weights=None, include_top=False, input_shape=(64, 64, 3)
        )
    elif backbone == "mobilenet":  # Its classifier works on a map of one pixel.
        net = keras.applications.MobileNet((64, 64, 3), 0.25, weights=None, classes=9)
    elif backbone == "preresnet":
        net = architectures.preresnet(18, (64, 64, 3), 5, stem="imagenet")
    else:
        net = architectures.resnet(input_shape=(64, 64, 3), classes=None, **NARROW)
    levels = architectures.feature_pyramid(net, 8).output
    assert [level.shape[1:] for level in levels] == [(n, n, 8) for n in sides]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (32, 96)}, r"at least 64 x 64 pixels.*\(32, 96\)"),
        ({"classes": 0}, "classes must be a whole number"),
        ({"regions": 2.5}, "regions must be a whole number.*2.5"),
        ({"backbone": {"depth": 51}}, "depth of a ResNet.*Did you mean 50"),
        ({"backbone": {"dept": 18}}, "option of resnet. Received: 'dept'. Did you"),
        ({"size": (64, None)}, "a known height and width"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(kd.DynresError, match=message):
        small(**options)


def test_a_backbone_has_a_size_of_its_own():
    backbone = architectures.resnet(input_shape=(64, 64, 3), classes=None, **NARROW)
    assert small((64, 64), backbone=backbone).input_shape == (None, 64, 64, 3)
    with pytest.raises(kd.DynresError, match=r"backbone's own.*\(64, 96, 3\) for"):
        small((64, 96), backbone=backbone)
    with pytest.raises(kd.DynresError, match="input_shape must be"):
        architectures.faster_rcnn(backbone, input_shape=32)


def test_a_network_without_stages_has_no_pyramid():
    images = keras.Input((64, 64, 3))
    net = keras.Model(images, keras.layers.Conv2D(4, 3, padding="same")(images))
    with pytest.raises(kd.DynresError, match="fewer than two stages"):
        architectures.feature_pyramid(net)

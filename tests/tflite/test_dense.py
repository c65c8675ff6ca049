"""Segmentation networks and detectors in TFLite: maps, and boxes by name."""

import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.tflite import Runner, export, read_metadata

pytestmark = pytest.mark.tensorflow

NARROW = {"depth": 14, "stem": "imagenet", "channels": (4, 6, 8)}


def pictures(count=3):
    draw = np.random.default_rng(0)
    return draw.normal(size=(count, 64, 96, 3)).astype("float32")


@pytest.fixture(scope="module")
def detector():
    """With heads that are sure enough of something."""
    net = kd.architectures.faster_rcnn(
        NARROW,
        classes=3,
        input_shape=(64, 96, 3),
        pyramid=8,
        head=16,
        per_level=40,
        regions=24,
        detections=6,
    )
    draw = np.random.default_rng(0)
    for name in ("head_classes", "anchors_objectness"):
        layer = net.get_layer(name)
        layer.kernel.assign(draw.normal(0, 0.5, layer.kernel.shape))
    return kd.Sampled(net, densities=[0.5], draw="joint")


@pytest.fixture(scope="module")
def bundle(detector, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "detector.tflite"
    options = {"labels": ["ash", "elm", "oak"], "verify_data": pictures(2)}
    export(detector, path, ["full", "d0.5"], verbose=0, **options)
    return path


@pytest.mark.parametrize("instance", ["full", "d0.5"])
def test_a_detector_gives_boxes_by_name(detector, bundle, instance):
    runner = Runner(bundle)
    for image in pictures():
        answer = runner.run(image, instance)
        wanted = detector.at(instance)(image[None], training=False)
        assert set(answer) == {"boxes", "scores", "classes", "count"}
        assert answer["count"] == np.asarray(wanted["count"])[0] > 0
        for name, values in answer.items():
            np.testing.assert_allclose(values, np.asarray(wanted[name])[0], atol=2e-3)


def test_what_the_file_says_of_boxes(bundle):
    fields = read_metadata(bundle)
    outputs = kd.tflite.facts.outputs(fields, "full")
    assert fields["labels"] == ["ash", "elm", "oak"]
    assert outputs["boxes"] == {"shape": [6, 4], "activation": "values"}
    assert Runner(bundle).benchmark(["full"], 3, 1, verbose=0)["full"]["median_ms"] > 0


def test_pixels_are_not_for_integers(detector, tmp_path):
    with pytest.raises(kd.DynresError, match="counted in pixels, which 8 bits do not"):
        export(
            detector,
            tmp_path / "net.tflite",
            ["full"],
            precision="int8",
            calibration_data=pictures(),
        )
    assert not list(tmp_path.iterdir())


def test_a_map_by_name_and_weights_once(tmp_path):
    wide = {**NARROW, "channels": (16, 32, 48), "head": 64, "auxiliary": 64}
    net = kd.architectures.fcn(input_shape=(64, 96, 3), classes=3, **wide)
    model = kd.Sampled(net, densities=[0.5])
    sizes = {}
    for names in (["full"], ["full", "d0.5"]):
        path = tmp_path / "net.tflite"
        export(model, path, names, verify_data=pictures(2), verbose=0)
        sizes[len(names)] = path.stat().st_size
    weights = 4 * model.menu.full.params
    # A graph more, and no weight twice: the auxiliary classifier is in neither.
    assert weights < sizes[1] < sizes[2] < sizes[1] + weights
    runner = Runner(path)
    for image in pictures():
        maps = runner.run(image, "d0.5")
        wanted = model.at("d0.5")(image[None], training=False)["map"]
        np.testing.assert_allclose(maps, np.asarray(wanted)[0], atol=1e-4)

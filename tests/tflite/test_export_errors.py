"""Bad input to `export` gets one sentence, and nothing is half-written."""

import importlib

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.tflite import export, images, metadata

MODULE = importlib.import_module("keras_dynres.tflite.export")
SHAPE = (16, 16, 3)
tensorflow = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def model(tiny):
    return tiny


def refused(match, *args, **kwargs):
    with pytest.raises(kd.DynresError, match=match) as caught:
        export(*args, verbose=0, **kwargs)
    assert str(caught.value).count("\n") == 0


@tensorflow
@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"instances": "p1@0.6"}, "p1@0.6.*Did you mean 'p1@0.5'"),
        ({"instances": []}, "no instance to export.*'all'"),
        ({"precision": "int-8"}, "int-8.*Did you mean 'int8'"),
        ({"precision": "int8"}, r"needs calibration_data.*\(None, 16, 16, 3\)"),
        ({"labels": ["cat", "dog"]}, "each of the 10 classes.*2 labels"),
        ({"preprocessing": {"mean": [0]}}, "preprocessing is .*Received"),
        ({"preprocessing": {"mean": [0], "std": [0]}}, "std above 0"),
        ({"preprocessing": "imagenet"}, "Received: preprocessing='imagenet'"),
        ({"verify_data": np.zeros((2, 8, 8, 3))}, r"verify_data.*\(2, 8, 8, 3\)"),
    ],
)
def test_arguments(model, tmp_path, kwargs, match):
    refused(match, model, tmp_path / "net.tflite", **kwargs)
    assert not list(tmp_path.iterdir())


@tensorflow
@pytest.mark.parametrize(
    ("data", "match"),
    [
        (np.zeros((4, 32, 32, 3)), r"shape \(None, 16, 16, 3\).*\(4, 32, 32, 3\)"),
        (np.zeros((16, 16, 3)), r"shape \(None, 16, 16, 3\).*\(16, 16, 3\)"),
        ([(np.zeros((4, 3, 16, 16)), np.zeros(4))], r"\(4, 3, 16, 16\)"),
        ([], "holds no images"),
        (np.full((1, *SHAPE), np.nan), "not finite"),
    ],
)
def test_calibration_data(model, tmp_path, data, match):
    path = tmp_path / "net.tflite"
    refused(match, model, path, "full", "int8", calibration_data=data)


@tensorflow
def test_calibration_data_of_any_kind_is_cut_to_what_helps():
    import tensorflow as tf

    rows = np.random.rand(90, *SHAPE).astype("float32")
    kinds = {
        "array": rows,
        "dataset": tf.data.Dataset.from_tensor_slices((rows, rows)).batch(32),
        "endless": tf.data.Dataset.from_tensor_slices(rows).batch(32).repeat(),
        "list": [rows[:50], rows[50:]],
    }
    for kind, data in kinds.items():
        taken = images.sample(data, "calibration_data", SHAPE, 70)
        np.testing.assert_array_equal(taken, rows[:70], err_msg=kind)


@tensorflow
def test_places_that_cannot_be_written(model, tmp_path):
    (tmp_path / "file").write_text("")
    refused("cannot be written.*missing", model, tmp_path / "missing" / "net.tflite")
    refused("cannot be written", model, tmp_path / "file" / "net.tflite")
    refused("it is a folder", model, tmp_path)


@tensorflow
def test_models(model, tmp_path):
    path = tmp_path / "net.tflite"
    refused("Expected a keras_dynres.DynamicModel.*Functional", model.base, path)
    fresh = kd.SDPoint(kd.architectures.wide_resnet(10, 1, input_shape=SHAPE))
    with pytest.raises(kd.NotCalibratedError, match="calibrate"):
        export(fresh, path, verbose=0)
    base = kd.architectures.wide_resnet(10, 1, input_shape=(None, None, 3))
    refused("one image size", kd.DynamicModel(base), path)


def test_another_backend(model, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    refused("KERAS_BACKEND=tensorflow.*'jax'", model, tmp_path / "net.tflite")


@tensorflow
def test_a_file_that_computes_something_else_is_not_handed_over(
    model, tmp_path, monkeypatch
):
    convert = MODULE.convert

    def wrong(graphs, *args):
        graphs = {name: next(iter(graphs.values())) for name in graphs}
        return convert(graphs, *args)

    path = tmp_path / "net.tflite"
    path.write_text("what was there")
    monkeypatch.setattr(MODULE, "convert", wrong)
    refused("'full'.*does not compute what Keras", model, path, ["p1@0.5", "full"])
    assert [file.read_text() for file in tmp_path.iterdir()] == ["what was there"]


@tensorflow
@pytest.mark.parametrize("where", ["convert", "check_signature", "write"])
def test_interrupted_anywhere_the_old_file_stays(
    model, bundle, tmp_path, monkeypatch, where
):
    path, old = bundle, bundle.read_bytes()

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    if where == "write":
        monkeypatch.setattr(type(path), "replace", interrupt)
    else:
        monkeypatch.setattr(MODULE, where, interrupt)
    with pytest.raises(KeyboardInterrupt):
        export(model, path, ["p1@0.5", "full"], verbose=0)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == old
    metadata.verify(path)

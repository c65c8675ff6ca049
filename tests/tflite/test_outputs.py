"""Maps of logits and several named outputs: exported, run and described."""

import keras
import numpy as np
import pytest
import staged_net

import keras_dynres as kd
from keras_dynres.tflite import Runner, export, facts, read_metadata

pytestmark = pytest.mark.tensorflow

L = keras.layers
SHAPE = (16, 16, 3)
NAMES = ["p1@0.5", "full"]


def trunk():
    x = images = keras.Input(SHAPE, name="pictures")
    for i, strides in enumerate((1, 2)):
        x = L.Conv2D(12, 3, strides, padding="same", use_bias=False, name=f"conv{i}")(x)
        x = L.BatchNormalization(name=f"bn{i}")(x)
        x = L.ReLU(name=f"relu{i}")(x)
    return images, x


def logits_map(x, name="map"):
    x = L.Conv2D(5, 1, name=f"{name}_logits")(x)
    return L.Resizing(*SHAPE[:2], name=f"{name}_resized")(x)


def fully_convolutional():
    images, x = trunk()
    return keras.Model(images, logits_map(x), name="segments")


def several():
    """A row of probabilities and a map, whose key is no name for a signature."""
    images, x = trunk()
    row = L.Dense(4, activation="softmax", name="row")(L.GlobalAveragePooling2D()(x))
    return keras.Model(images, {"the map": logits_map(x), "classes": row}, name="both")


def pictures(count=4, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *SHAPE)).astype("float32")


def sdpoint(base):
    model = kd.SDPoint(base, ratios=(0.5,), points=["relu0"])
    model.calibrate(pictures(8), verbose=0)
    return model


@pytest.fixture(scope="module")
def segments():
    return sdpoint(fully_convolutional())


@pytest.fixture(scope="module")
def both():
    return sdpoint(several())


def exported(model, tmp_path, precision, **kwargs):
    path = tmp_path / "net.tflite"
    kwargs = {"calibration_data": pictures(8), "verbose": 0, **kwargs}
    return export(model, path, "all", precision, **kwargs), Runner(path)


ALLOWED = {"float32": 1e-4, "int8-weights": 0.05, "int8": 0.1}


@pytest.mark.parametrize("precision", ALLOWED)
def test_a_map_of_logits(segments, tmp_path, precision):
    report, runner = exported(segments, tmp_path, precision, labels="abcde")
    assert runner.menu.names == NAMES
    for name in NAMES:
        wanted = np.asarray(segments.at(name)(pictures()))
        maps = runner.run(pictures(), name)
        assert maps.shape == (4, 16, 16, 5) and maps.dtype == np.float32
        scale = max(1, np.abs(wanted).max())
        assert np.abs(maps - wanted).max() < ALLOWED[precision] * scale
        np.testing.assert_array_equal(runner.run(pictures()[0], name), maps[0])
        check = report.signatures[name]
        assert check.error < ALLOWED[precision] and 0.8 < check.agreement <= 1
    assert runner.run(pictures(0)).shape == (0, 16, 16, 5)
    said = read_metadata(runner.path)
    assert "output" not in said
    assert said["outputs"] == {
        "outputs": {"shape": [16, 16, 5], "activation": "logits"}
    }
    assert said["labels"] == list("abcde")


@pytest.mark.parametrize("precision", ["float32", "int8-weights"])
def test_outputs_by_their_names(both, tmp_path, precision):
    report, runner = exported(both, tmp_path, precision)
    for name in NAMES:
        wanted = both.at(name)(pictures())
        outputs = runner.run(pictures(), name)
        assert list(outputs) == ["classes", "the_map"]
        for key, values in zip(("classes", "the map"), outputs.values(), strict=True):
            exact = np.asarray(wanted[key])
            assert values.shape == exact.shape
            scale = max(1, np.abs(exact).max())
            assert np.abs(values - exact).max() < ALLOWED[precision] * scale
        one = runner.run(pictures()[1], name)
        for key, values in one.items():
            np.testing.assert_array_equal(values, outputs[key][1])
    empty = runner.run(pictures(0))
    assert {key: values.shape for key, values in empty.items()} == {
        "classes": (0, 4),
        "the_map": (0, 16, 16, 5),
    }
    said = read_metadata(runner.path)
    assert said["outputs"] == {
        "classes": {"shape": [4], "activation": "probabilities"},
        "the_map": {"shape": [16, 16, 5], "activation": "logits"},
    }
    check = report.signatures["full"]
    assert list(check.outputs) == ["classes", "the_map"]
    assert check.error == max(output.error for output in check.outputs.values())
    parity = said["parity"]["full"]["outputs"]["the_map"]
    assert parity["error"] == pytest.approx(check.outputs["the_map"].error, rel=0.01)
    assert "(the_map), top class agrees on" in str(report)
    assert runner.benchmark(["full"], repeats=1, warmup=0, verbose=0)


def test_names_of_outputs():
    x = keras.Input((4,))
    names = {
        ("outputs",): keras.Model(x, {"only": x + 1}),
        ("output1", "output2"): keras.Model(x, [x + 1, x + 2]),
        ("a_b", "a_b_", "images_", "output_1"): keras.Model(
            x, {"a b": x + 1, "a_b": x + 2, "images": x + 3, "1": x + 4}
        ),
    }
    for wanted, model in names.items():
        assert sorted(facts.output_names(model)) == sorted(wanted)


def test_a_column_of_figures_has_no_top_class(tmp_path):
    images, x = trunk()
    x = L.GlobalAveragePooling2D(name="pool")(x)
    heads = [L.Dense(1, name="age")(x), L.Dense(3, name="kind")(x)]
    model = kd.DynamicModel(keras.Model(images, heads))
    report, runner = exported(model, tmp_path, "float32")
    check = report.signatures["full"]
    assert check.outputs["output1"].agreement is None
    assert check.agreement == check.outputs["output2"].agreement == 1
    assert "agrees on 100 % (output2)" in str(report)
    assert runner.run(pictures())["output1"].shape == (4, 1)
    alone = kd.DynamicModel(keras.Model(images, heads[0]))
    report = export(alone, tmp_path / "one.tflite", verbose=0)
    assert report.signatures["full"].agreement is None
    assert "top class" not in str(report)


def test_instances_whose_maps_have_other_sizes(tmp_path):
    images, x = trunk()
    model = sdpoint(keras.Model(images, L.Conv2D(5, 1, name="logits")(x)))
    _, runner = exported(model, tmp_path, "float32")
    for name in NAMES:
        wanted = np.asarray(model.at(name)(pictures(2)))
        np.testing.assert_allclose(runner.run(pictures(2), name), wanted, atol=1e-4)
        assert runner.run(pictures(0), name).shape == (0, *wanted.shape[1:])
    rows = read_metadata(runner.path)["menu"]
    assert rows[0]["outputs"]["outputs"]["shape"] == [4, 4, 5]
    assert "outputs" not in rows[1]


def test_a_signature_that_gives_something_else_is_named(both, tmp_path, monkeypatch):
    from keras_dynres.tflite import checks

    def wrong(net):
        row, resized = net.outputs
        return keras.Model(net.input, {"classes": row, "the map": 2 * resized + 1})

    monkeypatch.setattr(checks.forms, "in_float32", wrong)
    with pytest.raises(kd.DynresError, match="'the_map' differs by .* no file was"):
        exported(both, tmp_path, "float32")
    assert not list(tmp_path.iterdir())


def test_labels_name_the_channels_of_one_of_the_outputs(both, tmp_path):
    for labels in ("abcd", "abcde"):
        assert facts.facts(
            both, {"full": both.at("full")}, kd.tflite.PRECISIONS["float32"], labels
        )["labels"] == list(labels)
    with pytest.raises(kd.DynresError, match="each of the 4 or 5 classes.*3 labels"):
        exported(both, tmp_path, "float32", labels="abc")


def test_exits_of_maps_stop_by_hand_and_by_no_policy(tmp_path):
    images, x = trunk()
    one = logits_map(x, "one")
    two = logits_map(L.Conv2D(12, 3, padding="same", name="more")(x), "two")
    model = staged_net.Exits(keras.Model(images, [one, two], name="maps"))
    report, runner = exported(model, tmp_path, "float32")
    assert report.signatures["stage2"].error < 1e-4
    wanted = model.base(pictures(2))
    for (name, maps), exact in zip(runner.anytime(pictures(2)), wanted, strict=True):
        assert name in runner.exits
        np.testing.assert_allclose(maps, exact, atol=1e-4)
    with pytest.raises(kd.DynresError, match="one row of classes.*anytime") as error:
        runner.predict(pictures(1), 0)
    assert "\n" not in str(error.value)

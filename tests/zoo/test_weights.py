import json
import zipfile

import keras
import numpy as np
import pytest

from keras_dynres import zoo
from keras_dynres.errors import DynresError, NotCalibratedError
from keras_dynres.zoo import weights


def net(width=4, strides=1, size=8, **kwargs):
    inputs = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(width, 3, strides, name="conv", **kwargs)(inputs)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(5, name="logits")(x), name="net")


def values(model):
    return [np.array(w) for w in model.weights]


def scramble(model, seed=0):
    draw = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(draw.uniform(0.5, 1, size=weight.shape))


@pytest.mark.backends
def test_round_trip_restores_every_weight(tmp_path):
    first, second = net(), net()
    scramble(first)
    weights.save(first, tmp_path / "w.npz")
    weights.load(second, tmp_path / "w.npz")
    for saved, loaded in zip(values(first), values(second), strict=True):
        np.testing.assert_array_equal(saved, loaded)


def test_the_same_weights_make_the_same_file(tmp_path):
    model = net()
    contents = {
        weights.save(model, tmp_path / name).read_bytes() for name in ("a.npz", "b.npz")
    }
    assert len(contents) == 1


def test_rounded_weights_take_half_the_space_and_come_back_as_they_were(tmp_path):
    model = net(width=64)
    scramble(model)
    plain = weights.save(model, tmp_path / "plain.npz").stat().st_size
    assert weights.round_to_float16(model) == []
    half = weights.save(model, tmp_path / "half.npz").stat().st_size
    assert half < 0.75 * plain
    other = net(width=64)
    weights.load(other, tmp_path / "half.npz")
    for saved, loaded in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(saved, loaded)


def test_short_mantissas_make_a_smaller_file_still(tmp_path):
    model = net(width=256)
    scramble(model)
    sizes, before = [], values(model)
    for bits in (10, 4, 3):
        weights.round_to_float16(model, bits)
        sizes.append(weights.save(model, tmp_path / "net.npz").stat().st_size)
    assert sizes[1] < 0.8 * sizes[0]
    assert sizes[2] < 0.9 * sizes[1]
    other = net(width=256)
    weights.load(other, tmp_path / "net.npz")
    for old, new, loaded in zip(before, values(model), values(other), strict=True):
        np.testing.assert_array_equal(loaded, new)
        # Half a step of 1/8 of the power of two below, twice rounded.
        np.testing.assert_allclose(new, old, rtol=2**-4 + 2**-5, atol=1e-6)
        if old.ndim < 2:
            np.testing.assert_allclose(new, old, rtol=2**-11, atol=1e-6)


def test_each_array_is_packed_by_what_makes_it_smaller(tmp_path):
    model = net(width=256)
    scramble(model)
    weights.round_to_float16(model, mantissa_bits=5)
    path = weights.save(model, tmp_path / "net.npz")
    with zipfile.ZipFile(path) as archive:
        kinds = {entry.filename: entry.compress_type for entry in archive.infolist()}
    assert kinds["conv/kernel.npy"] == zipfile.ZIP_BZIP2
    assert kinds["bn/gamma.npy"] == zipfile.ZIP_DEFLATED
    np.savez_compressed(tmp_path / "numpy.npz", **np.load(path))
    assert path.stat().st_size < (tmp_path / "numpy.npz").stat().st_size


def test_a_weight_beyond_float16_is_left_as_it_is():
    model = net()
    variance = model.get_layer("bn").moving_variance
    variance.assign(np.full(variance.shape, 1e6))
    assert weights.round_to_float16(model) == ["bn/moving_variance"]
    np.testing.assert_array_equal(variance, 1e6)


def test_rounding_voids_the_calibration(tiny):
    model = zoo.load("tiny", weights=None)
    model.calibrated.assign(np.ones(model.calibrated.shape))
    model.at("p1@0.5")
    zoo.round_to_float16(model)
    with pytest.raises(NotCalibratedError, match="p1@0.5"):
        model.at("p1@0.5")


@pytest.mark.backends
def test_low_precision_weights_are_stored_exactly(tmp_path):
    models = []
    for _ in range(2):
        layers = [keras.Input((3,)), keras.layers.Dense(4, dtype="bfloat16", name="d")]
        models.append(keras.Sequential(layers, name="low"))
    scramble(models[0])
    weights.save(models[0], tmp_path / "w.npz")
    weights.load(models[1], tmp_path / "w.npz")
    for pair in zip(models[0].weights, models[1].weights, strict=True):
        saved, loaded = (np.asarray(weight).astype("float32") for weight in pair)
        np.testing.assert_array_equal(saved, loaded)


@pytest.mark.backends
def test_a_dynamic_model_keeps_instances_and_figures(tiny, tmp_path):
    first = zoo.load("tiny", weights=None)
    scramble(first)
    first.calibrated.assign(np.ones(first.calibrated.shape))
    first.menu.record("full", accuracy=0.25)
    weights.save(first, tmp_path / "w.npz")
    keras.utils.clear_session(free_memory=False)
    second = zoo.load("tiny", weights=tmp_path / "w.npz")
    assert second.menu["full"].measured["accuracy"] == 0.25
    image = np.ones((1, 16, 16, 3), "float32")
    for name in first.instances:
        saved, loaded = (np.asarray(m.at(name)(image)) for m in (first, second))
        np.testing.assert_allclose(saved, loaded, rtol=1e-5)


@pytest.mark.backends
def test_base_weights_alone_fill_the_full_network(tiny, tmp_path):
    first = zoo.load("tiny", weights=None)
    scramble(first.base)
    weights.save(first.base, tmp_path / "base.npz")
    second = zoo.load("tiny", weights=tmp_path / "base.npz")
    image = np.ones((1, 16, 16, 3), "float32")
    np.testing.assert_allclose(
        np.asarray(first.at("full")(image)),
        np.asarray(second.at("full")(image)),
        rtol=1e-5,
    )
    assert not second.is_calibrated("p1@0.5")


@pytest.mark.backends
def test_optimizer_and_metrics_are_not_stored(tmp_path):
    model = net()
    before = set(weights.read(weights.save(model, tmp_path / "a.npz"))[1])
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(np.ones((2, 8, 8, 3)), np.ones((2, 5)))
    assert set(weights.read(weights.save(model, tmp_path / "b.npz"))[1]) == before


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda: net(width=8), r"'conv/kernel' has shape \(3, 3, 3, 4\).*\(3, 3, 3, 8"),
        (lambda: net(use_bias=False), "holds a weight 'conv/bias' that the model has"),
        (lambda: net(strides=2), "made for another structure"),
        (lambda: net(padding="same"), "made for another structure"),
        (lambda: net(activation="relu"), "made for another structure"),
    ],
)
def test_another_model_is_refused_untouched(tmp_path, other, said):
    model = other()
    weights.save(net(), tmp_path / "w.npz")
    before = values(model)
    with pytest.raises(DynresError, match=said):
        weights.load(model, tmp_path / "w.npz")
    for old, new in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_missing_weight_is_named(tmp_path):
    weights.save(net(use_bias=False), tmp_path / "w.npz")
    with pytest.raises(DynresError, match="lacks the model's weight 'conv/bias'"):
        weights.load(net(), tmp_path / "w.npz")


def test_images_of_another_size_are_no_other_structure(tmp_path):
    weights.save(net(), tmp_path / "w.npz")
    weights.load(net(size=16), tmp_path / "w.npz")


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def changed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)


def emptied(path):
    path.write_bytes(b"")


def pickled(path):
    np.savez(path, **{"conv/kernel": np.array([{}], dtype=object)})


def foreign(path):
    np.savez(path, kernel=np.ones(3))


def single_array(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def headless(path):
    np.savez(path, **{weights.HEADER: np.frombuffer(b"[1]", np.uint8)})


@pytest.mark.parametrize(
    "spoil", [truncated, changed, emptied, pickled, foreign, single_array, headless]
)
def test_a_spoilt_file_gets_one_sentence(tmp_path, spoil):
    path = weights.save(net(), tmp_path / "w.npz")
    spoil(path)
    with pytest.raises(DynresError, match="not a whole weight file") as caught:
        weights.load(net(), path)
    assert "\n" not in str(caught.value)


def test_a_file_of_a_newer_version_says_so(tmp_path):
    path = weights.save(net(), tmp_path / "w.npz")
    header, arrays = weights.read(path)
    text = json.dumps({**header, "format": weights.FORMAT + 1}).encode()
    np.savez(path, **arrays, **{weights.HEADER: np.frombuffer(text, np.uint8)})
    with pytest.raises(DynresError, match="written by a newer keras_dynres"):
        weights.load(net(), path)


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = weights.save(net(), tmp_path / "w.npz")
    before = path.read_bytes()

    def interrupted(self, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        weights.save(net(), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["w.npz"]


def test_a_folder_that_is_a_file_gets_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DynresError, match="The weight file cannot be written: Not a"):
        weights.save(net(), tmp_path / "file" / "w.npz")


def test_two_weights_of_one_name_are_refused(tmp_path):
    inputs = keras.Input((3,))
    x = keras.layers.Dense(3, name="d")(inputs)
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="d")])
    model = keras.Model(inputs, inner(x))
    with pytest.raises(DynresError, match="Two .* named '"):
        weights.save(model, tmp_path / "w.npz")


def test_an_unbuilt_model_is_refused(tmp_path):
    model = keras.Sequential([keras.layers.Dense(3)])
    with pytest.raises(DynresError, match="has no weights yet"):
        weights.save(model, tmp_path / "w.npz")

import json

import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.tflite import flatbuffer, metadata
from keras_dynres.tflite.runner import Runner

pytestmark = pytest.mark.tensorflow


def test_every_instance_gives_keras_numbers(small):
    runner, images = Runner(small.path), small.images(3)
    expected = {n: net(images, training=False) for n, net in small.nets.items()}
    for name, logits in expected.items():
        np.testing.assert_allclose(runner.run(images, name), logits, atol=1e-4)
    assert np.abs(expected["p1@0.5"] - expected["full"]).max() > 1e-2
    instance = runner.menu["p1@0.5"]
    np.testing.assert_array_equal(
        runner.run(images, instance), runner.run(images, "p1@0.5")
    )


def test_a_single_image_and_an_empty_batch(small, bundle):
    runner, images = Runner(bundle, num_threads=2), small.images(2)
    batch = runner.run(images)
    assert batch.shape == (2, 10) and batch.dtype == np.float32
    np.testing.assert_array_equal(runner.run(images[0]), batch[0])
    np.testing.assert_array_equal(runner.run(images.astype("float64")), batch)
    assert runner.run(images[:0]).shape == (0, 10)


def test_results_stay_when_the_next_image_runs(small, bundle):
    runner, images = Runner(bundle), small.images(2)
    first = runner.run(images[0])
    kept = first.copy()
    runner.run(images[1])
    np.testing.assert_array_equal(first, kept)


def test_instances_load_when_run_and_go_when_closed(small, bundle):
    with Runner(bundle) as runner:
        assert not runner._sessions
        runner.run(small.images(1), "p1@0.5")
        assert list(runner._sessions) == ["p1@0.5"]
    assert not runner._sessions
    assert runner.run(small.images(1)).shape == (1, 10)


def test_the_menu_comes_with_costs_but_without_others_latencies(bundle):
    menu = Runner(bundle).menu
    assert isinstance(menu, kd.Menu)
    assert menu.names[-1] == "full" and menu["p1@0.5"].settings["ratio"] == 0.5
    assert menu.full.macs > menu["p1@0.5"].macs > 0
    assert menu.full.measured == {"accuracy": pytest.approx(0.92)}
    assert menu.within(macs=menu.full.macs - 1).name != "full"


def test_preprocess_follows_the_metadata(small, bundle):
    pixels = np.random.default_rng(0).integers(0, 256, (2, *small.shape), "uint8")
    rule = metadata.read_metadata(bundle)["preprocessing"]
    expected = (pixels / 255 - np.array(rule["mean"])) / np.array(rule["std"])
    got = Runner(bundle).preprocess(pixels)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_graph_with_branches_runs_from_the_whole_file(tmp_path):
    import tensorflow as tf

    class Net(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 1, 2, 1], name="images")])
        def full(self, images):
            images = tf.reshape(images, [1, 2])
            bright = tf.reduce_sum(images) > 0
            return {"outputs": tf.cond(bright, lambda: 2 * images, lambda: images - 1)}

    net, path = Net(), tmp_path / "net.tflite"
    tf.saved_model.save(net, str(tmp_path / "saved"), signatures={"full": net.full})
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(tmp_path / "saved"), ["full"]
    )
    row = {"name": "full", "signature": "full", "measured": {}}
    fields = {
        "input": {"shape": [1, 2, 1]},
        "output": {"classes": 2},
        "menu": [row],
    }
    path.write_bytes(metadata.write_metadata(bytes(converter.convert()), fields))
    images = np.float32([[[[1], [2]]], [[[-1], [-2]]]])
    got = Runner(path).run(images)
    np.testing.assert_array_equal(got, [[2, 4], [-2, -3]])


def test_the_runtime_is_handed_one_instance_alone(small, bundle, monkeypatch):
    """Given them all it would pack the weights once for each."""
    from ai_edge_litert import interpreter

    handed, real = [], interpreter.Interpreter

    def spy(model_content, **kwargs):
        handed.append(list(flatbuffer.signatures(model_content)))
        return real(model_content=model_content, **kwargs)

    monkeypatch.setattr(interpreter, "Interpreter", spy)
    runner = Runner(bundle)
    assert handed == []
    for name in ("p1@0.5", "full", "p1@0.5"):
        runner.run(small.images(2), name)
    assert handed == [["p1@0.5"], ["full"]]


# Bad input: one sentence each.


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x: x[:, :8], r"shape \(16, 16, 3\).*Received: shape=\(2, 8, 16, 3\)"),
        (lambda x: np.moveaxis(x, -1, 1), "channels last"),
        (lambda x: x[0, 0], "shape"),
        (lambda x: np.zeros(x.shape, "uint8"), "preprocess.*dtype=uint8"),
        (lambda x: x * np.nan, "not finite"),
        (lambda x: x / np.float32(0), "not finite"),
        (lambda x: 255 * np.ones_like(x), "not normalised.*preprocess"),
        (lambda x: [[1.0], [1.0, 2.0]], "one array"),
    ],
)
def test_wrong_images(small, change, sentence):
    with (
        pytest.raises(kd.DynresError, match=sentence),
        np.errstate(all="ignore"),
    ):
        Runner(small.path).run(change(small.images(2)))


def test_wrong_pixels(small):
    runner = Runner(small.path)
    with pytest.raises(kd.DynresError, match="uint8.*float32"):
        runner.preprocess(small.images(1))
    runner.metadata["preprocessing"] = None
    with pytest.raises(kd.DynresError, match="normalise them"):
        runner.preprocess(np.zeros(small.shape, "uint8"))


def test_unknown_instance_names_the_nearest(small):
    with pytest.raises(kd.DynresError, match=r"p1@0.6.*Did you mean 'p1@0.5'"):
        Runner(small.path).run(small.images(1), "p1@0.6")


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", None])
def test_wrong_threads(small, threads):
    with pytest.raises(kd.DynresError, match="num_threads must be a whole number"):
        Runner(small.path, num_threads=threads)


def test_files_that_are_no_bundle_never_reach_the_runtime(bundle, tmp_path):
    data = bundle.read_bytes()
    flipped = bytearray(data)
    flipped[-1000] ^= 1
    plain = data[metadata.read_metadata(data)["prefix"] :]
    cases = {
        "damaged": [data[: len(data) // 2], data[:-1], bytes(flipped), b"", b"x" * 99],
        "without keras_dynres metadata": [plain],
    }
    for sentence, contents in cases.items():
        for content in contents:
            bundle.write_bytes(content)
            with pytest.raises(kd.DynresError, match=sentence):
                Runner(bundle)
    with pytest.raises(kd.DynresError, match="cannot be read.*nothing.tflite"):
        Runner(tmp_path / "nothing.tflite")


def test_a_file_changed_after_opening_is_refused(small, bundle):
    data, runner = bundle.read_bytes(), Runner(bundle)
    bundle.write_bytes(data[:-4])
    with pytest.raises(kd.DynresError, match="damaged"):
        runner.run(small.images(1))
    fields = json.loads(flatbuffer.find(data, metadata.NAME)[1])
    bundle.write_bytes(metadata.write_metadata(data, {**fields, "model": "other"}))
    with pytest.raises(kd.DynresError, match="replaced since"):
        runner.run(small.images(1))

"""The C++ program gives Python's menu and numbers, and says what is wrong in a line."""

import os
import pathlib
import re

import keras
import native_build
import numpy as np
import pytest
import staged_net
from native_build import raw
from PIL import Image

import keras_dynres as kd
from keras_dynres.tflite.metadata import read_metadata, write_metadata
from keras_dynres.tflite.runner import Runner

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="session")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (16, 16, 3), "uint8")


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("name", ["p1@0.5", "full"])
def test_an_instance_gives_pythons_numbers(program, bundles, tmp_path, precision, name):
    path, image = bundles(precision)[0], bundles.calibration[0]
    file = raw(image, tmp_path / "image.raw")
    expected = Runner(path).run(image, name)
    for threads in (1, 2):
        answer = program.answer(
            "run", path, "--image", file, "--instance", name, "--threads", threads
        )
        assert answer["instance"] == name and answer["threads"] == threads
        np.testing.assert_allclose(answer["outputs"], expected, atol=1e-6)
    first = answer["top"][0]
    assert first["class"] == expected.argmax()
    assert first["label"] == "abcdefghij"[first["class"]]
    shares = np.exp(expected - expected.max())
    assert first["probability"] == pytest.approx(1 / shares.sum(), rel=1e-5)


def test_an_instance_takes_the_memory_of_one(program, tmp_path):
    """All signatures of the file would pack these weights anew for each."""
    if "SANITIZE" in os.environ.get("NATIVE_CMAKE", ""):
        pytest.skip("sanitizers take memory of their own")
    x = images = keras.Input((8, 8, 3))
    for i, channels in enumerate((256, 1024)):
        x = keras.layers.Conv2D(channels, 3, padding="same", name=f"conv{i}")(x)
        x = keras.layers.ReLU(name=f"relu{i}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = kd.SDPoint(keras.Model(images, x), (0.5, 0.75), points=["relu0", "relu1"])
    file, peaks = raw(np.zeros((8, 8, 3), "float32"), tmp_path / "image.raw"), []
    for instances in ("full", "all"):
        path = tmp_path / f"{instances}.tflite"
        kd.tflite.export(model, path, instances, verbose=0)
        peaks.append(program.answer("run", path, "--image", file)["peak_mb"])
    assert len(program.answer("menu", path)["menu"]) == 5
    assert peaks[0] > path.stat().st_size / 1e6
    assert peaks[1] < 1.15 * peaks[0]


def test_the_menu_is_pythons(program, bundles):
    path = bundles()[0]
    said, answer = read_metadata(path), program.answer("menu", path)
    for key in ("model", "sha256", "menu", "aliases", "labels", "preprocessing"):
        assert answer[key] == said[key]
    assert [row["name"] for row in answer["menu"]] == Runner(path).menu.names
    assert answer["exits"] == [] and answer["policies"] == 0


def test_names_are_read_as_python_writes_them(program, tmp_path):
    old = pathlib.Path(__file__).with_name("version1.tflite")
    fields = read_metadata(old)
    fields["labels"] = ['"\\/', "Ähre", "\U0001f33e", "a\nb\x01"]
    fields["menu"][0]["measured"] = {"accuracy": 1e-7, "loss": float("nan")}
    path = tmp_path / "net.tflite"
    path.write_bytes(write_metadata(old.read_bytes(), fields))
    answer = program.answer("menu", path)
    assert answer["labels"] == fields["labels"]
    assert answer["menu"][0]["measured"] == {"accuracy": 1e-7, "loss": None}


def test_pictures_and_raw_pixels_are_what_python_makes_of_them(
    program, bundles, pixels, tmp_path
):
    path = bundles()[0]
    runner = Runner(path)
    Image.fromarray(pixels).save(tmp_path / "image.ppm")
    head, body = (tmp_path / "image.ppm").read_bytes().split(b"16 16\n")
    (tmp_path / "words.PPM").write_bytes(head + b"# a\n#b\n 16\t16 \n" + body)
    expected = runner.run(runner.preprocess(pixels))
    raw(pixels, tmp_path / "image.raw")
    for name in ("image.ppm", "words.PPM", "image.raw"):
        answer = program.answer("run", path, "--image", tmp_path / name)
        np.testing.assert_allclose(answer["outputs"], expected, atol=1e-6)


def test_a_jpeg_is_what_pillow_reads(program, bundles, pixels, tmp_path):
    if not native_build.has_jpeg(program):
        pytest.skip("libjpeg's headers are not installed")
    path, file = bundles()[0], tmp_path / "image.jpg"
    runner = Runner(path)
    smooth = Image.fromarray(pixels).resize((4, 4)).resize((16, 16))
    smooth.save(file, quality=95)
    read = np.asarray(Image.open(file))
    answer = program.answer("run", path, "--image", file)
    # Another libjpeg may round a pixel up; so far do the logits follow.
    near = runner.run(runner.preprocess(read))
    far = runner.run(runner.preprocess(read.clip(0, 254) + np.uint8(1)))
    assert np.abs(answer["outputs"] - near).max() <= np.abs(far - near).max()
    Image.fromarray(read[..., 0]).save(file, quality=95)
    grey = np.asarray(Image.open(file).convert("RGB"))
    answer = program.answer("run", path, "--image", file)
    np.testing.assert_allclose(
        answer["outputs"], runner.run(runner.preprocess(grey)), atol=1e-2
    )
    file.write_bytes(file.read_bytes()[:-60])
    native_build.refused(program.call("run", path, "--image", file), "damaged")


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_stages_stop_where_python_stops(program, staged_bundles, tmp_path, precision):
    path = staged_bundles(precision)[0]
    runner, left = Runner(path), set()
    staged_bundles.model.kept[1].to_json(tmp_path / "policy.json")
    for number, image in enumerate(staged_net.images(8, seed=2)):
        file = raw(image, tmp_path / f"{number}.raw")
        every = dict(runner.anytime(image))
        answer = program.answer("anytime", path, "--image", file)
        assert [line["exit"] for line in answer["exits"]] == list(every)
        for policy, said in ((0, 0), (1, tmp_path / "policy.json")):
            outputs, exit = runner.predict(image, policy, return_exits=True)
            words = ("anytime", path, "--image", file, "--policy", said)
            answer = program.answer(*words)
            assert answer["exit"] == runner.exits[exit]
            assert len(answer["exits"]) == exit + 1
            for line in answer["exits"]:
                wanted = every[line["exit"]]
                np.testing.assert_allclose(line["outputs"], wanted, atol=1e-6)
            np.testing.assert_allclose(line["outputs"], outputs, atol=1e-6)
            left.add(exit)
    assert len(left) > 1
    menu = program.answer("menu", path)
    assert menu["exits"] == runner.exits and menu["policies"] == 2


def test_a_threshold_stops_at_the_first_sure_exit(program, staged_bundles, tmp_path):
    path = staged_bundles()[0]
    file = raw(staged_net.images(1, seed=2)[0], tmp_path / "image.raw")
    words = ("anytime", path, "--image", file)
    sure = [line["sureness"] for line in program.answer(*words)["exits"]]
    for threshold in (0, sure[0], (sure[0] + 1) / 2, 1):
        answer = program.answer(*words, "--exit-threshold", threshold)
        stops = [position for position in (0, 1) if sure[position] >= threshold]
        assert len(answer["exits"]) == min([*stops, 2]) + 1


def test_a_network_with_a_map_gives_nested_lists(program, tmp_path):
    layers = keras.layers
    x = images = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="conv")(x)
    row = layers.GlobalAveragePooling2D(name="row")(x)
    model = kd.DynamicModel(keras.Model(images, {"row": row, "map": x}))
    kd.tflite.export(model, tmp_path / "two.tflite", verbose=0)
    image = np.random.default_rng(0).normal(size=(8, 8, 3)).astype("float32")
    file = raw(image, tmp_path / "image.raw")
    expected = Runner(tmp_path / "two.tflite").run(image)
    answer = program.answer("run", tmp_path / "two.tflite", "--image", file)
    assert list(answer["outputs"]) == list(expected) == ["map", "row"]
    for name, values in answer["outputs"].items():
        np.testing.assert_allclose(values, expected[name], atol=1e-6)


def test_the_example_of_the_guide_runs(program, bundles, pixels, tmp_path):
    page = native_build.SOURCES.parents[1] / "docs" / "guides" / "native.md"
    (code,) = re.findall(r"^```cpp\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    (tmp_path / "app.cc").write_text(code.replace("p3@0.5", "p1@0.5"))
    app = native_build.compiled(tmp_path / "app.cc", tmp_path / "app", program)
    done = app.call(cwd=tmp_path)
    assert done.returncode == 1 and "The bundle cannot be read" in done.stderr
    (tmp_path / "net.tflite").symlink_to(bundles()[0])
    Image.fromarray(pixels).save(tmp_path / "frog.ppm")
    lines = app.call(cwd=tmp_path).stdout.splitlines()
    runner = Runner(bundles()[0])
    assert [line.split()[0] for line in lines[:-1]] == list(bundles.names)
    logits = runner.run(runner.preprocess(pixels), "p1@0.5")
    assert float(lines[-1]) == pytest.approx(logits[0], rel=1e-4)


def test_times_are_told_by_instance(program, bundles):
    words = ("bench", bundles()[0], "--repeats", 3)
    answer = program.answer(*words, "--instances", "full,p1@0.5", "--threads", 2)
    assert answer["threads"] == 2 and list(answer["latency"]) == ["full", "p1@0.5"]
    for figures in answer["latency"].values():
        assert 0 < figures["min_ms"] <= figures["median_ms"] <= figures["max_ms"]
        assert figures["iqr_ms"] >= 0 and figures["repeats"] == 3
    assert list(program.answer(*words)["latency"]) == list(bundles.names)


def test_arm_gives_the_same_numbers(arm, bundles, staged_bundles, tmp_path):
    file = raw(bundles.calibration[0], tmp_path / "image.raw")
    for precision, tolerance in (("float32", 1e-5), ("int8", 1e-6)):
        path = bundles(precision)[0]
        expected = Runner(path).run(bundles.calibration[0])
        answer = arm.answer("run", path, "--image", file)
        np.testing.assert_allclose(answer["outputs"], expected, atol=tolerance)
    path, image = staged_bundles()[0], staged_net.images(1, seed=2)[0]
    words = ("anytime", path, "--image", raw(image, file), "--policy", 0)
    exit = Runner(path).predict(image, 0, return_exits=True)[1]
    assert len(arm.answer(*words)["exits"]) == exit + 1

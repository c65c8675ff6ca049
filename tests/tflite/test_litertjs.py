"""The bundle under LiteRT.js in Node gives the numbers Python gives."""

import json
import os
import pathlib
import shutil
import subprocess

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.tflite.runner import Runner

pytestmark = pytest.mark.tensorflow
SOURCES = pathlib.Path(__file__).parents[2] / "tflite" / "node"
WEB = SOURCES.with_name("web")  # which holds what browsers and Node share


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A function that runs the command, with LiteRT.js installed beside it."""
    if not shutil.which("node"):
        pytest.skip("Node is not installed")
    version = _call("node", "--version").stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < 20:
        pytest.skip(f"needs Node 20 or newer, found {version}")
    folder = SOURCES
    if not (SOURCES / "node_modules").is_dir():
        if not shutil.which("npm"):
            pytest.skip("LiteRT.js is not installed, and npm neither")
        folder = tmp_path_factory.mktemp("tflite") / "node"
        for source, copy in ((SOURCES, folder), (WEB, folder.with_name("web"))):
            shutil.copytree(source, copy)
        done = _call("npm", "ci", "--no-audit", "--no-fund", cwd=folder)
        if done.returncode:
            pytest.skip(f"npm could not install LiteRT.js: {done.stderr[-200:]}")
    return lambda *words: _call("node", folder / "run.mjs", *words)


def _call(*words, **kwargs):
    if os.name == "nt" and words[0] == "npm":
        words = ("npm.cmd", *words[1:])
    return subprocess.run(words, capture_output=True, text=True, **kwargs)


@pytest.mark.parametrize("name", ["p1@0.5", "full"])
def test_an_instance_gives_pythons_numbers(small, node, tmp_path, name):
    images, file = small.images(2), tmp_path / "images.json"
    file.write_text(json.dumps(images.tolist()))
    done = node(small.path, "--instance", name, "--input", file)
    assert done.returncode == 0, done.stderr
    expected = Runner(small.path).run(images, name)
    got = json.loads(done.stdout)
    assert got["instance"] == name
    np.testing.assert_allclose(got["outputs"], expected, atol=1e-4)


def test_several_outputs_come_by_their_names(node, tmp_path):
    x = images = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv")(x)
    row = keras.layers.GlobalAveragePooling2D(name="row")(x)
    model = kd.DynamicModel(keras.Model(images, {"row": row, "map": x}))
    kd.tflite.export(model, tmp_path / "two.tflite", verbose=0)
    batch = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    (tmp_path / "images.json").write_text(json.dumps(batch.tolist()))
    done = node(tmp_path / "two.tflite", "--input", tmp_path / "images.json")
    assert done.returncode == 0, done.stderr
    expected = Runner(tmp_path / "two.tflite").run(batch)
    for i, outputs in enumerate(json.loads(done.stdout)["outputs"]):
        assert list(outputs) == list(expected) == ["map", "row"]
        for name, values in outputs.items():
            np.testing.assert_allclose(values, expected[name][i], atol=1e-5)
    got = json.loads(node(tmp_path / "two.tflite").stdout)
    assert got["outputs"]["map"]["shape"] == [8, 8, 4]


def test_the_menu_is_listed(small, node):
    got = json.loads(node(small.path).stdout)
    assert [row["name"] for row in got["menu"]] == list(small.names)
    assert got["input"]["shape"] == list(small.shape)


def test_bad_input_gets_a_sentence(small, node, tmp_path):
    data, cut, short = small.path.read_bytes(), tmp_path / "cut", tmp_path / "s.json"
    short.write_text("[1, 2, 3]")
    cases = [
        ([small.path, "--instance", "nix", "--input", short], 1, "Offered: p1@0.5"),
        ([small.path, "--input", short], 1, "16 x 16 x 3 = 768 numbers"),
        ([tmp_path / "nix.tflite"], 1, "Cannot read"),
        ([cut], 1, "damaged"),
        ([short], 1, "damaged or not a TFLite file"),
        ([], 2, "Usage"),
        ([small.path, "--wrong"], 2, "Usage"),
    ]
    cut.write_bytes(data[:-64])
    for words, code, sentence in cases:
        done = node(*words)
        assert done.returncode == code and sentence in done.stderr, done
        assert done.stdout == ""

"""From a folder of pictures to a file for phones."""

import json

import numpy as np
import pytest
from PIL import Image

import keras_dynres as kd

COLOURS = {"cat": (200, 60, 60), "dog": (60, 190, 70)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "photos"
    random = np.random.default_rng(0)
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for number in range(24):
            height, width = random.integers(24, 60, 2)
            pixels = random.normal(colour, 30, (height, width, 3)).clip(0, 255)
            path = folder / label / f"{number}.jpg"
            Image.fromarray(pixels.astype("uint8")).save(path)
    return folder


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory, network):
    """What `train` left of a small network, in an epoch."""
    import keras_dynres_cli as cli

    out = tmp_path_factory.mktemp("runs") / "net"
    words = ["train", network, "--images", photos, "--size", 24, "--out_dir", out]
    assert cli.main([str(word) for word in [*words, "--set", "epochs=2"]]) == 0
    return out


def test_a_network_of_the_zoo_is_trained_on_pictures(trained, photos):
    results = json.loads((trained / "results.json").read_text())
    assert results["network"]["epochs"] == 2
    assert results["network"]["dataset"]["folder"] == str(photos)
    assert results["data"]["files"] == 48
    assert set(results["instances"]) == {"p1@0.5", "full"}


def test_what_was_trained_is_evaluated_calibrated_and_exported(
    run, trained, photos, tmp_path
):
    model = trained / "model.keras"
    code, out, _ = run("evaluate", model)
    assert code == 0 and "accuracy" in out
    code, _, _ = run("calibrate", model, "-o", tmp_path / "calibrated.keras")
    assert code == 0
    bundle = tmp_path / "net.tflite"
    code, _, _ = run("export", model, "-o", bundle)
    assert code == 0
    metadata = kd.tflite.read_metadata(bundle)
    assert metadata["labels"] == ["cat", "dog"]
    assert metadata["preprocessing"]["scale"] == 255
    assert metadata["input"]["shape"] == [24, 24, 3]


def test_pictures_may_lie_elsewhere_now(run, fails, trained, photos, tmp_path):
    model, moved = trained / "model.keras", tmp_path / "moved"
    photos.rename(moved)
    try:
        assert "does not exist" in fails("evaluate", model)
        code, out, _ = run("evaluate", model, "--dataset", moved)
        assert code == 0 and "full" in out
    finally:
        moved.rename(photos)
    for label in ("cat", "cow"):
        (tmp_path / "others" / label).mkdir(parents=True)
        for number in range(2):
            path = tmp_path / "others" / label / f"{number}.png"
            Image.new("RGB", (9, 9)).save(path)
    said = fails("evaluate", model, "--dataset", tmp_path / "others")
    assert "differs in cow, dog" in said


def test_a_resumed_training_refuses_other_pictures(fails, trained, network, photos):
    words = ["--images", photos, "--out_dir", trained, "--set", "epochs=2"]
    said = fails("train", network, *words, "--size", 32, "--resume")
    assert "take another out_dir" in said


def test_a_network_from_elsewhere_is_tuned(run, photos, tmp_path):
    base = kd.architectures.wide_resnet(10, 1, input_shape=(16, 16, 3), classes=5)
    base.save(tmp_path / "base.keras")
    words = ["--images", photos, "--size", 24, "--out_dir", tmp_path / "run"]
    options = 'method_options={"ratios":[0.5],"points":["stage1_block1_add"]}'
    code, out, _ = run(
        *("train", "--base", tmp_path / "base.keras", "--method", "sdpoint"),
        *(*words, "--frozen_epochs", 1, "--set", "epochs=2", options),
    )
    assert code == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["network"]["frozen_epochs"] == 1
    code, out, _ = run("evaluate", tmp_path / "run" / "model.keras")
    assert code == 0 and "p1@0.5" in out


def test_command_lines_that_do_not_say_what_to_train(run, fails, photos, network):
    code, _, err = run("train")
    assert code == 2 and "NETWORK, or --base" in err
    code, _, err = run("train", "--base", "keras.applications.MobileNet")
    assert code == 2 and "--images FOLDER" in err
    code, _, err = run("train", network, "--set", "epochs")
    assert code == 2 and "ENTRY=VALUE" in err
    assert "Did you mean 'epochs'" in fails("train", network, "--set", "epoch=3")
    twice = fails("train", network, "--set", "epoch=3", "--set", "batch_size=8")
    assert "Did you mean 'epochs'" in twice
    said = fails("train", network, "--set", "epochs=many")
    assert "epochs is int" in said

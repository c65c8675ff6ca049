"""train, calibrate and evaluate: commands that change a model."""

import json
import shutil
from pathlib import Path

import keras
import pytest
from pictures import pictures, write

from keras_dynres import Menu, architectures, data, methods, training
from keras_dynres.zoo import weights

NAMES = ["p1@0.5", "full"]


def calibrated(path):
    model = keras.saving.load_model(path, compile=False)
    return [name for name in NAMES if model.is_calibrated(name)]


def test_calibrate_in_place_then_evaluate(run, uncalibrated, tmp_path):
    assert calibrated(uncalibrated) == []
    on = ["--dataset", "synthetic", "--batch_size", "64"]
    code, out, _ = run("calibrate", uncalibrated, *on, "--batches", "1")
    assert code == 0
    assert calibrated(uncalibrated) == NAMES
    table = tmp_path / "menu.csv"
    code, out, _ = run("evaluate", uncalibrated, *on, "-o", table)
    assert code == 0
    menu = Menu.from_csv(table)
    assert all(0 <= i.measured["accuracy"] <= 1 for i in menu)
    assert str(menu).splitlines()[0] in out


def test_evaluate_refuses_what_is_not_calibrated(fails, uncalibrated):
    said = fails("evaluate", uncalibrated, "--dataset", "synthetic")
    assert "calibrate" in said
    assert "'p1@0.5'" in said


def test_interrupted_calibration_keeps_what_is_done(run, uncalibrated, monkeypatch):
    whole = data.load("synthetic", "train", batch_size=64)

    class Interrupted:
        """Ctrl-C when the second instance begins."""

        passes = 0

        def __iter__(self):
            self.passes += 1
            if self.passes == 2:
                raise KeyboardInterrupt
            return iter(whole)

    images = Interrupted()
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: images)
    on = ["--dataset", "synthetic", "--batches", "1"]
    code, _, err = run("calibrate", uncalibrated, *on)
    assert code == 130
    assert "1 of 2 instances were calibrated" in err
    assert "--resume" in err
    assert calibrated(uncalibrated) == ["full"]
    assert run("calibrate", uncalibrated, *on, "--resume")[0] == 0
    assert calibrated(uncalibrated) == NAMES


def test_weights_need_to_know_whose_they_are(run, fails, model, network, tmp_path):
    path = tmp_path / "small.npz"
    weights.save(model, path)
    code, _, err = run("evaluate", path)
    assert code == 2
    assert "--like" in err
    assert "Did you mean" in fails("evaluate", path, "--like", "wrn16_2_cifar")
    assert "(13,)" in fails("evaluate", path, "--like", "sdpoint_wrn16_2_cifar10")
    code, _, _ = run("evaluate", path, "--like", network, "-o", tmp_path / "out.keras")
    assert code == 0
    assert calibrated(tmp_path / "out.keras") == NAMES


def test_results_beside_a_file_tell_its_network(run, fails, network, tmp_path, model):
    weights.save(model, tmp_path / "small.npz")
    content = json.loads(Path(network).read_text())
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"network": {"name": "small", **content}}))
    assert run("evaluate", tmp_path / "small.npz", "--instances", "full")[0] == 0
    for content, says in {
        b"[]": "tells of no training",
        b'{"network": 3}': "tells of no training",
        b"{": "Not the results of a training in JSON",
        b"\xff{}": "Cannot read the results of a training: the file is not text",
    }.items():
        results.write_bytes(content)
        said = fails("evaluate", tmp_path / "small.npz")
        assert says in said and str(results) in said


@pytest.mark.parametrize("command", ["calibrate", "evaluate"])
def test_unknown_names_are_refused(fails, keras_file, tmp_path, command):
    out = ["-o", str(tmp_path / "out.keras")]
    on = [*out, "--dataset", "synthetic"]
    near = fails(command, keras_file, *on, "--instances", "p1@0.6")
    assert "'p1@0.5'" in near
    near = fails(command, keras_file, *out, "--dataset", "cifar11")
    assert "'cifar10'" in near
    assert "'sdpoint_wrn40_4_cifar10'" in fails(command, "sdpoint_wrn40_4_cifar1", *out)
    assert "zoo" in fails(command, "folder/model.h5", *out)
    assert not list(tmp_path.iterdir())


def test_a_plain_network_has_no_menu(fails, model, tmp_path):
    path = tmp_path / "plain.keras"
    model.base.save(path)
    assert "no menu" in fails("evaluate", path, "--dataset", "synthetic")


def test_a_truncated_model_is_told_apart(fails, keras_file, tmp_path):
    path = tmp_path / "cut.keras"
    shutil.copy(keras_file, path)
    with path.open("r+b") as file:
        file.truncate(5000)
    assert "not a whole .keras file" in fails("evaluate", path)


def test_train_hands_on_what_was_asked_and_says_what_to_do_next(
    run, monkeypatch, network, tmp_path
):
    asked = {}
    monkeypatch.setattr(training, "train", lambda _, **kwargs: asked.update(kwargs))
    code, out, _ = run("train", network, "--out_dir", tmp_path, "--resume")
    assert code == 0
    assert asked["resume"] is True
    assert asked["out_dir"] == tmp_path
    assert asked["epochs"] is None
    assert f"keras-dynres export {tmp_path / 'model.keras'}" in out


def test_train_refuses(fails, tmp_path):
    assert "'wrn16_2_cifar10'" in fails("train", "wrn16_2_cifar1")
    (tmp_path / "file").write_text("")
    blocked = tmp_path / "file" / "out"
    assert "cannot be written" in fails(
        "train", "wrn16_2_cifar10", "--out_dir", blocked
    )
    assert "Cannot read a network" in fails("train", str(tmp_path / "none.json"))


def test_pictures_come_at_the_size_that_the_model_takes(run, monkeypatch, tmp_path):
    monkeypatch.setitem(data.DATASETS, "pictures", pictures(in_memory=False))
    write(tmp_path)
    base = architectures.wide_resnet(10, 1, input_shape=(24, 24, 3), classes=100)
    path = tmp_path / "net.keras"
    methods.create("plain", base).save(path)
    on = ("--dataset", "pictures", "--data_dir", tmp_path, "--batch_size", "5")
    code, out, err = run("evaluate", path, *on)
    assert (code, err) == (0, "")
    assert "full" in out

"""Runs that are killed, interrupted, tampered with, or not allowed to begin."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from filelock import FileLock

from keras_dynres import ResizableAug, data
from keras_dynres.core import calibration
from keras_dynres.core.plan import Plan
from keras_dynres.errors import DynresError
from keras_dynres.training import TrainingInterrupted, build, checkpoints, logs, train
from keras_dynres.zoo import Network

TESTS = str(Path(__file__).parents[1])
# What compiles much runs on TensorFlow alone; JAX takes several times as long for it.
EPOCHS = 4
CONFIG = {
    "architecture": "tiny",
    "architecture_options": {"widths": [16, 32]},
    "method": "sdpoint",
    "method_options": {"ratios": [0.5], "points": ["relu1"]},
    "dataset": "synthetic",
    "augment": "pad_crop_flip",
    "epochs": EPOCHS,
    "batch_size": 64,
    "learning_rate": 0.05,
    "warmup_epochs": 1,
    "calibration_batches": 2,
}
NETWORK = Network.from_config({"name": "tiny", **CONFIG})


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The weights, steps and folders of a run nothing happened to.

    Tests that use it are all marked: runs that are compared are traced alike.
    """
    folder = tmp_path_factory.mktemp("unbroken")
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        record(patch, drawn)
        train(NETWORK, out_dir=folder, epochs=EPOCHS - 1, verbose=0)
    kept, before = state(folder), tmp_path_factory.mktemp("before") / "run"
    shutil.copytree(folder, before)
    model = train(NETWORK, out_dir=folder, resume=True, verbose=0)
    made = {"state": kept, "drawn": drawn, "before_the_last_epoch": before}
    return {**made, "folder": folder, "model": model}


def record(patch, drawn):
    """Notes every draw of an instance."""
    draw = Plan.draw

    def noted(self, step):
        drawn.append((step, draw(self, step)))
        return drawn[-1][1]

    patch.setattr(Plan, "draw", noted)


def state(folder):
    """All variables of the latest checkpoint, the optimizer's among them."""
    with np.load(checkpoints.Checkpoints(folder, NETWORK).paths()[0]) as file:
        return [file[key] for key in sorted(file.files) if key != "meta"]


def assert_same(state, other):
    for value, expected in zip(state, other, strict=True):
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-6)


# The signal comes before a step in the midst of an epoch, however slow the machine.
# Each run is a process of its own, parted from one that has imported TensorFlow.
STRUCK = """
import json, os, signal, sys
import low_nets
from keras_dynres import architectures
from keras_dynres.core.plan import Plan
from keras_dynres_cli import main
# A shell's background jobs, this test among them, are started deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
architectures._ARCHITECTURES["tiny"] = low_nets.architecture
def run(step, blow, said, flags):
    draw = Plan.draw
    def struck(self, at):
        if at == step:
            os.kill(os.getpid(), blow)
        return draw(self, at)
    Plan.draw = struck
    os.dup2(os.open(said, os.O_CREAT | os.O_WRONLY), 2)
    sys.exit(main(["train", *flags]))
codes = []
for parts in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        run(*parts)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(codes))
"""


def struck(*runs):
    """Runs the command once for each (step, blow, file of its words, arguments).

    A signal strikes each at its step. Returns the exit codes.
    """
    command = [sys.executable, "-c", STRUCK, json.dumps(runs)]
    path = os.pathsep.join(filter(None, [TESTS, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.tensorflow
def test_killed_then_interrupted_then_resumed_ends_as_unbroken(tmp_path, unbroken):
    network, folder = tmp_path / "tiny.json", tmp_path / "run"
    network.write_text(json.dumps(CONFIG))
    asked = [str(network), "--out_dir", str(folder)]
    words = [tmp_path / "killed.txt", tmp_path / "interrupted.txt"]
    codes = struck(
        (11, signal.SIGKILL, str(words[0]), asked),
        (19, signal.SIGINT, str(words[1]), [*asked, "--resume"]),
    )
    killed, interrupted = (path.read_text() for path in words)
    assert codes[0] == -signal.SIGKILL, killed
    assert codes[1] == 130, interrupted
    said = [x for x in interrupted.splitlines() if x.startswith("Interrupted")]
    assert len(said) == 1
    assert "2 finished epoch(s) are kept" in said[0]
    assert str(folder) in said[0] and "--resume" in said[0]
    assert "Traceback" not in interrupted
    train(NETWORK, out_dir=folder, resume=True, epochs=EPOCHS - 1, verbose=0)
    assert_same(state(folder), unbroken["state"])
    with (folder / "log.csv").open() as file:
        epochs = [int(row["epoch"]) for row in csv.DictReader(file)]
    assert epochs == list(range(1, EPOCHS))


@pytest.mark.backends
def test_resumed_draws_the_instances_an_unbroken_run_draws(
    tmp_path, unbroken, monkeypatch
):
    drawn = []
    record(monkeypatch, drawn)
    train(NETWORK, out_dir=tmp_path, epochs=1, verbose=0)
    train(NETWORK, out_dir=tmp_path, epochs=EPOCHS - 1, resume=True, verbose=0)
    assert drawn == unbroken["drawn"]
    assert [step for step, _ in drawn] == list(range(8 * (EPOCHS - 1)))
    assert_same(state(tmp_path), unbroken["state"])


def test_a_run_that_stops_early_goes_by_the_plan_of_the_whole(tmp_path, monkeypatch):
    targets = []
    begin = ResizableAug.on_epoch_begin

    def noted(self, epoch, logs=None):
        begin(self, epoch, logs)
        targets.append(self.model.plan.target)

    monkeypatch.setattr(ResizableAug, "on_epoch_begin", noted)
    options = {"scales": [0.5, 1.0], "stages": ["relu1"], "target": "full"}
    changes = {"method": "resizable", "method_options": options, "epochs": 3}
    network = Network.from_config({"name": "aug", **CONFIG, **changes})
    for epochs in (2, 3):
        train(network, out_dir=tmp_path, epochs=epochs, resume=True, verbose=0)
    assert targets == [None, None, "full"]


@pytest.mark.backends
def test_the_end_is_a_calibrated_measured_model_on_disk(unbroken):
    folder, model = unbroken["folder"], unbroken["model"]
    results = json.loads((folder / "results.json").read_text())
    assert set(results["instances"]) == set(results["uniform"]) == set(model.instances)
    assert results["network"] == json.loads(json.dumps(NETWORK.get_config()))
    assert results["data"]["name"] == "synthetic"
    again = keras.models.load_model(folder / "model.keras")
    test = list(data.load("synthetic", "test", batch_size=128).as_numpy_iterator())[0]
    for name in model.instances:
        logits = again.at(name).predict(test[0], verbose=0)
        accuracy = (logits.argmax(axis=1) == test[1]).mean()
        assert round(accuracy, 6) == results["instances"][name]["accuracy"]
    assert results["instances"]["full"]["accuracy"] > 0.3


@pytest.mark.tensorflow
def test_calibration_sees_images_as_training_does(unbroken):
    batches = data.load(
        "synthetic", "train", batch_size=64, augment="pad_crop_flip", seed=NETWORK.seed
    )
    images = np.concatenate([x for x, _ in batches.take(2).as_numpy_iterator()])
    base = unbroken["model"].base
    norm = next(
        layer
        for layer in base.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    )
    pixels = keras.Model(base.input, norm.input).predict(images, verbose=0)
    mean, deviation = pixels.mean((0, 1, 2)), pixels.std((0, 1, 2))
    np.testing.assert_allclose(norm.moving_mean, mean, atol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, deviation**2, rtol=1e-3)


@pytest.mark.tensorflow
def test_interrupted_in_the_last_calibration(tmp_path, unbroken, monkeypatch):
    folder = tmp_path / "run"
    made = ("model.keras", "results.json")
    shutil.copytree(unbroken["folder"], folder, ignore=lambda *_: made)
    passes, read = [], calibration.images_of

    def interrupted(*args, **options):
        passes.append(args)
        for number, batch in enumerate(read(*args, **options)):
            # Two passes for the uniform baseline, then the model's own.
            if (len(passes), number) == (4, 1):
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(calibration, "images_of", interrupted)
        with pytest.raises(TrainingInterrupted, match="4 finished epoch.*--resume"):
            train(NETWORK, out_dir=folder, resume=True, verbose=0)
    assert not any((folder / name).exists() for name in made)
    assert_same(state(folder), state(unbroken["folder"]))
    model = train(NETWORK, out_dir=folder, resume=True, verbose=0)
    assert_same(model.get_weights(), unbroken["model"].get_weights())
    broken_off, expected = (
        json.loads((run / "results.json").read_text())["instances"]
        for run in (folder, unbroken["folder"])
    )
    assert broken_off == expected


@pytest.mark.tensorflow
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, unbroken, capsys):
    folder = tmp_path / "run"
    shutil.copytree(unbroken["before_the_last_epoch"], folder)
    latest = checkpoints.Checkpoints(folder, NETWORK).paths()[0]
    latest.write_bytes(latest.read_bytes()[:-100])
    train(NETWORK, out_dir=folder, epochs=EPOCHS - 1, resume=True, verbose=2)
    said = capsys.readouterr().out
    assert f"{latest.name} is damaged" in said and "after epoch 2" in said
    assert (folder / f"damaged_{latest.name}").exists()
    assert_same(state(folder), unbroken["state"])


def test_a_plain_network_is_a_menu_of_one(tmp_path):
    changes = {"name": "plain", "method": "plain", "method_options": {}, "epochs": 2}
    plain = Network.from_config({**CONFIG, **changes})
    model = train(plain, out_dir=tmp_path, tensorboard=True, verbose=0)
    assert model.instances == ["full"]
    results = json.loads((tmp_path / "results.json").read_text())
    assert 0 <= results["instances"]["full"]["accuracy"] <= 1
    assert list((tmp_path / "tensorboard").rglob("events*"))
    assert json.loads((tmp_path / "history.json").read_text())[1]["epoch"] == 2


def test_weights_are_rounded_before_anything_is_measured(tmp_path):
    config = {**CONFIG, "epochs": 1, "warmup_epochs": 0, "round_to_float16": True}
    network = Network.from_config({**config, "name": "rounded"})
    model = train(network, out_dir=tmp_path, verbose=0)
    for weight in model.base.trainable_weights:
        value = np.asarray(weight)
        np.testing.assert_array_equal(value, value.astype("float16"))
    assert all(model.is_calibrated(name) for name in model.instances)
    measured = json.loads((tmp_path / "results.json").read_text())["instances"]
    menu = model.evaluate_menu(data.load("synthetic", "test"), verbose=0)
    for instance in menu:
        accuracy = measured[instance.name]["accuracy"]
        assert instance.measured["accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_one_process_to_a_folder(tmp_path):
    with (
        FileLock(tmp_path / ".lock"),
        pytest.raises(DynresError, match="Another process is training in this"),
    ):
        train(NETWORK, out_dir=tmp_path, verbose=0)


@pytest.mark.tensorflow
def test_a_run_is_not_overwritten_nor_taken_for_another(unbroken):
    folder = unbroken["folder"]
    with pytest.raises(DynresError, match="holds the checkpoints of a run"):
        train(NETWORK, out_dir=folder, verbose=0)
    other = Network(**{**NETWORK.get_config(), "learning_rate": 0.01})
    with pytest.raises(DynresError, match="learning_rate=0.05, the network now says"):
        train(other, out_dir=folder, resume=True, verbose=0)


def with_meta(text):
    """The bytes of a checkpoint's kind of file that says this of itself."""
    buffer = io.BytesIO()
    np.savez(buffer, meta=np.array(text))
    return buffer.getvalue()


def leave(foreign, folder):
    """Puts a file where a checkpoint is looked for, with the hash of its content."""
    name = f"epoch_00001.{checkpoints._hash(foreign)}.npz"
    (folder / name).write_bytes(foreign)


def test_a_file_that_is_no_checkpoint(tmp_path):
    leave(b"not numbers", tmp_path)
    with pytest.raises(DynresError, match="Not a checkpoint of this package"):
        train(NETWORK, out_dir=tmp_path, resume=True, verbose=0)


@pytest.mark.parametrize(
    "foreign",
    [b"", *map(with_meta, ("{", "[]", '{"network": 1}', "{}", b"\xff{}"))],
)
def test_other_files_that_are_no_checkpoints(tmp_path, foreign):
    leave(foreign, tmp_path)
    with pytest.raises(DynresError, match="Not a checkpoint of this package"):
        checkpoints.Checkpoints(tmp_path, NETWORK).latest()


def test_logs_that_cannot_be_written(tmp_path):
    with pytest.raises(DynresError, match="cannot be written.*path=.*log.csv"):
        logs.write_logs(tmp_path / "absent", [{"epoch": 1}])


def test_a_folder_that_cannot_be_written_to(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DynresError, match="folder of the run cannot be written.*path="):
        train(NETWORK, out_dir=file / "run", verbose=0)


def test_a_loss_that_is_not_finite_stops_and_keeps_what_was(tmp_path):
    wild = Network(
        **{**NETWORK.get_config(), "learning_rate": 1e30, "warmup_epochs": 0}
    )
    with pytest.raises(DynresError, match="The loss is .* learning rate is too high"):
        train(wild, out_dir=tmp_path, verbose=0)
    assert not checkpoints.Checkpoints(tmp_path, wild).paths()


def test_precision_is_the_networks_and_leaves_the_process_as_it_was():
    mixed = Network(**{**NETWORK.get_config(), "precision": "mixed_bfloat16"})
    model = build(mixed)
    assert keras.config.dtype_policy().name == "float32"
    assert model.base.get_layer("conv1").compute_dtype == "bfloat16"


@pytest.mark.tensorflow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_what_was_trained_in_half_precision_is_kept_in_single(tmp_path, precision):
    changed = {"precision": precision, "epochs": 1, "warmup_epochs": 0}
    mixed = Network(**{**NETWORK.get_config(), **changed})
    train(mixed, out_dir=tmp_path, verbose=0)
    half = build(mixed)
    kept = checkpoints.Checkpoints(tmp_path, mixed)
    kept.restore(half, kept.latest())
    saved = keras.saving.load_model(tmp_path / "model.keras")
    assert saved.base.get_layer("conv1").compute_dtype == "float32"
    assert int(saved.optimizer.iterations + 0) == int(half.optimizer.iterations + 0) > 0
    for trained, kept in zip(
        half.trainable_weights, saved.trainable_weights, strict=True
    ):
        np.testing.assert_array_equal(kept, trained)
    test = data.load("synthetic", split="test", batch_size=64)
    accuracy = saved.evaluate(test, verbose=0, return_dict=True)["accuracy"]
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["instances"]["full"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_wrong_arguments(tmp_path):
    with pytest.raises(DynresError, match="epochs=0"):
        train(NETWORK, out_dir=tmp_path, epochs=0)
    with pytest.raises(DynresError, match="Unknown architecture.*'wide_resent'"):
        build(Network("wrong", "wide_resent", "synthetic", 1))

"""A small calibrated model, the files made of it, and how commands are run."""

import json

import pytest

import keras_dynres as kd
import keras_dynres_cli as cli

RECIPE = {
    "architecture": "wide_resnet",
    "architecture_options": {"depth": 10, "width": 1},
    "method": "sdpoint",
    "method_options": {"ratios": [0.5], "points": ["stage1_block1_add"]},
    "dataset": "synthetic",
    "epochs": 1,
    "batch_size": 64,
    "calibration_batches": 1,
}
ACCURACIES = {"p1@0.5": 0.5, "full": 0.75}


def small_model():
    base = kd.architectures.wide_resnet(depth=10, width=1)
    return kd.SDPoint(base, ratios=[0.5], points=["stage1_block1_add"])


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="session")
def recipe(folder):
    path = folder / "small.json"
    path.write_text(json.dumps(RECIPE))
    return str(path)


@pytest.fixture(scope="session")
def model():
    """As after training: calibrated, with accuracies."""
    model = small_model()
    model.calibrated.assign([1.0, 1.0])
    for name, accuracy in ACCURACIES.items():
        model.menu.record(name, accuracy=accuracy)
    return model


@pytest.fixture(scope="session")
def keras_file(folder, model):
    path = folder / "small.keras"
    model.save(path)
    return str(path)


@pytest.fixture
def uncalibrated(tmp_path):
    path = tmp_path / "fresh.keras"
    small_model().save(path)
    return str(path)


@pytest.fixture(scope="session")
def menu_file(folder, model):
    path = folder / "menu.json"
    model.menu.to_json(path)
    return str(path)


@pytest.fixture
def run(capsys):
    """Runs a command; returns its exit code and what it printed to either stream."""

    def run(*argv):
        code = cli.main([str(word) for word in argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def fails(run):
    """Runs a command that fails by an error of ours; returns its one sentence."""

    def fails(*argv):
        code, _, err = run(*argv)
        assert code == 1
        assert len(err.strip().splitlines()) == 1
        return err.strip()

    return fails

"""A small calibrated model, the files made of it, and how commands are run."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

import keras_dynres as kd
import keras_dynres_cli as cli
from keras_dynres_cli.phone import report, server, site

NETWORK = {
    "architecture": "wide_resnet",
    "architecture_options": {"depth": 10, "width": 1},
    "method": "sdpoint",
    "method_options": {"ratios": [0.5], "points": ["stage1_block1_add"]},
    "dataset": "synthetic",
    "epochs": 1,
    "batch_size": 64,
    "calibration_batches": 1,
}
WASM = bytes(range(256)) * 400
ACCURACIES = {"p1@0.5": 0.5, "full": 0.75}


def small_model():
    base = kd.architectures.wide_resnet(depth=10, width=1)
    return kd.SDPoint(base, ratios=[0.5], points=["stage1_block1_add"])


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="session")
def network(folder):
    path = folder / "small.json"
    path.write_text(json.dumps(NETWORK))
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


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A page that stands for the real one, which other tests look at."""
    folder = tmp_path / "web"
    (folder / "runtime").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>net</title>")
    (folder / "page.mjs").write_text("export {};\n" * 100)
    (folder / "README.md").write_text("not for browsers")
    (folder / "runtime" / "LICENSE").write_text("a licence")
    with tarfile.open(folder / "runtime" / "litert.tar.xz", "w:xz") as archive:
        for name, content in {
            "core/index.js": b"export {};",
            "wasm/x.wasm": WASM,
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(site, "_web", lambda: folder)
    return folder


@pytest.fixture
def phone_bundle(tmp_path):
    """A bundle of two instances that nothing here runs."""
    path = Path(__file__).parents[1] / "tflite" / "version1.tflite"
    return Path(shutil.copy(path, tmp_path / "net.tflite"))


@pytest.fixture
def measured(phone_bundle):
    """What a phone sends of that bundle; a test changes what it wants."""
    times = {"min_ms": 20, "median_ms": 21.25, "max_ms": 30, "iqr_ms": 0.5}
    return {
        "format": "keras_dynres.bench/1",
        "device": "Pixel 8",
        "cpu": "Mozilla/5.0 (Linux; Android 14; Pixel 8)",
        "cores": 8,
        "runtime": "LiteRT.js 2.5.3 wasm",
        "threads": 1,
        "sha256": kd.tflite.read_metadata(phone_bundle)["sha256"],
        "latency": {
            "exit1": {**times, "min_ms": 4, "median_ms": 5, "repeats": 60},
            "full": {**times, "repeats": 40},
        },
    }


@pytest.fixture
def lines():
    """What the server tells of reports."""
    return []


@pytest.fixture
def running(web, phone_bundle, lines, monkeypatch):
    """A server on a free port of this computer, in a thread."""
    errors = []
    monkeypatch.setattr(
        server.http.server.ThreadingHTTPServer,
        "handle_error",
        lambda *args: errors.append(args),
    )
    made = site.Site(phone_bundle)
    keep = report.keeper(phone_bundle, made.metadata, lines.append)
    made = server.Server(made, keep, port=0, host="127.0.0.1", patience=5)
    with made.background() as running:
        yield running
    assert not errors

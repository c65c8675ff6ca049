"""What `export` writes: every check runs the file as a user's program would."""

import importlib

import keras
import numpy as np
import pytest

from keras_dynres.tflite import Runner, convert, export, metadata

pytestmark = pytest.mark.tensorflow

NAMES = ("p1@0.5", "p2@0.75", "full")
SHAPE = (16, 16, 3)
MODULE = importlib.import_module("keras_dynres.tflite.export")


@pytest.fixture(scope="module")
def model(bundles):
    return bundles.model


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(1)
    return rng.normal(0.3, 1.5, (8, *SHAPE)).astype("float32")


def run(path, name, images):
    """All signatures loaded together, as a program does that knows no `select`."""
    from ai_edge_litert.interpreter import Interpreter

    call = Interpreter(model_path=str(path)).get_signature_runner(name)
    return np.concatenate([call(images=image[None])["outputs"] for image in images])


def test_each_signature_computes_its_instance(exported, model, images):
    precision, path, _ = exported
    allowed = {"float32": 1e-4, "float16": 1e-2}.get(precision, 0.15)
    wanted = {name: np.asarray(model.at(name)(images)) for name in NAMES}
    for name in NAMES:
        error = np.abs(run(path, name, images) - wanted[name]).max()
        assert error < allowed * max(1, np.abs(wanted[name]).max())
    # The instances differ by more than that: no signature stands in for another.
    gap = np.abs(wanted["full"] - wanted["p1@0.5"]).max()
    assert gap > 2 * allowed * max(1, np.abs(wanted["full"]).max())


def test_report(exported, images):
    precision, path, report = exported
    assert report.path == str(path)
    assert report.size == path.stat().st_size
    assert sorted(report.signatures) == sorted(NAMES)
    for name, check in report.signatures.items():
        assert check.whole, (name, check.left)
        assert check.operators > 15
        assert check.agreement >= 0.75
        assert f"{name} " in str(report)
    assert "whole on XNNPACK" in str(report)
    assert precision in str(report)


def test_weights_are_stored_once(exported, model, images):
    precision, path, report = exported
    alone = convert.convert({"full": model.at("full")}, precision, images)
    assert report.size <= 1.10 * len(alone)


def test_metadata(exported, model):
    precision, path, report = exported
    kept = metadata.read_metadata(path)
    assert kept["precision"] == precision
    assert kept["labels"] == list("abcdefghij")
    assert kept["input"] == {"shape": list(SHAPE), "dtype": "float32"}
    assert kept["output"] == {"classes": 10, "activation": "logits"}
    assert kept["preprocessing"]["scale"] == 255
    # Cheapest first, as in the menu.
    assert [row["name"] for row in kept["menu"]] == list(NAMES)
    for row in kept["menu"]:
        assert row["macs"] == model.menu[row["name"]].macs
    assert kept["parity"]["full"]["not_delegated"] == {}
    assert kept["producer"]["keras"] == keras.__version__


def test_int8_files_forbid_the_weight_cache(exported):
    """XNNPACK's cache returns wrong logits for int8 kernels that instances share."""
    precision, path, _ = exported
    flag = metadata.read_metadata(path)["weight_cache"]
    assert flag["allowed"] is not precision.startswith("int8")
    assert "weight cache" in export.__doc__
    if not flag["allowed"]:
        assert "wrong logits" in flag["reason"]


def test_input_and_output_stay_float32(exported):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(exported[1]))
    for details in (interpreter.get_input_details(), interpreter.get_output_details()):
        assert [port["dtype"] for port in details] == [np.float32]


def test_exporting_leaves_the_model_alone(tiny, images, tmp_path):
    model = tiny
    before = [np.array(w) for w in model.weights]
    wanted = np.asarray(model.at("p1@0.5")(images))
    export(model, tmp_path / "n.tflite", "p1@0.5", "int8-weights", verbose=0)
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(wanted, model.at("p1@0.5")(images))


def test_separate_files(tiny, tmp_path, images):
    names = ["p2@0.5", "full"]
    report = export(tiny, tmp_path / "net.tflite", names, separate=True, verbose=0)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["net.full.tflite", "net.p2@0.5.tflite"]
    assert len(report.sizes) == 2
    for path, name in zip(report.paths, names, strict=True):
        assert [row["name"] for row in metadata.read_metadata(path)["menu"]] == [name]
        error = np.abs(run(path, name, images) - tiny.at(name)(images)).max()
        assert error < 1e-4


@pytest.mark.parametrize("metric", ["accuracy", "mean_iou"])
def test_pareto_keeps_the_best_and_full(tiny, metric):
    """The best by the figure that the menu chooses by."""
    model = tiny.with_statistics("uniform")
    model.menu.metric = metric
    names = MODULE.chosen(model, "pareto")
    assert names[0] == model.menu.names
    assert f"No {metric} was measured" in names[1][0]
    for name in model.menu.names:
        model.menu.record(name, **{metric: 0.5})
    model.menu.record("p2@0.5", **{metric: 0.8})
    cheapest = model.menu.names[0]
    assert MODULE.chosen(model, "pareto") == ([cheapest, "p2@0.5", "full"], [])
    assert MODULE.chosen(model, "all")[0] == model.menu.names
    assert MODULE.chosen(model, ["full", cheapest])[0] == [cheapest, "full"]


def test_pareto_instances_are_written_by_default(tiny, tmp_path):
    model = tiny.with_statistics("uniform")
    model.menu.metric = "mean_iou"
    figures = {"p1@0.5": 0.5, "p2@0.5": 0.8, "p3@0.5": 0.4, "full": 0.8}
    for name, figure in figures.items():
        model.menu.record(name, mean_iou=figure)
    report = export(model, tmp_path / "net.tflite", verbose=0)
    assert list(report.signatures) == ["p1@0.5", "p2@0.5", "full"]
    runner = Runner(report.path)
    assert metadata.read_metadata(report.path)["metric"] == "mean_iou"
    for name in runner.menu.names:
        runner.menu.record(name, latency_ms=1)
    assert runner.within(latency_ms=2).name == "p2@0.5"


def test_it_prints_what_it_does_unless_silenced(tiny, tmp_path, capfd):
    export(tiny, tmp_path / "net.tflite", "full")
    said = capfd.readouterr().out
    assert "Converting 1 instances to float32" in said
    assert "whole on XNNPACK" in said
    export(tiny, tmp_path / "net.tflite", "full", verbose=0)
    assert capfd.readouterr().out == ""

"""export and bench: commands around a .tflite file."""

import pytest

import keras_dynres_cli as cli
from keras_dynres import tflite

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def bundle(folder, keras_file):
    path = folder / "small.tflite"
    on = ["--dataset", "synthetic", "--instances", "all"]
    assert cli.main(["export", keras_file, "-o", str(path), *on]) == 0
    return path


def test_export_writes_labels_preprocessing_and_menu(bundle, model):
    runner = tflite.Runner(bundle)
    assert runner.menu.names == model.menu.names
    assert runner.menu.full.measured["accuracy"] == 0.75
    assert runner.metadata["preprocessing"]["std"] == [0.25, 0.25, 0.25]


def test_export_by_name_in_int8_and_separately(run, keras_file, tmp_path):
    on = ["--dataset", "synthetic", "--instances", "full"]
    out = tmp_path / "new" / "net.tflite"
    code, _, err = run("export", keras_file, "-o", out, *on, "--precision", "int8")
    assert code == 0
    assert tflite.Runner(out).menu.names == ["full"]
    code, printed, _ = run("export", keras_file, "-o", out, *on, "--separate")
    assert code == 0
    assert "net.full.tflite" in printed


def test_export_refuses(fails, keras_file, uncalibrated, tmp_path):
    out = tmp_path / "net.tflite"
    assert "'float16'" in fails("export", keras_file, "-o", out, "--precision", "float")
    assert "'p1@0.5'" in fails("export", keras_file, "-o", out, "--instances", "p1@0.4")
    assert "calibrate" in fails("export", uncalibrated, "-o", out)
    assert "'.tflite'" in fails("export", keras_file, "-o", tmp_path / "net.tflit")
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "cannot be written" in fails(
        "export", keras_file, "-o", blocked / "n.tflite"
    )
    assert not out.exists()


def test_bench_times_every_instance_and_chooses(run, bundle):
    code, out, _ = run("bench", bundle, "--repeats", "2", "--budget_ms", "1e6")
    assert code == 0
    assert "latency_ms" in out
    assert "spread_ms" in out
    assert "Within 1e+06 ms: full" in out


def test_bench_refuses(fails, bundle, tmp_path):
    said = fails("bench", bundle, "--repeats", "1", "--budget_ms", "1e-9")
    assert "the cheapest is" in said
    assert "'full'" in fails("bench", bundle, "--instances", "ful")
    assert "num_threads" in fails("bench", bundle, "--num_threads", "0")
    assert "does not exist" in fails("bench", tmp_path / "none.tflite")
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(bundle.read_bytes()[:-100])
    assert "damaged" in fails("bench", cut)
    assert "damaged" in fails("info", cut)


def test_info_and_report_of_a_bundle(run, bundle, tmp_path):
    code, out, _ = run("info", bundle)
    assert code == 0
    assert "precision" in out
    assert "75.00 %" in out
    assert run("report", bundle, "-o", tmp_path / "page.html")[0] == 0

"""Commands that take an instance's name understand what `model.at` understands."""

import pytest

import keras_dynres as kd
from keras_dynres.errors import UnknownNameError
from keras_dynres_cli.commands import export

MENU = kd.Menu([kd.Instance("exit1", macs=1), kd.Instance("full", aliases=("exit2",))])
ON = ["--dataset", "synthetic", "--batch_size", "60"]


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    base = kd.architectures.wide_resnet(depth=10, width=1)
    path = tmp_path_factory.mktemp("aliases") / "net.keras"
    kd.EarlyExit(base, ["stage1_block1_add"]).save(path)
    return path


def test_evaluate_measures_the_instance_of_the_alias(run, net, tmp_path):
    table = tmp_path / "menu.csv"
    code, _, err = run("evaluate", net, *ON, "--instances", "exit2", "-o", table)
    assert code == 0, err
    menu = kd.Menu.from_csv(table)
    assert menu["full"].figure("accuracy") is not None
    assert menu["exit1"].figure("accuracy") is None


def test_calibrate_takes_the_alias(run, net, tmp_path):
    out = ["-o", tmp_path / "out.keras", "--batches", "1"]
    code, printed, err = run("calibrate", net, *ON, "--instances", "exit2", *out)
    assert code == 0, err
    assert "Calibrated 1 instances" in printed


def test_export_hands_the_menus_own_name_on():
    assert export.instances(MENU, ["exit2", "exit1"]) == ["full", "exit1"]


def test_export_takes_keywords_and_refuses_what_is_no_name():
    assert export.instances(MENU, ["pareto"]) == "pareto"
    assert export.instances(MENU, ["all"]) == "all"
    with pytest.raises(UnknownNameError, match="mean 'exit1'"):
        export.instances(MENU, ["exit1", "exit"])


@pytest.mark.tensorflow
@pytest.mark.parametrize("words", [["full"], ["exit2"]])
def test_a_bundle_is_exported_and_timed_by_either_name(run, net, tmp_path, words):
    bundle = tmp_path / "net.tflite"
    code, _, err = run("export", net, "-o", bundle, *ON, "--instances", *words)
    assert code == 0, err
    for name in ("full", "exit2"):
        timed = ["--repeats", "1", "--warmup", "0", "--instances", name]
        code, out, err = run("bench", bundle, *timed)
        assert code == 0, err
        assert "latency_ms" in out

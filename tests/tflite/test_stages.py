"""Stages in a bundle: right at every exit, in every precision, weights once."""

import dataclasses
import importlib
import json

import keras
import numpy as np
import pytest
import staged_net
from staged_net import Exits, lively

import keras_dynres as kd
from keras_dynres import cost
from keras_dynres.tflite import export, metadata

pytestmark = pytest.mark.tensorflow

MODULE = importlib.import_module("keras_dynres.tflite.export")
BYTES = {"float32": 4, "float16": 2, "int8": 1, "int8-weights": 1}
STAGES = ["stage1", "stage2", "stage3"]


@pytest.fixture(scope="module")
def model(staged_bundles):
    return staged_bundles.model


@pytest.fixture(scope="module", params=BYTES)
def exported(request, staged_bundles):
    return request.param, *staged_bundles(request.param)


def interpreter(path):
    """Everything loaded, as a program does that knows no `select`."""
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=str(path))


def chained(path, images):
    """What the stages give, handed on as the metadata say."""
    rows, loaded = metadata.read_metadata(path)["stages"], interpreter(path)
    outputs = []
    for image in images:
        known = {"images": image[None]}
        for row in rows:
            call = loaded.get_signature_runner(row["signature"])
            made = call(**{name: known[name] for name in row["takes"]})
            outputs.append(made.pop("outputs"))
            assert sorted(made) == sorted(row["makes"])
            known = {n: v for n, v in {**known, **made}.items() if n in row["keeps"]}
        assert not known
    return np.reshape(outputs, (len(images), len(rows), -1)).swapaxes(0, 1)


def test_every_stage_gives_what_keras_gives_at_its_exit(exported, model):
    precision, path, _ = exported
    images = staged_net.images(6, seed=1)
    wanted = np.stack([np.asarray(logits) for logits in model.base(images)])
    allowed = {"float32": 1e-4, "float16": 1e-2}.get(precision, 0.1)
    computed = chained(path, images)
    assert np.abs(computed - wanted).max() < allowed * max(1, np.abs(wanted).max())
    loaded = interpreter(path)
    for name, position in (("exit2", 1), ("full", 2)):
        call = loaded.get_signature_runner(name)
        for image, logits in zip(images, wanted[position], strict=True):
            error = np.abs(call(images=image[None])["outputs"] - logits).max()
            assert error < allowed * max(1, np.abs(wanted).max())
    assert np.abs(wanted[0] - wanted[1]).max() > allowed


def test_stages_are_reported_as_instances_are(exported):
    _, path, report = exported
    assert list(report.signatures) == ["exit2", "full", *STAGES]
    parity = metadata.read_metadata(path)["parity"]
    for name in STAGES:
        check = report.signatures[name]
        assert check.whole, (name, check.left)
        assert check.agreement >= 0.75
        assert parity[name]["error"] == pytest.approx(check.error, rel=0.01)
        assert f"{name} " in str(report)


def test_weights_are_stored_once(exported, model):
    from ai_edge_litert import schema_py_generated as schema

    precision, path, _ = exported
    content = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    stored = [len(b.data) for b in content.buffers if b.data is not None]
    kernels = [getattr(layer, "kernel", None) for layer in model.base.layers]
    large = [k for k in kernels if k is not None and np.prod(k.shape) > 5000]
    assert len(large) == 2
    for kernel in large:
        assert stored.count(BYTES[precision] * np.prod(kernel.shape)) == 1


def test_metadata_say_how_stages_are_run(exported, model):
    _, path, _ = exported
    kept = metadata.read_metadata(path)
    rows = kept["stages"]
    assert [row["name"] for row in rows] == STAGES
    assert [row["exit"] for row in rows] == model.exits
    assert rows[0]["takes"] == ["images"]
    assert set(rows[2]["takes"]) > {"images"} and "images" in rows[1]["keeps"]
    assert sum(row["macs"] for row in rows) == cost.count(model.base).macs
    names = [name for row in rows for name in row["makes"]]
    assert all(name.isidentifier() for name in names) and "outputs" not in names
    assert kept["aliases"] == {"exit3": "full"}
    assert kept["policies"] == [json.loads(p.to_json()) for p in model.kept]


def test_instances_are_known_by_their_other_names(model):
    for names in ("exit3", ["exit3", "full"]):
        assert MODULE.chosen(model, names) == (["full"], [])
    assert MODULE.chosen(model, ["exit3", "exit1"]) == (["exit1", "full"], [])
    with pytest.raises(kd.DynresError, match="Received: 'exit4'"):
        MODULE.chosen(model, ["exit4"])


def test_stages_of_half_precision_features(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        net = staged_net.base()
    finally:
        keras.config.set_dtype_policy("float32")
    model = lively(Exits(net))
    report = export(model, tmp_path / "net.tflite", "full", verbose=0)
    assert all(c.error < 1e-5 and c.whole for c in report.signatures.values())


def test_stages_can_be_left_out(model, tmp_path):
    path = tmp_path / "net.tflite"
    report = export(model, path, "full", stages=False, verbose=0)
    assert list(report.signatures) == ["full"]
    assert metadata.read_metadata(path)["stages"] == []
    report = export(model, path, "full", separate=True, verbose=0)
    assert list(report.signatures) == ["full"]


def test_stages_of_a_multi_scale_network_in_integers(tmp_path, capfd):
    net = kd.architectures.msdnet(
        "cifar_budget10", (16, 16, 3), 4, steps=(1, 1), channels=4, growth=2, head=4
    )
    images = np.random.default_rng(0).normal(size=(8, 16, 16, 3))
    report = export(
        lively(Exits(net)),
        tmp_path / "net.tflite",
        "full",
        "int8",
        calibration_data=images,
        verbose=1,
    )
    assert "Converting 1 instances and 2 stages" in capfd.readouterr().out
    assert all(c.error < 0.1 and c.whole for c in report.signatures.values())


# Bad input: one sentence each.


def test_stages_where_there_are_none(tmp_path):
    net = kd.architectures.wide_resnet(10, 1, input_shape=(16, 16, 3))
    model = kd.SDPoint(net, ratios=(0.5,))
    path = tmp_path / "net.tflite"
    with pytest.raises(kd.DynresError, match="has no stages.*Received: stages=True"):
        export(model, path, "full", stages=True, verbose=0)
    assert not path.exists()


def test_stages_in_separate_files(model, tmp_path):
    with pytest.raises(kd.DynresError, match="one instance each hold no stages"):
        export(model, tmp_path / "n.tflite", stages=True, separate=True, verbose=0)


def test_a_stage_that_computes_something_else_is_not_handed_over(tmp_path):
    class Wrong(Exits):
        def define_instances(self):
            return [
                dataclasses.replace(instance, output=2 - instance.output)
                for instance in super().define_instances()
            ]

    path = tmp_path / "net.tflite"
    with pytest.raises(kd.DynresError, match="'stage1'.*does not compute"):
        export(lively(Wrong(staged_net.base())), path, "full", verbose=0)
    assert not path.exists()

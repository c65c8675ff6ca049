"""import: a published checkpoint as weights of the zoo."""

import dataclasses

import numpy as np
import pytest
from zoo_networks import add_network

import keras_dynres as kd
from keras_dynres import zoo
from keras_dynres.zoo.importing import msdnet

TINY = {
    "configuration": "cifar_budget10",
    "steps": (1, 1),
    "factors": (1, 2),
    "bottlenecks": (1, 2),
    "channels": 4,
    "growth": 2,
    "head": 4,
    "input_shape": (16, 16, 3),
    "classes": 3,
}


@pytest.fixture
def checkpoint(monkeypatch, tmp_path):
    """A file for the network `tiny`, which the zoo has for this test."""
    monkeypatch.setenv("KERAS_DYNRES_CACHE", str(tmp_path / "cache"))
    like = zoo.Network.load("msdnet_anytime_cifar10")
    tiny = dataclasses.replace(like, name="tiny", architecture_options=TINY)
    add_network(monkeypatch, tiny, tmp_path)
    path = tmp_path / "tiny.npz"
    model = kd.MSDNet(kd.architectures.msdnet(**TINY))
    wanted = msdnet.wanted(model, **TINY).items()
    np.savez(path, **{f"module.{k}": np.ones(w.shape) for k, w in wanted})
    return path


def test_what_was_imported_is_found_by_its_name(run, checkpoint, tmp_path):
    code, out, _ = run("import", "tiny", checkpoint)
    assert code == 0
    (written,) = (tmp_path / "cache" / "tiny").glob("*.npz")
    assert out == f"Wrote {written}.\nNext: keras_dynres.zoo.load('tiny')\n"
    bias = zoo.load("tiny").base.get_layer("exit1_logits").bias
    assert np.asarray(bias).tolist() == [1, 1, 1]
    assert "in the cache" in run("list")[1].split("tiny")[1].splitlines()[0]
    assert "tiny.npz" in run("info", "tiny")[1]


def test_or_written_where_asked(run, checkpoint, tmp_path):
    path = tmp_path / "out" / "net.npz"
    code, out, _ = run("import", "tiny", checkpoint, "--out", path)
    assert code == 0
    assert f"weights={str(path)!r}" in out
    assert zoo.load("tiny", weights=path).instances == ["exit1", "full"]
    assert not (tmp_path / "cache").exists()


def test_a_file_alone_is_opened_from_its_folder(run, checkpoint, tmp_path):
    path = checkpoint.rename(tmp_path / "mine-1.npz")
    code, out, _ = run("import", path, "--out", tmp_path / "nets")
    assert code == 0
    folder = tmp_path / "nets" / "mine_1"
    assert out == f"Wrote {folder}.\nNext: keras_dynres.zoo.load({str(folder)!r})\n"
    assert zoo.load(folder).instances == ["exit1", "full"]
    assert "imported from mine-1.npz" in run("info", folder)[1]


def test_it_refuses(fails, checkpoint, tmp_path):
    assert "There is no checkpoint" in fails("import", "tiny", tmp_path / "none.pth")
    assert "There is no checkpoint" in fails("import", tmp_path / "none.pth")
    assert "say which file to import" in fails("import", "tiny")
    assert "'tiny'" in fails("import", "tinny", checkpoint)
    assert "'.npz'" in fails("import", "tiny", checkpoint, "-o", tmp_path / "a.keras")
    cut = checkpoint.with_name("cut.npz")
    cut.write_bytes(checkpoint.read_bytes()[:999])
    assert "not a whole checkpoint" in fails("import", "tiny", cut)
    np.savez(checkpoint, **{"fc.weight": np.ones(3)})
    assert "it lacks tensor" in fails("import", "tiny", checkpoint)
    assert not (tmp_path / "cache").exists()

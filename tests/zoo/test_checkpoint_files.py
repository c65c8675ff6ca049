"""Checkpoint files, read without trust; those of PyTorch where PyTorch is installed."""

import json
import os
import sys

import numpy as np
import pytest
import safetensors.numpy

from keras_dynres.errors import DynresError
from keras_dynres.zoo.importing import checkpoint

NUMBERS = np.arange(24, dtype="float32")
TENSORS = {
    "plain": NUMBERS.reshape(2, 3, 4),
    "half": np.arange(5).astype("float16") / 4,
    "double": np.arange(3).astype("float64") / 3,
    "scalar": np.array(2.5, "float32"),
}
WRITERS = {
    "npz": lambda path, tensors: np.savez(path, **tensors),
    "safetensors": lambda path, tensors: safetensors.numpy.save_file(tensors, path),
}


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


class Hostile:
    """What makes a folder when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("run",)


def refused(path, says):
    with pytest.raises(DynresError, match=says) as caught:
        checkpoint.read(path)
    assert "\n" not in str(caught.value)


def check(tensors, expected=TENSORS):
    assert set(tensors) == set(expected)
    for name, array in expected.items():
        assert tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(tensors[name], array)


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("before", ["", "module."])
def test_tensors_come_back(tmp_path, form, before):
    path = tmp_path / f"net.{form}"
    tensors = {f"{before}{name}": array for name, array in TENSORS.items()}
    seen = {f"{before}norm.num_batches_tracked": np.array(7)}
    WRITERS[form](path, {**tensors, **seen})
    check(checkpoint.read(path))


@pytest.mark.parametrize("before", ["state_dict/", "state_dict/module."])
def test_an_npz_file_may_hold_more_beside_its_state_dict(tmp_path, before):
    arrays = {f"{before}a.weight": np.ones(3), "input_nchw": np.zeros(4, "int64")}
    np.savez(tmp_path / "net.npz", **arrays)
    assert list(checkpoint.read(tmp_path / "net.npz")) == ["a.weight"]


@pytest.mark.parametrize("form", WRITERS)
def test_truncated_files(tmp_path, form):
    WRITERS[form](tmp_path / "whole", TENSORS)
    (written,) = tmp_path.glob("whole*")
    whole = written.read_bytes()
    path = tmp_path / f"cut.{form}"
    for size in range(0, len(whole), 41):
        path.write_bytes(whole[:size])
        refused(path, "not a whole checkpoint .truncated, changed, or another format")


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "F31"},
        {"shape": [7]},
        {"shape": [-6]},
        {"data_offsets": [0, 1 << 40]},
        {"data_offsets": [24, 0]},
        {"data_offsets": [0]},
        {"dtype": {"run": "mkdir"}},
    ],
)
def test_changed_headers_of_safetensors(tmp_path, change):
    header = {"a": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]}}
    path = tmp_path / "net.safetensors"

    def write(header):
        text = json.dumps(header).encode()
        values = NUMBERS[:6].tobytes()
        path.write_bytes(len(text).to_bytes(8, "little") + text + values)

    write(header)
    check(checkpoint.read(path), {"a": NUMBERS[:6]})
    write({"a": {**header["a"], **change}})
    refused(path, "not a whole checkpoint")


def test_files_that_are_no_checkpoints(tmp_path):
    for ending in WRITERS:
        path = tmp_path / f"net.{ending}"
        for content in (b"", b"<html>", b"\x80\x02}.", b"PK\x03\x04", b"\xff" * 99):
            path.write_bytes(content)
            refused(path, "not a whole checkpoint")
        refused(tmp_path / f"none.{ending}", "There is no checkpoint")
    refused(tmp_path / "net.onnx", r"\.npz file.*Received: '.*net\.onnx'")


def test_values_that_are_no_weights(tmp_path):
    path = tmp_path / "net.npz"
    np.savez(path, a=np.ones(2), b=np.array([1.0, np.nan]))
    refused(path, "'b'.* holds NaN or infinity")
    np.savez(path, a=np.ones(2), b=np.array([1.0, np.inf]))
    refused(path, "'b'.* holds NaN or infinity")
    np.savez(path, a=np.ones(2, "int64"))
    refused(path, "'a'.* is no weight: it is int64")
    np.savez(path, a=np.array([{}]))
    refused(path, "not a whole checkpoint")


@pytest.mark.parametrize(
    ("name", "library"),
    [("net.pth.tar", "torch"), ("net.pt", "torch"), ("net.safetensors", "safetensors")],
)
def test_a_library_that_lacks_is_named(tmp_path, monkeypatch, name, library):
    for module in (library, f"{library}.numpy"):
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(b"")
    refused(tmp_path / name, rf"needs {library} .*keras-dynres\[{library}\].*npz")


@pytest.mark.parametrize("zipped", [True, False])
def test_what_pytorch_wrote(torch, tmp_path, zipped):
    """In its format of today, and in that of before 1.6."""
    numbers = torch.arange(24.0)
    tensors = {name: torch.tensor(array) for name, array in TENSORS.items()}
    tensors["turned"] = numbers[:6].reshape(2, 3).T
    tensors["part"] = numbers[5:17].reshape(3, 4)
    tensors["parameter"] = torch.nn.Parameter(torch.ones(2, 2))
    expected = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    path = tmp_path / "net.pth.tar"
    for content in (tensors, {"epoch": 3, "state_dict": tensors, "arch": "net"}):
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        check(checkpoint.read(path), expected)
    whole = path.read_bytes()
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        refused(path, "not a whole checkpoint .truncated, changed, or another format")


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_file_of_pytorch_is_run(torch, tmp_path, monkeypatch, zipped):
    monkeypatch.chdir(tmp_path)
    for content in (Hostile(), {"state_dict": {"a": Hostile()}}):
        torch.save(content, "net.pth", _use_new_zipfile_serialization=zipped)
        refused("net.pth", "other things in it than weights")
    assert [path.name for path in tmp_path.iterdir()] == ["net.pth"]


def test_what_holds_no_state_dict(torch, tmp_path, monkeypatch):
    path = tmp_path / "net.pth"
    torch.save({"a": None}, path)
    refused(path, "'a' is no tensor")
    torch.save("hello", path)
    refused(path, "no state dict")
    old = torch.torch_version.TorchVersion("2.5.1")
    monkeypatch.setattr(torch, "__version__", old)
    refused(path, r"needs torch \(2\.5\.1 is too old\): .*keras-dynres\[torch\]")

"""Files of `torch.save` and `.npz` files, read without trust; with PyTorch or without.

`torch_zip.pth.tar` and `torch_stream.pth.tar` were written by PyTorch 2.15, in its
format of today and in that before 1.6.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch_files

from keras_dynres.errors import DynresError
from keras_dynres.zoo.importing import checkpoint

FIXTURES = Path(__file__).parents[1] / "fixtures"
WRITERS = {"zip": torch_files.write_zip, "stream": torch_files.write_stream}
try:
    import torch
except ImportError:
    torch = None


@pytest.fixture(autouse=True)
def no_torch(monkeypatch):
    """As on a machine without PyTorch."""
    monkeypatch.setitem(sys.modules, "torch", None)


def write(path, content, storages=(), form="zip"):
    path = path / "net.pth"
    WRITERS[form](path, torch_files.pickled(content), storages)
    return path


def refused(path, says):
    with pytest.raises(DynresError, match=says) as caught:
        checkpoint.read(path)
    assert "\n" not in str(caught.value)


def expected():
    """What was put into the two files of PyTorch."""
    numbers = np.arange(24, dtype="float32")
    return {
        "plain": numbers.reshape(2, 3, 4),
        "turned": numbers[:6].reshape(2, 3).T,
        "part": numbers[5:17].reshape(3, 4),
        "same": numbers[5:11],
        "half": np.arange(5).astype("float16") / 4,
        "double": np.arange(3).astype("float64") / 3,
        "scalar": np.array(2.5, "float32"),
        "parameter": np.ones((2, 2), "float32"),
        "channels_last": numbers.reshape(1, 2, 3, 4),
    }


def check(tensors):
    assert set(tensors) == set(expected())
    for name, array in expected().items():
        assert tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(tensors[name], array)


@pytest.mark.parametrize("form", WRITERS)
def test_what_pytorch_wrote_is_read_without_it(form):
    check(checkpoint.read(FIXTURES / f"torch_{form}.pth.tar"))


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("form", WRITERS)
def test_pytorch_reads_the_same(form, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", torch)
    check(checkpoint.read(FIXTURES / f"torch_{form}.pth.tar"))
    arrays = {"a": np.arange(6, dtype="float32").reshape(2, 3)}
    WRITERS[form](tmp_path / "net.pth", *torch_files.checkpoint(arrays))
    read = checkpoint.read(tmp_path / "net.pth")
    np.testing.assert_array_equal(read["a"], arrays["a"])
    path = write(tmp_path, torch_files.call("os", "getcwd"), form=form)
    refused(path, "other things in it than weights")


@pytest.mark.parametrize("before", ["", "module.", "state_dict/", "state_dict/module."])
def test_names_of_npz_files_may_have_prefixes(tmp_path, before):
    arrays = {f"{before}a.weight": np.ones(3), f"{before}a.num_batches_tracked": 7}
    if before.startswith("state_dict/"):
        arrays["input_nchw"] = np.zeros(4, "int64")
    np.savez(tmp_path / "net.npz", **arrays)
    assert list(checkpoint.read(tmp_path / "net.npz")) == ["a.weight"]


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize(
    "content",
    [
        torch_files.call("os", "mkdir", torch_files.text("run")),
        torch_files.call("builtins", "eval", torch_files.text("1")),
        torch_files.call("torch", "load", torch_files.text("run")),
        # Names that only a later protocol knows: the module off the stack.
        torch_files.text("os")
        + torch_files.text("mkdir")
        + b"\x93"
        + torch_files.tuple_of(torch_files.text("run"))
        + b"R",
        # An instance of a class, made as old pickles make it.
        b"(" + torch_files.text("run") + b"ios\nmkdir\n",
    ],
)
def test_nothing_in_a_file_is_run(tmp_path, monkeypatch, form, content):
    monkeypatch.chdir(tmp_path)
    refused(write(tmp_path, content, form=form), "which no weights need")
    assert [path.name for path in tmp_path.iterdir()] == ["net.pth"]


def test_what_a_file_may_name_cannot_be_changed_by_it(tmp_path):
    """`BUILD` sets attributes: of a class that all share, or of our own functions."""
    state = torch_files.dict_of({"keys": b"N", "__defaults__": b"N"})
    for name in ("collections\nOrderedDict", "torch._utils\n_rebuild_parameter"):
        target = b"c%s\n" % name.encode()
        for settings in (state, torch_files.tuple_of(b"N", state)):
            refused(write(tmp_path, target + settings + b"b"), "not a whole checkpoint")
    for form in WRITERS:
        check(checkpoint.read(FIXTURES / f"torch_{form}.pth.tar"))


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        (torch_files.tensor("0", [2, 3], 6, offset=1), "beyond its storage"),
        (torch_files.tensor("0", [2, 3], 6, strides=[4, 1]), "beyond its storage"),
        (
            torch_files.tensor("0", [2, 3], 6, strides=[-1, 1]),
            "larger than",
        ),
        (torch_files.tensor("0", [9, 9], 6, strides=[0, 0]), "larger than"),
        (torch_files.tensor("0", [2, 3], 7), "beyond its storage"),
        (torch_files.tensor("1", [6], 6), "net/data/1"),
        (torch_files.tensor("0", [6], 6, storage="QInt8Storage"), "QInt8Storage"),
        (torch_files.call("torch._utils", "_rebuild_tensor", b"NNNN"), "NoneType|out"),
    ],
)
def test_tensors_that_are_not_in_the_file(tmp_path, tensor, says):
    content = torch_files.dict_of({"a": tensor})
    path = write(tmp_path, content, [np.ones(6, "<f4").tobytes()])
    refused(path, f"not a whole checkpoint.*{says}")


@pytest.mark.parametrize("name", ["torch_zip.pth.tar", "torch_stream.pth.tar", "npz"])
def test_truncated_files(tmp_path, name):
    if name == "npz":
        np.savez(tmp_path / "whole.npz", **expected())
        whole = (tmp_path / "whole.npz").read_bytes()
    else:
        whole = (FIXTURES / name).read_bytes()
    path = tmp_path / f"cut.{name}"
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        refused(path, "not a whole checkpoint .truncated, changed, or another format")


def test_files_that_are_no_checkpoints(tmp_path):
    for content in (b"", b"<html>", b"\x80\x02}.", b"PK\x03\x04"):
        (tmp_path / "net.pth").write_bytes(content)
        refused(tmp_path / "net.pth", "not a whole checkpoint")
    refused(write(tmp_path, torch_files.dict_of({"a": b"N"})), "'a' is no tensor")
    refused(write(tmp_path, torch_files.text("hello")), "no state dict")
    refused(tmp_path / "none.pth", "There is no checkpoint")
    refused(tmp_path / "net.onnx", r"or \.npz file.*Received: '.*net\.onnx'")


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

import json
import pathlib
import shutil
import struct
import sys

import numpy as np
import pytest

from keras_dynres import files
from keras_dynres.tflite import Runner, metadata

FIRST = pathlib.Path(__file__).with_name("version1.tflite")
_OWN = {"sha256": None, "prefix": None}
FIELDS = {"model": "tiny", "labels": ["Häschen", "b"], "menu": [{"name": "full"}]}


@pytest.fixture(scope="module")
def plain():
    import tensorflow as tf

    class Net(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])
        def __call__(self, x):
            return {"y": tf.matmul(x, tf.ones([4, 300]))}

    net = Net()
    function = net.__call__.get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([function], net).convert()


def _run(data):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.ones([1, 4], "float32"))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_bytes_round_trip_and_still_run(plain):
    data = metadata.write_metadata(plain, FIELDS)
    read = metadata.read_metadata(data)
    assert {k: read[k] for k in FIELDS} == FIELDS
    assert data[read["prefix"] :] == plain
    assert read["prefix"] % 64 == 0
    np.testing.assert_array_equal(_run(data), np.full([1, 300], 4.0))


def test_the_schema_s_own_reader_finds_the_entry_and_the_old_ones(plain):
    from ai_edge_litert import schema_py_generated as schema

    old = schema.ModelT.InitFromPackedBuf(plain)
    new = schema.ModelT.InitFromPackedBuf(metadata.write_metadata(plain, FIELDS))
    assert len(new.metadata) == len(old.metadata or []) + 1
    assert new.version == old.version
    assert new.description == old.description
    entry = new.metadata[-1]
    assert entry.name == b"KERAS_DYNRES"
    assert json.loads(bytes(new.buffers[entry.buffer].data))["model"] == "tiny"
    for a, b in zip(old.buffers, new.buffers, strict=False):
        assert (a.data is None) == (b.data is None)
        if a.data is not None:
            np.testing.assert_array_equal(a.data, b.data)


def test_writing_twice_replaces(plain, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(plain)
    metadata.write_metadata(path, FIELDS)
    first = path.read_bytes()
    metadata.write_metadata(path, {"model": "other"})
    assert "labels" not in metadata.read_metadata(path)
    metadata.write_metadata(path, FIELDS)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_the_first_version_is_read_and_run_as_ever(tmp_path):
    path = shutil.copy(FIRST, tmp_path / "net.tflite")
    runner = Runner(path)
    assert runner.menu.names == ["exit1", "full"] and runner.labels == ["a", "b"]
    assert runner.menu.full.aliases == ("exit2",) and runner.exits[1] == "exit2"
    assert runner.metadata["output"] == {"classes": 2, "activation": "logits"}
    image = np.linspace(-1, 1, 16, dtype="float32").reshape(4, 4, 1)
    logits = runner.run(image, "exit2")
    np.testing.assert_allclose(logits, [0.286444, 0.133029], atol=1e-5)
    np.testing.assert_array_equal(dict(runner.anytime(image))["exit2"], logits)
    metadata.write_metadata(path, {**runner.metadata, "model": "new"})
    again = metadata.read_metadata(path)
    assert {**again, **_OWN} == {**runner.metadata, "model": "new", **_OWN}
    old, new = FIRST.read_bytes(), path.read_bytes()
    assert new[again["prefix"] :] == old[runner.metadata["prefix"] :]


def test_metadata_are_read_without_runtime_or_schema(plain, monkeypatch):
    data = metadata.write_metadata(plain, FIELDS)
    for name in ("ai_edge_litert", "ai_edge_litert.interpreter", "flatbuffers"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises
    assert metadata.read_metadata(data)["model"] == "tiny"
    assert metadata.verify(data) == data


@pytest.mark.parametrize("size", [0, 3, 8, 100, 1000, -1, -500])
def test_truncation_is_found(plain, size):
    data = metadata.write_metadata(plain, FIELDS)
    with pytest.raises(metadata.BundleError, match="damaged"):
        metadata.verify(data[:size])


def test_a_changed_byte_is_found_wherever_it_is(plain):
    data = bytearray(metadata.write_metadata(plain, FIELDS))
    for at in range(0, len(data), 7):
        data[at] ^= 0x11
        with pytest.raises(metadata.BundleError):
            metadata.verify(bytes(data))
        data[at] ^= 0x11
    assert metadata.verify(bytes(data)) == data


def test_foreign_files(plain, tmp_path):
    with pytest.raises(metadata.BundleError, match="without keras_dynres metadata"):
        metadata.verify(plain)
    path = tmp_path / "x.tflite"
    path.write_bytes(struct.pack("<I4s", 1 << 31, b"TFL3") + bytes(90))
    with pytest.raises(metadata.BundleError, match=r"x.tflite' is damaged or not a"):
        metadata.read_metadata(path)
    with pytest.raises(metadata.BundleError, match="cannot be read"):
        metadata.read_metadata(tmp_path / "missing.tflite")


def test_a_later_format_is_refused_with_its_name(plain):
    data = metadata.write_metadata(plain, FIELDS)
    data = data.replace(b"keras_dynres.tflite/1", b"keras_dynres.tflite/2")
    with pytest.raises(metadata.BundleError, match="cannot read"):
        metadata.read_metadata(data)


def test_unwritable_place(plain, tmp_path):
    path = tmp_path / "missing" / "net.tflite"
    with pytest.raises(ValueError, match="cannot be written.*missing/net.tflite"):
        files.write(path, plain)

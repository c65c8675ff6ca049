"""What is wrong is said in one line, and before the runtime sees a byte of it."""

import json

import numpy as np
import pytest
import staged_net
from native_build import raw, refused

from keras_dynres.tflite.metadata import read_metadata

pytestmark = pytest.mark.tensorflow


def test_a_bad_bundle_never_reaches_the_runtime(program, small, tmp_path):
    data, file = small.path.read_bytes(), tmp_path / "net.tflite"
    middle = len(data) // 2
    changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    prefix = read_metadata(small.path)["prefix"]
    cases = [
        (data[:-64], "damaged"),
        (data[:100], "damaged or not a TFLite file"),
        (changed, "does not match the hash inside"),
        (data[prefix:], "without keras_dynres metadata"),
        (b"", "damaged or not a TFLite file"),
        (b"no bundle, but some words", "no TFLite file identifier"),
        (data.replace(b"tflite/1", b"tflite/9"), "of a format this version"),
    ]
    for content, sentence in cases:
        file.write_bytes(content)
        refused(program.call("menu", file), sentence)
        # Looked at before the runtime is: there is none.
        done = program.call("run", file, "--image", file, library=tmp_path / "none.so")
        refused(done, sentence)
    refused(program.call("menu", tmp_path / "nix"), "cannot be read: No such file")
    refused(program.call("menu", tmp_path), "cannot be read")


def test_damage_anywhere_is_a_sentence(program, small, tmp_path):
    """Bytes of the head point at all the rest: none of them may lead astray."""
    data, file = bytearray(small.path.read_bytes()), tmp_path / "net.tflite"
    rng = np.random.default_rng(0)
    for place in [*range(0, 64, 8), *rng.integers(0, 4096, 12)]:
        damaged = data.copy()
        damaged[place : place + 4] = rng.bytes(4)
        file.write_bytes(damaged)
        if damaged != data:
            refused(program.call("menu", file), "")


def test_a_bad_image_gets_a_sentence(program, small, tmp_path):
    def run(name, content):
        (tmp_path / name).write_bytes(content)
        return program.call("run", small.path, "--image", tmp_path / name)

    floats, pixels = small.images(1)[0], bytes(768)
    head = b"P6 16 16 255\n"
    cases = [
        ("a.raw", b"12345", "16 x 16 x 3 = 768 pixels"),
        ("b.raw", (100 * floats).tobytes(), "not normalised"),
        ("c.raw", (floats * np.float32("nan")).tobytes(), "not finite"),
        ("a.ppm", head + pixels[:-1], "cut short"),
        ("b.ppm", b"P6 8 8 255\n" + bytes(192), "Received: 8 x 8 x 3"),
        ("c.ppm", b"P3 16 16 255\n", "no PPM or PGM file"),
        ("d.ppm", b"P6 16 16 65535\n" + bytes(1536), "beyond 255"),
        ("e.ppm", b"P6 999999 999999 255\n", "cut short"),
        ("f.ppm", b"P6 16", "damaged"),
        ("a.jpg", b"no picture", "Received: path="),
        ("a.pgm", b"P5 16 16 255\n" + bytes(256), "Received: 16 x 16 x 1"),
    ]
    for name, content, sentence in cases:
        refused(run(name, content), sentence)
    done = program.call("run", small.path, "--image", tmp_path / "nix.ppm")
    refused(done, "The image cannot be read")


def test_what_is_not_there_is_named(program, small, staged_bundles, tmp_path):
    file, staged = raw(small.images(1)[0], tmp_path / "x.raw"), staged_bundles()[0]
    image = raw(staged_net.images(1)[0], tmp_path / "y.raw")
    (tmp_path / "policy.json").write_text('{"format": 1, "model": [[[[')
    other = json.loads(staged_bundles.model.kept[0].to_json())
    (tmp_path / "other.json").write_text(json.dumps({**other, "model": "other"}))
    run, anytime = ("run", small.path, "--image"), ("anytime", staged, "--image", image)
    cases = [
        ((*run, file, "--instance", "nix"), 1, "it offers p1@0.5, p2@0.75, full"),
        ((*run, file, "--threads", 0), 1, "threads must be a whole number"),
        ((*run, file, "--shift", 1), 1, "takes no shift"),
        (("anytime", small.path, "--image", file), 1, "holds no stages"),
        ((*anytime, "--policy", 2), 1, "holds 2 policies"),
        ((*anytime, "--policy", tmp_path / "policy.json"), 1, "Not a policy in JSON"),
        ((*anytime, "--policy", tmp_path / "other.json"), 1, "policy is for 'other'"),
        ((*anytime, "--exit-threshold", 1.5), 1, "from 0 to 1"),
        (("bench", small.path, "--instances", "full,"), 1, "no such instance"),
        (("bench", small.path, "--repeats", 0), 1, "repeats must be at least 1"),
        ((), 2, "Usage"),
        (("menu",), 2, "Usage"),
        (("run", small.path), 2, "Usage"),
        (("wrong", small.path), 2, "Usage"),
        ((*run, file, "--wrong", 1), 2, "Usage"),
        ((*run, file, "--threads", "two"), 2, "Usage"),
        ((*anytime, "--policy", 0, "--exit-threshold", 0.5), 2, "Usage"),
    ]
    for words, code, sentence in cases:
        refused(program.call(*words), sentence, code)


def test_the_runtime_must_be_the_known_one(program, small, tmp_path):
    words = ("run", small.path, "--image", raw(small.images(1)[0], tmp_path / "x.raw"))
    refused(program.call(*words, library=tmp_path / "no.so"), "cannot be loaded")
    refused(program.call(*words, library=small.path), "cannot be loaded")
    refused(program.call(*words, library="libc.so.6"), "another one, or no LiteRT")
    # The wheel's library, beside the record of another release.
    package = tmp_path / "site-packages" / "ai_edge_litert"
    package.mkdir(parents=True)
    library = package / "libLiteRt.so"
    library.symlink_to(program.library)  # is looked through
    assert program.call(*words, library=library).returncode == 0
    library.unlink()
    library.write_bytes(program.library.read_bytes())
    assert program.call(*words, library=library).returncode == 0
    (package.parent / "ai_edge_litert-9.8.7.dist-info").mkdir()
    refused(program.call(*words, library=library), "Received: 9.8.7")
    done = program.call(*words, "--library", program.library, library="nix.so")
    assert done.returncode == 0  # --library goes before the variable

"""The runtime's archive holds npm's files, and nothing else."""

import importlib.util
import json
import pathlib
import shutil
import subprocess
import tarfile

import pytest

RUNTIME = pathlib.Path(__file__).parents[2] / "tflite" / "web" / "runtime"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("archive", RUNTIME / "archive.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def members():
    """What the archive holds: (TarInfo, content) by names."""
    with tarfile.open(RUNTIME / "litert.tar.xz") as archive:
        return {m.name: (m, archive.extractfile(m).read()) for m in archive}


def test_its_bytes_are_npms(script, members, tmp_path):
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    try:
        packages = script.installed(tmp_path)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"npm could not install LiteRT.js: {error}")
    files = script.contents(packages)
    assert list(files) == list(members)
    for name, (_, content) in members.items():
        assert content == files[name], name
    # One import is another, and nothing else is.
    plain = (packages / "core" / "dist" / "index.js").read_text("utf-8").splitlines()
    ours = files["core/index.js"].decode().splitlines()
    lines = [pair for pair in zip(plain, ours, strict=True) if pair[0] != pair[1]]
    assert lines == [
        (
            'import { createWasmLib } from "@litertjs/wasm-utils";',
            'import { createWasmLib } from "../wasm-utils/index.js";',
        )
    ]


def test_it_can_be_made_again(script, members):
    """Names in order; no dates and no owners, by which two archives would differ."""
    assert list(members) == sorted(members)
    plain = tarfile.TarInfo("plain")
    for member, _ in members.values():
        for key in ("mtime", "uid", "gid", "uname", "gname", "mode", "type"):
            assert getattr(member, key) == getattr(plain, key)
    some = {"a": b"1", "b": b"2" * 1000}
    assert script.packed(some) == script.packed(dict(some))


def test_it_brings_its_licence(members):
    assert b"Apache License" in members["LICENSE"][1]
    assert b"LiteRT.js 2.5.3" in members["NOTICE"][1]
    for name in ("LICENSE", "NOTICE"):
        assert (RUNTIME / name).read_bytes() == members[name][1]


def test_its_version_is_said_alike(members):
    lock = json.loads((RUNTIME / "package-lock.json").read_text("utf-8"))
    version = lock["packages"]["node_modules/@litertjs/core"]["version"]
    name = f"LiteRT.js {version}"
    said = (RUNTIME.parent / "runtime.mjs").read_text("utf-8")
    assert f"VERSION = '{name}';" in said
    assert members["NOTICE"][1].decode().splitlines()[0] == name

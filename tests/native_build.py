"""The native program, built for this machine and for ARM; skips where it cannot be."""

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from filelock import FileLock

SOURCES = pathlib.Path(__file__).parents[1] / "tflite" / "native"
RELEASE = re.search(
    r'kVersion\[\] = "(.+)"', (SOURCES / "src" / "litert.h").read_text("utf-8")
).group(1)
CROSS = "aarch64-linux-gnu-g++"
# What XNNPACK asks the kernel about its processor; without it, it would read the
# host's and take the ARM for one that it is not.
CPUINFO = """processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b
CPU revision\t: 1

"""


@dataclasses.dataclass
class Program:
    """A program that was built."""

    words: list  # what runs it
    library: pathlib.Path
    folder: pathlib.Path  # what was built

    def call(self, *words, library=None, cwd=None):
        """What it did."""
        variables = {**os.environ, "KERAS_DYNRES_LITERT": str(library or self.library)}
        return subprocess.run(
            [*self.words, *map(str, words)],
            capture_output=True,
            text=True,
            env=variables,
            cwd=cwd,
        )

    def answer(self, *words):
        """The JSON that it printed."""
        done = self.call(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def for_this_machine(folder):
    """The program, built in a folder that all workers of a test run share."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the native program is for Linux")
    needs_release()
    needs("cmake", "c++", "make")
    package = pathlib.Path(
        importlib.metadata.distribution("ai-edge-litert").locate_file("")
    )
    library = package / "ai_edge_litert" / "libLiteRt.so"
    built = build(folder / "native")
    return Program([str(built / "keras-dynres-native")], library, built)


def for_arm(folder):
    """The program for 64-bit ARM, run by an emulator, with the wheel's library."""
    needs_release()
    needs("cmake", "make", CROSS, "qemu-aarch64")
    roots = pathlib.Path("/usr/aarch64-linux-gnu/lib")
    if not (roots / "libstdc++.so.6").exists():
        pytest.skip("the C++ library for ARM is not installed (libstdc++6-arm64-cross)")
    library = arm_library(folder / "wheel")
    built = build(
        folder / "arm",
        "-DCMAKE_SYSTEM_NAME=Linux",
        "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        f"-DCMAKE_CXX_COMPILER={CROSS}",
        "-DKERAS_DYNRES_JPEG=OFF",
    )
    root = folder / "root"
    (root / "proc").mkdir(parents=True, exist_ok=True)
    (root / "proc" / "cpuinfo").write_text(CPUINFO)
    if not (root / "lib").exists():
        (root / "lib").symlink_to(roots)
    emulator = ["qemu-aarch64", "-cpu", "cortex-a76", "-L", str(root)]
    return Program([*emulator, str(built / "keras-dynres-native")], library, built)


def arm_library(folder):
    """LiteRT for ARM, out of the wheel of the same release."""
    library = folder / "libLiteRt.so"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if library.exists():
            return library
        words = ["--no-deps", "--only-binary=:all:", "--python-version", "3.11"]
        words += ["--platform", "manylinux_2_27_aarch64", "--dest", str(folder)]
        done = run(
            *(sys.executable, "-m", "pip", "download", "-q", *words),
            f"ai-edge-litert=={RELEASE}",
        )
        if done.returncode:
            pytest.skip(f"no wheel for ARM could be fetched: {done.stderr[-200:]}")
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            library.write_bytes(archive.read("ai_edge_litert/libLiteRt.so"))
    return library


def build(folder, *options):
    """Configures and compiles, once for all workers."""
    folder.mkdir(exist_ok=True)
    # More options, such as -DKERAS_DYNRES_SANITIZE=ON.
    options = [*options, *os.environ.get("NATIVE_CMAKE", "").split()]
    with FileLock(folder / "lock"):
        # Unoptimised: the compiler's time is most of these tests', LiteRT's is as ever.
        quick = ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-Werror -O0"]
        done = run("cmake", "-S", SOURCES, "-B", folder, *quick, *options)
        assert done.returncode == 0, done.stderr
        done = run("cmake", "--build", folder, "--parallel", "2")
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def compiled(source, target, program):
    """A program of one C++ file and the library, as the guide links it."""
    words = ["c++", "-std=c++17", "-Wall", "-Werror", source, "-o", target]
    words += ["-I", SOURCES / "include", program.folder / "libkeras_dynres.a", "-ldl"]
    words += ["-ljpeg"] if has_jpeg(program) else []
    if "SANITIZE=ON" in os.environ.get("NATIVE_CMAKE", ""):
        words.append("-fsanitize=address,undefined")
    done = run(*words)
    assert done.returncode == 0, done.stderr
    return Program([str(target)], program.library, program.folder)


def has_jpeg(program):
    cache = (program.folder / "CMakeCache.txt").read_text("utf-8")
    return "JPEG_LIBRARY_RELEASE:FILEPATH=/" in cache


def run(*words):
    return subprocess.run([*map(str, words)], capture_output=True, text=True)


def needs(*commands):
    for command in commands:
        if not shutil.which(command):
            pytest.skip(f"{command} is not installed")


def needs_release():
    version = importlib.metadata.version("ai-edge-litert")
    if version != RELEASE:
        pytest.skip(f"the program is for ai-edge-litert {RELEASE}, here is {version}")


# === What tests say of it ===


def raw(array, path):
    """A file of an array's values."""
    array.tofile(path)
    return path


def refused(done, sentence, code=1):
    """One line says what is wrong; nothing is answered."""
    assert done.returncode == code, done
    assert sentence in done.stderr and done.stdout == ""
    if code == 1:
        lines = [line for line in done.stderr.splitlines() if "INFO:" not in line]
        assert len(lines) == 1 and lines[0].endswith((".", "'."))

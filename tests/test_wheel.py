"""The package as users have it: a wheel in an environment that has no sources."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("keras_dynres", "keras_dynres_cli")
SHIPPED = "sdpoint_wrn16_2_cifar10"
# What says what the phone's page is, and makes its runtime.
NOT_PACKED = {"README.md", "package.json", "package-lock.json", "archive.py"}
PROGRAM = f"""
import pathlib, sys
import keras_dynres as kd
assert pathlib.Path(kd.__file__).is_relative_to(sys.prefix), kd.__file__
model = kd.zoo.load({SHIPPED!r})
print(model.at("p1@0.5").count_params(), model.menu["p1@0.5"].measured["accuracy"])
"""


def answer(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert not done.returncode, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built of a copy: building leaves a folder that the next one packs."""
    sources = tmp_path_factory.mktemp("sources")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    dirt = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in (*PACKAGES, "tflite/web"):
        shutil.copytree(ROOT / name, sources / name, ignore=dirt)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation"]
    answer([*pip, "--no-deps", "--wheel-dir", sources / "dist", sources])
    (built,) = (sources / "dist").glob("*.whl")
    return built


def test_the_wheel_holds_every_file(wheel):
    places = {name: name for name in PACKAGES}
    places["tflite/web"] = "keras_dynres_cli/phone/web"
    files = {
        f"{place}/{path.relative_to(ROOT / name).as_posix()}"
        for name, place in places.items()
        for path in (ROOT / name).rglob("*")
        if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts)
    }
    files = {file for file in files if Path(file).name not in NOT_PACKED}
    assert "keras_dynres_cli/phone/web/index.html" in files
    assert sorted(files - set(zipfile.ZipFile(wheel).namelist())) == []


def test_the_installed_package_does_what_the_readme_says(wheel, tmp_path):
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = answer([python, "-c", "import sysconfig as s; print(s.get_path('purelib'))"])
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    answer([*pip, "--no-deps", "--no-index", wheel])
    # The dependencies are those of this environment. What its own .pth files name, this
    # checkout among them, is not: Python reads such files in the first folder alone.
    folders = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    names = Path(site.strip()) / "dependencies.pth"
    names.write_text("\n".join(sorted(folders)), "utf-8")

    elsewhere = tmp_path / "empty"
    elsewhere.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["KERAS_DYNRES_CACHE"] = str(tmp_path / "cache")
    where = {"cwd": elsewhere, "env": environment}

    def command(*args):
        return answer([python.with_name("keras-dynres"), *args], **where)

    params, accuracy = answer([python, "-c", PROGRAM], **where).split()
    assert int(params) > 600_000
    assert float(accuracy) > 0.8
    assert "0.1.0" in command("--version")
    assert SHIPPED in command("list")
    assert "[8/8]" in command("demo", "--repeats", "1")
    assert "full" in command("export", SHIPPED, "-o", "net.tflite")
    command("report", SHIPPED, "demo/net.tflite", "-o", "page.html")
    for name in ("demo/report.html", "net.tflite", "page.html"):
        assert (elsewhere / name).stat().st_size > 10_000, name

"""The command line itself: help, usage, exit codes, interruption, streams."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import keras_dynres as kd
from keras_dynres import training, zoo
from keras_dynres_cli import parser

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("command", parser.COMMANDS)
def test_every_command_helps_with_an_example(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"example:\n  keras-dynres {command}" in out


@pytest.mark.parametrize("command", parser.COMMANDS.values())
def test_every_example_is_a_command_line(command):
    for line in command.EXAMPLE.splitlines():
        assert parser.parse(line.split()[1:]).run is command.run


def test_every_command_in_the_guides_is_a_command_line():
    lines = [
        line
        for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        for line in path.read_text("utf-8").splitlines()
        if line.startswith("keras-dynres ")
    ]
    assert len(lines) > 5
    for line in lines:
        parser.parse(line.split("#")[0].split()[1:])


def test_help_shows_every_command(run):
    code, out, _ = run("--help")
    assert code == 0
    assert all(f"\n    {command}" in out for command in parser.COMMANDS)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["exprot", "x"], "export"),
        (["export", "sdpoint_wrn16_2_cifar10"], "-o/--output"),
        (["train", "wrn16_2_cifar10", "--epochs", "many"], "'many'"),
        (["report", "a.csv", "--budget", "macs"], "Received: 'macs'"),
        (["report", "a.csv", "a.csv"], "LABEL=SOURCE"),
        (["calibrate", "sdpoint_wrn28_10_cifar10"], "--output"),
    ],
)
def test_a_wrong_command_line_is_code_2(run, menu_file, tmp_path, argv, says):
    argv = [menu_file if word == "a.csv" else word for word in argv]
    if argv[0] == "report":
        argv += ["-o", str(tmp_path / "r.html")]
    code, _, err = run(*argv)
    assert code == 2
    assert says in err.splitlines()[-1]
    assert err.startswith("usage: keras-dynres")


def test_no_command_shows_what_there_is(run):
    code, out, _ = run()
    assert code == 2
    assert "keras-dynres demo" in out


def test_version_is_the_packages(run):
    assert run("--version") == (0, f"keras-dynres {kd.__version__}\n", "")


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--help"], 0),
        (["train", "--help"], 0),
        (["--version"], 0),
        ([], 2),
        (["exprot"], 2),
        (["calibrate", "sdpoint_wrn28_10_cifar10"], 2),
        (["report", "a.csv", "--budget", "macs"], 2),
        (["report", "a.csv", "a.csv"], 2),
    ],
)
def test_what_needs_no_keras_does_not_import_it(argv, code):
    script = (
        "import sys, keras_dynres_cli\n"
        f"code = keras_dynres_cli.main({argv})\n"
        "late = {'keras', 'keras_dynres', 'tensorflow', 'jax'} & set(sys.modules)\n"
        "sys.exit(f'imported {late}' if late else code)"
    )
    done = _python("-c", script)
    assert done.returncode == code, done.stderr


def test_flags_of_absl_are_taken_anywhere(run):
    assert run("--verbosity=-1", "list", "methods")[0] == 0
    assert run("list", "methods", "--verbosity=-1")[0] == 0


def test_interruption_is_code_130_and_the_sentence_of_who_kept_something(
    run, monkeypatch, tmp_path
):
    def interrupted(*args, **kwargs):
        raise training.TrainingInterrupted("Interrupted: 3 epochs are kept.")

    monkeypatch.setattr(training, "train", interrupted)
    code, _, err = run("train", "wrn16_2_cifar10", "--out_dir", tmp_path)
    assert (code, err) == (130, "Interrupted: 3 epochs are kept.\n")


def test_interruption_of_anything_else_says_so(run, monkeypatch):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(zoo, "card", interrupted)
    code, _, err = run("info", "sdpoint_wrn16_2_cifar10")
    assert (code, err) == (130, "Interrupted: nothing was written.\n")


def test_an_error_of_the_system_is_one_sentence(fails, monkeypatch):
    def full(name):
        raise OSError(28, "No space left on device", "/data/x")

    monkeypatch.setattr(zoo, "card", full)
    said = fails("info", "sdpoint_wrn16_2_cifar10")
    assert said == "No space left on device: '/data/x'."


def test_a_mistake_of_ours_is_not_hidden(run, monkeypatch):
    def broken(name):
        raise ZeroDivisionError

    monkeypatch.setattr(zoo, "card", broken)
    with pytest.raises(ZeroDivisionError):
        run("info", "sdpoint_wrn16_2_cifar10")


def test_as_a_process_errors_are_code_1_without_a_traceback():
    done = _process("info", "sdpoint_wrn16_2_cifar1")
    assert done.returncode == 1
    assert "Did you mean 'sdpoint_wrn16_2_cifar10'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_early_breaks_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = _process("list", stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def _process(*argv, stdout=subprocess.PIPE):
    # NumPy is the backend that is imported fastest; none is used.
    backend = {"KERAS_BACKEND": "numpy"}
    return _python("-m", "keras_dynres_cli", *argv, stdout=stdout, **backend)


def _python(*argv, stdout=subprocess.PIPE, **variables):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        [sys.executable, *argv],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        check=False,
    )

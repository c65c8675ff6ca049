"""Two processes that train one network over loopback, and what keeps them from it."""

import json
import os
import signal
import socket
from pathlib import Path

import contract
import numpy as np
import pytest

from keras_dynres.errors import DynresError
from keras_dynres.training import Processes, processes, train
from keras_dynres.training.checkpoints import Checkpoints
from keras_dynres.zoo import Network
from keras_dynres_cli import main

TESTS = str(Path(__file__).parents[1])
CONFIG = {
    "architecture": "tiny",
    "architecture_options": {"widths": [8, 16]},
    "method": "sdpoint",
    "method_options": {"ratios": [0.5], "points": ["relu1"]},
    "dataset": "synthetic",
    "augment": "pad_crop_flip",
    "epochs": 2,
    "batch_size": 128,
    "learning_rate": 0.05,
    "calibration_batches": 2,
}
STEPS = 8  # Four an epoch.
TWO = ["--coordinator", "127.0.0.1:PORT", "--processes", "2", "--process", "INDEX"]
DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
# What Slurm tells a process, by which JAX knows all.
SLURM = {
    "JAX_COORDINATOR_PORT": "PORT",
    "SLURM_JOB_ID": "1",
    "SLURM_STEP_NODELIST": "127.0.0.1",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "INDEX",
    "SLURM_LOCALID": "INDEX",
}
# Groups of processes, one group after the other. Each process notes what it draws, and
# may be killed at a step. They are parted from one that has imported all.
GROUPS = """
import json, os, signal, socket, sys
import low_nets
from keras_dynres import architectures
from keras_dynres.core.plan import Plan
from keras_dynres_cli import main
architectures._ARCHITECTURES["tiny"] = low_nets.architecture
def run(port, index, flags, notes, killed_at, environment):
    filled = lambda word: word.replace("PORT", port).replace("INDEX", str(index))
    flags = map(filled, flags)
    os.environ.update({key: filled(value) for key, value in environment.items()})
    draw = Plan.draw
    def noted(self, step):
        if step == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        with open(notes + ".drawn", "a") as file:
            print(step, *draw(self, step), file=file)
        return draw(self, step)
    Plan.draw = noted
    words = os.open(notes + ".words", os.O_CREAT | os.O_WRONLY)
    os.dup2(words, 1), os.dup2(words, 2)
    sys.exit(main(["train", *flags]))
def begun(port, process):
    child = os.fork()
    return child or run(port, **process)
codes = []
for group in json.loads(sys.argv[1])["groups"]:
    with socket.create_server(("", 0)) as server:
        port = str(server.getsockname()[1])
    children = [begun(port, process) for process in group]
    codes.append([os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children])
print(json.dumps(codes))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What became of five groups: {name: (exit codes, words, drawn instances)}."""
    pytest.importorskip("jax")
    home = tmp_path_factory.mktemp("runs")
    network = home / "tiny.json"
    network.write_text(json.dumps(CONFIG))

    def group(name, folder, *flags, count=2, killed_at=None, environment=None):
        return [
            {
                "index": index,
                # Process 0 alone needs the folder.
                "flags": [str(network), "--out_dir", f"{home / folder}{index or ''}"]
                + list(flags),
                "notes": str(home / f"{name}{index}"),
                "killed_at": None if index else killed_at,
                "environment": environment or {},
            }
            for index in range(count)
        ]

    uneven = ["--coordinator", "auto", "--set", "batch_size=127"]
    groups = {
        "alone": group("alone", "one", count=1),
        "killed": group("killed", "two", *TWO, killed_at=6),
        "refused": group("refused", "two", *TWO),
        # Two devices each.
        "resumed": group("resumed", "two", *TWO, "--resume", environment=DEVICES),
        "uneven": group("uneven", "three", *uneven, environment=SLURM),
    }
    path = os.pathsep.join(filter(None, [TESTS, os.environ.get("PYTHONPATH")]))
    codes = contract.python(
        *(GROUPS, "jax"), groups=[*groups.values()], environment={"PYTHONPATH": path}
    )
    told = {"folder": home}
    for (name, group), group_codes in zip(groups.items(), codes, strict=True):
        notes = [Path(process["notes"]) for process in group]
        words = [path.with_suffix(".words").read_text() for path in notes]
        drawn = [path.with_suffix(".drawn") for path in notes]
        drawn = [x.read_text().splitlines() if x.exists() else [] for x in drawn]
        told[name] = (group_codes, words, drawn)
    return told


def state(folder):
    """All variables of the latest checkpoint, the optimizer's among them."""
    path = Checkpoints(folder, Network.from_config({"name": "tiny", **CONFIG})).paths()
    with np.load(path[0]) as file:
        return [file[key] for key in sorted(file.files) if key != "meta"]


def test_killed_and_resumed_they_end_as_one_process_does(runs):
    for name in ("alone", "resumed"):
        assert not any(runs[name][0]), runs[name][1]
    one, two = (runs["folder"] / name for name in ("one", "two"))
    for value, expected in zip(state(two), state(one), strict=True):
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-5)
    rows = [json.loads((x / "history.json").read_text()) for x in (one, two)]
    for expected, row in zip(*rows, strict=True):
        assert_close(row, expected)
    results = [json.loads((x / "results.json").read_text()) for x in (one, two)]
    assert [x["environment"].get("Processes") for x in results] == [None, "2"]
    instances = [x["instances"] for x in results]
    assert list(instances[0]) == list(instances[1]) == ["p1@0.5", "full"]
    for name, expected in instances[0].items():
        assert_close(instances[1][name], expected)


def assert_close(figures, expected):
    assert figures.keys() == expected.keys() >= {"loss", "accuracy"}
    for key in expected.keys() - {"seconds"}:
        assert figures[key] == pytest.approx(expected[key], abs=1e-4), key


def test_a_kill_ends_all_and_leaves_the_finished_epoch(runs):
    codes, words, _ = runs["killed"]
    assert codes[0] == -signal.SIGKILL, words[0]
    assert codes[1] not in (0, -signal.SIGKILL)
    assert "lost the others" in words[1] or "another task died" in words[1]
    assert "Going on after epoch 1" in runs["resumed"][1][0]


def test_all_draw_the_same_instances(runs):
    _, _, (expected,) = runs["alone"]
    assert len(expected) == STEPS
    assert len({line.split()[1] for line in expected}) == 2
    first, second = runs["resumed"][2]
    assert first == second == expected[4:]
    # The process that lives on is at the step that the other was killed at, or before.
    assert runs["killed"][2][0] == expected[:6]
    assert runs["killed"][2][1] == expected[: len(runs["killed"][2][1])]


def test_process_0_alone_writes_and_tells(runs):
    names = {path.name for path in runs["folder"].iterdir() if path.is_dir()}
    assert names == {"one", "two"}
    first, second = runs["resumed"][1]
    assert "epoch 2/2" in first and "epoch 2/2" not in second
    assert "Wrote" in first and "This process is done" in second


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("refused", "holds the checkpoints of a run: go on with it by --resume"),
        ("uneven", "among the 2 devices of 2 process(es). Received: batch_size=127"),
    ],
)
def test_what_is_wrong_all_say(runs, name, sentence):
    codes, words, drawn = runs[name]
    assert codes == [1, 1]
    assert all(sentence in said for said in words)
    assert drawn == [[], []]


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (("host:1", 2), "told all of.*coordinator='host:1', processes=2, process=None"),
        ((None, 2, 0), "told all of.*coordinator=None, processes=2, process=0"),
        (("auto", 2, 0), "'auto' alone.*processes=2, process=0"),
        (("host", 2, 0), "HOST:PORT.*'host'"),
        (("host:http", 2, 0), "HOST:PORT.*'host:http'"),
        (("host:70000", 2, 0), "HOST:PORT.*'host:70000'"),
        (("host:1", 2, 2), "counted from 0.*processes=2, process=2"),
        (("host:1", 2, -1), "counted from 0.*processes=2, process=-1"),
        (("host:1", 0, 0), "counted from 0.*processes=0, process=0"),
    ],
)
def test_who_takes_part_is_told_in_full(told, sentence):
    with pytest.raises(DynresError, match=sentence):
        Processes(*told)


def test_tensorflow_trains_in_one_process(tmp_path):
    network = Network.from_config({"name": "tiny", **CONFIG})
    two = Processes("127.0.0.1:1", 2, 0)
    with pytest.raises(DynresError, match="KERAS_BACKEND=jax.*tensorflow"):
        train(network, out_dir=tmp_path / "run", processes=two)
    assert not (tmp_path / "run").exists()


def test_the_command_says_what_is_missing(capsys):
    assert main(["train", "wrn16_2_cifar10", "--processes", "2"]) == 1
    assert "coordinator=None, processes=2, process=None" in capsys.readouterr().err


def test_a_coordinator_that_does_not_answer():
    with socket.create_server(("", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(DynresError, match=f"not answer within 0 s.*{address}"):
        processes._find(Processes(address, 2, 1, patience=0))


def test_a_port_that_is_taken():
    with socket.create_server(("", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(DynresError, match=f"cannot listen.*in use.*{address}"):
            processes._find(Processes(address, 2, 0))

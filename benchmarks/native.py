"""Is the C++ program as fast as Python's Runner, and as small?

    python benchmarks/native.py                             # what is committed here
    python benchmarks/native.py --rounds 1 --repeats 20                     # a trial

Builds tflite/native in release, exports the shipped network with all its instances, and
times each instance with both, one image at a time, on one thread and on two, turn by
turn, so that a machine that slows down slows both; the figure is the median over rounds
of native over Python. Both run the wheel's LiteRT: the program by its C API, Python by
its interpreter. Then the memory of a process that runs `full` once, at its peak.
Targets: 1.00 times the time, a tenth of the memory.

Writes native.json and native.md beside this script, or where --out says. Run it on a
machine that does nothing else.
"""

import importlib.metadata
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from _output import command, options, progress, show, spread, table, write

import keras_dynres as kd
from keras_dynres.tflite import Runner

SOURCES = pathlib.Path(__file__).parents[1] / "tflite" / "native"


def built(folder):
    """The program, in release."""
    for words in (["-S", SOURCES, "-B", folder], ["--build", folder]):
        subprocess.run(["cmake", *words], check=True, stdout=subprocess.DEVNULL)
    return folder / "keras-dynres-native"


def asked(program, *words):
    """What the program answers."""
    wheel = importlib.metadata.distribution("ai-edge-litert")
    library = wheel.locate_file("ai_edge_litert/libLiteRt.so")
    words = [program, *words, "--library", library]
    done = subprocess.run([*map(str, words)], check=True, capture_output=True)
    return json.loads(done.stdout)


def times(program, path, threads, args):
    """The program's milliseconds and their share of Python's, by instance."""
    rows = {}
    with Runner(path, threads) as runner:
        for _ in range(args.rounds):
            for name in runner.menu.names:
                words = ["--repeats", args.repeats, "--threads", threads]
                answer = asked(program, "bench", path, "--instances", name, *words)
                native = answer["latency"][name]["median_ms"]
                figures = runner.benchmark([name], args.repeats, verbose=0)
                row = rows.setdefault(name, {"ms": [], "ratio": []})
                row["ms"].append(native)
                row["ratio"].append(native / figures[name]["median_ms"])
    return {
        name: {key: spread(values) for key, values in row.items()}
        for name, row in rows.items()
    }


# A process of its own: the peak of one that exported something is that.
PYTHON = """
import sys
import numpy as np
from keras_dynres.tflite import Runner
runner = Runner(sys.argv[1])
runner.run(np.zeros(runner.metadata["input"]["shape"], "float32"))
lines = open("/proc/self/status").read().splitlines()
print(*(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


def memory(program, path, folder):
    """MB at the peak of a process that runs `full` once."""
    shape = Runner(path).metadata["input"]["shape"]
    np.zeros(shape, "float32").tofile(folder / "image.raw")
    answer = asked(program, "run", path, "--image", folder / "image.raw")
    words = [sys.executable, "-c", PYTHON, str(path)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return {"native": answer["peak_mb"], "python": int(done.stdout) * 1024 / 1e6}


def measure(program, precision, args, folder):
    """A row for each instance."""
    progress(precision)
    model = kd.zoo.load(args.net)
    path = folder / f"{precision}.tflite"
    images = np.random.default_rng(0).normal(size=(100, *model.base.input_shape[1:]))
    kd.tflite.export(
        model,
        path,
        instances="all",
        precision=precision,
        calibration_data=images.astype("float32"),
        verbose=0,
    )
    by_threads = {
        threads: times(program, path, threads, args) for threads in args.threads
    }
    peaks = memory(program, path, folder)
    for name in model.menu.names:
        shares = {threads: rows[name] for threads, rows in by_threads.items()}
        yield {"precision": precision, "instance": name, "threads": shares, **peaks}


def cells(row):
    """A line of the table."""
    figures = [
        show(figures[key]) for figures in row["threads"].values() for key in figures
    ]
    return " | ".join([row["precision"], row["instance"], *figures])


def main():
    parser = options(__doc__, "native")
    parser.add_argument("--net", default="sdpoint_wrn16_2_cifar10")
    parser.add_argument("--precisions", nargs="+", default=["float32", "int8"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=200)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        program = built(folder / "build")
        for precision in args.precisions:
            rows += measure(program, precision, args, folder)
    head = ["precision", "instance"]
    for threads in args.threads:
        head += [f"native (ms), threads: {threads}", "native / Python"]
    lines = table(" | ".join(head), map(cells, rows))
    lines += ["Medians over rounds, with least and most.", ""]
    lines += [
        f"Peak of a process that runs `full` once, {row['precision']}: native "
        f"{row['native']:.0f} MB, Python {row['python']:.0f} MB."
        for row in rows
        if row["instance"] == "full"
    ]
    write(args.out, "Native against Python", command(args), rows, lines)


if __name__ == "__main__":
    main()

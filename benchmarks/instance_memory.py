"""What does one instance of a bundle cost in memory and load time?

    python benchmarks/instance_memory.py                    # what is committed here
    python benchmarks/instance_memory.py --net wrn_10_1 --repeats 1         # a trial

Three ways to the first result of one instance, each in a fresh process:

- `runner`: `tflite.Runner` on the bundle of all instances;
- `alone`: LiteRT's own interpreter on a file that holds that instance alone;
- `all`: LiteRT's own interpreter on the bundle, which prepares every instance.

Memory is what resident memory grew by, and by what it had grown at most, after the
imports; time runs from opening the file to the first result. Medians over repeats and
the range. Target: `runner` costs what `alone` costs.

Writes instance_memory.json and instance_memory.md beside this script, or where --out
says. Linux only.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import ai_edge_litert.interpreter as litert
import numpy as np
from _nets import NETS, bundle, sdpoint
from _output import command, options, progress, show, spread, table, write

from keras_dynres.tflite import Runner, read_metadata

WAYS = ("runner", "alone", "all")
FIGURES = ("resident_mb", "peak_mb", "load_ms")


def child(way, path, name):
    """One measurement, in a process of its own."""
    shape = read_metadata(path)["input"]["shape"]
    image = np.zeros(shape, "float32")
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, _ = _memory()
    start = time.perf_counter()
    if way == "runner":
        held = Runner(path)
        held.run(image, name)
    else:
        held = litert.Interpreter(model_path=path, num_threads=1)
        held.allocate_tensors()
        held.get_signature_runner(name)(images=image[None])
    seconds = time.perf_counter() - start
    resident, peak = _memory()
    found = (resident - before, peak - before, 1e3 * seconds)
    print(json.dumps(dict(zip(FIGURES, found, strict=True))))


def _memory():
    """Resident memory in MB, now and at most."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return [int(found[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM")]


def measure(way, path, name, repeats):
    """Figures of one way to one instance."""
    words = [sys.executable, __file__, "--child", way, str(path), name]
    runs = [
        json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
        for _ in range(repeats)
    ]
    figures = {key: spread(run[key] for run in runs) for key in FIGURES}
    return {"instance": name, "way": way, **figures}


def main():
    parser = options(__doc__, "instance_memory")
    parser.add_argument("--net", choices=list(NETS), default="wrn_16_2")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(*args.child)
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        progress(f"{args.net}: exporting")
        model = sdpoint(args.net)
        path = bundle(model, pathlib.Path(folder) / "net.tflite", "all", args.precision)
        size = path.stat().st_size
        single = path.with_name("single.tflite")
        for name in (model.menu.names[0], "full"):
            bundle(model, single, [name], args.precision)
            for way in WAYS:
                progress(f"{name}, {way}")
                file = single if way == "alone" else path
                rows.append(measure(way, file, name, args.repeats))
    lines = [
        f"{args.net}, {args.precision}, {len(model.menu)} instances in one file of "
        f"{size / 1e6:.1f} MB. Medians over repeats, with least and most.",
        "",
        *table(
            "instance | way | resident (MB) | peak (MB) | load (ms)",
            [
                " | ".join([r["instance"], r["way"], *(show(r[k]) for k in FIGURES)])
                for r in rows
            ],
        ),
    ]
    title = "Memory and load time of one instance"
    write(args.out, title, command(args), rows, lines, bytes=size)


if __name__ == "__main__":
    main()

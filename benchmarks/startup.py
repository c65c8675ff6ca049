"""What does importing the package cost beside `import keras`, and how long is the demo?

    python benchmarks/startup.py                            # what is committed here
    python benchmarks/startup.py --repeats 1 --no-demo                      # a trial

Each import runs in a fresh process; the two take turns. Target: the same. The demo runs
once, as `keras-dynres demo` does, its set-up left out. Target: under 180 s on 2 cores.

Writes startup.json and startup.md beside this script, or where --out says.
"""

import argparse
import subprocess
import sys
import tempfile
import time

from _output import command, options, progress, show, spread, table, write


def seconds(*words, cwd=None):
    start = time.perf_counter()
    subprocess.run(words, check=True, cwd=cwd, capture_output=True)
    return time.perf_counter() - start


def main():
    parser = options(__doc__, "startup")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--demo", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    modules = ("keras", "keras_dynres")
    times = {module: [] for module in modules}
    for turn in range(args.repeats + 1):
        for module in modules:
            took = seconds(sys.executable, "-c", f"import {module}")
            if turn:  # The first fills the file cache.
                times[module].append(took)
    shares = [b / a for a, b in zip(*times.values(), strict=True)]
    row = {module: spread(each) for module, each in times.items()}
    row["share"] = spread(shares)
    cells = [show(row[key]) for key in (*modules, "share")]
    head = "import keras (s) | import keras_dynres (s) | share"
    if args.demo:
        with tempfile.TemporaryDirectory() as folder:
            progress("demo")
            demo = [sys.executable, "-m", "keras_dynres_cli", "demo"]
            row["demo_s"] = seconds(*demo, cwd=folder)
        head, cells = f"{head} | demo (s)", [*cells, f"{row['demo_s']:.0f}"]
    lines = table(head, [" | ".join(cells)])
    lines += ["Medians over repeats, with least and most."]
    write(args.out, "Start-up", command(args), [row], lines)


if __name__ == "__main__":
    main()

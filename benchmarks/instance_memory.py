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
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
WAYS = ("runner", "alone", "all")
FIGURES = ("resident_mb", "peak_mb", "load_ms")


def child(way, path, name):
    """One measurement, in a process of its own."""
    import ai_edge_litert.interpreter as litert
    import numpy as np

    from keras_dynres.tflite import metadata
    from keras_dynres.tflite.runner import Runner

    shape = metadata.read_metadata(path)["input"]["shape"]
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
    return [int(found[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")]


def measure(way, path, name, repeats):
    """Figures of one way to one instance: median, least and most."""
    command = [sys.executable, __file__, "--child", way, str(path), name]
    runs = [
        json.loads(
            subprocess.run(command, check=True, capture_output=True).stdout.split(
                b"\n"
            )[-2]
        )
        for _ in range(repeats)
    ]
    row = {"instance": name, "way": way}
    for figure in FIGURES:
        values = [run[figure] for run in runs]
        row[figure] = [statistics.median(values), min(values), max(values)]
    return row


def markdown(result):
    """A table, and what it was made on and with."""
    words = [f"{k} {v}" for k, v in result["environment"].items()]
    lines = ["# Memory and load time of one instance", "", ", ".join(words) + ".", ""]
    lines += [f"`{result['command']}`", ""]
    lines += [
        f"{result['net']}, {result['precision']}, {result['instances']} instances in "
        f"one file of {result['file_mb']:.1f} MB. Medians (least to most).",
        "",
        "| instance | way | resident (MB) | peak (MB) | load (ms) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in result["rows"]:
        cells = [
            f"{m:.1f} ({low:.1f} to {high:.1f})"
            for m, low, high in (row[figure] for figure in FIGURES)
        ]
        lines.append(f"| {row['instance']} | {row['way']} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main():
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
        return
    from _nets import NETS, bundle, progress, sdpoint

    from keras_dynres.evaluation import environment

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--net", choices=list(NETS), default="wrn_16_2")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "instance_memory")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        progress(f"{args.net}: exporting")
        model = sdpoint(args.net)
        path = pathlib.Path(folder) / "net.tflite"
        bundle(model, path, precision=args.precision)
        size = path.stat().st_size / 2**20
        for name in (model.menu.names[0], "full"):
            single = pathlib.Path(folder) / "single.tflite"
            bundle(model, single, [name], args.precision)
            for way in WAYS:
                progress(f"{name}, {way}")
                file = single if way == "alone" else path
                rows.append(measure(way, file, name, args.repeats))
    result = {
        "command": f"python benchmarks/instance_memory.py --net {args.net} "
        f"--precision {args.precision} --repeats {args.repeats}",
        "environment": environment(),
        "net": args.net,
        "precision": args.precision,
        "instances": len(model.menu),
        "file_mb": size,
        "rows": rows,
    }
    text = markdown(result)
    args.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    args.out.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()

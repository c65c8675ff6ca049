"""Does computing a quarter of the points take a quarter of the time?

    python benchmarks/sampled_speed.py                      # all networks
    python benchmarks/sampled_speed.py --nets resnet34@224 --rounds 3  # a trial

Whole networks with random weights through XNNPACK, one image at a time, everything
counted: mask heads, choice of points, gathering, interpolation. Blocks of stage 1 are
computed whole (their kernels are too narrow to pay for masks). Each round runs every
file once, with a new image, so that a machine that slows down slows all; the speed-up
is of `full` of the same run. Beside it what the paper's count of MACs promises for the
same blocks, instances of SDPoint and Resizable of about the same cost, which save
without gathering, and what each part costs: an even grid needs no mask heads and no
choice, zeros no interpolation, a window of three is the narrowest. Of one network also
the integer forms, Keras on TensorFlow, and what XNNPACK leaves to other kernels.

Writes sampled_speed.json and sampled_speed.md beside this script, or where --out says.
Run it on a machine that does nothing else.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter

import keras
import numpy as np
import tensorflow as tf
from _left_out import LeftOut
from _output import command, options, progress, table, write

import keras_dynres as kd
from keras_dynres.tflite.convert import convert

NETS = (
    "resnet34@224",
    "resnet50@224",
    "resnet101@224",
    "resnet50@448",
    "resnet101@448",
    "resnet101_deformable@224",
    "resnet50_deformable@448",
)
# Shares of theory that are wished for, with one thread and with two.
TARGETS = {"rbf": (0.75, 0.65), "zeros": (0.82, 0.72), "deformable": (0.88, 0.88)}
RIVALS = ("resnet34@224", "resnet50@224")
ABLATED = ("resnet50@224", "resnet101_deformable@224")
# Of these also integers, and Keras on TensorFlow.
OTHER_FORMS = ("resnet50@224",)


def base_of(net):
    """The network of a name such as `resnet50_deformable@448`."""
    name = net.split("@")[0]
    depth, _, deformable = name.removeprefix("resnet").partition("_")
    stages = (2, 3, 4) if deformable else ()
    keras.utils.set_random_seed(0)
    base = kd.architectures.resnet(int(depth), base_size(net), deformable=stages)
    draw = np.random.default_rng(0)
    for layer in base.layers:
        if layer.name.endswith("_offset"):
            values = [draw.normal(0, 0.005, w.shape) for w in layer.weights]
            layer.set_weights(values)
    return base


def base_size(net):
    """Height, width and channels of the images."""
    size = int(net.split("@")[1])
    return size, size, 3


def late_blocks(flat):
    """All but those of stage 1."""
    names = [call.name for call in kd.graph.calls(flat)]
    return [n for n in names if n.endswith("_add") and not n.startswith("stage1")]


def sampled(base, density, **ways):
    """The model, with heads that tell points apart and windows of some width."""
    model = kd.Sampled(base, densities=(density,), blocks=late_blocks, **ways)
    draw = np.random.default_rng(0)
    for head in model.heads:
        head.set_weights([draw.normal(0, 0.02, w.shape) for w in head.weights])
    for fill in model.fills:
        if fill.width is not None:
            fill.width.assign(1.5)
    return model


def nearest(model, macs):
    """The instance whose cost is nearest."""
    return min(model.menu, key=lambda instance: abs(instance.macs - macs))


def graphs_of(net, density):
    """{row: (graph, MACs, theoretical speed-up)}, `full` first."""
    base = base_of(net)
    rows, name = {}, f"d{density:g}"
    ways = {"rbf": {}, "zeros": {"interpolation": "zeros"}}
    if net in ABLATED:
        ways["rbf, shared mask"] = {"masks": "shared"}
        ways["rbf, window of 3"] = {"window": 3}
        ways["rbf, even grid"] = {"sampling": "uniform"}
        ways["zeros, even grid"] = {"sampling": "uniform", "interpolation": "zeros"}
    for way, settings in ways.items():
        model = sampled(base, density, **settings)
        full = model.menu.full.macs
        if not rows:
            rows["full"] = model.at("full"), full, 1.0
        theory = full / model.published_macs(density)
        rows[way] = model.at(name, uncalibrated=True), model.menu[name].macs, theory
    if net in RIVALS:
        macs = rows["rbf"][1]
        points = kd.SDPoint(base, ratios=(0.5, 0.75))
        resized = kd.Resizable(base, scales=(0.45, 0.65, 0.85, 1.0))
        for title, model in (("SDPoint", points), ("Resizable", resized)):
            instance = nearest(model, macs)
            graph = model.at(instance, uncalibrated=True)
            title = f"{title} {instance.name}"
            rows[title] = graph, instance.macs, full / instance.macs
    return rows


def in_keras(net, density, rounds):
    """Milliseconds of Keras on TensorFlow: {row: median}."""
    base, draw = base_of(net), np.random.default_rng(1)
    model = sampled(base, density)
    for head in model.heads:  # `sampled` computes about the density of the points.
        head.bias.assign(head.bias + np.log(density / (1 - density)))
    names = ("full", f"d{density:g}", "sampled")
    graphs = {name: model.at(name, uncalibrated=True) for name in names}
    runs = {name: tf.function(graph) for name, graph in graphs.items()}
    times = {name: [] for name in names}
    for turn in range(rounds + 3):
        image = tf.constant(draw.normal(size=(1, *base.input_shape[1:])), "float32")
        for name, run in runs.items():
            start = time.perf_counter()
            run(image).numpy()
            if turn >= 3:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def child(net, args):
    """Times one network's rows, and prints them."""
    from ai_edge_litert.interpreter import Interpreter

    rows = graphs_of(net, args.density)
    draw = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        paths, figures = {}, {}
        forms = [(row, row, "float32") for row in rows]
        if net in OTHER_FORMS:
            forms += [(f"{row}, int8", row, "int8") for row in ("full", "zeros")]
        for name, row, precision in forms:
            graph, macs, theory = rows[row]
            paths[name] = pathlib.Path(folder) / f"{len(paths)}.tflite"
            shape = (8, *graph.input_shape[1:])
            noise = draw.normal(size=shape) if precision == "int8" else None
            paths[name].write_bytes(convert({"run": graph}, precision, noise))
            figures[name] = {"macs": macs, "theory": theory}
        both = {"full": rows["full"][0], "sampled": rows["rbf"][0]}
        alone = paths["rbf"].stat().st_size
        shared = len(convert(both)) / alone if net in RIVALS else None
        for threads in args.threads:
            runners = {}
            for row, path in paths.items():
                runner = Interpreter(str(path), num_threads=threads)
                runner.allocate_tensors()
                runners[row] = runner, runner.get_input_details()[0]
                left = Counter(op["op_name"] for op in runner._get_ops_details())
                figures[row]["delegated_parts"] = left["DELEGATE"]
            times = {row: [] for row in paths}
            for turn in range(args.warmup + args.rounds):
                for row, (runner, port) in runners.items():
                    image = draw.normal(size=port["shape"]).astype("float32")
                    runner.set_tensor(port["index"], image)
                    start = time.perf_counter()
                    runner.invoke()
                    if turn >= args.warmup:
                        times[row].append(1000 * (time.perf_counter() - start))
            for row, values in times.items():
                whole = times["full, int8" if row.endswith("int8") else "full"]
                ratios = [f / v for f, v in zip(whole, values, strict=True)]
                figures[row][f"ms_{threads}"] = statistics.median(values)
                figures[row][f"speedup_{threads}"] = quartiles(ratios)
        for row in ("rbf", "zeros"):
            left = LeftOut(paths[row].read_bytes())
            images = draw.normal(size=(10, 1, *base_size(net))).astype("float32")
            figures[row]["left_out"] = dict(left.names.most_common())
            figures[row]["left_out_ms"] = left.milliseconds(images)
    result = {"rows": figures, "bundle": shared}
    if net in OTHER_FORMS:
        result["keras"] = in_keras(net, args.density, args.rounds)
    print(json.dumps(result))


def quartiles(values):
    """Median, and the middle half."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": middle, "low": low, "high": high}


def run(net):
    """What a network's process printed last."""
    progress(net)
    words = [sys.executable, *sys.argv, "--child", net]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def page(results, args):
    """The tables."""
    cells = []
    for net, result in results.items():
        for row, f in result["rows"].items():
            line = [net, row, f"{f['macs'] / 1e9:.2f}", f"{f['theory']:.2f}"]
            for number, threads in enumerate(args.threads):
                speed = f[f"speedup_{threads}"]
                share = speed["median"] / f["theory"]
                kind = "deformable" if "deformable" in net else row
                wish = TARGETS.get(kind, TARGETS.get(row))
                wished = (
                    f", wished {wish[number]:.2f}" if wish and row in TARGETS else ""
                )
                line += [
                    f"{f[f'ms_{threads}']:.1f}",
                    "{median:.2f} ({low:.2f} to {high:.2f})".format(**speed),
                    "1" if row.startswith("full") else f"{share:.2f}{wished}",
                ]
            cells.append(" | ".join(line))
    head = "network | row | GMACs | theory"
    for threads in args.threads:
        head += f" | ms, {threads} thread(s) | speed-up | share of theory"
    bundles = [
        f"{net}: {result['bundle']:.3f}"
        for net, result in results.items()
        if result["bundle"]
    ]
    lines = table(head, cells)
    cells = []
    for net, result in results.items():
        for row, f in result["rows"].items():
            if "left_out" in f and "ms_1" in f:
                share = f["left_out_ms"] / f["ms_1"]
                words = ", ".join(f"{n} {name}" for name, n in f["left_out"].items())
                cells.append(
                    f"{net} | {row} | {f['delegated_parts']} | {words} | "
                    f"{f['left_out_ms']:.2f} | {100 * share:.1f} %"
                )
    head = "network | row | parts that XNNPACK runs | operators that it does not run"
    lines += table(f"{head} | ms | of one thread's time", cells)
    cells = [
        f"{net} | {row} | {ms:.1f} | {result['keras']['full'] / ms:.2f}"
        for net, result in results.items()
        for row, ms in result.get("keras", {}).items()
    ]
    if cells:
        head = "Keras on TensorFlow | instance | ms, all threads | speed-up"
        lines += table(head, cells)
    lines.append(
        f"Density {args.density:g}, {args.rounds} rounds; median, with the middle half "
        "of the speed-ups. GMACs as computed here, theory by the paper's count. "
        f"Size of a file with `full` and `d{args.density:g}`, of one with the second "
        f"alone: {', '.join(bundles)}."
    )
    return lines


def main():
    """Runs the networks one after the other."""
    parser = options(__doc__, "sampled_speed")
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--density", type=float, default=0.25)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument(
        "--add", action="store_true", help="to networks that this machine timed before"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, args)
        return
    path = args.out.with_suffix(".json")
    results = json.loads(path.read_text())["rows"] if args.add else {}
    told = argparse.Namespace(**{**vars(args), "add": None})
    for net in args.nets:
        results[net] = run(net)
        results = {name: results[name] for name in NETS if name in results}
        told.nets = list(results)
        title = "Speed of sampled networks"
        write(args.out, title, command(told), results, page(results, args))


if __name__ == "__main__":
    main()

"""What does it cost to be able to stop?

    python benchmarks/staging.py                            # what is committed here
    python benchmarks/staging.py --nets tiny --rounds 1 --repeats 5         # a trial

Exports MSDNets with random weights and runs one image at a time on one thread: through
the stages one after another, as `Runner.anytime` does; through one graph with every
exit as an output, which computes the same and cannot stop; and through each exit's own
graph, which skips the exits before it, with XNNPACK and with Keras. Ways take turns, so
that a machine that slows down slows all; figures are medians over rounds of a round's
median, with least and most. Target: the stages take at most 5 % longer than the one
graph. Shares, of the last exit, tell whether latency follows multiply-accumulates.

Writes staging.json and staging.md beside this script, or where --out says.
Run it on a machine that does nothing else.
"""

import pathlib
import statistics
import tempfile
import time

import numpy as np
from _output import command, options, progress, show, spread, table, write

import keras_dynres as kd
from keras_dynres.tflite import Runner, export
from keras_dynres.tflite.convert import convert
from keras_dynres.tflite.flatbuffer import load
from keras_dynres.tflite.latency import measure as timed
from keras_dynres.tflite.stages import StageRow

OPTIONS = {"input_shape": (16, 16, 3), "steps": (1, 1), "channels": 4, "growth": 2}
NETS = {
    "tiny": lambda: kd.MSDNet("cifar_budget10", head=4, **OPTIONS),
    "cifar_budget10": lambda: kd.MSDNet("cifar_budget10"),
    "cifar_budget21": lambda: kd.MSDNet("cifar_budget21"),
    "cifar_anytime": lambda: kd.MSDNet("cifar_anytime"),
    "imagenet_step4": lambda: kd.MSDNet(
        "imagenet_step4", input_shape=(224, 224, 3), classes=1000
    ),
}
OVERHEAD = (
    "net | precision | exits | one graph (ms) | stages (ms) | over | "
    "last exit alone (ms) | stages over it, in time | in MACs"
)
LATENCY = (
    "net | precision | exit | MACs (M) | share | XNNPACK (ms) | share | Keras (ms) | "
    "share | staged (ms) | share of MACs | of time"
)


def one_graph(model, precision, noise, threads=1):
    """A function from an image to every exit's outputs, computed in one go."""
    first, *others = model.exits
    row = StageRow("every", "every", ("images",), tuple(others), (), first, 0)
    data = convert({"every": model.base}, precision, noise, [row])
    call = load(lambda: data, ["every"], threads)["every"]
    return lambda image: call(images=image)


def staged(runner, image, args):
    """Median milliseconds until each exit."""
    rows = []
    for _ in range(args.warmup + args.repeats):
        start, row = time.perf_counter(), []
        for _ in runner.anytime(image):
            row.append(1e3 * (time.perf_counter() - start))
        rows.append(row)
    columns = zip(*rows[args.warmup :], strict=True)
    return [statistics.median(column) for column in columns]


def rounds(model, runner, every, image, args):
    """{way: a round's milliseconds each}; ways with exits have a list for each exit."""
    found = {"one graph": [], "staged": [], "alone": [], "keras": []}

    def median(function):
        return timed(function, args.repeats, args.warmup)["median_ms"]

    nets = [model.at(name) for name in model.instances]
    for number in range(args.rounds):
        progress(f"round {number + 1} of {args.rounds}")
        found["one graph"].append(median(lambda: every(image)))
        found["staged"].append(staged(runner, image[0], args))
        found["alone"].append(
            [median(lambda n=n: runner.run(image, n)) for n in model.instances]
        )
        found["keras"].append(
            [median(lambda n=net: n.predict_on_batch(image)) for net in nets]
        )
    return found


def measure(net, precision, args, folder):
    """A row of the results."""
    progress(net, precision)
    model = NETS[net]()
    noise = np.random.default_rng(0).standard_normal(
        (4, *model.base.input_shape[1:]), "float32"
    )
    path = folder / f"{net}.tflite"
    export(
        model,
        path,
        "all",
        precision,
        calibration_data=noise,
        verify_data=noise,
        verbose=0,
    )
    every, image = one_graph(model, precision, noise), noise[:1]
    with Runner(path) as runner:
        found = rounds(model, runner, every, image, args)
    last = [row[-1] for row in found["staged"]]
    full = [row[-1] for row in found["alone"]]
    return {
        "net": net,
        "precision": precision,
        "exits": model.exits,
        "macs": model.exit_costs(),
        "macs_alone": [model.menu[name].macs for name in model.instances],
        "one_graph_ms": spread(found["one graph"]),
        "staged_ms": by_exit(found["staged"]),
        "alone_ms": by_exit(found["alone"]),
        "keras_ms": by_exit(found["keras"]),
        "over_one_graph": ratio(last, found["one graph"]),
        "over_alone": ratio(last, full),
    }


def by_exit(found):
    return [spread(column) for column in zip(*found, strict=True)]


def ratio(ones, others):
    return spread(one / other for one, other in zip(ones, others, strict=True))


def overhead(row):
    """A line of the first table."""
    return " | ".join(
        [
            row["net"],
            row["precision"],
            str(len(row["exits"])),
            show(row["one_graph_ms"]),
            show(row["staged_ms"][-1]),
            show(row["over_one_graph"]),
            show(row["alone_ms"][-1]),
            show(row["over_alone"]),
            f"{row['macs'][-1] / row['macs_alone'][-1]:.3f}",
        ]
    )


def latencies(row):
    """Lines of the second table."""
    for i, exit in enumerate(row["exits"]):
        cells = [row["net"], row["precision"], exit]
        cells.append(f"{row['macs_alone'][i] / 1e6:.1f}")
        cells.append(share(row["macs_alone"], i))
        for way in ("alone_ms", "keras_ms"):
            cells += [show(row[way][i]), share([e["median"] for e in row[way]], i)]
        cells += [show(row["staged_ms"][i]), share(row["macs"], i)]
        cells.append(share([each["median"] for each in row["staged_ms"]], i))
        yield " | ".join(cells)


def share(figures, position):
    return f"{100 * figures[position] / figures[-1]:.1f} %"


def main():
    parser = options(__doc__, "staging")
    parser.add_argument(
        "--nets", nargs="+", choices=NETS, default=["cifar_anytime", "imagenet_step4"]
    )
    parser.add_argument("--precisions", nargs="+", default=["float32", "int8"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--warmup", type=int, default=3)
    args = parser.parse_args()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for net in args.nets:
            for precision in args.precisions:
                rows.append(measure(net, precision, args, pathlib.Path(folder)))
    lines = table(OVERHEAD, map(overhead, rows))
    lines += table(LATENCY, [line for row in rows for line in latencies(row)])
    lines.append(
        "MACs, XNNPACK and Keras: an exit's own graph; Keras computes in float32. "
        "Staged: the exits before it included."
    )
    write(args.out, "What stages cost", command(args), rows, lines)


if __name__ == "__main__":
    main()

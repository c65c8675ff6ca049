"""Is what early exits save real time?

    python benchmarks/dynamic.py                            # what is committed here
    python benchmarks/dynamic.py --nets cifar_budget10 --batch 32 --rounds 1  # a trial

A batch of random images goes through an MSDNet: through all exits at once, as published
code does it and counts afterwards what stopping would have saved; and by
`predict_dynamic`, which stops. The policy spends a share of the full
multiply-accumulates by the paper's rule: its thresholds are quantiles of what the exits
say. Untrained exits say the same of many images, so their logits are scaled to one mean
and spread first. A second policy spends that share of the full time.

All exits at once are computed twice: by Keras' `predict_on_batch`, and by it on the
graph whose batch norms are folded into convolutions as those of the stages are, which
shows what stopping alone saves. The other table has XNNPACK, one image at a time on two
threads, each with a `Runner` of its own and half of the images: all exits as one graph,
and the stages, stopping.

All ways take turns, --repeats times in a round, of which the median counts. Target: at
half of the full multiply-accumulates the measured speed-up is at least 0.85 of theirs.

Writes dynamic.json and dynamic.md beside this script, or where --out says. Run it on a
machine that does nothing else.
"""

import pathlib
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from _output import command, options, progress, show, spread, table, write
from staging import NETS, one_graph

import keras_dynres as kd
from keras_dynres.exits.folds import folded

THREADS = 2
KERAS = (
    "net | images | full cost (MMACs) | all exits (s) | folded (s) | dynamic (s) | "
    "speed-up in MACs | in time | share of it that is real | of folded: in time | "
    "share of it | time asked for {}, taken"
)
XNNPACK = (
    "net, XNNPACK | images | all exits (ms an image) | dynamic (ms an image) | "
    "speed-up in MACs | in time | share of it that is real | "
    "over Keras' all exits | dynamic over Keras' dynamic"
)


def measure(net, args):
    """A row: speed-up in time and in multiply-accumulates."""
    progress(net)
    model = NETS[net]()
    batch = args.images_batch if net.startswith("imagenet") else args.batch
    draw = np.random.default_rng(0)
    images = draw.standard_normal((batch, *model.base.input_shape[1:]), "float32")
    labels = draw.integers(0, 10, batch)
    spread_logits(model, images)
    costs, times = model.exit_costs(), model.exit_times(images)

    def solved(**budget):
        return model.solve_budget(
            [(images, labels)], rule="geometric", verbose=0, **budget
        )

    policy = solved(macs=args.share * costs[-1])
    timed = solved(latency_ms=args.share * times[-1])
    every = folded(model.base)
    ways = {
        "all": lambda: model.base.predict_on_batch(images),
        "folded": lambda: every.predict_on_batch(images),
        "dynamic": lambda: model.predict_dynamic(images, policy, batch),
        "timed": lambda: model.predict_dynamic(images, timed, batch),
        **xnnpack(model, images, policy),
    }
    timings = rounds(ways, args)
    _, left = model.predict_dynamic(images, policy, batch, return_exits=True)
    pairs = {
        "speed_up": ("all", "dynamic"),
        "folded_speed_up": ("folded", "dynamic"),
        "time_share": ("timed", "folded"),
        "xnnpack_speed_up": ("xnnpack_all", "xnnpack"),
        "xnnpack_over_all": ("all", "xnnpack"),
        "xnnpack_over_dynamic": ("dynamic", "xnnpack"),
    }
    return {
        "net": net,
        "batch": batch,
        "macs": costs[-1],
        "left_at": np.bincount(left, minlength=len(costs)).tolist(),
        "macs_speed_up": costs[-1] / float(np.mean(np.array(costs)[left])),
        **{f"{way}_s": spread(seconds) for way, seconds in timings.items()},
        **{key: ratio(timings[one], timings[two]) for key, (one, two) in pairs.items()},
    }


def spread_logits(model, images):
    """Scales each exit's logits to one mean and spread: confidences do not tie."""
    outputs = model.base.predict_on_batch(images)
    for exit, logits in zip(model.exits, outputs, strict=True):
        layer = model.base.get_layer(f"{exit}_logits")
        kernel, bias = layer.get_weights()
        scale = 2 * logits.std(axis=0).mean()
        layer.set_weights([kernel / scale, (bias - logits.mean(axis=0)) / scale])


def xnnpack(model, images, policy):
    """{way: a function}, on threads that share the images."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "net.tflite")
        kd.tflite.export(model, path, "full", verify_data=images[:2], verbose=0)
        runners = [kd.tflite.Runner(path, num_threads=1) for _ in range(THREADS)]
        for runner in runners:
            runner.predict(images[:1], policy)  # Loads the stages.
    graphs = [one_graph(model, "float32", images[:1]) for _ in range(THREADS)]
    parts = [images[start::THREADS] for start in range(THREADS)]
    threads = ThreadPoolExecutor(THREADS)

    def through(graph, part):
        return [graph(part[i : i + 1]) for i in range(len(part))]

    return {
        "xnnpack_all": lambda: list(threads.map(through, graphs, parts)),
        "xnnpack": lambda: list(
            threads.map(lambda one, part: one.predict(part, policy), runners, parts)
        ),
    }


def rounds(ways, args):
    """{way: a round's median seconds each}."""
    timings = {name: [] for name in ways}
    for turn in range(args.rounds + 1):
        for name, way in ways.items():
            middle = statistics.median(seconds(way, args.repeats if turn else 1))
            if turn:  # Before, shapes are compiled.
                timings[name].append(middle)
    return timings


def seconds(way, repeats):
    """How long each of so many runs takes."""
    for _ in range(repeats):
        start = time.perf_counter()
        way()
        yield time.perf_counter() - start


def ratio(ones, others):
    return spread(one / other for one, other in zip(ones, others, strict=True))


def batches(row):
    """A line of the first table."""
    seconds = (show(row[f"{way}_s"]) for way in ("all", "folded", "dynamic"))
    return (
        f"{row['net']} | {row['batch']} | {row['macs'] / 1e6:.1f} | "
        f"{' | '.join(seconds)} | {row['macs_speed_up']:.2f} | "
        f"{gained(row, 'speed_up')} | {gained(row, 'folded_speed_up')} | "
        f"{show(row['time_share'])}"
    )


def singles(row):
    """A line of the second table."""
    figures = (
        {key: 1000 * value / row["batch"] for key, value in row[f"{way}_s"].items()}
        for way in ("xnnpack_all", "xnnpack")
    )
    return (
        f"{row['net']} | {row['batch']} | {' | '.join(map(show, figures))} | "
        f"{row['macs_speed_up']:.2f} | {gained(row, 'xnnpack_speed_up')} | "
        f"{show(row['xnnpack_over_all'])} | {show(row['xnnpack_over_dynamic'])}"
    )


def gained(row, key):
    """Two cells: a speed-up, and which share of that in MACs it is."""
    return f"{show(row[key])} | {row[key]['median'] / row['macs_speed_up']:.2f}"


def main():
    parser = options(__doc__, "dynamic")
    nets = ["cifar_budget10", "cifar_budget21", "cifar_anytime", "imagenet_step4"]
    parser.add_argument("--nets", nargs="+", default=nets)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--images_batch", type=int, default=64, help="of ImageNet")
    parser.add_argument("--share", type=float, default=0.5, help="of the full cost")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    rows = [measure(net, args) for net in args.nets]
    lines = table(KERAS.format(args.share), [batches(row) for row in rows])
    lines += table(XNNPACK, [singles(row) for row in rows])
    lines += ["Medians over rounds, with least and most."]
    write(
        args.out,
        "Stopping against computing every exit",
        command(args),
        rows,
        lines,
    )


if __name__ == "__main__":
    main()

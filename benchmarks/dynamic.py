"""Is what early exits save real time?

    python benchmarks/dynamic.py                            # what is committed here
    python benchmarks/dynamic.py --nets cifar_budget10 --batch 32 --rounds 1  # a trial

A batch of random images goes through an MSDNet: through all exits at once, as published
code does it and counts afterwards what stopping would have saved; and by
`predict_dynamic`, which stops, under two policies: one that spends a share of the full
multiply-accumulates, one that spends that share of the full time. Their thresholds are
quantiles of what the untrained exits say, so the shares that leave are those of the
paper's rule. The ways run in turn, --repeats times each, of which the median counts.
Target: at half of the full multiply-accumulates the measured speed-up is at least 0.85
of theirs. The first exits take more time for each of them than the last: their feature
maps are large and thin.

Writes dynamic.json and dynamic.md beside this script, or where --out says. Run it on a
machine that does nothing else.
"""

import statistics
import time

import numpy as np
from _output import command, options, progress, show, spread, table, write

import keras_dynres as kd


def measure(net, args):
    """A row: speed-up in time and in multiply-accumulates."""
    progress(net)
    model = kd.MSDNet(net)
    draw = np.random.default_rng(0)
    shape = (args.batch, *model.base.input_shape[1:])
    images = draw.standard_normal(shape, "float32")
    labels = draw.integers(0, 10, args.batch)
    costs, times = model.exit_costs(), model.exit_times(images)

    def solved(**budget):
        return model.solve_budget(
            [(images, labels)], rule="geometric", verbose=0, **budget
        )

    policy = solved(macs=args.share * costs[-1])
    timed = solved(latency_ms=args.share * times[-1])
    ways = {
        "all": lambda: model.base.predict_on_batch(images),
        "macs": lambda: model.predict_dynamic(images, policy, args.batch),
        "time": lambda: model.predict_dynamic(images, timed, args.batch),
    }
    found = rounds(ways, args)
    _, left = model.predict_dynamic(images, policy, args.batch, return_exits=True)
    return {
        "net": net,
        "batch": args.batch,
        "macs": costs[-1],
        "left_at": np.bincount(left, minlength=len(costs)).tolist(),
        "all_exits_s": spread(found["all"]),
        "dynamic_s": spread(found["macs"]),
        "macs_speed_up": costs[-1] / float(np.mean(np.array(costs)[left])),
        "speed_up": ratio(found["all"], found["macs"]),
        "time_share": ratio(found["time"], found["all"]),
    }


def rounds(ways, args):
    """{way: a round's median seconds each}."""
    found = {name: [] for name in ways}
    for turn in range(args.rounds + 1):
        for name, way in ways.items():
            middle = statistics.median(seconds(way, args.repeats))
            if turn:  # Before, shapes are compiled.
                found[name].append(middle)
    return found


def seconds(way, repeats):
    """How long each of so many runs takes."""
    for _ in range(repeats):
        start = time.perf_counter()
        way()
        yield time.perf_counter() - start


def ratio(ones, others):
    return spread(one / other for one, other in zip(ones, others, strict=True))


def main():
    parser = options(__doc__, "dynamic")
    nets = ["cifar_budget10", "cifar_budget21", "cifar_anytime"]
    parser.add_argument("--nets", nargs="+", default=nets)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--share", type=float, default=0.5, help="of the full cost")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    rows = [measure(net, args) for net in args.nets]
    lines = table(
        "net | images | full cost (MMACs) | all exits (s) | dynamic (s) | "
        "speed-up in time | in MACs | share of it that is real | "
        f"time asked for {args.share}, taken",
        [
            f"{r['net']} | {r['batch']} | {r['macs'] / 1e6:.1f} | "
            f"{show(r['all_exits_s'])} | {show(r['dynamic_s'])} | "
            f"{show(r['speed_up'])} | {r['macs_speed_up']:.2f} | "
            f"{r['speed_up']['median'] / r['macs_speed_up']:.2f} | "
            f"{show(r['time_share'])}"
            for r in rows
        ],
    )
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

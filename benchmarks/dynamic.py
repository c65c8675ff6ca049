"""Is what early exits save real time?

    python benchmarks/dynamic.py                            # what is committed here
    python benchmarks/dynamic.py --nets cifar_budget10 --batch 32 --rounds 1  # a trial

A batch of random images goes through an MSDNet twice: through all exits at once, as
published code does it and counts afterwards what stopping would have saved, and by
`predict_dynamic`, which stops. The policy spends a share of the full cost; its
thresholds are quantiles of what the untrained exits say, so the shares that leave are
those of the paper's rule. Both ways run in turn. Target: the measured speed-up is at
least 0.85 of that in multiply-accumulates, at half of the full cost.

Writes dynamic.json and dynamic.md beside this script, or where --out says. Run it on a
machine that does nothing else.
"""

import argparse
import pathlib
import time

HERE = pathlib.Path(__file__).parent


def measure(net, args):
    """A row: speed-up in time and in multiply-accumulates."""
    import numpy as np
    from _output import spread

    import keras_dynres as kd

    model = kd.MSDNet(net)
    draw = np.random.default_rng(0)
    shape = (args.batch, *model.base.input_shape[1:])
    images = draw.standard_normal(shape, "float32")
    labels = draw.integers(0, 10, args.batch)
    costs = model.exit_costs()
    policy = model.solve_budget(
        [(images, labels)], macs=args.share * costs[-1], rule="geometric", verbose=0
    )
    ways = {
        "all exits": lambda: model.base.predict_on_batch(images),
        "dynamic": lambda: model.predict_dynamic(images, policy, args.batch),
    }
    for way in ways.values():
        way()
    times = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    _, left = model.predict_dynamic(images, policy, args.batch, return_exits=True)
    saved = costs[-1] / float(np.mean(np.array(costs)[left]))
    pairs = zip(times["all exits"], times["dynamic"], strict=True)
    return {
        "net": net,
        "batch": args.batch,
        "macs": costs[-1],
        "left_at": np.bincount(left, minlength=len(costs)).tolist(),
        "all_exits_s": spread(times["all exits"]),
        "dynamic_s": spread(times["dynamic"]),
        "macs_speed_up": saved,
        "speed_up": spread([one / other for one, other in pairs]),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--nets", nargs="+", default=["cifar_budget10", "cifar_anytime"]
    )
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--share", type=float, default=0.5, help="of the full cost")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "dynamic")
    args = parser.parse_args()
    from _output import show, table, write

    rows = []
    for net in args.nets:
        print("#", net, flush=True)
        rows.append(measure(net, args))
    lines = table(
        "net | images | full cost (MMACs) | all exits (s) | dynamic (s) | "
        "speed-up in time | in MACs | share of it that is real",
        [
            f"{r['net']} | {r['batch']} | {r['macs'] / 1e6:.1f} | "
            f"{show(r['all_exits_s'])} | {show(r['dynamic_s'])} | "
            f"{show(r['speed_up'])} | {r['macs_speed_up']:.2f} | "
            f"{r['speed_up']['median'] / r['macs_speed_up']:.2f}"
            for r in rows
        ],
    )
    lines += ["Figures are medians over rounds, with least and most."]
    command = (
        f"python benchmarks/dynamic.py --nets {' '.join(args.nets)} "
        f"--batch {args.batch} --share {args.share} --rounds {args.rounds}"
    )
    write(args.out, "Stopping against computing every exit", command, rows, lines)


if __name__ == "__main__":
    main()

"""Does resizing a stage save the time that it saves in multiply-accumulates?

    python benchmarks/resize_latency.py                     # what is committed here
    python benchmarks/resize_latency.py --net wrn_10_1 --factors 0.5  # a trial

One stage after the other is resized by each factor, all others staying as they are, and
so are all at once; every instance is timed with XNNPACK, one image at a time, through
`tflite.Runner`. Each round goes through all instances, so that a machine that slows
down slows them all. Shares are of the `full` instance of the same round. Where a stage
is resized and the next is not, the map is enlarged again, which costs time and no
multiply-accumulates.

Writes resize_latency.json and resize_latency.md beside this script, or where --out
says. Run it on a machine that does nothing else.
"""

import pathlib
import tempfile

from _nets import NETS, bundle
from _output import command, options, progress, show, spread, table, write

import keras_dynres as kd
from keras_dynres.tflite import Runner


def instances(model, factor):
    """{what is resized: instance}."""
    stages = list(model.points)
    wanted = {stage: {stage} for stage in stages} | {"all stages": set(stages)}
    found = {}
    for what, smaller in wanted.items():
        settings = {stage: factor if stage in smaller else 1.0 for stage in stages}
        found[what] = next(i for i in model.menu if dict(i.settings) == settings)
    return found


def main():
    parser = options(__doc__, "resize_latency")
    parser.add_argument("--net", choices=list(NETS), default="resnet50")
    parser.add_argument("--factors", type=float, nargs="+", default=[0.45, 0.65, 0.85])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    model = kd.Resizable(NETS[args.net](), scales=(*args.factors, 1.0))
    wanted = {factor: instances(model, factor) for factor in args.factors}
    names = [each.name for found in wanted.values() for each in found.values()]
    times = {name: [] for name in ["full", *names]}
    with tempfile.TemporaryDirectory() as folder:
        progress(f"{args.net}: exporting {len(times)} instances")
        path = bundle(model, pathlib.Path(folder) / "net.tflite", list(times))
        runner = Runner(path, args.threads)
        for turn in range(args.rounds):
            progress(f"round {turn + 1} of {args.rounds}")
            found = runner.benchmark(list(times), args.repeats, warmup=3, verbose=0)
            for name, figures in found.items():
                times[name].append(figures["median_ms"])
    rows = [
        {
            "factor": factor,
            "resized": what,
            "latency_ms": spread(times[each.name]),
            "share": spread(
                mine / whole
                for mine, whole in zip(times[each.name], times["full"], strict=True)
            ),
            "macs_share": each.macs / model.menu.full.macs,
        }
        for factor, found in wanted.items()
        for what, each in found.items()
    ]
    lines = [
        f"{args.net}, {args.threads} thread(s); full takes "
        f"{show(spread(times['full']))} ms. Medians over rounds, with least and most.",
        "",
        *table(
            "factor | resized | latency (ms) | share of latency | share of MACs",
            [
                f"{r['factor']:g} | {r['resized']} | {show(r['latency_ms'])} | "
                f"{show(r['share'])} | {r['macs_share']:.2f}"
                for r in rows
            ],
        ),
    ]
    write(args.out, "Resized stages", command(args), rows, lines)


if __name__ == "__main__":
    main()

"""Does a cheaper instance run as much faster as its MACs say?

    python benchmarks/latency.py                            # what is committed here
    python benchmarks/latency.py --nets wrn_10_1 --rounds 1 --repeats 5     # a trial

Exports SDPoint menus with random weights and times every instance with XNNPACK, one
image at a time, through `tflite.Runner`. Each round goes through all the instances
of a net, so that a machine that slows down in the meantime slows them all. The figure
is the median over rounds of a round's median, with the least and the most. Shares are
of the `full` instance of the same net, threads and run. Target: latency share within
10 % of the MAC share at ratio 0.5.

Writes latency.json and latency.md beside this script, or where --out says.
Run it on a machine that does nothing else.
"""

import pathlib
import statistics
import tempfile

from _nets import NETS, bundle, sdpoint
from _output import command, options, progress, show, spread, table, write

from keras_dynres.tflite import Runner


def measure(net, path, threads, args):
    """A row for each instance of the bundle, cheapest first."""
    medians = {}
    for turn in range(args.rounds):
        progress(f"{net}, {threads} threads, round {turn + 1} of {args.rounds}")
        with Runner(path, num_threads=threads) as runner:
            found = runner.benchmark(repeats=args.repeats, warmup=args.warmup)
        for name, each in found.items():
            medians.setdefault(name, []).append(each["median_ms"])
    menu = runner.menu
    latency = {name: spread(each) for name, each in medians.items()}
    rows = []
    for name, rounds in medians.items():
        macs_share = menu[name].macs / menu.full.macs
        latency_share = latency[name]["median"] / latency["full"]["median"]
        rows.append(
            {
                "net": net,
                "threads": threads,
                "instance": name,
                "ratio": menu[name].settings.get("ratio"),
                "macs": menu[name].macs,
                "latency_ms": latency[name],
                "rounds_ms": rounds,
                "macs_share": macs_share,
                "latency_share": latency_share,
                "latency_over_macs": latency_share / macs_share,
            }
        )
    return rows


def summary(rows):
    """For each net, threads and ratio, how far latency strays from the MACs."""
    groups = {}
    for row in rows:
        if row["ratio"] is not None:
            key = (row["net"], row["threads"], row["ratio"])
            groups.setdefault(key, []).append(row)
    return [
        {
            "net": net,
            "threads": threads,
            "ratio": ratio,
            "instances": len(group),
            "median_over": statistics.median(r["latency_over_macs"] for r in group),
            "worst_over": max(r["latency_over_macs"] for r in group),
            "worst_points": max(r["latency_share"] - r["macs_share"] for r in group),
            "within_10_percent": sum(r["latency_over_macs"] <= 1.1 for r in group),
        }
        for (net, threads, ratio), group in groups.items()
    ]


def lines(rows, groups):
    """Two tables."""
    short = table(
        "net | threads | ratio | instances | latency / MACs, median | worst | "
        "worst difference of shares | within 10 %",
        [
            f"{s['net']} | {s['threads']} | {s['ratio']} | {s['instances']} | "
            f"{s['median_over']:.2f} | {s['worst_over']:.2f} | "
            f"{100 * s['worst_points']:+.1f} points | "
            f"{s['within_10_percent']} of {s['instances']}"
            for s in groups
        ],
    )
    whole = table(
        "net | threads | instance | MACs (M) | latency (ms) | MAC share | "
        "latency share | latency / MACs",
        [
            f"{r['net']} | {r['threads']} | {r['instance']} | {r['macs'] / 1e6:.1f} | "
            f"{show(r['latency_ms'])} | {100 * r['macs_share']:.1f} % | "
            f"{100 * r['latency_share']:.1f} % | {r['latency_over_macs']:.2f}"
            for r in rows
        ],
    )
    return [*short, *whole]


def main():
    parser = options(__doc__, "latency")
    nets = ["wrn_16_2", "wrn_28_10", "resnet50"]
    parser.add_argument("--nets", nargs="+", choices=list(NETS), default=nets)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--points", choices=("auto", "alternate"), default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--warmup", type=int, default=1)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for net in args.nets:
            progress(f"{net}: exporting")
            model = sdpoint(net, points=args.points)
            path = pathlib.Path(folder) / f"{net}.tflite"
            bundle(model, path, precision=args.precision)
            for threads in args.threads:
                rows += measure(net, path, threads, args)
            path.unlink()
    groups = summary(rows)
    page = lines(rows, groups)
    write(args.out, "Latency against MACs", command(args), rows, page, summary=groups)


if __name__ == "__main__":
    main()

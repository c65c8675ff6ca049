"""What do all instances in one file cost, in bytes and in speed?

    python benchmarks/bundle_size.py                        # what is committed here
    python benchmarks/bundle_size.py --nets wrn_10_1 --most 3 --rounds 1    # a trial

Exports SDPoint menus with random weights in every precision, all instances in one
file and the largest alone, and compares the files' sizes. Then times `full` out of
both with XNNPACK, one image at a time on one thread, turn by turn, so that a machine
that slows down slows both; the figure is the median over rounds of their ratio.
Targets: at most 1.10 times the bytes and 1.05 times the time (1.08 for bottlenecks
in float32). `--most` keeps that many instances, spread evenly over the menu; what
each of them adds to the file tells what more would. `--account` adds where the
bytes are.

Writes bundle_size.json and bundle_size.md beside this script, or where --out says.
Run it on a machine that does nothing else.
"""

import pathlib
import tempfile

from _bytes import account
from _nets import NETS, SHIPPED, bundle, sdpoint, spaced
from _output import command, options, progress, show, spread, table, write

from keras_dynres import data
from keras_dynres.tflite import PRECISIONS, Runner

HEAD = (
    "net | precision | instances | all in one (MB) | `full` alone (MB) | bytes | "
    "each further (kB) | time"
)


def slower(together, alone, rounds, repeats):
    """How many times as long `full` takes out of the file of all, a round each."""
    ratios = []
    with Runner(together) as first, Runner(alone) as second:
        for _ in range(rounds):
            times = [
                runner.benchmark(["full"], repeats, warmup=2, verbose=0)["full"]
                for runner in (first, second)
            ]
            ratios.append(times[0]["median_ms"] / times[1]["median_ms"])
    return spread(ratios)


def measure(net, args, folder):
    """A row for each precision."""
    progress(net)
    model = sdpoint(net)
    names = spaced(model.menu.names, args.most)
    images = None
    if args.data_dir:
        images, _ = next(iter(data.load("cifar10", "train", args.data_dir, 100)))
    for precision in args.precisions:
        progress(net, precision)
        files = [
            bundle(model, folder / f"{kind}.tflite", instances, precision, images)
            for kind, instances in (("all", names), ("one", ["full"]))
        ]
        sizes = [file.stat().st_size for file in files]
        parts = [account(file.read_bytes()) for file in files]
        yield {
            "net": net,
            "precision": precision,
            "instances": names,
            "bytes_all": sizes[0],
            "bytes_full_alone": sizes[1],
            "bytes_ratio": sizes[0] / sizes[1],
            "bytes_each": (sizes[0] - sizes[1]) / (len(names) - 1),
            "account": {
                what: [part.get(what, 0) for part in parts] for what in parts[0]
            },
            "time_ratio": slower(*files, args.rounds, args.repeats),
        }


def cells(row):
    """A line of the table."""
    megabytes = [f"{row[key] / 1e6:.2f}" for key in ("bytes_all", "bytes_full_alone")]
    return " | ".join(
        [
            row["net"],
            row["precision"],
            str(len(row["instances"])),
            *megabytes,
            f"{row['bytes_ratio']:.3f}",
            f"{row['bytes_each'] / 1e3:.0f}",
            show(row["time_ratio"]),
        ]
    )


def accounts(row):
    """A table of the bytes of a row's files."""
    yield f"{row['net']}, {row['precision']}, {len(row['instances'])} instances, bytes:"
    yield ""
    parts = sorted(row["account"].items(), key=lambda part: part[1][1] - part[1][0])
    lines = [f"{what} | {a:,} | {b:,} | {a - b:,}" for what, (a, b) in parts]
    yield from table("what | all in one | `full` alone | further", lines)


def main():
    parser = options(__doc__, "bundle_size")
    parser.add_argument(
        "--nets",
        nargs="+",
        choices=[*NETS, *SHIPPED],
        default=["wrn_16_2", "resnet50"],
    )
    parser.add_argument(
        "--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS)
    )
    parser.add_argument("--most", type=int, default=7, help="instances in a file")
    parser.add_argument("--account", action="store_true")
    parser.add_argument("--data_dir", help="calibrates int8 by 100 images of CIFAR-10")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=12)
    args = parser.parse_args()
    rows = []
    for net in args.nets:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(net, args, pathlib.Path(folder))
    lines = table(HEAD, [cells(row) for row in rows])
    lines.append("Time: median of the rounds' ratios, least and most in parentheses.")
    if args.account:
        lines += ["", *(line for row in rows for line in accounts(row))]
    if args.data_dir:
        args.data_dir = "~/data"
    write(args.out, "Sizes of bundles", command(args), rows, lines)


if __name__ == "__main__":
    main()

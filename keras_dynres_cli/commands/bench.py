"""keras-dynres bench: how fast each instance of a bundle is here."""

from argparse import ArgumentParser, Namespace

ABOUT = "Times every instance of a .tflite bundle on this machine."
EXAMPLE = "keras-dynres bench net.tflite --num_threads 2 --budget_ms 5"


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("bundle", metavar="BUNDLE", help="a .tflite file of `export`")
    parser.add_argument("--num_threads", type=int, default=1, help="CPU threads")
    parser.add_argument(
        "--instances", nargs="+", metavar="NAME", help="by default every one"
    )
    parser.add_argument("--repeats", type=int, default=50, help="timed runs of each")
    parser.add_argument("--warmup", type=int, default=5, help="runs before those")
    parser.add_argument(
        "--budget_ms", type=float, help="name the best instance within so many ms"
    )


def run(args: Namespace) -> None:
    """Times the instances, prints the table and the choice."""
    from keras_dynres.tflite import Runner
    from keras_dynres_cli import sources

    runner = Runner(sources.existing(args.bundle), num_threads=args.num_threads)
    # The runner resolves the names, aliases too.
    latencies = runner.benchmark(args.instances, args.repeats, args.warmup)
    for name, latency in latencies.items():
        runner.menu.record(name, spread_ms=latency["iqr_ms"])
    print(runner.menu)
    print(
        f"latency_ms is the median of {args.repeats} runs with {args.num_threads} "
        "thread(s), spread_ms their interquartile range."
    )
    if args.budget_ms is not None:
        best = runner.within(args.budget_ms)
        print(
            f"Within {args.budget_ms:g} ms: {best.name}, "
            f"{best.figure('latency_ms'):.3g} ms."
        )

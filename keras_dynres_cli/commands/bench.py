"""keras-dynres bench: how fast each instance of a bundle is, here or on a phone."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from absl import app

if TYPE_CHECKING:
    from keras_dynres import Menu

ABOUT = "Times every instance of a .tflite bundle here, or tells a phone's times."
EXAMPLE = (
    "keras-dynres bench net.tflite --num_threads 2 --budget_ms 5\n"
    "  keras-dynres bench net.tflite --device pixel --budget_ms 20"
)


def arguments(parser: ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("bundle", metavar="BUNDLE", help="a .tflite file of `export`")
    parser.add_argument("--num_threads", type=int, help="CPU threads, 1 by default")
    parser.add_argument(
        "--instances", nargs="+", metavar="NAME", help="by default every one"
    )
    parser.add_argument("--repeats", type=int, default=50, help="timed runs of each")
    parser.add_argument("--warmup", type=int, default=5, help="runs before those")
    parser.add_argument(
        "--budget_ms", type=float, help="name the best instance within so many ms"
    )
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="time nothing, tell what the phone of this name, or a part of it, "
        "measured by `keras-dynres phone`",
    )
    parser.add_argument(
        "--runtime", metavar="NAME", help="the phone's runtime, by default its last"
    )


def run(args: Namespace) -> None:
    """Prints the table and the choice."""
    from keras_dynres_cli import sources

    bundle = sources.existing(args.bundle)
    if args.device is None:
        if args.runtime is not None:
            raise app.UsageError("--runtime is one of a phone's: say --device.")
        menu, about = _here(bundle, args)
    elif args.instances is not None:
        raise app.UsageError("--instances are timed here: leave out --device.")
    else:
        menu, about = _there(bundle, args)
    print(menu)
    print(about)
    if args.budget_ms is not None:
        best = menu.within(latency_ms=args.budget_ms)
        print(
            f"Within {args.budget_ms:g} ms: {best.name}, "
            f"{best.figure('latency_ms'):.3g} ms."
        )


def _here(bundle: Path, args: Namespace) -> "tuple[Menu, str]":
    """The menu as it is timed now, and how it was."""
    from keras_dynres.tflite import Runner

    threads = 1 if args.num_threads is None else args.num_threads
    runner = Runner(bundle, num_threads=threads)
    # The runner resolves the names, aliases too.
    latencies = runner.benchmark(args.instances, args.repeats, args.warmup)
    _record_spread(runner.menu, latencies)
    return runner.menu, (
        f"latency_ms is the median of {args.repeats} runs with {threads} "
        "thread(s), spread_ms their interquartile range."
    )


def _there(bundle: Path, args: Namespace) -> "tuple[Menu, str]":
    """The menu as a phone timed it, and how it did."""
    from keras_dynres.tflite import devices

    choice = (args.device, args.runtime, args.num_threads)
    menu = devices.menu(bundle, *choice)
    setup, latencies = devices.measured(bundle, *choice)
    _record_spread(menu, latencies)
    return menu, (
        f"latency_ms is the median that {setup.device} measured ({setup}), spread_ms "
        "the interquartile range."
    )


def _record_spread(menu: "Menu", latencies: Mapping[str, dict]) -> None:
    for name, latency in latencies.items():
        if name in menu:
            menu.record(name, spread_ms=latency["iqr_ms"])

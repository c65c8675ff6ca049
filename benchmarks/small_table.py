"""The small table: what networks of four minutes say of the papers' claims.

A network of the zoo whose name has `imagenette_64` in it trains in about four minutes
on two cores: 15 epochs of Imagenette at 64 pixels, one network for each method and
baseline of the papers. Those of `imagenette_128` take about an hour; most ship and have
a card, the others stand here. This script trains nothing. It reads the runs that

    keras-dynres train NAME --data_dir D --out_dir runs/NAME

left, one folder a run, of one network with several seeds several, and takes what is
there. It writes beside itself a row for each network, and into the package the record
that `keras-dynres reproduce` shows beside the papers' rows (`zoo/small_table.json`).

    python benchmarks/small_table.py --runs runs
"""

import math
import pathlib
import statistics

import _output

from keras_dynres import files, zoo
from keras_dynres.data import info
from keras_dynres.zoo import small_table
from keras_dynres.zoo.places import CARD, SHIPPED
from keras_dynres.zoo.runs import runs_in

SHORT, LONG = "imagenette_64", "imagenette_128"
HEAD = (
    "network | runs | full, error % | MMACs | best at half, error % | MMACs "
    "| cheapest, error % | MMACs "
    "| cheapest with coarser statistics, error % | seconds"
)


def main():
    parser = _output.options(__doc__, "small_table")
    parser.add_argument("--runs", type=pathlib.Path, required=True)
    args = parser.parse_args()
    known, left_out = runs_in(args.runs)
    for sentence in left_out:
        _output.progress("left out:", sentence)
    runs = [run for run in known if is_told(run.network.name)]
    for run in runs:
        if run.changes:
            _output.progress("left out:", run.network.name, "with", run.changes)
    runs = sorted(
        (run for run in runs if not run.changes),
        key=lambda run: (run.network.name, run.network.seed),
    )
    names = sorted({run.network.name for run in runs})
    rows = [row([run for run in runs if run.network.name == name]) for name in names]
    files.write(small_table.RECORD, small_table.record(runs))
    images = info("imagenette").test_images
    lines = table(rows, SHORT)
    lines += [
        f"Errors are those of all {images} validation images: the standard error of "
        f"one at 20 % is {100 * math.sqrt(0.2 * 0.8 / images):.2f} points. Of runs "
        "with several seeds a figure is the mean, with the least and the most. The best"
        " at half costs at most half of the full instance. Seconds are those of all "
        "epochs, on a machine that did other things too.",
    ]
    if any(LONG in name for name in names):
        lines += ["", "## Photographs of 128 pixels: networks that do not ship", ""]
        lines += table(rows, LONG)
    missing = [name for name in zoo.list() if is_told(name) and name not in names]
    if missing:
        lines += [
            "",
            "Not trained: " + ", ".join(f"`{name}`" for name in missing) + ".",
        ]
    command = f"python benchmarks/small_table.py --runs {args.runs.name}"
    title = "The small table: methods and baselines, four minutes each"
    _output.write(args.out, title, command, rows, lines)


def is_told(name):
    """Whether the table has the network: of the longer ones what has no card."""
    if LONG in name:
        return not (name.endswith("_start") or (SHIPPED / name / CARD).is_file())
    return SHORT in name


def table(rows, part):
    """The rows of networks with this part in their names."""
    return _output.table(HEAD, [line(row) for row in rows if part in row["network"]])


def row(runs):
    """A network's figures over its runs."""
    menu = runs[0].menu
    full = menu.full if "full" in menu else next(iter(menu))
    chosen = {"full": full}
    if len(menu) > 1:
        # Of several runs the instance is the one that is best on average.
        fitting = [i.name for i in menu if i.macs <= full.macs / 2]
        if fitting:
            chosen["half"] = menu[max(fitting, key=lambda name: mean(runs, name))]
        chosen["cheapest"] = next(iter(menu))
    return {
        "network": runs[0].network.name,
        "seeds": [run.network.seed for run in runs],
        "seconds": [run.seconds for run in runs],
        "environments": [dict(run.environment) for run in runs],
        **{
            key: {
                "instance": instance.name,
                "macs": instance.macs,
                "accuracy": accuracies(runs, instance.name),
            }
            for key, instance in chosen.items()
        },
        # Of the cheapest, the same weights with coarser batch-norm statistics.
        "coarser": {
            kind: [
                run.statistics[kind][next(iter(menu)).name].measured["accuracy"]
                for run in runs
            ]
            for kind in runs[0].statistics
        },
    }


def accuracies(runs, name):
    return [run.menu[name].measured["accuracy"] for run in runs]


def mean(runs, name):
    return statistics.mean(accuracies(runs, name))


def line(row):
    """The row as a line of the page."""
    cells = [f"`{row['network']}`", str(len(row["seeds"]))]
    for key in ("full", "half", "cheapest"):
        if key in row:
            figures = row[key]
            cells += [error(figures["accuracy"]), f"{figures['macs'] / 1e6:.1f}"]
        else:
            cells += ["", ""]
    coarser = row["coarser"].items()
    cells.append(", ".join(f"{kind} {error(values)}" for kind, values in coarser))
    cells.append(", ".join(str(seconds) for seconds in row["seconds"]))
    return " | ".join(cells)


def error(accuracies):
    errors = sorted(100 * (1 - accuracy) for accuracy in accuracies)
    spread = f" ({errors[0]:.2f} to {errors[-1]:.2f})" if len(errors) > 1 else ""
    return f"{statistics.mean(errors):.2f}{spread}"


if __name__ == "__main__":
    main()

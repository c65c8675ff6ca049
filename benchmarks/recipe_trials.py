"""Which change of a recipe pays? Short trainings of one network, an entry changed each.

A trial is a run of a network of the zoo with entries of its own:

    keras-dynres train resnet14_imagenette_64 --data_dir D --out_dir runs/NAME \\
        --set average=0.995 --set seed=1

This script trains nothing. It takes all finished runs of the network in a folder, a row
for each set of changes, the unchanged first, and compares each with the unchanged of
the same seeds. Where a run starts from another's weights, that one's time is left out.

    python benchmarks/recipe_trials.py --runs runs
"""

import json
import math
import pathlib
import statistics

import _output

from keras_dynres import zoo
from keras_dynres.data import info
from keras_dynres.errors import DynresError
from keras_dynres.files import read_json
from keras_dynres.zoo import runs as finished


def main():
    parser = _output.options(__doc__, "recipe_trials")
    parser.add_argument("--runs", type=pathlib.Path, required=True)
    parser.add_argument("--network", default="resnet14_imagenette_64")
    args = parser.parse_args()
    trials = {}
    for folder in sorted(args.runs.iterdir()):
        run = trial(folder, args.network)
        if run:
            trials.setdefault(words(run.changes), []).append((folder, run))
    if not trials:
        raise SystemExit(f"No finished run of {args.network!r} is in {args.runs}.")
    plain = {run.network.seed: run for _, run in trials.get("", [])}
    rows = [row(changes, runs, plain) for changes, runs in trials.items()]
    rows.sort(key=lambda r: (r["changes"] != "", -statistics.mean(r["accuracy"])))
    images = info(zoo.Network.load(args.network).dataset).test_images
    lines = _output.table(
        "changes | seeds | epochs | accuracy % | against unchanged | seconds an epoch",
        map(line, rows),
    )
    lines.append(
        f"Of `{args.network}`. Accuracies are those of all {images} test images, one "
        f"of 80 % with a standard error of {100 * math.sqrt(0.16 / images):.2f} "
        "points: means over seeds, with the least and the most; against the unchanged "
        "runs of the same seeds. Seconds are those of the quickest epoch, on one core "
        "of a machine that did other things too."
    )
    command = f"python benchmarks/recipe_trials.py --runs {args.runs.name}"
    _output.write(args.out, "Trials of the recipe", command, rows, lines)


def trial(folder, network):
    """The finished run of the network in a folder; None where there is none."""
    try:
        run = finished.read(folder)
    except DynresError:
        return None
    return run if run.network.name == network else None


def row(changes, runs, plain):
    """A change's figures over its seeds."""
    accuracies = [accuracy(run) for _, run in runs]
    pairs = [
        accuracy(run) - accuracy(plain[run.network.seed])
        for _, run in runs
        if run.network.seed in plain
    ]
    return {
        "changes": changes,
        "seeds": [run.network.seed for _, run in runs],
        "epochs": runs[0][1].network.epochs,
        "accuracy": accuracies,
        "gain": statistics.mean(pairs) if pairs else None,
        "seconds": min(seconds(path) for path, _ in runs),
        "environments": [dict(run.environment) for _, run in runs],
    }


def accuracy(run):
    return run.menu.full.measured["accuracy"]


def seconds(folder):
    """Of the quickest epoch."""
    history = read_json(folder / finished.HISTORY, "the history of a training")
    return min(epoch["seconds"] for epoch in history)


def words(changes):
    """Changes as one would write them."""
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in changes.items())


def line(row):
    """The row as a line of the page."""
    values = [100 * value for value in row["accuracy"]]
    spread = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
    cells = [
        f"`{row['changes']}`" if row["changes"] else "none",
        str(len(values)),
        str(row["epochs"]),
        f"{statistics.mean(values):.2f}{spread}",
        "" if row["gain"] is None else f"{100 * row['gain']:+.2f}",
        f"{row['seconds']:.1f}",
    ]
    return " | ".join(cells)


if __name__ == "__main__":
    main()

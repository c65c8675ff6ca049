"""Which instances should a step train: fair, random, or the sandwich's?

    python benchmarks/resizable_rules.py --data_dir D       # what is committed here
    python benchmarks/resizable_rules.py --data synthetic --epochs 1 --seeds 0  # trial

The same network is trained from the same start for the same epochs under each rule,
four instances a step: each scale once at each stage (fair), any four (random), or the
largest, the smallest and two random ones that learn from the largest (sandwich, of
slimmable networks). The rate falls to 0 over a cosine. Each run keeps to one core and
is a process of its own; seconds are its processor time of training, compilation
included.

Writes resizable_rules.json and resizable_rules.md beside this script, or where --out
says. Linux only.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import keras
from _nets import NETS
from _output import command, options, progress, spread, table, write

import keras_dynres as kd
from keras_dynres.training.optimization import CoupledSGD

RULES = ("fair", "random", "sandwich")


def child(rule, seed, args):
    """Trains under a rule, and prints accuracies of some instances."""
    os.sched_setaffinity(0, {args.core})  # Before TensorFlow counts the cores.
    keras.utils.set_random_seed(seed)
    common = {"name": args.data, "data_dir": args.data_dir, "batch_size": args.batch}
    train = kd.data.load(
        split="train", augment="pad_crop_flip", seed=seed, epochs=args.epochs, **common
    )
    model = kd.Resizable(
        NETS[args.net](), sampling=rule, samples=4, pool=args.pool, seed=seed
    )
    schedule = keras.optimizers.schedules.CosineDecay(args.rate, len(train))
    model.compile(
        CoupledSGD(schedule, momentum=0.9, nesterov=True, coupled_decay=5e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    kd.training.fuse_norms(model)
    start = time.process_time()
    steps = len(train) // args.epochs
    model.fit(
        train, epochs=args.epochs, steps_per_epoch=steps, shuffle=False, verbose=0
    )
    seconds = time.process_time() - start
    menu = model.menu
    names = [menu.names[round(i * (len(menu) - 1) / 7)] for i in range(8)]
    names = [menu.names[0], *names[1:-1], "full"]
    test = kd.data.load(split="test", **common)
    model.evaluate_menu(test, names, verbose=0)
    found = {name: menu[name].measured["accuracy"] for name in names}
    print(json.dumps({"seconds": seconds, "accuracy": found}))


def run(rule, seed):
    """What a run printed last."""
    progress(rule, "seed", seed)
    words = [sys.executable, *sys.argv, "--child", rule, str(seed)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def row(rule, runs):
    """A rule's figures over its seeds."""
    names = list(runs[0]["accuracy"])
    cheapest, full = names[0], "full"
    return {
        "rule": rule,
        "seconds": spread(run["seconds"] for run in runs),
        "cheapest": spread(run["accuracy"][cheapest] for run in runs),
        "full": spread(run["accuracy"][full] for run in runs),
        "mean": spread(statistics.mean(run["accuracy"].values()) for run in runs),
        "runs": runs,
    }


def main():
    parser = options(__doc__, "resizable_rules")
    parser.add_argument("--data", choices=("cifar10", "synthetic"), default="cifar10")
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument("--net", choices=list(NETS), default="wrn_10_1")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--pool", type=int, default=16)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--core", type=int, default=0, help="the core to keep to")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child[0], int(args.child[1]), args)
        return
    # By seed first: what is compared is run close together.
    runs = {rule: [] for rule in RULES}
    for seed in args.seeds:
        for rule in RULES:
            runs[rule].append(run(rule, seed))
    rows = [row(rule, each) for rule, each in runs.items()]
    provenance = kd.data.provenance(args.data, args.data_dir)
    args.data_dir = args.core = None  # This machine's, and no part of the command.
    lines = [*page(rows, args), "", f"Data: {provenance['description']}"]
    title = "Rules of sampling"
    write(args.out, title, command(args), rows, lines, data=provenance)


def page(rows, args):
    """The table, and what its columns are."""

    def percent(figure):
        middle, least, most = (100 * figure[k] for k in ("median", "least", "most"))
        return f"{middle:.2f} ({least:.2f} to {most:.2f})"

    lines = table(
        "rule | cheapest instance, accuracy % | full | mean of eight | "
        "processor time (s)",
        [
            f"{r['rule']} | {percent(r['cheapest'])} | {percent(r['full'])} | "
            f"{percent(r['mean'])} | {r['seconds']['median']:.0f}"
            for r in rows
        ],
    )
    return lines + [
        f"{args.net} on {args.data}, scales 0.45, 0.65, 0.85 and 1, {args.epochs} "
        f"epochs of batches of {args.batch}, steps drawn from {args.pool} instances, "
        f"seeds {', '.join(map(str, args.seeds))}. Accuracies on all test images, "
        "medians over seeds with least and most; eight instances evenly over the menu."
    ]


if __name__ == "__main__":
    main()

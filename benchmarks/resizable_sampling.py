"""What does an update of fair sampling cost, in time and memory, beside random ones?

    python benchmarks/resizable_sampling.py                 # what is committed here
    python benchmarks/resizable_sampling.py --scales 4 --rounds 1 --batch 8  # a trial

An update of fair sampling trains as many instances as there are scales on one batch and
makes one step of the optimizer. Random sampling needs as many updates for as many
instances. Both train the same instances here, in turn. The paper reports fair sampling
as faster by 10 % with 4 scales, 26 % with 6 and 52 % with 8, and names two reasons: the
optimizer, and reading images once. `--read` adds milliseconds for reading a batch.

For memory a process each runs updates, and steps of the drawing's largest instance
alone, after everything is compiled. The figure is what memory grew by at most since the
model was built. Target: at most 1.3 times as much.

Writes resizable_sampling.json and resizable_sampling.md beside this script, or where
--out says. Run it on a machine that does nothing else. Linux only.
"""

import argparse
import ctypes
import json
import pathlib
import subprocess
import sys
import time

import keras
import numpy as np
from _nets import NETS
from _output import command, options, progress, show, spread, table, write

import keras_dynres as kd
from keras_dynres.core.plan import Plan

SCALES = {
    4: (0.45, 0.65, 0.85, 1.0),
    6: (0.45, 0.55, 0.65, 0.75, 0.85, 1.0),
    8: (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
}


class Told(Plan):
    """Trains what it is told to."""

    def __init__(self, names, odds):
        super().__init__(odds)
        self.turn = names

    def draw(self, step):
        return self.turn


def child(what, args):
    """One measurement of one number of scales, in a process of its own."""
    (count,) = args.scales
    model = kd.Resizable(NETS[args.net](), scales=SCALES[count])
    names = model.plan.names_at(0)
    model.plan = told = Told(names, model.plan.odds)
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=keras.backend.backend() == "jax",
    )
    kd.training.fuse_norms(model)
    model.optimizer.build(model.trainable_variables)
    shape = (args.batch, *model.base.input_shape[1:])
    images = np.random.default_rng(0).standard_normal(shape, "float32")
    labels = np.zeros(args.batch, "int32")

    def step(*turn):
        told.turn = list(turn)
        start = time.perf_counter()
        time.sleep(args.read / 1000)
        model.train_on_batch(images, labels)
        return time.perf_counter() - start

    before, _ = _memory()
    if what == "times":
        cold = step(*names) + sum(step(name) for name in names)
        fair, random = [], []
        for _ in range(args.rounds):
            fair.append(step(*names))
            random.append(sum(step(name) for name in names))
        found = {"cold": cold, "fair": fair, "random": random}
    else:
        largest = max(names, key=lambda name: model.menu[name].macs)
        turns = [names] if what == "update" else [[name] for name in names]
        for turn in turns:
            step(*turn)
        ctypes.CDLL(None).malloc_trim(0)
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # The peak starts anew.
        for _ in range(3):
            step(*(names if what == "update" else [largest]))
        found = _memory()[1] - before
    print(json.dumps(found))


def _memory():
    """Resident memory in MB, now and at most."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return [int(found[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM")]


def measure(count, args):
    """A row."""
    words = [sys.executable, __file__, "--net", args.net, "--scales", str(count)]
    words += ["--batch", str(args.batch), "--rounds", str(args.rounds)]
    words += ["--read", str(args.read), "--child"]
    found = {}
    for what in ("times", "update", "alone"):
        progress(f"{count} scales, {what}")
        done = subprocess.run([*words, what], check=True, stdout=subprocess.PIPE)
        found[what] = json.loads(done.stdout.splitlines()[-1])
    times = found["times"]
    pairs = list(zip(times["random"], times["fair"], strict=True))
    warm = spread(times["fair"])["median"] + spread(times["random"])["median"]
    return {
        "scales": count,
        "fair_s": spread(times["fair"]),
        "random_s": spread(times["random"]),
        "faster_percent": spread(100 * (random / fair - 1) for random, fair in pairs),
        "compile_s": (times["cold"] - warm) / (2 * count),
        "update_mb": found["update"],
        "alone_mb": found["alone"],
    }


def main():
    parser = options(__doc__, "resizable_sampling")
    parser.add_argument("--net", choices=list(NETS), default="wrn_16_2")
    parser.add_argument("--scales", type=int, nargs="+", default=[4, 6, 8])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--read", type=float, default=0.0)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, args)
        return
    rows = [measure(count, args) for count in args.scales]
    head = (
        "scales | fair update (s) | as many random updates (s) | fair is faster by (%) "
        "| compiling an instance (s) | memory of an update (MB) | of its largest "
        "instance alone (MB) | share"
    )
    lines = table(
        head,
        [
            f"{r['scales']} | {show(r['fair_s'])} | {show(r['random_s'])} | "
            f"{show(r['faster_percent'])} | {r['compile_s']:.1f} | "
            f"{r['update_mb']:.0f} | {r['alone_mb']:.0f} | "
            f"{r['update_mb'] / r['alone_mb']:.2f}"
            for r in rows
        ],
    )
    lines += [f"{args.net}. Figures are medians over rounds, with least and most."]
    write(args.out, "Fair sampling", command(args), rows, lines)


if __name__ == "__main__":
    main()

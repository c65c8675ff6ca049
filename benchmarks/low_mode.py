"""How much sooner does low-mode get as far as plain training?

    python benchmarks/low_mode.py --data_dir D --work runs/low_mode
    python benchmarks/low_mode.py --data synthetic --epochs 3 --seeds 0 --target 0.5 \\
        --work runs/trial                                                    # a trial

Ways to train one net, each over the same seeds and, but for one, the same epochs:

- plain;
- shorter: plain, in three quarters of the epochs;
- skipped: the steps that are low in `low_mode` do nothing;
- low_mode: a step is low with the probability given, but for the epochs after a drop of
  the learning rate;
- scaled: `low_mode`, where a pooled kernel gives its gradient on by the part that it is
  of the whole kernel;
- whole: low steps with whole kernels and the stem's max pooling; likely at first, their
  probability falls to 0 over two thirds of the epochs;
- progressive: the images resized to half their size at first, growing to all of it over
  two thirds of the epochs, with the whole kernels and one set of statistics, as it is
  commonly done;
- both: in the steps that are not low in `low_mode` images grow as in `progressive`.

The rate falls to a tenth at 40 % and 60 % of the epochs, as in the paper. A run keeps
to one core, and seconds are its processor time: of training alone, compilation of the
steps included, validation left out. What else the machine does changes them little. The
target accuracy is half a point below the mean of plain training's last epochs, unless
--target says another; the accuracy is `full`'s on the test images after each epoch.
Paper, ResNet-18 and ResNet-50 on a GPU: 18 % and 23 % less time. Target here: 25 %.

low_mode_imagenette, low_mode_control, low_mode_long and low_mode_ceil are more pages of
this script, of other images and longer trainings; each says its command.

Each run is a process of its own and leaves its result in --work; those that are there
already are not run again. Writes low_mode.json, low_mode.md and a drawing of accuracy
over time beside this script, or where --out says. Linux only.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import keras
import numpy as np
from _growing import Both, Progressive, Scaled, Skipping
from _output import command, options, progress, show, spread, table, write

import keras_dynres as kd
from keras_dynres.training.optimizers import CoupledSGD

WAYS = (
    *("plain", "shorter", "skipped", "low_mode"),
    *("scaled", "whole", "progressive", "both"),
)
# Those with low steps by chance, as the options say.
LOW = ("skipped", "low_mode", "scaled", "both")
DATA = ("cifar10", "imagenette", "synthetic")
AUGMENT = {"imagenette": "scale_aspect_third"}
NETS = {
    "resnet_8": lambda **kind: kd.architectures.resnet(8, **kind),
    "resnet_14": lambda **kind: kd.architectures.resnet(14, **kind),
    "resnet_20": lambda **kind: kd.architectures.resnet(20, **kind),
    "resnet_14_wide": lambda **kind: kd.architectures.resnet(
        14, channels=(32, 96, 160), **kind
    ),
    "wrn_10_1": lambda **kind: kd.architectures.wide_resnet(10, 1, **kind),
    "wrn_16_2": lambda **kind: kd.architectures.wide_resnet(16, 2, **kind),
}


class Clock(keras.callbacks.Callback):
    """Processor seconds of training and accuracy after each epoch."""

    def __init__(self):
        super().__init__()
        self.seconds, self.accuracy, self.low_share = [], [], []

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.process_time()

    def on_test_begin(self, logs=None):
        self.seconds.append(time.process_time() - self._began)

    def on_epoch_end(self, epoch, logs=None):
        self.accuracy.append(float(logs["val_accuracy"]))
        self.low_share.append(float(logs.get("low_share", 0)))


def built(way, args, seed, steps):
    """The compiled model of a way to train."""
    keras.config.set_dtype_policy(args.precision)
    keras.utils.set_random_seed(seed)
    images = dataset(args)
    base = NETS[args.net](input_shape=(*images.shape, 3), classes=images.classes)
    plan = (args.epochs, steps)
    low_epochs = round(args.low_until * args.epochs)
    low = {
        "probability": [args.probability] * low_epochs
        + [0] * (args.epochs - low_epochs),
        "full_after_drop": args.full_after_drop,
        "pooling": args.pooling,
    }
    falling = [max(0, 1 - 1.5 * epoch / args.epochs) for epoch in range(args.epochs)]
    whole = {"pooling": "none", "drop_pool": False, "full_after_drop": 0}
    model = {
        "plain": lambda: kd.Plain(base),
        "shorter": lambda: kd.Plain(base),
        "progressive": lambda: Progressive(base, plan),
        "skipped": lambda: Skipping(base, seed=seed, **low),
        "low_mode": lambda: kd.LowMode(base, seed=seed, **low),
        "scaled": lambda: Scaled(base, seed=seed, **low),
        "whole": lambda: kd.LowMode(base, seed=seed, probability=falling, **whole),
        "both": lambda: Both(base, plan, seed=seed, **low),
    }[way]()
    drops = [round(share * args.epochs) * steps - 1 for share in (0.4, 0.6)]
    rates = [args.rate, args.rate / 10, args.rate / 100]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(drops, rates)
    model.compile(
        CoupledSGD(schedule, momentum=0.9, nesterov=True, coupled_decay=5e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=keras.backend.backend() == "jax",
    )
    kd.training.fuse_norms(model)
    return model


def dataset(args):
    """The images, of the size asked for."""
    images = kd.data.info(args.data)
    return dataclasses.replace(images, size=args.size) if args.size else images


def child(way, seed, args):
    """One run; its result goes into the folder --work."""
    os.sched_setaffinity(0, {args.core})  # Before TensorFlow counts the cores.
    known = settings(args, way)
    if way == "shorter":
        args.epochs = round(0.75 * args.epochs)
    images = dataset(args)
    common = {"name": images, "data_dir": args.data_dir, "batch_size": args.batch}
    left_out = images.train_images - args.images if args.images else 0
    some = {"split": "train", "seed": seed, "held_out": left_out, **common}
    augment = AUGMENT.get(args.data, "pad_crop_flip")
    train = kd.data.load(augment=augment, epochs=args.epochs, **some)
    test = kd.data.load(split="test", **common)
    steps = len(train) // args.epochs
    model, clock = built(way, args, seed, steps), Clock()
    model.fit(
        train,
        epochs=args.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        validation_data=test,
        callbacks=[clock],
        verbose=2,
    )
    low = None
    if way in ("low_mode", "scaled", "whole"):
        # What `low` is worth at inference, with statistics of its own.
        plain = kd.data.load(**some)
        model.calibrate(plain, min(100, len(plain)), verbose=0)
        low = model.evaluate_menu(test, verbose=0)["low"].measured["accuracy"]
    result = {
        "way": way,
        "seed": seed,
        "settings": known,
        "seconds": clock.seconds,
        "accuracy": clock.accuracy,
        "low_share": clock.low_share,
        "low_accuracy": low,
    }
    path = result_path(args, way, seed)
    path.with_suffix(".part").write_text(json.dumps(result))
    path.with_suffix(".part").replace(path)


def settings(args, way):
    """What another run of the way must have in common to stand for this one."""
    kept = ("data", "images", "size", "net", "epochs", "batch", "rate", "precision")
    low = ("probability", "low_until", "full_after_drop", "pooling")
    keys = (*kept, *low) if way in LOW else kept
    return {key: getattr(args, key) for key in keys}


def result_path(args, way, seed):
    return args.work / f"{way}_{seed}.json"


def result(args, way, seed):
    """The result of a run, of this time or an earlier one."""
    path = result_path(args, way, seed)
    if not path.exists():
        progress(way, "seed", seed)
        words = [sys.executable, __file__, *sys.argv[1:]]
        words += ["--child", way, str(seed)]
        subprocess.run(words, check=True, stdout=sys.stderr)
    found = json.loads(path.read_text())
    if found["settings"] != settings(args, way):
        raise SystemExit(f"{path} is of a run with other settings: {found['settings']}")
    return found


def seconds_to(run, target):
    """Seconds of training until the accuracy is reached; None if it never is."""
    total = 0
    for seconds, accuracy in zip(run["seconds"], run["accuracy"], strict=True):
        total += seconds
        if accuracy >= target:
            return total
    return None


def summary(way, runs, plain, target):
    """A row: accuracies and times of a way, and its times beside plain training's."""
    reached = [seconds_to(run, target) for run in runs]
    before = [seconds_to(run, target) for run in plain]
    pairs = list(zip(reached, before, strict=True))
    return {
        "way": way,
        "seeds": [run["seed"] for run in runs],
        "accuracy": [run["accuracy"][-1] for run in runs],
        "seconds": spread(sum(run["seconds"]) for run in runs),
        "time": spread(
            sum(run["seconds"]) / sum(other["seconds"])
            for run, other in zip(runs, plain, strict=True)
        ),
        "to_target_s": reached,
        "to_target": (
            None
            if any(None in pair for pair in pairs)
            else spread(one / other for one, other in pairs)
        ),
        "low_share": statistics.mean(s for run in runs for s in run["low_share"]),
        "low_accuracy": [run["low_accuracy"] for run in runs],
        "runs": runs,
    }


def drawn(rows, out):
    """Draws the ways over time, each the mean of its seeds; returns the page's line."""
    courses = {
        row["way"]: {
            "seconds": np.mean([run["seconds"] for run in row["runs"]], axis=0),
            "val_accuracy": np.mean([run["accuracy"] for run in row["runs"]], axis=0),
        }
        for row in rows
    }
    path = out.with_suffix(".svg")
    kd.evaluation.time_plot(courses, path)
    return f"![Accuracy over time, and its growth by epoch]({path.name})"


def percent(values):
    """Mean and standard deviation of shares, as a cell."""
    values = [100 * value for value in values]
    more = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{more}"


def main():
    parser = options(__doc__, "low_mode")
    parser.add_argument("--data", choices=DATA, default="cifar10")
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument("--images", type=int, default=0, help="of training; 0: all")
    parser.add_argument("--size", type=int, help="of the images, where it is not fixed")
    parser.add_argument("--net", choices=NETS, default="wrn_10_1")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--probability", type=float, default=0.5)
    parser.add_argument(
        "--low_until", type=float, default=1, help="share of epochs with low steps"
    )
    parser.add_argument("--pooling", choices=("floor", "ceil"), default="floor")
    parser.add_argument("--full_after_drop", type=int, default=1)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--core", type=int, default=0, help="the core to keep to")
    parser.add_argument("--target", type=float, help="accuracy, a share")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="of the runs")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.child:
        child(args.child[0], int(args.child[1]), args)
        return
    # By seed first: what is compared is run close together.
    runs = {way: [] for way in ("plain", *args.ways)}
    for seed in args.seeds:
        for way in runs:
            runs[way].append(result(args, way, seed))
    plain = runs["plain"]
    target = args.target
    if target is None:
        target = statistics.mean(run["accuracy"][-1] for run in plain) - 0.005
    rows = [summary(way, each, plain, target) for way, each in runs.items()]
    provenance = kd.data.provenance(args.data, args.data_dir)
    lines = [*page(rows, target, args), "", drawn(rows, args.out)]
    lines += ["", f"Data: {provenance['description']}"]
    # This machine's, and no part of the command.
    args.data_dir = args.work = args.core = None
    write(args.out, "Low-mode training", command(args), rows, lines, data=provenance)


def page(rows, target, args):
    """The table, and what its columns are."""
    lines = table(
        "training | accuracy % | processor time (s) | time / plain | "
        f"time to {100 * target:.2f} % / plain | low steps % | accuracy % of `low`",
        [
            f"{r['way']} | {percent(r['accuracy'])} | {show(r['seconds'])} | "
            f"{show(r['time'])} | "
            f"{show(r['to_target']) if r['to_target'] else 'not by all'} | "
            f"{100 * r['low_share']:.0f} | "
            + (percent(r["low_accuracy"]) if None not in r["low_accuracy"] else "-")
            for r in rows
        ],
    )
    lines += [
        f"{args.net} on {args.data}, {args.epochs} epochs of batches of {args.batch}, "
        f"{args.precision}, seeds {', '.join(map(str, args.seeds))}. Accuracies are of "
        "`full` after the last epoch on all test images: mean and standard deviation "
        "over seeds. Times are medians over seeds, with least and most, and divided by "
        "plain training's of the same seed.",
    ]
    return lines


if __name__ == "__main__":
    main()

"""Which points to compute, and how to make the others: a short trial on photographs.

    python benchmarks/sampled_trial.py --data_dir D

The same trained network is given masks and trained on for a few steps, each of which
draws one of three densities; batch-norm statistics are each instance's own. Compared
are the sampling (stochastic, deterministic, ReLU gates, an even grid), the
interpolation (RBF, average, zeros, and more), white and blue noise at inference, masks
of one density and of what `allocate` gives each, and one network for all densities
against one for each. Every run is a process of its own, and a run whose figures are in
the JSON file is not repeated.

Writes sampled_trial.json and sampled_trial.md beside this script, or where --out says.
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import time

import keras
from _output import command, options, progress, table, write

import keras_dynres as kd
from keras_dynres.core.plan import Plan
from keras_dynres.training.optimization import SmoothedCrossentropy
from keras_dynres.training.optimizers import CoupledSGD

DENSITIES = (0.5, 0.25, 0.1)
NAMES = tuple(f"d{density:g}" for density in DENSITIES)
WAYS = {
    "stochastic, RBF": {},
    "deterministic, RBF": {"sampling": "deterministic"},
    "ReLU gates, RBF": {"sampling": "relu"},
    "even grid, RBF": {"sampling": "uniform"},
    "stochastic, average": {"interpolation": "average"},
    "stochastic, zeros": {"interpolation": "zeros"},
}
FIRST = ("stochastic, RBF",)
MORE = {
    **{f"stochastic, RBF, {name} alone": {"alone": name} for name in NAMES},
    "stochastic, convolution": {"interpolation": "convolution"},
    "stochastic, previous": {"interpolation": "previous"},
}


def child(way, seed, args):
    """Trains one way, and prints accuracies of its instances."""
    keras.config.set_dtype_policy(args.precision)
    keras.utils.set_random_seed(seed)
    settings = dict({**WAYS, **MORE}[way])
    alone = settings.pop("alone", None)
    images = dataclasses.replace(kd.data.info(args.data), size=args.size)
    common = {"name": images, "data_dir": args.data_dir, "batch_size": args.batch}
    train = kd.data.load(
        split="train", augment="scale_aspect_third", seed=seed, epochs=1000, **common
    )
    model = kd.Sampled(
        base_of(args.base, images),
        densities=DENSITIES,
        statistics="instance",
        rate_factor=args.rate_factor,
        seed=seed,
        **settings,
    )
    names = [alone] if alone else NAMES
    odds = {n: (n in names) / len(names) for n in model.instances}
    model.plan = Plan(odds, seed)
    schedule = keras.optimizers.schedules.CosineDecay(args.rate, args.steps)
    model.compile(
        CoupledSGD(schedule, momentum=0.9, nesterov=True, coupled_decay=5e-4),
        SmoothedCrossentropy(0.1),
        metrics=["accuracy"],
        jit_compile=False,
    )
    kd.training.fuse_norms(model)
    start = time.perf_counter()
    model.fit(train, steps_per_epoch=args.steps, shuffle=False, verbose=0)
    seconds = time.perf_counter() - start
    names = [*names] if alone else ["full", *NAMES]
    test = kd.data.load(split="test", **common)
    accuracy = evaluated(model, train, test, names, args)
    if way in FIRST:
        blue = kd.Sampled.from_config({**model.get_config(), "noise": "blue"})
        blue.set_weights(model.get_weights())
        noisy = evaluated(blue, train, test, NAMES, args)
        accuracy.update({f"{name}, blue": value for name, value in noisy.items()})
        for name in NAMES:
            model.allocate(train, name, batches=args.calibration)
        allocated = evaluated(model, train, test, NAMES, args)
        accuracy.update({f"{n}, allocated": value for n, value in allocated.items()})
    widths = [float(f.width + 0) for f in model.fills if f.width is not None]
    print(json.dumps({"seconds": seconds, "accuracy": accuracy, "widths": widths}))


def base_of(name, images):
    """The zoo's network, for images of this size."""
    entry = kd.zoo.card(name).network
    shape = (images.size, images.size, 3)
    settings = {**entry.architecture_options, "input_shape": shape}
    base = kd.architectures.create(entry.architecture, **settings)
    base.set_weights(kd.zoo.load(name).base.get_weights())
    return base


def evaluated(model, train, test, names, args):
    """Accuracies of calibrated instances."""
    model.calibrate(train, batches=args.calibration, instances=names, verbose=0)
    model.evaluate_menu(test, names, verbose=0)
    return {name: model.menu[name].measured["accuracy"] for name in names}


def run(way, seed):
    """What a run printed last."""
    progress(way, "seed", seed)
    words = [sys.executable, *sys.argv, "--child", way, str(seed)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def page(runs, args):
    """The tables."""
    lines = []
    for title, ways, names in (
        ("way", WAYS, ("full", *NAMES)),
        ("more ways", MORE, ("full", *NAMES)),
        ("blue noise", FIRST, [f"{name}, blue" for name in NAMES]),
        ("points allocated", FIRST, [f"{name}, allocated" for name in NAMES]),
    ):
        rows = []
        for way in ways:
            figures = [
                runs[key]["accuracy"] for key in runs if key.startswith(f"{way} #")
            ]
            if figures:
                cells = [cell([row.get(name) for row in figures]) for name in names]
                rows.append(" | ".join([way, str(len(figures)), *cells]))
        if rows:
            lines += table(" | ".join([title, "seeds", *names]), rows)
    return lines + [
        f"{args.steps} steps of {args.batch} images of {args.size} pixels from one "
        f"trained network, mask heads at {args.rate_factor:g} times the learning rate. "
        "Accuracy in percent on all test images: mean over seeds (least to most)."
    ]


def cell(values):
    """Mean, least and most, in percent."""
    values = [100 * value for value in values if value is not None]
    if not values:
        return "-"
    mean = f"{statistics.mean(values):.2f}"
    return (
        f"{mean} ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else mean
    )


def main():
    """Runs what is asked for and is not there yet."""
    parser = options(__doc__, "sampled_trial")
    parser.add_argument("--data", default="imagenette")
    parser.add_argument("--data_dir")
    parser.add_argument("--base", default="resnet14_imagenette", help="of the zoo")
    parser.add_argument(
        "--precision", default="float32", help="of training and evaluation"
    )
    parser.add_argument("--size", type=int, default=128, help="of images, in pixels")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--rate_factor", type=float, default=2.0)
    parser.add_argument("--calibration", type=int, default=20, help="batches")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        way, seed = args.child
        child(way, int(seed), args)
        return
    path = args.out.with_suffix(".json")
    runs = json.loads(path.read_text())["rows"] if path.exists() else {}
    provenance = kd.data.provenance(args.data, args.data_dir)
    told = argparse.Namespace(**{**vars(args), "data_dir": None})
    wanted = [(way, seed) for seed in args.seeds for way in WAYS]
    for way, seed in [*wanted, *((way, args.seeds[0]) for way in MORE)]:
        key = f"{way} #{seed}"
        if key not in runs:
            runs[key] = run(way, seed)
            lines = [*page(runs, args), "", f"Data: {provenance['description']}"]
            title = "Ways of sampling and interpolation"
            write(args.out, title, command(told), runs, lines, data=provenance)


if __name__ == "__main__":
    main()

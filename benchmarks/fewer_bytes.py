"""What do fewer bits, zeros and shared values cost every instance of a network?

    python benchmarks/fewer_bytes.py --data_dir ~/data           # what is committed
    python benchmarks/fewer_bytes.py --data_dir ~/data --nets msdnet_budget10_cifar10

Each shipped classifier is taken as it is, in int8 bundles of all instances (of a menu
of more than `--most`, those of its Pareto front): as exported, pruned to 60 % zeros by
tensorflow-model-optimization, clustered to 16 values a kernel by the same, and with
kernels on the grids of 4 and 3 bits, without and with training. Pruned and clustered
networks are trained on within `compress.held`, so that all instances learn; those of
few bits within `compress.quantize_aware`. Every row is calibrated anew, exported, and
the bundle itself is measured on the test images; `float` is the network in Keras, as
its card has it. Sizes are the bundle's, and the bundle's in gzip, which is what a
download takes.

A row that is written is not measured again, and a network in --weights not trained
again, so a run can be stopped and goes on.
Writes fewer_bytes.json and fewer_bytes.md beside this script, or where --out says.
"""

import argparse
import gzip
import json
import pathlib
import tempfile

import keras
import numpy as np
from _output import command, options, progress, table, write

import keras_dynres as kd
from keras_dynres import compress, data, training, zoo
from keras_dynres.core.batches import batches

NETS = (
    "msdnet_budget10_cifar10",
    "sdpoint_wrn16_2_cifar10",
    "resnet14_imagenette",
    "sampled_resnet14_imagenette",
    "resizable_wrn16_2_cifar10",
)
# Instances that interpolate are not to be had in int8.
PRECISIONS = {"sampled_resnet14_imagenette": "float16"}
UNTRAINED = ("as shipped", *(f"{bits} bits" for bits in (4, 3)))
TITLE = "Compression of the shipped networks"
HEAD = (
    "net | bundle | way | instances | images | steps (rate) | `full` | "
    "points lost, mean | worst | bundle (kB) | gzip (kB) | download"
)


def tuned(step):
    """What tensorflow-model-optimization does, then all instances in training."""

    def run(model, train):
        step(model, train.arrays)
        train.compile(model)
        with compress.held(model):
            train.fit(model)

    return run


def on_grid(bits):
    return lambda model, train: compress.quantize(model, bits)


def trained_on_grid(bits):
    def run(model, train):
        train.compile(model)
        with compress.quantize_aware(model, bits):
            train.fit(model)

    return run


FEW = {"epochs": 1, "verbose": 0}
WAYS = {
    "as shipped": lambda model, train: None,
    "pruned": tuned(lambda model, arrays: compress.prune(model, arrays, 0.6, **FEW)),
    "clustered": tuned(lambda model, arrays: compress.cluster(model, arrays, **FEW)),
    "4 bits": on_grid(4),
    "4 bits, trained": trained_on_grid(4),
    "3 bits": on_grid(3),
    "3 bits, trained": trained_on_grid(3),
}


class Training:
    """Images to train on, drawn once, augmented as the network's recipe says."""

    def __init__(self, recipe, args):
        self.batches = data.load(
            recipe.images,
            "train",
            args.data_dir,
            args.batch,
            augment=recipe.augment,
            seed=1,
        )
        self._steps, self._batch, self._rate = args.steps, args.batch, args.rate
        rows = list(batches(self.batches, limit=args.steps * args.batch))
        self.arrays = tuple(np.concatenate(part) for part in zip(*rows, strict=True))

    def compile(self, model):
        """A rate that falls to zero by a cosine."""
        rate = keras.optimizers.schedules.CosineDecay(self._rate, self._steps)
        model.compile(
            keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=False,
        )

    def fit(self, model):
        """One walk over the images."""
        model.fit(*self.arrays, batch_size=self._batch, epochs=1, verbose=0)


def measured(model, names, precision, args, recipe, path):
    """Bytes of the bundle, in gzip too, and accuracies of its instances."""
    plain = data.load(recipe.images, "train", args.data_dir, 100)
    images = next(iter(plain))[0]
    kd.tflite.export(
        model,
        path,
        instances=names,
        precision=precision,
        calibration_data=images,
        stages=False,
        verbose=0,
    )
    content = path.read_bytes()
    test = data.load(recipe.images, "test", args.data_dir, 100)
    right, total = dict.fromkeys(names, 0), 0
    with kd.tflite.Runner(path, num_threads=2) as runner:
        for images, labels in batches(test, limit=args.images):
            total += len(labels)
            for name in names:
                best = runner.run(images, name).argmax(-1)
                right[name] += int((best == labels).sum())
    return {
        "bytes": len(content),
        "gzip": len(gzip.compress(content, 9)),
        "images": total,
        "accuracy": {name: count / total for name, count in right.items()},
    }


def chosen(card, most):
    """All names of the menu, or those of its Pareto front and `full`."""
    menu = card.menu
    names = menu.names
    if len(names) > most:
        best = {instance.name for instance in menu.pareto()} | {"full"}
        names = [name for name in names if name in best]
    return names


def change(model, way, args, train, weights):
    """Goes one way, and calibrates; what stands in the file is not trained again."""
    if weights.exists():
        model.load_weights(weights)
        return
    WAYS[way](model, train)
    model.calibrate(train.batches, args.calibration, verbose=0)
    weights.parent.mkdir(parents=True, exist_ok=True)
    model.save_weights(weights)


def row(net, way, args, train, folder):
    """One network after one way."""
    card = zoo.card(net)
    names = chosen(card, args.most)
    precision = PRECISIONS.get(net, "int8")
    model = zoo.load(net)
    if way != "as shipped":
        change(model, way, args, train, args.weights / f"{net} {way}.weights.h5")
    recipe = training.Recipe.load(card.entry.recipe)
    figures = measured(model, names, precision, args, recipe, folder / "net.tflite")
    return {
        "net": net,
        "way": way,
        "precision": precision,
        "steps": args.steps if way not in UNTRAINED else 0,
        "rate": args.rate if way not in UNTRAINED else 0,
        "of": len(card.menu),
        "float": {name: card.menu[name].figure("accuracy") for name in names},
        **figures,
    }


def losses(row, first):
    """Points each instance loses against the bundle of the network as shipped."""
    return [100 * (first["accuracy"][n] - row["accuracy"][n]) for n in row["accuracy"]]


def cells(row, first):
    """A line of the table."""
    lost = losses(row, first)
    return " | ".join(
        [
            row["net"],
            row["precision"],
            row["way"],
            f"{len(lost)} of {row['of']}",
            f"{row['images']:,}",
            f"{row['steps']} ({row['rate']:g})" if row["steps"] else "",
            f"{100 * row['accuracy']['full']:.2f} %",
            f"{np.mean(lost):+.2f}",
            f"{max(lost):+.2f}",
            f"{row['bytes'] / 1e3:.0f}",
            f"{row['gzip'] / 1e3:.0f}",
            f"{row['gzip'] / first['gzip']:.2f}",
        ]
    )


def page(rows):
    """The table, and every instance's accuracy below it."""
    plain = {row["net"]: row for row in rows if row["way"] == "as shipped"}
    lines = table(HEAD, [cells(row, plain[row["net"]]) for row in rows])
    known = {(row["net"], row["way"]) for row in rows}
    missing = [f"{n}: {w}" for n in NETS for w in WAYS if (n, w) not in known]
    if missing:
        lines += [f"Not measured yet: {'; '.join(missing)}.", ""]
    lines += [
        "Points lost are against the bundle of the network as it is shipped, on the "
        "same test images, averaged over the instances and of the worst; below zero is "
        "a gain. Bundles hold the instances counted here; it is their accuracy that is "
        "told. Download is gzip against the bundle of the network as it is shipped.",
        "",
        "## Every instance (accuracy of the bundle, %)",
        "",
    ]
    for net in plain:
        held = [row for row in rows if row["net"] == net]
        head = " | ".join([net, "float", *(row["way"] for row in held)])
        body = [
            " | ".join(
                [
                    name,
                    f"{100 * held[0]['float'][name]:.2f}",
                    *(f"{100 * row['accuracy'][name]:.2f}" for row in held),
                ]
            )
            for name in held[0]["accuracy"]
        ]
        lines += table(head, body)
    return lines


def main():
    parser = options(__doc__, "fewer_bytes")
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--steps", type=int, default=200, help="training steps")
    parser.add_argument("--rate", type=float, default=0.03)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--calibration", type=int, default=16, help="batches")
    parser.add_argument("--most", type=int, default=20, help="instances, else Pareto")
    parser.add_argument(
        "--weights",
        type=pathlib.Path,
        default=pathlib.Path("runs/fewer_bytes"),
        help="folder of the networks after each way",
    )
    parser.add_argument("--images", type=int, help="test images, by default all")
    args = parser.parse_args()
    done = args.out.with_suffix(".json")
    rows = json.loads(done.read_text())["rows"] if done.exists() else []
    shown = {**vars(args), "data_dir": "~/data", "weights": None}
    words = command(argparse.Namespace(**shown))
    if rows:
        write(args.out, TITLE, words, rows, page(rows))
    for net in args.nets:
        known = {row["way"] for row in rows if row["net"] == net}
        wanted = [way for way in args.ways if way not in known]
        if not wanted:
            continue
        recipe = training.Recipe.load(zoo.card(net).entry.recipe)
        train = Training(recipe, args)
        for way in wanted:
            progress(net, way)
            keras.utils.set_random_seed(0)
            with tempfile.TemporaryDirectory() as folder:
                rows.append(row(net, way, args, train, pathlib.Path(folder)))
            order = [(n, w) for n in NETS for w in WAYS]
            rows.sort(key=lambda r: order.index((r["net"], r["way"])))
            write(args.out, TITLE, words, rows, page(rows))


if __name__ == "__main__":
    main()

"""What do fewer bits, zeros and shared values cost every instance of a network?

    python benchmarks/fewer_bytes.py --data_dir ~/data           # what is committed
    python benchmarks/fewer_bytes.py --data_dir ~/data --nets msdnet_budget10_cifar10

Each shipped network is taken as it is, in int8 bundles of all instances, or in float16
where instances interpolate. Of a menu of more than `--most` they are those of its
Pareto front, and training draws no others. It is exported as it is, pruned by
tensorflow-model-optimization, clustered by the same to a few values a kernel, and with
kernels on the grids of 4 and 3 bits, without and with training. Pruned and clustered
networks are trained on within `compress.held`, so that all instances learn; those of
few bits within `compress.quantize_aware`. A classifier learns from what its `full` said
before, a dense network from labels, and without tensorflow-model-optimization, which
takes no layers of a dense network. Every row is calibrated anew. Of a classifier the
bundle itself is measured on the test images, of a dense network the model. `float` is
the network in Keras, as its card has it. Sizes are the bundle's, and the bundle's in
gzip, which is what a download takes.

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
from keras_dynres import compress, data, zoo
from keras_dynres.core.batches import batches
from keras_dynres.core.plan import uniform
from keras_dynres.training import tasks
from keras_dynres.training.run import policy

NETS = (
    "msdnet_budget10_cifar10",
    "sdpoint_wrn16_2_cifar10",
    "resnet14_imagenette",
    "sampled_resnet14_imagenette",
    "resizable_wrn16_2_cifar10",
    "sampled_fcn14_camvid",
    "sampled_faster_rcnn14_bccd",
)
UNTRAINED = ("as shipped", *(f"{bits} bits" for bits in (4, 3)))
TITLE = "Compression of the shipped networks"
HEAD = (
    "net | bundle | way | instances | images | steps (rate) | `full` | "
    "points lost, mean | worst | bundle (kB) | gzip (kB) | download"
)


def tuned(step):
    """What tensorflow-model-optimization does, then all instances in training."""

    def run(model, train):
        step(model, train)
        train.fit(model, compress.held)

    return run


def pruned(model, train):
    options = {"learning_rate": train.args.rate, "epochs": 1, "verbose": 0}
    compress.prune(model, train.batches, train.args.sparsity, **options)


def clustered(model, train):
    options = {"learning_rate": train.args.rate / 3, "epochs": 1, "verbose": 0}
    compress.cluster(model, train.batches, train.args.clusters, **options)


def on_grid(bits):
    return lambda model, train: compress.quantize(model, bits)


def trained_on_grid(bits):
    return lambda model, train: train.fit(
        model, lambda model: compress.quantize_aware(model, bits)
    )


WAYS = {
    "as shipped": lambda model, train: None,
    "pruned": tuned(pruned),
    "clustered": tuned(clustered),
    "4 bits": on_grid(4),
    "4 bits, trained": trained_on_grid(4),
    "3 bits": on_grid(3),
    "3 bits, trained": trained_on_grid(3),
}


class Training:
    """Images to train on, augmented as the network says, and what to learn."""

    def __init__(self, net, network, args):
        self.args = args
        self._network = network
        # Many small steps: half of the network's batch.
        batch = network.batch_size // 2
        self.batches = data.load(
            network.images,
            "train",
            args.data_dir,
            batch,
            augment=network.augment,
            seed=1,
            epochs=1 + args.steps * batch // network.images.train_images,
        ).take(args.steps)
        self._lessons = self.batches
        if network.images.task == "classes":
            with policy(args.dtype):
                full = zoo.load(net).at("full")
            self._lessons = self.batches.map(
                lambda images, _: (images, chances(full(images)))
            )

    def fit(self, model, way):
        """One walk over the images, at a rate that falls to zero by a cosine."""
        rate = keras.optimizers.schedules.CosineDecay(self.args.rate, self.args.steps)
        asked = {"loss": keras.losses.CategoricalCrossentropy(from_logits=True)}
        if self._network.images.task != "classes":
            weights = self._network.loss_weights
            asked = tasks.compilation(self._network.images, model.base, weights)
        model.compile(
            keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
            **asked,
            jit_compile=False,
        )
        callbacks = []
        if isinstance(model, kd.Sampled):
            # At the temperature where a training ends gradients of masks are too large.
            callbacks = [kd.callbacks.GumbelAnnealing(0.1, 0.1, self.args.steps)]
        with way(model):
            model.fit(self._lessons, callbacks=callbacks, verbose=0)


def chances(outputs):
    """What the last of the outputs says of each class."""
    logits = keras.tree.flatten(outputs)[-1]
    return keras.ops.softmax(keras.ops.cast(logits, "float32"))


def precision(model):
    """Instances that interpolate are not to be had in int8."""
    return "float16" if isinstance(model, kd.Sampled) else "int8"


def measured(model, names, args, network, path):
    """Bytes of the bundle, in gzip too, and what its instances get right."""
    plain = data.load(network.images, "train", args.data_dir, 100)
    kd.tflite.export(
        model,
        path,
        instances=names,
        precision=precision(model),
        calibration_data=next(iter(plain))[0],
        stages=False,
        dynamic=True,
        verbose=0,
    )
    size = min(100, network.batch_size)
    test = data.load(network.images, "test", args.data_dir, size)
    if network.images.task == "classes":
        test = batches(test, limit=args.images)
        total, got = right(path, names, test, args.threads)
    else:
        total, got = rated(model, names, test, network)
    content = path.read_bytes()
    return {
        "bytes": len(content),
        "gzip": len(gzip.compress(content, 9)),
        "images": total,
        "right": got,
    }


def right(path, names, test, threads):
    """How many images a classifier's bundle was shown, and its accuracies."""
    counts, total = dict.fromkeys(names, 0), 0
    with kd.tflite.Runner(path, num_threads=threads) as runner:
        for images, labels in test:
            total += len(labels)
            for name in names:
                best = runner.run(images, name).argmax(-1)
                counts[name] += int((best == labels).sum())
    return total, {name: count / total for name, count in counts.items()}


def rated(model, names, test, network):
    """How many images a dense network was shown, and its menu's metric, in Keras."""
    metrics = tasks.compilation(network.images, model.base, network.loss_weights)
    model.compile(**metrics)
    menu = model.evaluate_menu(test, verbose=0)
    total = sum(len(images) for images, _ in batches(test))
    return total, {name: menu[name].figure(menu.metric) for name in names}


def chosen(card, most):
    """All names of the menu, or those of its Pareto front and `full`."""
    menu = card.menu
    names = menu.names
    if len(names) > most:
        best = {instance.name for instance in menu.pareto()} | {"full"}
        names = [name for name in names if name in best]
    return names


def change(net, way, names, args, train, weights):
    """The network after one way; what stands in the file is not trained again."""
    model = zoo.load(net)
    if way == "as shipped":
        return model
    if not weights.exists():
        with policy(args.dtype):
            changed = zoo.load(net)
        if len(names) < len(changed.instances):
            changed.plan = uniform(names)
        WAYS[way](changed, train)
        model.set_weights(changed.get_weights())
        model.forget()
        model.calibrate(train.batches, args.calibration, names, verbose=0)
        weights.parent.mkdir(parents=True, exist_ok=True)
        model.save_weights(weights)
    model.load_weights(weights)
    return model


def row(net, way, args, train, folder):
    """One network after one way."""
    card = zoo.card(net)
    names = chosen(card, args.most)
    network = card.network
    weights = args.weights / f"{net} {way}.weights.h5"
    model = change(net, way, names, args, train, weights)
    figures = measured(model, names, args, network, folder / "net.tflite")
    metric = card.menu.metric
    return {
        "net": net,
        "way": way,
        "setting": {"pruned": args.sparsity, "clustered": args.clusters}.get(way),
        "precision": precision(model),
        "metric": metric,
        "steps": args.steps if way not in UNTRAINED else 0,
        "rate": args.rate if way not in UNTRAINED else 0,
        "of": len(card.menu),
        "float": {name: card.menu[name].figure(metric) for name in names},
        **figures,
    }


def losses(row, first):
    """Points each instance loses against the bundle of the network as shipped."""
    return [100 * (first["right"][n] - row["right"][n]) for n in row["right"]]


def cells(row, first):
    """A line of the table."""
    lost = losses(row, first)
    return " | ".join(
        [
            row["net"],
            row["precision"],
            wording(row),
            f"{len(lost)} of {row['of']}",
            f"{row['images']:,}",
            f"{row['steps']} ({row['rate']:g})" if row["steps"] else "",
            f"{100 * row['right']['full']:.2f} %",
            f"{np.mean(lost):+.2f}",
            f"{max(lost):+.2f}",
            f"{row['bytes'] / 1e3:.0f}",
            f"{row['gzip'] / 1e3:.0f}",
            f"{row['gzip'] / first['gzip']:.2f}",
        ]
    )


def wording(row):
    """The way of a row, and how far it was gone."""
    said = {"pruned": "{:.0%} zeros", "clustered": "{} values"}.get(row["way"])
    return f"{row['way']}, {said.format(row['setting'])}" if said else row["way"]


def wanted():
    """All (network, way) of the table."""
    return [(n, w) for n in NETS for w in WAYS if w in ways_of(n)]


def ways_of(net):
    """Dense networks hold layers that tensorflow-model-optimization does not take."""
    network = zoo.card(net).network
    dense = network.images.task != "classes"
    return [way for way in WAYS if not dense or way not in ("pruned", "clustered")]


def page(rows):
    """The table, and every instance's accuracy below it."""
    plain = {row["net"]: row for row in rows if row["way"] == "as shipped"}
    lines = table(HEAD, [cells(row, plain[row["net"]]) for row in rows])
    known = {(row["net"], row["way"]) for row in rows}
    missing = [f"{n}: {w}" for n, w in wanted() if (n, w) not in known]
    if missing:
        lines += [f"Not measured yet: {'; '.join(missing)}.", ""]
    lines += [
        "Points lost are against the bundle of the network as it is shipped, on the "
        "same test images, averaged over the instances and of the worst; below zero is "
        "a gain. Bundles hold the instances counted here; it is their accuracy that is "
        "told. Download is gzip against the bundle of the network as it is shipped.",
        "",
        "Of segmentation it is the mean intersection over union, of detection the mean "
        "average precision.",
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
                    *(f"{100 * row['right'][name]:.2f}" for row in held),
                ]
            )
            for name in held[0]["right"]
        ]
        lines += table(head, body)
    return lines


def main():
    parser = options(__doc__, "fewer_bytes")
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--steps", type=int, default=300, help="training steps")
    parser.add_argument("--rate", type=float, default=0.003)
    parser.add_argument("--sparsity", type=float, default=0.62)
    parser.add_argument("--clusters", type=int, default=12)
    parser.add_argument("--dtype", default="float32", help="policy of training")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--calibration", type=int, default=32, help="batches")
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
        # Losses are against what is shipped.
        asked = {"as shipped", *args.ways} - known
        ways = [way for way in ways_of(net) if way in asked]
        if not ways:
            continue
        network = zoo.card(net).network
        train = Training(net, network, args)
        for way in ways:
            progress(net, way)
            keras.utils.set_random_seed(0)
            with tempfile.TemporaryDirectory() as folder:
                rows.append(row(net, way, args, train, pathlib.Path(folder)))
            rows.sort(key=lambda r: wanted().index((r["net"], r["way"])))
            write(args.out, TITLE, words, rows, page(rows))


if __name__ == "__main__":
    main()

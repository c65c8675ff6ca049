"""Where do the milliseconds of a training step go?

    python benchmarks/training_profile.py --data_dir D

A network of the zoo is trained as its recipe says, one thing left out at a time. Each
part's cost is the difference of two ways, which are timed in turn:

- fit: an epoch of `fit` over the recipe's pipeline;
- pipeline: its batches alone, read and augmented and thrown away;
- step: the compiled step on a batch that lies in memory;
- still: the same with an optimizer that keeps the gradients and moves no weights;
- sgd: the step with SGD, where the recipe has another optimizer;
- unnormed: the same without batch norms;
- forward: the outputs in training mode, no gradients.

The machine's peak is that of a large product of matrices in bfloat16. Its share is the
multiply-accumulates of the step, forward once and backward twice, over what the peak
could do in that time.

Writes training_profile.json and training_profile.md beside this script, or where --out
says. Run it on a machine that does nothing else. TensorFlow alone.
"""

import dataclasses
import time

import keras
import tensorflow as tf
from _output import command, options, progress, show, spread, table, write

import keras_dynres as kd
from keras_dynres.training import optimization
from keras_dynres.training.optimizers import CoupledSGD
from keras_dynres.training.run import policy

SIZE = 2048  # Of the square matrices that the peak is measured with.


class Still(CoupledSGD):
    """Keeps the gradients, which else would not be computed, and moves no weights."""

    def update_step(self, gradient, variable, learning_rate):
        kept = self.momentums[self._get_variable_index(variable)]
        self.assign(kept, gradient)


def main():
    parser = options(__doc__, "training_profile")
    parser.add_argument("--network", default="resnet14_imagenette_128")
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument(
        "--steps", type=int, default=20, help="in a round, of ways that read no images"
    )
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    network = kd.zoo.Network.load(args.network)
    network = dataclasses.replace(network, starts_from="")
    ways, macs = prepared(network, args)
    for name, way in ways.items():
        progress(name)
        way()  # Traces and compiles.
    times = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            count = way()
            times[name].append(1000 * (time.perf_counter() - start) / count)
    row = {
        "network": network.name,
        "batch": network.batch_size,
        "macs": macs,
        "ms": {name: spread(values) for name, values in times.items()},
    }
    args.data_dir = None
    write(args.out, "A training step's parts", command(args), [row], page(row, network))


def prepared(network, args):
    """{name: function that runs steps and counts them}, and the network's MACs."""
    images = data(network, args)
    batch = next(iter(images))
    model = kd.training.build(network)
    sgd = dataclasses.replace(network, optimizer="sgd")
    ways = {
        "fit": lambda: model.fit(images, verbose=0) and len(images),
        "pipeline": lambda: sum(1 for _ in images),
        "step": steps(model, batch, args.steps),
        "sgd": steps(kd.training.build(sgd), batch, args.steps),
    }
    still = kd.training.build(sgd)
    recompile(still, Still(0.1, momentum=0.9), network)
    ways["still"] = steps(still, batch, args.steps)
    with policy(network.precision):
        base = keras.models.clone_model(model.base, call_function=but_norms)
        unnormed = kd.Plain(base)
    recompile(unnormed, Still(0.1, momentum=0.9), network)
    ways["unnormed"] = steps(unnormed, batch, args.steps)
    forward = tf.function(lambda x: still(x, training=True))
    ways["forward"] = repeated(lambda: forward(batch[0]), args.steps)
    square = tf.random.normal((SIZE, SIZE))
    square = tf.cast(square, tf.bfloat16)
    product = tf.function(lambda: tf.reduce_sum(square @ square))
    ways["peak"] = repeated(lambda: float(product()), args.steps)
    return ways, model.menu.full.macs


def data(network, args):
    """The recipe's batches, an epoch."""
    return kd.data.load(
        network.images,
        "train",
        batch_size=network.batch_size,
        augment=network.augment,
        data_dir=args.data_dir,
        seed=network.seed,
    )


def recompile(model, optimizer, network):
    model.compile(
        optimizer,
        optimization.SmoothedCrossentropy(network.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,
    )
    kd.training.fuse_norms(model)


def steps(model, batch, count):
    """A function that trains so often on one batch."""
    return repeated(lambda: model.train_on_batch(*batch), count)


def repeated(function, count):
    """A function that calls another so often, and returns how often."""
    return lambda: len([function() for _ in range(count)])


def but_norms(layer, inputs, **kwargs):
    """What the layer gives; of a batch norm what it is given."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return inputs
    return layer(inputs, **kwargs)


def page(row, network):
    """The table of the parts."""
    ms = {name: figure["median"] for name, figure in row["ms"].items()}
    parts = {
        "all of `fit`": ms["fit"],
        "the pipeline beside it, callbacks, logs": ms["fit"] - ms["step"],
        f"the optimizer ({network.optimizer})": ms["step"] - ms["still"],
        "of which beyond SGD's": ms["step"] - ms["sgd"],
        "batch norms, forward and back": ms["still"] - ms["unnormed"],
        "all else: convolutions, forward and back": ms["unnormed"],
    }
    peak = SIZE**3 / ms["peak"]
    needed = 3 * row["macs"] * row["batch"]
    lines = table(
        "part of a step | ms | % of `fit`",
        [f"{k} | {v:.1f} | {100 * v / ms['fit']:.0f}" for k, v in parts.items()],
    )
    lines += table(
        "way | ms", [f"{name} | {show(figure)}" for name, figure in row["ms"].items()]
    )
    rate = 1000 * row["batch"] / ms["fit"]
    lines += [
        f"`{row['network']}`, {row['batch']} images a step, {network.precision}: "
        f"{rate:.0f} images a second, {1000 * needed / ms['fit'] / 1e9:.0f} giga-MACs "
        f"a second, {100 * needed / ms['fit'] / peak:.0f} % of the "
        f"{1000 * peak / 1e9:.0f} of a product of matrices; without pipeline and "
        f"optimizer {100 * needed / ms['still'] / peak:.0f} %. Medians over rounds, "
        "with least and most. The pipeline alone takes all cores "
        f"{ms['pipeline']:.1f} ms; beside a step it waits for free ones.",
    ]
    return lines


if __name__ == "__main__":
    main()

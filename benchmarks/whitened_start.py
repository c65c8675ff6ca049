"""Weights to begin with whose first convolution whitens what it sees.

    python benchmarks/whitened_start.py --data_dir D --file whitened.keras
    keras-dynres train resnet14_imagenette_64 --set starts_from=whitened.keras ...

Half of the first kernels are the main directions of the training images' patches, each
scaled so that its outputs vary by 1, and the other half the same with the other sign,
because a ReLU follows (Jordan, 2024, does so for CIFAR-10). All other weights are those
that the network's seed gives. A trial of the recipe: recipe_trials says what it gave.
"""

import argparse
import dataclasses
import pathlib

import keras
import numpy as np

import keras_dynres as kd

LEAST = 5e-4  # Added to variances: directions with hardly any are noise.


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", default="resnet14_imagenette_64")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument("--batches", type=int, default=20, help="of images looked at")
    parser.add_argument("--file", type=pathlib.Path, required=True)
    args = parser.parse_args()
    network = kd.zoo.Network.load(args.network)
    network = dataclasses.replace(network, seed=args.seed, precision="float32")
    base = kd.training.build(network).base
    first = next(x for x in base.layers if isinstance(x, keras.layers.Conv2D))
    images = kd.data.load(
        network.images, "train", batch_size=network.batch_size, data_dir=args.data_dir
    )
    batches = [np.asarray(batch[0]) for batch in images.take(args.batches)]
    kernel = whitening(np.concatenate(batches), first.kernel.shape)
    first.set_weights([kernel, *first.get_weights()[1:]])
    base.save(args.file)


def whitening(images, shape):
    """The kernel of that shape (rows, columns, channels, filters)."""
    *window, filters = shape
    rows, columns, channels = window
    views = np.lib.stride_tricks.sliding_window_view(images, (rows, columns), (1, 2))
    patches = np.moveaxis(views[:, ::4, ::4], 3, -1).reshape(-1, np.prod(window))
    variances, directions = np.linalg.eigh(np.cov(patches, rowvar=False))
    half = -(-filters // 2)
    best = (directions / np.sqrt(variances + LEAST))[:, ::-1][:, :half]
    best = best.reshape(rows, columns, channels, half)
    return np.concatenate([best, -best], axis=-1)[..., :filters]


if __name__ == "__main__":
    main()

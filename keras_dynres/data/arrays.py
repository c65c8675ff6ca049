"""Decoded images in memory: those of a data set, or made up on the spot."""

import copy
import functools
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_dynres.data import dense, source, synthetic
from keras_dynres.data.catalog import Dataset
from keras_dynres.errors import DynresError


@functools.lru_cache(maxsize=2)  # A training and a test split.
def shared(
    dataset: Dataset,
    split: str,
    data_dir: str | Path | None = None,
    on_corrupt: str = "raise",
) -> "Arrays":
    """The `Arrays` of a split, decoded once for all pipelines of a process."""
    return Arrays(dataset, split, data_dir, on_corrupt)


class Arrays:
    """All images (uint8, NHWC) and labels of a split, in memory.

    Args:
        dataset: The data set.
        split: Name of the split at the source.
        data_dir: Folder of tensorflow-datasets; its own default when None.
        on_corrupt: `"raise"` stops at an image that cannot be decoded; `"skip"`
            leaves such images out and says how many.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        data_dir: str | Path | None = None,
        on_corrupt: str = "raise",
    ) -> None:
        skip = source.skips(on_corrupt)
        self.dataset = dataset
        if dataset.source:
            images, labels = _read(dataset, split, data_dir, skip)
        else:
            images, labels = synthetic.made(dataset, split)
        self.count = len(images)
        with tf.device("/CPU:0"):
            self.images, self.labels = tf.constant(images), tf.constant(labels)

    def last(self, count: int) -> "Arrays":
        """The last `count` images."""
        return self._part(slice(self.count - count, None), count)

    def but(self, count: int) -> "Arrays":
        """All but the last `count` images."""
        return self._part(slice(0, self.count - count), self.count - count)

    def _part(self, rows: slice, count: int) -> "Arrays":
        part = copy.copy(self)
        with tf.device("/CPU:0"):
            part.images, part.labels = self.images[rows], self.labels[rows]
        part.count = count
        return part


def _read(
    dataset: Dataset, split: str, data_dir: str | Path | None, skip: bool
) -> tuple[np.ndarray, np.ndarray]:
    examples = source.builder(dataset, data_dir).as_dataset(
        split=split, shuffle_files=False, decoders=source.undecoded(dataset)
    )
    try:
        return _all_at_once(examples, dataset) or _one_by_one(examples, dataset, skip)
    except tf.errors.DataLossError as error:
        raise DynresError(
            f"The files of {dataset.name!r} are damaged, prepare the data set anew: "
            f"{error.message}"
        ) from error


def _all_at_once(
    examples: tf.data.Dataset, dataset: Dataset
) -> tuple[np.ndarray, np.ndarray] | None:
    """Images and labels; None if one cannot be decoded."""
    pairs = examples.map(
        lambda example: source.example_of(dataset, example),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    try:
        batches = list(pairs.batch(1024).as_numpy_iterator())
    except tf.errors.InvalidArgumentError:
        return None
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), _labels(np.concatenate(labels))


def _one_by_one(
    examples: tf.data.Dataset, dataset: Dataset, skip: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels, without those that cannot be decoded if `skip`."""
    images, labels, broken = [], [], 0
    for position, example in enumerate(examples):
        try:
            image, label = source.example_of(dataset, example)
            images.append(image.numpy())
            labels.append(label.numpy())
        except tf.errors.InvalidArgumentError as error:
            if not skip:
                reason = dense.complaint(error)
                wrong = f"has {reason}" if reason else "cannot be decoded"
                raise DynresError(
                    f"Image {position} of {dataset.name!r} {wrong}; "
                    "on_corrupt='skip' leaves such images out."
                ) from error
            broken += 1
    print(f"{broken} damaged image(s) of {dataset.name!r} left out.")
    return np.stack(images), _labels(np.asarray(labels))


def _labels(values: np.ndarray) -> np.ndarray:
    """Classes as Keras wants them; maps and boxes as they are."""
    return values.astype("int64") if values.ndim == 1 else values

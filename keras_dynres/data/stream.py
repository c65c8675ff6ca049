"""Pipelines over encoded images in files: for data that memory cannot hold.

They are read by `Files` or by what has the same methods, such as `pictures.Pictures`.
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_dynres.data import augmentations, source
from keras_dynres.data.augment import centre, standardise
from keras_dynres.data.catalog import Dataset
from keras_dynres.data.shares import Share
from keras_dynres.errors import DynresError

AUTOTUNE = tf.data.AUTOTUNE
AT_ONCE = 16  # Files read, and images decoded, side by side.
WINDOW = 8192  # Encoded images shuffled together: about 1 GB of ImageNet.


class Files:
    """The files of a split, and how to read an example out of them.

    Args:
        dataset: The data set.
        split: Name of the split at the source.
        data_dir: Folder of tensorflow-datasets.
        on_corrupt: `"raise"`, or `"skip"` to leave damaged images out.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        data_dir: str | Path | None = None,
        on_corrupt: str = "raise",
    ) -> None:
        self._builder = source.builder(dataset, data_dir)
        self._split = split
        self.dataset = dataset
        self.skip = source.skips(on_corrupt)
        self._features = self._builder.info.features
        self._take(split)

    def last(self, count: int) -> "Files":
        """The last `count` images."""
        # Of a sum of splits, as VOC's, the last part.
        part = self._split.split("+")[-1]
        return copy.copy(self)._take(f"{part}[-{count}:]")

    def but(self, count: int) -> "Files":
        """All but the last `count` images."""
        return copy.copy(self)._take(f"{self._split}[:-{count}]")

    def _take(self, part: str) -> "Files":
        """Reads of each file what belongs to a part of the split."""
        try:
            info = self._builder.info.splits[part]
        except ValueError as error:
            raise DynresError(
                f"The files of {self.dataset.name!r} have no such part, or too few "
                f"images for it. Received: {part!r}"
            ) from error
        files = info.file_instructions
        self.count = info.num_examples
        self.parts = [(str(f.filename), f.skip, f.take) for f in files]
        wrong = [path for path, *_ in self.parts if ".tfrecord" not in path]
        if wrong:
            raise DynresError(
                f"Data set {self.dataset.name!r} must be prepared as TFRecord files. "
                f"Received: {wrong[0]!r}"
            )
        return self

    def in_order(self) -> tf.data.Dataset:
        """The records in the files' order."""
        return _records(self.parts, 1)

    def shuffled(self, key: tf.Tensor, window: int) -> tf.data.Dataset:
        """The records in an order that the key sets.

        Files are taken in a new order, several side by side, and what they hold is
        shuffled in windows.
        """
        order = _shuffled(tf.range(len(self.parts)), key)
        windows = _records(self.parts, AT_ONCE, order).batch(window).enumerate(1)
        return windows.map(lambda i, rows: _shuffled(rows, _within(key, i))).unbatch()

    def decoded(self, records: tf.data.Dataset, prepare: Callable) -> tf.data.Dataset:
        """Numbered records to `prepare(number, image, label)`, in their own order."""

        def one(number, record):
            example = self._features.deserialize_example(
                record, decoders=source.undecoded(self.dataset)
            )
            return prepare(number, *source.example_of(self.dataset, example))

        if not self.skip:
            return records.map(one, AUTOTUNE, deterministic=True)

        def one_or_none(number, record):
            alone = tf.data.Dataset.from_tensors((number, record)).map(one)
            return alone.ignore_errors(log_warning=True)

        return records.interleave(
            one_or_none, AT_ONCE, num_parallel_calls=AUTOTUNE, deterministic=True
        )


def training(
    files: Files,
    share: Share,
    augment: str,
    seed: int,
    epochs: int,
    start_epoch: int,
    window: int = WINDOW,
) -> tf.data.Dataset:
    """Batches in an order, and with augmentation, set by (seed, epoch, position).

    Only what belongs to the share is decoded, unless whole batches are needed: by what
    is done to batches, or to know which images are left out.

    Args:
        files: The split's `Files` or `pictures.Pictures`.
        share: What is taken of each batch.
        augment: A name that `augmentations.check` lets pass.
        seed: Of order and augmentation.
        epochs: The epoch to stop before.
        start_epoch: The epoch to start with.
        window: How many images are shuffled together.
    """
    dataset, count = files.dataset, files.count
    steps = count // share.batch_size
    change = augmentations.first(dataset, augment)
    add = augmentations.added(dataset, augment)
    whole = dataset.task != "classes"  # Already in the network's shape.
    on_batches = change if whole else add
    early = on_batches is None and not files.skip
    parted = share.count > 1
    size = share.size if early else share.batch_size

    def key_of(number):
        # Order is keyed by (seed, epoch): epochs are not negative, these numbers are.
        return tf.stack([tf.constant(seed, tf.int64), -1 - number])

    def prepare(number, image, label):
        if not whole:
            image = change(image, dataset.size, key_of(number))
        return standardise(image, dataset), label

    def epoch_of(epoch):
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        records = files.shuffled(key, window).enumerate(epoch * count)
        if parted and early:
            records = records.filter(lambda n, _: share.holds(n - epoch * count))
        # Where images were left out, the epoch is filled up from its own beginning.
        return files.decoded(records, prepare).repeat().take(steps * size)

    pipeline = tf.data.Dataset.range(start_epoch, epochs).flat_map(epoch_of)
    pipeline = pipeline.batch(size, drop_remainder=True)
    if on_batches:
        first = start_epoch * steps
        pipeline = pipeline.enumerate(first).map(
            lambda number, batch: on_batches(*batch, key_of(number)),
            num_parallel_calls=2,
            deterministic=True,
        )
    if parted and not early:
        pipeline = pipeline.map(share.of_batch)
    steps *= epochs - start_epoch
    pipeline = pipeline.apply(tf.data.experimental.assert_cardinality(steps))
    return pipeline.prefetch(4)


def evaluation(files: Files, batch_size: int) -> tf.data.Dataset:
    """The middle of every image, in the files' order; the last batch may be smaller."""
    dataset = files.dataset

    def prepare(_, image, label):
        if dataset.task == "classes":
            image = centre(image, dataset.size)
        return standardise(image, dataset), label

    batches = files.decoded(files.in_order().enumerate(), prepare).batch(batch_size)
    if not files.skip:
        # Keras warns of data whose end it comes to unawares.
        steps = -(-files.count // batch_size)
        batches = batches.apply(tf.data.experimental.assert_cardinality(steps))
    return batches.prefetch(4)


def _records(
    parts: Sequence[tuple], at_once: int, order: tf.Tensor | None = None
) -> tf.data.Dataset:
    paths, skips, takes = zip(*parts, strict=True)
    parts = list(paths), np.array(skips, "int64"), np.array(takes, "int64")
    if order is not None:
        parts = tuple(tf.gather(column, order) for column in parts)
    return tf.data.Dataset.from_tensor_slices(parts).interleave(
        lambda path, skip, take: tf.data.TFRecordDataset(path).skip(skip).take(take),
        cycle_length=at_once,
        num_parallel_calls=at_once,
        deterministic=True,
    )


def _shuffled(rows: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_shuffle(rows, key)


def _within(key: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(key, number)

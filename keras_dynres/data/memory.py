"""Pipelines over images that are held in memory."""

import tensorflow as tf

from keras_dynres.data import augmentations
from keras_dynres.data.arrays import Arrays
from keras_dynres.data.augment import standardise
from keras_dynres.data.shares import Share


def training(
    arrays: Arrays,
    share: Share,
    augment: str,
    seed: int,
    epochs: int,
    start_epoch: int,
) -> tf.data.Dataset:
    """Batches in an order, and with augmentation, set by (seed, epoch, position).

    Of each batch, which is augmented as a whole, its share. Nothing is carried from one
    batch to the next, so a pipeline begun at a later epoch yields what an unbroken one
    would have yielded from there.
    """
    batch_size = share.batch_size
    steps = arrays.count // batch_size
    change = augmentations.first(arrays.dataset, augment)
    add = augmentations.added(arrays.dataset, augment)

    def batches_of(epoch):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(arrays.count), seed=tf.stack([tf.constant(seed, tf.int64), epoch])
        )
        order = tf.reshape(order[: steps * batch_size], [steps, batch_size])
        rows = tf.data.Dataset.from_tensor_slices(order)
        numbers = tf.data.Dataset.range(epoch * steps, (epoch + 1) * steps)
        return tf.data.Dataset.zip(rows, numbers)

    def batch_of(rows, number):
        batch = standardise(tf.gather(arrays.images, rows), arrays.dataset)
        labels = tf.gather(arrays.labels, rows)
        # Order is keyed by (seed, epoch), and epochs are not negative as this is.
        key = tf.stack([tf.constant(seed, tf.int64), -1 - number])
        for step in (change, add):
            if step is not None:
                batch, labels = step(batch, labels, key)
        batch = tf.ensure_shape(batch, [batch_size, *arrays.images.shape[1:]])
        labels = tf.ensure_shape(labels, [batch_size, *labels.shape[1:]])
        return share.of_batch(batch, labels)

    pipeline = tf.data.Dataset.range(start_epoch, epochs).flat_map(batches_of)
    pipeline = pipeline.map(batch_of, num_parallel_calls=2, deterministic=True)
    pipeline = pipeline.apply(
        tf.data.experimental.assert_cardinality(steps * (epochs - start_epoch))
    )
    return pipeline.prefetch(4)


def evaluation(arrays: Arrays, batch_size: int) -> tf.data.Dataset:
    """All images in their own order; the last batch may be smaller."""
    starts = tf.data.Dataset.range(0, arrays.count, batch_size)

    def batch_of(start):
        end = start + batch_size
        images = standardise(arrays.images[start:end], arrays.dataset)
        return images, arrays.labels[start:end]

    pipeline = starts.map(batch_of, num_parallel_calls=2, deterministic=True)
    return pipeline.prefetch(4)

"""Batches that are shrunk before they leave the host."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from keras_dynres.layers.gaussian_downsample import gaussian_shares, gaussian_taps


def shrunk(
    dataset: tf.data.Dataset,
    low_steps: Callable[[], Iterator[bool]],
    ratio: int,
    shrink: Callable[[tf.Tensor, int], tf.Tensor],
) -> tf.data.Dataset:
    """The batches, those of low steps shrunk; see `data.shrunk`."""
    flags = tf.data.Dataset.from_generator(
        low_steps, output_signature=tf.TensorSpec((), tf.bool)
    )

    def batch_of(batch, low):
        images, *rest = batch
        either = tf.cond(low, lambda: shrink(images, ratio), lambda: images)
        return (either, *rest)

    pipeline = tf.data.Dataset.zip(dataset, flags)
    pipeline = pipeline.map(batch_of, num_parallel_calls=2, deterministic=True)
    known = dataset.cardinality()
    if known >= 0:
        pipeline = pipeline.apply(tf.data.experimental.assert_cardinality(known))
    return pipeline.prefetch(2)


def gaussian(images: tf.Tensor, ratio: int) -> tf.Tensor:
    """What `layers.GaussianDownsample2D` computes."""
    _, height, width, channels = images.shape
    taps = gaussian_taps(ratio)
    kernel = np.repeat(np.outer(taps, taps)[..., None, None], channels, axis=2)
    shares = [gaussian_shares(size, ratio) for size in (height, width)]
    scale = tf.constant(1 / np.outer(*shares)[..., None], images.dtype)
    padded = tf.pad(images, [(0, 0), (ratio, ratio), (ratio, ratio), (0, 0)])
    kernel = tf.constant(kernel, images.dtype)
    strides = [1, ratio, ratio, 1]
    return scale * tf.nn.depthwise_conv2d(padded, kernel, strides, "VALID")


def bilinear(images: tf.Tensor, ratio: int) -> tf.Tensor:
    """What `keras.layers.Resizing` computes."""
    _, height, width, _ = images.shape
    return tf.image.resize(images, (height // ratio, width // ratio))


SHRINKS = {"gaussian": gaussian, "bilinear": bilinear}

"""Augmentation of whole batches, each a pure function of its seed."""

import tensorflow as tf

PADDING = 4


def pad_crop_flip(images, seed):
    """Shifts each image by up to four pixels either way, and mirrors every other one.

    That is padding by four, a random crop of the old size and a random flip, in one
    operation. What is shifted in is 0: the mean colour of standardised images.

    Args:
        images: Standardised float images (batch, height, width, channels).
        seed: Two integers.

    Returns:
        Images of the same shape.
    """
    count = tf.shape(images)[0]
    shift = tf.random.stateless_uniform(
        [2, count], _split(seed, 0), -PADDING, PADDING + 1, tf.int32
    )
    return _move(images, tf.cast(shift, tf.float32), _coins(count, seed))


def flip(images, seed):
    """Mirrors every other image."""
    count = tf.shape(images)[0]
    return _move(images, tf.zeros([2, count]), _coins(count, seed))


def _coins(count, seed):
    return tf.random.stateless_uniform([count], _split(seed, 1)) < 0.5


def _split(seed, stream):
    """The seed of one of several independent draws."""
    return tf.random.experimental.stateless_fold_in(tf.cast(seed, tf.int64), stream)


def _move(images, shift, mirrored):
    # Each output pixel (x, y) is read from (a0 x + a2, y + b2).
    width = tf.cast(tf.shape(images)[2], tf.float32)
    sign = tf.where(mirrored, -1.0, 1.0)
    start = tf.where(mirrored, width - 1.0, 0.0) + shift[0]
    zero, one = tf.zeros_like(sign), tf.ones_like(sign)
    rows = [sign, zero, start, zero, one, shift[1], zero, zero]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(rows, axis=1),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="NEAREST",
        fill_mode="CONSTANT",
    )


AUGMENTATIONS = {"none": None, "flip": flip, "pad_crop_flip": pad_crop_flip}

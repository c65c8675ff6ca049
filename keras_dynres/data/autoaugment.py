"""AutoAugment (Cubuk et al., 2019): pairs of operations that a search has found."""

import functools
import math
from collections.abc import Sequence

import tensorflow as tf

from keras_dynres.data.augment import split_seed

LEVELS = 9
GREY = 128.0  # What is turned or sheared in.
# How PIL weighs red, green and blue.
_LUMA = (19595 / 65536, 38470 / 65536, 7471 / 65536)

# The policy found on ImageNet: two operations one after the other, each with its
# probability and its level of 0 to 9.
IMAGENET = (
    (("posterize", 0.4, 8), ("rotate", 0.6, 9)),
    (("solarize", 0.6, 5), ("autocontrast", 0.6, 5)),
    (("equalize", 0.8, 8), ("equalize", 0.6, 3)),
    (("posterize", 0.6, 7), ("posterize", 0.6, 6)),
    (("equalize", 0.4, 7), ("solarize", 0.2, 4)),
    (("equalize", 0.4, 4), ("rotate", 0.8, 8)),
    (("solarize", 0.6, 3), ("equalize", 0.6, 7)),
    (("posterize", 0.8, 5), ("equalize", 1.0, 2)),
    (("rotate", 0.2, 3), ("solarize", 0.6, 8)),
    (("equalize", 0.6, 8), ("posterize", 0.4, 6)),
    (("rotate", 0.8, 8), ("color", 0.4, 0)),
    (("rotate", 0.4, 9), ("equalize", 0.6, 2)),
    (("equalize", 0.0, 7), ("equalize", 0.8, 8)),
    (("invert", 0.6, 4), ("equalize", 1.0, 8)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("rotate", 0.8, 8), ("color", 1.0, 2)),
    (("color", 0.8, 8), ("solarize", 0.8, 7)),
    (("sharpness", 0.4, 7), ("invert", 0.6, 8)),
    (("shear_x", 0.6, 5), ("equalize", 1.0, 9)),
    (("color", 0.4, 0), ("equalize", 0.6, 3)),
    (("equalize", 0.4, 7), ("solarize", 0.2, 4)),
    (("solarize", 0.6, 5), ("autocontrast", 0.6, 5)),
    (("invert", 0.6, 4), ("equalize", 1.0, 8)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("equalize", 0.8, 8), ("equalize", 0.6, 3)),
)


def autoaugment(
    images: tf.Tensor,
    seed: tf.Tensor | Sequence[int],
    policy: Sequence[Sequence[tuple[str, float, int]]] = IMAGENET,
) -> tf.Tensor:
    """Carries out one pair of a policy's operations on each image.

    The pair is drawn for each image, then for each operation whether it is done, and
    to which side an image is turned or sheared.

    Args:
        images: Pixels of 0 to 255 (batch, height, width, 3).
        seed: Two integers.
        policy: Pairs of (operation, probability, level of 0 to 9).

    Returns:
        Whole float pixels of 0 to 255, of the same shape.
    """
    images = tf.round(tf.cast(images, tf.float32))
    names = list(OPERATIONS)
    table = [[(names.index(name), *rest) for name, *rest in pair] for pair in policy]
    count = tf.shape(images)[0]
    pairs = tf.random.stateless_uniform(
        [count], split_seed(seed, 9), 0, len(policy), tf.int32
    )
    operations, chances, levels = tf.unstack(
        tf.gather(tf.constant(table, tf.float32), pairs), axis=2
    )
    drawn = tf.random.stateless_uniform([2, count, 2], split_seed(seed, 10))
    done = drawn[0] < chances
    strengths = tf.where(drawn[1] < 0.5, -levels, levels) / LEVELS

    def changed(row):
        image, *choices = row
        for operation, strength, wanted in zip(*map(tf.unstack, choices), strict=True):
            branches = [
                functools.partial(change, image, strength)
                for change in OPERATIONS.values()
            ]
            branches.append(functools.partial(tf.identity, image))
            chosen = tf.where(wanted, tf.cast(operation, tf.int32), len(OPERATIONS))
            image = tf.ensure_shape(tf.switch_case(chosen, branches), image.shape)
        return image

    return tf.map_fn(
        changed,
        (images, operations, strengths, done),
        fn_output_signature=tf.TensorSpec(images.shape[1:], tf.float32),
    )


# Each operation takes whole float pixels (height, width, 3) and a strength of -1 to 1.


def _rotate(image, strength):
    angle = strength * (30 * math.pi / 180)
    cos, sin = tf.cos(angle), tf.sin(angle)
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
    x, y = (width - 1) / 2, (height - 1) / 2
    left, top = x - cos * x + sin * y, y - sin * x - cos * y
    return _moved(image, [cos, -sin, left, sin, cos, top])


def _shear_x(image, strength):
    shift = 0.3 * strength
    return _moved(image, [1.0, shift, shift / 2, 0.0, 1.0, 0.0])


def _posterize(image, strength):
    step = 2 ** tf.round(4 * tf.abs(strength))
    return step * (image // step)


def _solarize(image, strength):
    return tf.where(image < 256 * (1 - tf.abs(strength)), image, 255 - image)


def _invert(image, _):
    return 255 - image


def _autocontrast(image, _):
    least, most = (reduce(image, [0, 1]) for reduce in (tf.reduce_min, tf.reduce_max))
    spread = tf.where(most > least, most - least, 255.0)
    # The small part is for quotients that are whole but for their rounding.
    scaled = tf.floor((image - least) * 255 / spread + 1e-4)
    return tf.where(most > least, scaled, image)


def _equalize(image, _):
    values = tf.transpose(tf.reshape(tf.cast(image, tf.int32), [-1, 3]))
    counts = tf.math.bincount(values, minlength=256, maxlength=256, axis=-1)
    most = tf.reduce_max(values, axis=1, keepdims=True)
    last = tf.gather(counts, most, batch_dims=1)
    step = (tf.reduce_sum(counts, axis=1, keepdims=True) - last) // 255
    below = tf.cumsum(counts, axis=1, exclusive=True)
    spread = tf.minimum((below + step // 2) // tf.maximum(step, 1), 255)
    values = tf.where(step > 0, tf.gather(spread, values, batch_dims=1), values)
    return tf.reshape(tf.cast(tf.transpose(values), tf.float32), tf.shape(image))


def _color(image, strength):
    return _away_from(_luma(image), image, strength)


def _contrast(image, strength):
    mean = tf.floor(tf.reduce_mean(_luma(image)) + 0.5)
    return _away_from(mean, image, strength)


def _sharpness(image, strength):
    kernel = tf.constant([1, 1, 1, 1, 5, 1, 1, 1, 1], tf.float32) / 13
    kernel = tf.tile(tf.reshape(kernel, [3, 3, 1, 1]), [1, 1, 3, 1])
    smooth = tf.nn.depthwise_conv2d(image[None], kernel, [1, 1, 1, 1], "VALID")[0]
    border = [[1, 1], [1, 1], [0, 0]]
    inside = tf.pad(tf.ones_like(smooth), border) > 0
    smooth = tf.where(inside, tf.pad(tf.round(smooth), border), image)
    return _away_from(smooth, image, strength)


OPERATIONS = {
    "rotate": _rotate,
    "shear_x": _shear_x,
    "posterize": _posterize,
    "solarize": _solarize,
    "invert": _invert,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "color": _color,
    "contrast": _contrast,
    "sharpness": _sharpness,
}


def _away_from(plain, image, strength):
    # Level 0 leaves a tenth, as in the paper; the middle of the levels leaves all.
    blend = plain + (0.1 + 1.8 * tf.abs(strength)) * (image - plain)
    return tf.floor(tf.clip_by_value(blend + 1e-4, 0.0, 255.0))


def _luma(image):
    return tf.floor(tf.reduce_sum(image * _LUMA, axis=2, keepdims=True) + 0.5)


def _moved(image, rows):
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=tf.stack([*rows, 0.0, 0.0])[None],
        output_shape=tf.shape(image)[:2],
        fill_value=GREY,
        interpolation="NEAREST",
        fill_mode="CONSTANT",
    )[0]

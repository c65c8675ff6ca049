"""Augmentation, each a pure function of its seed; and standardising."""

from collections.abc import Sequence

import tensorflow as tf

from keras_dynres.data.catalog import Dataset

PADDING = 4


def pad_crop_flip(images: tf.Tensor, seed: tf.Tensor | Sequence[int]) -> tf.Tensor:
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
    return _move(images, _shift(count, seed), coins(count, seed))


def reflect_crop_flip(images: tf.Tensor, seed: tf.Tensor | Sequence[int]) -> tf.Tensor:
    """As `pad_crop_flip`; what is shifted in is the image mirrored at its border."""
    count, size = tf.shape(images)[0], tf.shape(images)[1:3]
    sides = [PADDING, PADDING]
    padded = tf.pad(images, [[0, 0], sides, sides, [0, 0]], "REFLECT")
    return _move(padded, _shift(count, seed) + PADDING, coins(count, seed), size)


def flip(images: tf.Tensor, seed: tf.Tensor | Sequence[int]) -> tf.Tensor:
    """Mirrors every other image."""
    count = tf.shape(images)[0]
    return _move(images, tf.zeros([2, count]), coins(count, seed))


def color(images: tf.Tensor, seed: tf.Tensor | Sequence[int]) -> tf.Tensor:
    """Makes each image a little lighter or darker, with more or less contrast.

    Each channel is shifted by up to a quarter of a standard deviation on its own, which
    changes the hue a little; differences grow or shrink by up to a quarter.
    """
    count, channels = tf.shape(images)[0], images.shape[-1]
    drawn = tf.random.stateless_uniform([count, 1 + channels], split_seed(seed, 3))
    contrast = 0.8 * (1.25 / 0.8) ** drawn[:, None, None, :1]
    shift = 0.5 * drawn[:, None, None, 1:] - 0.25
    return images * contrast + shift


def cutout(
    images: tf.Tensor, seed: tf.Tensor | Sequence[int], share: float = 0.5
) -> tf.Tensor:
    """Blanks a square of each image, as DeVries and Taylor (2017) do.

    Its middle may be any pixel, so that part of it may lie outside. What is cut out is
    0: the mean colour of standardised images.

    Args:
        images: Standardised float images (batch, height, width, channels).
        seed: Two integers.
        share: The square's side, as a share of the image's: half for CIFAR-10.
    """
    count, *sides = tf.unstack(tf.shape(images)[:3])
    inside = [
        _strip(count, side, share, split_seed(seed, stream))
        for side, stream in zip(sides, (4, 5), strict=True)
    ]
    cut = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    return tf.where(cut, tf.zeros_like(images), images)


def _strip(count: tf.Tensor, side: tf.Tensor, share: float, seed: tf.Tensor):
    """Which rows, or columns, of each image the square covers."""
    length = tf.cast(tf.round(share * tf.cast(side, tf.float32)), tf.int32)
    middle = tf.random.stateless_uniform([count, 1], seed, 0, side, tf.int32)
    first = middle - length // 2
    places = tf.range(side)[None]
    return (places >= first) & (places < first + length)


def mixup(
    images: tf.Tensor,
    labels: tf.Tensor,
    seed: tf.Tensor | Sequence[int],
    classes: int,
    alpha: float = 0.2,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixes each image, and its label, with another of the batch (Zhang et al., 2017).

    Args:
        images: Float images (batch, height, width, channels).
        labels: Integers (batch,), or shares (batch, classes).
        seed: Two integers.
        classes: How many classes there are.
        alpha: The share is drawn from Beta(alpha, alpha), one for the batch.

    Returns:
        Images of the same shape, and the labels' shares (batch, classes).
    """
    if len(labels.shape) == 1:
        labels = tf.one_hot(labels, classes)
    first, second = (
        tf.random.stateless_gamma([], split_seed(seed, stream), alpha)
        for stream in (6, 7)
    )
    # Both may be so small that they are 0.
    share = tf.math.divide_no_nan(first, first + second)
    others = tf.random.experimental.stateless_shuffle(
        tf.range(tf.shape(images)[0]), split_seed(seed, 8)
    )
    return tuple(
        share * values + (1 - share) * tf.gather(values, others)
        for values in (images, labels)
    )


def coins(count: tf.Tensor, seed: tf.Tensor | Sequence[int]) -> tf.Tensor:
    """Whether each of a batch is mirrored."""
    return tf.random.stateless_uniform([count], split_seed(seed, 1)) < 0.5


def split_seed(seed: tf.Tensor | Sequence[int], stream: int) -> tf.Tensor:
    """The seed of one of several independent draws."""
    return tf.random.experimental.stateless_fold_in(tf.cast(seed, tf.int64), stream)


def _shift(count: tf.Tensor, seed: tf.Tensor | Sequence[int]) -> tf.Tensor:
    shift = tf.random.stateless_uniform(
        [2, count], split_seed(seed, 0), -PADDING, PADDING + 1, tf.int32
    )
    return tf.cast(shift, tf.float32)


def _move(
    images: tf.Tensor,
    shift: tf.Tensor,
    mirrored: tf.Tensor,
    size: tf.Tensor | None = None,
) -> tf.Tensor:
    # Each output pixel (x, y) is read from (a0 x + a2, y + b2).
    size = tf.shape(images)[1:3] if size is None else size
    width = tf.cast(size[1], tf.float32)
    sign = tf.where(mirrored, -1.0, 1.0)
    start = tf.where(mirrored, width - 1.0, 0.0) + shift[0]
    zero, one = tf.zeros_like(sign), tf.ones_like(sign)
    rows = [sign, zero, start, zero, one, shift[1], zero, zero]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(rows, axis=1),
        output_shape=size,
        fill_value=0.0,
        interpolation="NEAREST",
        fill_mode="CONSTANT",
    )


def scale_aspect(
    image: tf.Tensor,
    size: int,
    seed: tf.Tensor | Sequence[int],
    least_area: float = 0.08,
) -> tf.Tensor:
    """A random part of one picture at a random aspect ratio, mirrored or not.

    The part has 8 to 100 % of the area and an aspect ratio of 3:4 to 4:3, as Szegedy
    et al. cut it.

    Args:
        image: uint8 pixels (height, width, channels).
        size: Height and width of what is returned.
        seed: Two integers.
        least_area: The smallest part, as a share of the picture's area.

    Returns:
        Float pixels (size, size, channels).
    """
    corner, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image),
        tf.zeros([1, 0, 4]),
        split_seed(seed, 0),
        min_object_covered=0.0,
        area_range=(least_area, 1.0),
        aspect_ratio_range=(3 / 4, 4 / 3),
        max_attempts=10,
        use_image_if_no_bounding_boxes=True,
    )
    image = _resize(tf.slice(image, corner, extent), [size, size])
    return tf.image.stateless_random_flip_left_right(image, split_seed(seed, 1))


def centre_flip(
    image: tf.Tensor, size: int, seed: tf.Tensor | Sequence[int]
) -> tf.Tensor:
    """The middle of one picture, mirrored or not."""
    image = centre(image, size)
    return tf.image.stateless_random_flip_left_right(image, split_seed(seed, 1))


def centre(
    image: tf.Tensor,
    size: int,
    seed: tf.Tensor | Sequence[int] | None = None,
    margin: float = 256 / 224,
) -> tf.Tensor:
    """The middle of one picture: of 256 pixels on the shorter side, the middle 224.

    Args:
        image: uint8 pixels (height, width, channels).
        size: Height and width of what is returned.
        seed: Taken as the other augmentations take it, and not needed.
        margin: What the shorter side is scaled to, in sizes.
    """
    del seed
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    shorter = round(size * margin)
    scaled = tf.round(shape * shorter / tf.reduce_min(shape))
    image = _resize(image, tf.cast(scaled, tf.int32))
    top, left = tf.unstack((tf.shape(image)[:2] - size) // 2)
    return tf.ensure_shape(image[top : top + size, left : left + size], [size, size, 3])


def standardise(images: tf.Tensor, dataset: Dataset) -> tf.Tensor:
    """Pixels of 0 to 255 to float32 of mean 0 and deviation 1."""
    mean, std = _mean_and_deviation(dataset)
    images = tf.cast(images, tf.float32)
    if images.shape[-3:].is_fully_defined():
        # Of one shape: broadcasting over so few channels is slow.
        mean, std = (tf.broadcast_to(x, images.shape[-3:]) for x in (mean, std))
    return (images - mean) / std


def pixels(images: tf.Tensor, dataset: Dataset) -> tf.Tensor:
    """Standardised images to float pixels of 0 to 255 again."""
    mean, std = _mean_and_deviation(dataset)
    return tf.clip_by_value(images * std + mean, 0.0, 255.0)


def _mean_and_deviation(dataset: Dataset) -> list[tf.Tensor]:
    return [tf.constant(values) * 255.0 for values in (dataset.mean, dataset.std)]


def _resize(image: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    def resized(antialias):
        return tf.image.resize(image, shape, antialias=antialias)

    # Where nothing shrinks both are the same but for rounding, and one is quicker.
    grows = tf.reduce_all(tf.shape(image)[:2] <= shape)
    return tf.cond(grows, lambda: resized(False), lambda: resized(True))

"""Augmentation of images together with their maps or boxes.

Each is a pure function of a batch and its seed. Where an image is scaled, cropped and
mirrored is drawn once; then images, maps and boxes are moved alike.
"""

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from keras_dynres.data import dense
from keras_dynres.data.augment import coins, split_seed
from keras_dynres.data.catalog import IGNORED

# How much of a box must be left in the image for it to count.
_LEFT = 0.25


@dataclasses.dataclass(frozen=True)
class Moves:
    """Where each image of a batch is moved: out = sign * (scale * in) + offset.

    Args:
        scale: How much larger it is made, `(batch,)`.
        x: How far right its left border lies then, before it is mirrored.
        y: How far down its upper border lies.
        mirrored: Whether it is mirrored.
    """

    scale: tf.Tensor
    x: tf.Tensor
    y: tf.Tensor
    mirrored: tf.Tensor

    @classmethod
    def drawn(
        cls,
        images: tf.Tensor,
        seed: tf.Tensor | Sequence[int],
        scales: tuple[float, float] = (1.0, 1.0),
    ) -> "Moves":
        """Random ones: a scale, and a place for the part that is seen.

        Args:
            images: The batch.
            seed: Two integers.
            scales: The smallest and the largest scale.
        """
        count, height, width = tf.unstack(tf.shape(images)[:3])
        mirrored = coins(count, seed)
        low, high = scales
        uniform = tf.random.stateless_uniform([3, count], split_seed(seed, 2))
        scale = low * (high / low) ** uniform[0]
        free = 1.0 - scale
        y = uniform[1] * free * tf.cast(height, tf.float32)
        x = uniform[2] * free * tf.cast(width, tf.float32)
        return cls(scale, x, y, mirrored)

    def of_images(self, images: tf.Tensor) -> tf.Tensor:
        """Standardised images: what comes into view is 0, their mean colour."""
        return self._moved(images, "BILINEAR", 0.0)

    def of_maps(self, maps: tf.Tensor) -> tf.Tensor:
        """Maps of classes: what comes into view is ignored."""
        moved = self._moved(tf.cast(maps, tf.float32)[..., None], "NEAREST", IGNORED)
        return tf.cast(moved[..., 0], maps.dtype)

    def of_boxes(self, rows: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """Boxes: one that lies outside by more than three quarters is none."""
        x1, y1, x2, y2, classes = tf.unstack(rows, axis=-1)
        scale, x, y = (t[:, None] for t in (self.scale, self.x, self.y))
        x1, x2 = x1 * scale + x, x2 * scale + x
        y1, y2 = y1 * scale + y, y2 * scale + y
        mirrored = self.mirrored[:, None]
        x1, x2 = tf.where(mirrored, width - x2, x1), tf.where(mirrored, width - x1, x2)
        seen_x = tf.clip_by_value(x2, 0.0, width) - tf.clip_by_value(x1, 0.0, width)
        seen_y = tf.clip_by_value(y2, 0.0, height) - tf.clip_by_value(y1, 0.0, height)
        enough = seen_x * seen_y >= _LEFT * (x2 - x1) * (y2 - y1)
        classes = tf.where(enough, classes, -1.0)
        moved = tf.stack([x1, y1, x2, y2, classes], axis=-1)
        return dense.kept_boxes(moved, (height, width), rows.shape[1])

    def _moved(self, images, interpolation, fill):
        width = tf.cast(tf.shape(images)[2], tf.float32)
        # Centres of pixels are halves: out + 0.5 = scale * (in + 0.5) + offset.
        factor = 1.0 / self.scale
        x0 = (0.5 - self.x) * factor - 0.5
        y0 = (0.5 - self.y) * factor - 0.5
        sign = tf.where(self.mirrored, -factor, factor)
        x0 = tf.where(self.mirrored, x0 + (width - 1.0) * factor, x0)
        zero = tf.zeros_like(factor)
        rows = [sign, zero, x0, zero, factor, y0, zero, zero]
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=tf.stack(rows, axis=1),
            output_shape=tf.shape(images)[1:3],
            fill_value=float(fill),
            interpolation=interpolation,
            fill_mode="CONSTANT",
        )


def moved(
    images: tf.Tensor,
    labels: tf.Tensor,
    seed: tf.Tensor | Sequence[int],
    scales: tuple[float, float] = (1.0, 1.0),
    change: Callable | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """A batch of images and their maps or boxes, moved at random.

    Args:
        images: Standardised images.
        labels: Maps `(batch, height, width)` of integers, or rows of boxes.
        seed: Two integers.
        scales: The smallest and the largest scale.
        change: What is done to the images before, `change(images, seed)`.
    """
    if change is not None:
        images = change(images, seed)
    moves = Moves.drawn(images, seed, scales)
    height, width = images.shape[1:3]
    if labels.dtype.is_integer:
        return moves.of_images(images), moves.of_maps(labels)
    return moves.of_images(images), moves.of_boxes(labels, height, width)

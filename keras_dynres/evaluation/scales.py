"""How much a network's opinion changes with the size of what it sees."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres import graph, text
from keras_dynres.core.batches import batches, count_batches
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.evaluation.outputs import (
    predict_padded,
    refuse_maps,
    with_output,
)

# The paper's: shorter sides 256, 272, ..., 352, then the middle 224.
PAPER_SIZES = tuple(range(256, 353, 16))
PAPER_CROP = 224


@dataclasses.dataclass(frozen=True)
class ScaleSensitivity:
    """How alike the class probabilities stay over several sizes.

    Attributes:
        mean: Mean cosine similarity over images and pairs of sizes; 1 means
            that size makes no difference.
        matrix: Mean over images for each pair of sizes, `(sizes, sizes)`.
        sizes: The sizes images were resized to before the crop.
        crop: Side of the central square the network saw.
        images: How many images were seen.
    """

    mean: float
    matrix: np.ndarray
    sizes: tuple
    crop: int
    images: int

    def table(self, style: str = "plain") -> str:
        """The similarity of each pair of sizes."""
        header = ["size", *map(str, self.sizes)]
        rows = [
            [str(size), *(f"{value:.4f}" for value in line)]
            for size, line in zip(self.sizes, self.matrix, strict=True)
        ]
        return text.grid(header, rows, style)

    def __str__(self):
        pairs = len(self.sizes) * (len(self.sizes) - 1) // 2
        return (
            f"{self.table()}\nmean pairwise cosine similarity: {self.mean:.4f} "
            f"({pairs} pairs, {self.images} images)"
        )


def scale_sensitivity(
    model: keras.Model,
    data: Any,
    sizes: Sequence[int] | None = None,
    crop: int | None = None,
    batch_size: int = 32,
    limit: int | None = None,
    verbose: int = 1,
    output: str | int | None = None,
) -> ScaleSensitivity:
    """Mean pairwise cosine similarity of class probabilities over several sizes.

    Each image is resized so that its shorter side has each of the sizes, its
    central square is cut out, and the probabilities of every two sizes are
    compared, as in the SDPoint paper's section 6.2.3.

    Args:
        model: A functional `keras.Model` of images to logits or probabilities,
            such as `model.at("p1@0.5")`; of a `DynamicModel`, the full instance.
        data: Images, or batches of images with or without labels. Batches of a
            single image may differ in height and width.
        sizes: Shorter sides before the crop; None means the paper's seven, 256
            to 352 for a crop of 224, in proportion for another crop.
        crop: Side of the central square; None means the model's input size.
        batch_size: Images a step.
        limit: How many images to take; None means all.
        verbose: 0 for no progress bar.
        output: Which output to compare, where there are several: its name, or its
            position in a list. It must be one row of logits or probabilities.

    Returns:
        A `ScaleSensitivity`.

    Example:

    ```python
    sensitivity = kd.evaluation.scale_sensitivity(model.at("full"), test)
    print(sensitivity.mean)
    ```
    """
    if isinstance(model, DynamicModel):
        model = model.at("full")
    model = with_output(model, output)
    refuse_maps(model.output.shape[:-1], "Comparing sizes")
    crop = _crop_side(model, crop)
    sizes = _sizes(sizes, crop)
    softmax = not graph.gives_probabilities(model)
    total = np.zeros((len(sizes), len(sizes)))
    seen = 0
    bar = keras.utils.Progbar(
        count_batches(data, batch_size, limit), verbose=verbose, unit_name="batch"
    )
    for step, images in enumerate(_crops(data, sizes, crop, batch_size, limit), 1):
        units = []
        for view in images:
            outputs = predict_padded(model, view, batch_size).astype("float64")
            if not np.isfinite(outputs).all():
                raise DynresError(
                    "The model's outputs must be finite to be compared. "
                    f"Received: NaN or infinity in batch {step}."
                )
            units.append(_unit(_softmax(outputs) if softmax else outputs))
        units = np.stack(units)
        total += np.einsum("snc,tnc->st", units, units)
        seen += images.shape[1]
        bar.update(step, finalize=False)
    bar.update(step, finalize=True)
    matrix = total / seen
    mean = matrix[np.triu_indices(len(sizes), 1)].mean()
    return ScaleSensitivity(float(mean), matrix, sizes, crop, seen)


def _crops(data, sizes, crop, batch_size, limit):
    """Arrays `(sizes, images, crop, crop, channels)`, `batch_size` images each."""
    waiting, count = [], 0
    for images, _ in batches(data, batch_size, limit):
        views = [resize_and_crop(images, size, crop) for size in sizes]
        waiting.append(np.stack(views))
        count += len(images)
        while count >= batch_size:
            ready = np.concatenate(waiting, axis=1)
            yield ready[:, :batch_size]
            waiting, count = [ready[:, batch_size:]], count - batch_size
    if count:
        yield np.concatenate(waiting, axis=1)


def resize_and_crop(images: np.ndarray, size: int, crop: int) -> np.ndarray:
    """A batch with its shorter side resized to `size`, and of that the middle.

    Bilinear, antialiased when shrinking, as `keras.ops.image.resize`; but written
    as two matrix products, which no backend compiles anew for each shape of image.
    """
    height, width = images.shape[1:3]
    ratio = size / min(height, width)
    down = _weights(height, round(height * ratio), crop)
    across = _weights(width, round(width * ratio), crop)
    images = np.asarray(images, "float32")
    return np.einsum("yh,nhwc,xw->nyxc", down, images, across, optimize=True)


@functools.lru_cache(maxsize=256)
def _weights(size, target, crop):
    """How much each of `size` pixels counts in the `crop` middle ones of `target`."""
    ratio = size / target
    first = (target - crop) // 2
    centers = (np.arange(first, first + crop) + 0.5) * ratio
    away = np.abs(np.arange(size) + 0.5 - centers[:, None]) / max(ratio, 1)
    weights = np.maximum(0, 1 - away)
    return (weights / weights.sum(-1, keepdims=True)).astype("float32")


def _softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _crop_side(model, crop):
    if crop is None:
        height, width = model.inputs[0].shape[1:3]
        if height is None or height != width:
            raise DynresError(
                "`crop` is needed where the model's input is not one fixed square. "
                f"Received: crop=None and an input of {height}x{width}."
            )
        crop = height
    if int(crop) != crop or crop < 1:
        raise DynresError(
            f"`crop` must be a whole number of at least 1. Received: crop={crop}."
        )
    return int(crop)


def _sizes(sizes, crop):
    if sizes is None:
        # Below 16 pixels some of the seven would fall together.
        scaled = (round(crop * size / PAPER_CROP) for size in PAPER_SIZES)
        sizes = dict.fromkeys(scaled)
    sizes = tuple(int(size) for size in sizes)
    if len(set(sizes)) < 2 or len(set(sizes)) != len(sizes) or min(sizes) < crop:
        raise DynresError(
            "`sizes` must be two or more different sizes, none below the crop of "
            f"{crop}. Received: sizes={list(sizes)}."
        )
    return sizes

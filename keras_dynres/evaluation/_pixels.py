"""Network inputs as pictures again."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def displayable(
    images: Iterable[np.ndarray], preprocessing: Mapping | None
) -> list[np.ndarray]:
    """Images with pixels in 0..1.

    Args:
        images: Network inputs.
        preprocessing: What the pipeline did to the pixels: `{"mean": ..., "std": ...}`
            of `(pixel / scale - mean) / std`. None takes pixels in 0..1 or 0..255 as
            they are and stretches others to the range they have.
    """
    stack = [np.asarray(image, "float32") for image in images]
    if preprocessing:
        mean = np.asarray(preprocessing.get("mean", 0.0))
        std = np.asarray(preprocessing.get("std", 1.0))
        stack = [image * std + mean for image in stack]
    else:
        low = min(image.min() for image in stack)
        high = max(image.max() for image in stack)
        if low >= 0 and 1 < high <= 255:
            stack = [image / 255 for image in stack]
        elif low < 0 or high > 255:
            stack = [(image - low) / (high - low) for image in stack]
    return [np.clip(image, 0, 1) for image in stack]


def draw(axes: Any, image: np.ndarray) -> None:
    """A picture, grey where it has one channel."""
    gray = image.shape[-1] == 1
    picture, colors = (image[..., 0], "gray") if gray else (image, None)
    axes.imshow(picture, colors, vmin=0, vmax=1)


def bare(axes: Any) -> None:
    """Takes ticks and frame away."""
    axes.set(xticks=[], yticks=[], anchor="N")
    axes.spines[:].set_visible(False)

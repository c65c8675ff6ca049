"""Images: those handed over for an export, and those a bundle takes in."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_dynres.core.batches import batches
from keras_dynres.errors import DynresError
from keras_dynres.tflite.precision import Precision

# More images change the ranges of activations no more, and each is run per signature.
CALIBRATION_IMAGES = 200
_VERIFY_IMAGES = 16
# How far beyond the range of real pixels an input may lie before it is refused.
# Augmented or synthetic images overshoot a little; forgotten normalisation by 50.
SLACK = 8.0


# === For an export ===


def sample(data: Any, name: str, shape: tuple[int, ...], most: int) -> np.ndarray:
    """Up to `most` images of an array, or of batches, in float32.

    Args:
        data: Images, with labels or without, in any form that `core.batches` takes.
        name: The argument's name, as errors say it.
        shape: An image's shape.
        most: How many are taken.
    """
    taken = []
    for batch, _ in batches(data, limit=most):
        if batch.shape[1:] != shape:
            raise DynresError(
                f"{name} must hold images of shape {(None, *shape)}. "
                f"Received: shape {batch.shape}."
            )
        taken.append(batch.astype("float32"))
    images = np.concatenate(taken)
    if not np.isfinite(images).all():
        raise DynresError(f"{name} holds values that are not finite numbers.")
    return images


def for_export(
    precision: Precision,
    calibration_data: Any,
    verify_data: Any,
    shape: tuple[int, ...],
) -> tuple[np.ndarray | None, np.ndarray]:
    """What ranges of activations are taken from, or None, and what checks the file."""
    calibration = None
    if precision.integer:
        if calibration_data is None:
            raise DynresError(
                f"precision={precision.name!r} needs calibration_data: about a hundred "
                f"images as the model takes them, of shape {(None, *shape)}."
            )
        calibration = sample(
            calibration_data, "calibration_data", shape, CALIBRATION_IMAGES
        )
    if verify_data is not None:
        most = 10 * _VERIFY_IMAGES
        return calibration, sample(verify_data, "verify_data", shape, most)
    if calibration is not None:
        return calibration, calibration[: 2 * _VERIFY_IMAGES]
    rng = np.random.default_rng(0)
    return None, rng.standard_normal((_VERIFY_IMAGES, *shape), "float32")


# === For a bundle ===


def checked_rule(rule: Any, channels: int) -> dict[str, Any] | None:
    """What turns pixels into input, as the metadata keep it."""
    if rule is None:
        return None
    try:
        mean, std = ([float(v) for v in rule[key]] for key in ("mean", "std"))
        scale = float(rule.get("scale", 255))
        right = {len(mean), len(std)} <= {1, channels} and scale > 0 and min(std) > 0
    except (KeyError, TypeError, ValueError, AttributeError):
        right = False
    if not right:
        raise DynresError(
            'preprocessing is {"mean": [...], "std": [...], "scale": 255} with '
            f"{channels} values each, std above 0. Received: preprocessing={rule!r}."
        )
    return {"mean": mean, "std": std, "scale": scale}


def preprocess(pixels: Any, metadata: Mapping[str, Any]) -> np.ndarray:
    """Turns pixels 0 to 255 into what the network takes.

    Args:
        pixels: An array of `uint8`, channels last, one image or a batch.
        metadata: A bundle's metadata.

    Returns:
        A `float32` array of the same shape.

    Example:

    >>> rule = {"mean": [0.5], "std": [0.25], "scale": 255}
    >>> metadata = {"preprocessing": rule, "input": {"shape": [1, 2, 1]}}
    >>> preprocess(np.uint8([[[0], [255]]]), metadata).ravel().tolist()
    [-2.0, 2.0]
    """
    rule = metadata.get("preprocessing")
    if rule is None:
        raise DynresError(
            "This bundle does not say how pixels become input: normalise them as in "
            "training, or export with preprocessing."
        )
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8:
        raise DynresError(
            "preprocess() takes pixels as uint8, 0 to 255. "
            f"Received: dtype={pixels.dtype}."
        )
    _check_shape(pixels, metadata)
    mean, std = (np.asarray(rule[key], "float32") for key in ("mean", "std"))
    return (pixels.astype("float32") / np.float32(rule["scale"]) - mean) / std


def as_batch(images: Any, metadata: Mapping[str, Any]) -> tuple[np.ndarray, bool]:
    """A `float32` batch of the images, and whether a single one was given.

    Args:
        images: Normalised images, one or a batch, as anything NumPy reads.
        metadata: A bundle's metadata.

    Returns:
        A pair: an array of four dimensions, and a bool.
    """
    try:
        images = np.asarray(images)
    except ValueError as error:
        raise DynresError(f"The images do not form one array: {error}.") from error
    _check_shape(images, metadata)
    if not np.issubdtype(images.dtype, np.floating):
        raise DynresError(
            "The images must be normalised floats; runner.preprocess(pixels) makes "
            f"them of uint8 pixels. Received: dtype={images.dtype}."
        )
    single = images.ndim == 3
    batch = np.ascontiguousarray(images[None] if single else images, "float32")
    _check_values(batch, metadata)
    return batch, single


def _check_shape(images: np.ndarray, metadata: Mapping[str, Any]) -> None:
    shape = tuple(metadata["input"]["shape"])
    if images.ndim not in (3, 4) or images.shape[-3:] != shape:
        text = ", ".join(map(str, shape))
        raise DynresError(
            f"The images must have the shape ({text}), or (batch, {text}), channels "
            f"last. Received: shape={images.shape}."
        )


def _check_values(batch: np.ndarray, metadata: Mapping[str, Any]) -> None:
    if not batch.size:
        return
    low, high = float(batch.min()), float(batch.max())
    # NaN anywhere makes both NaN, so two numbers tell for the whole batch.
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DynresError(
            "The images hold values that are not finite numbers. "
            f"Received: range {low:g} to {high:g}."
        )
    rule = metadata.get("preprocessing")
    if rule is None:
        return
    mean, std = np.asarray(rule["mean"]), np.asarray(rule["std"])
    least, most = np.min(-mean / std), np.max((255 / rule["scale"] - mean) / std)
    if max(-low, high) > SLACK * max(-least, most):
        raise DynresError(
            "The images are not normalised as the network expects (about "
            f"{least:.1f} to {most:.1f}); runner.preprocess(pixels) does it. "
            f"Received: range {low:g} to {high:g}."
        )

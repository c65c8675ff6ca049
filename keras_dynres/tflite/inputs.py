"""What a bundle takes in: pixels made into input, and input checked."""

import numpy as np

from keras_dynres.errors import DynresError

# How far beyond the range of real pixels an input may lie before it is refused.
# Augmented or synthetic images overshoot a little; forgotten normalisation by 50.
SLACK = 8.0


def preprocess(pixels, metadata):
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


def as_batch(images, metadata):
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


def _check_shape(images, metadata):
    shape = tuple(metadata["input"]["shape"])
    if images.ndim not in (3, 4) or images.shape[-3:] != shape:
        text = ", ".join(map(str, shape))
        raise DynresError(
            f"The images must have the shape ({text}), or (batch, {text}), channels "
            f"last. Received: shape={images.shape}."
        )


def _check_values(batch, metadata):
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

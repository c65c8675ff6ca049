"""Images that users hand over for an export."""

import numpy as np

from keras_dynres.errors import DynresError

# More images change the ranges of activations no more, and each is run per signature.
CALIBRATION_IMAGES = 200
_VERIFY_IMAGES = 16


def checked(data, name, shape, most):
    """Up to `most` images of an array, or of batches, in float32."""
    if data is None:
        raise DynresError(
            f"precision='int8' needs {name}: about a hundred images as the model takes "
            f"them, of shape {(None, *shape)}."
        )
    found = []
    for batch in [data] if hasattr(data, "shape") else data:
        batch = batch[0] if isinstance(batch, (tuple, list)) else batch
        batch = np.asarray(batch[: most - sum(map(len, found))])
        if batch.shape[1:] != shape:
            raise DynresError(
                f"{name} must hold images of shape {(None, *shape)}. "
                f"Received: shape {batch.shape}."
            )
        found.append(batch.astype("float32"))
        if sum(map(len, found)) >= most:
            break
    images = np.concatenate(found) if found else np.zeros((0, *shape))
    if not len(images):
        raise DynresError(f"{name} holds no images. Received: {data!r}.")
    if not np.isfinite(images).all():
        raise DynresError(f"{name} holds values that are not finite numbers.")
    return images


def given(precision, calibration_data, verify_data, shape):
    """What ranges of activations are taken from, or None, and what checks the file."""
    calibration = None
    if precision == "int8":
        calibration = checked(
            calibration_data, "calibration_data", shape, CALIBRATION_IMAGES
        )
    if verify_data is not None:
        return calibration, checked(
            verify_data, "verify_data", shape, 10 * _VERIFY_IMAGES
        )
    if calibration is not None:
        return calibration, calibration[: 2 * _VERIFY_IMAGES]
    rng = np.random.default_rng(0)
    return None, rng.standard_normal((_VERIFY_IMAGES, *shape), "float32")

"""Which shape a network has for pictures of a size."""

import math

from keras_dynres.errors import DynresError


def shorter_side(
    picture: tuple[int, int],
    shorter: int = 800,
    longest: int = 1333,
    divisor: int = 32,
) -> tuple[int, int]:
    """Height and width of a network that sees pictures as large as detectors do.

    Pictures are scaled until their shorter side has a length, or their longer one the
    most that it may have; the network's sides are the next multiples of the divisor.
    The common lengths are 800 and 1333; deformable networks were also trained with
    1000 and 1667.

    Example:

    >>> shorter_side((480, 640))
    (800, 1088)
    >>> import dataclasses
    >>> from keras_dynres import data
    >>> images = dataclasses.replace(data.info("bccd"), size=shorter_side((480, 640)))
    >>> images.shape
    (800, 1088)

    Args:
        picture: Height and width of the pictures.
        shorter: Length of the shorter side.
        longest: The longer side is no longer.
        divisor: What the network's sides are multiples of.
    """
    if min(*picture, shorter, longest, divisor) < 1:
        raise DynresError(
            "Lengths are at least 1. Received: "
            f"picture={picture}, shorter={shorter}, longest={longest}, "
            f"divisor={divisor}"
        )
    scale = min(shorter / min(picture), longest / max(picture))
    height, width = (
        math.ceil(round(side * scale) / divisor) * divisor for side in picture
    )
    return height, width

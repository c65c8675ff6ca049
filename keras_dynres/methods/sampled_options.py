"""What a sampled network is asked for, with the paper's defaults, checked."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

from keras_dynres.errors import DynresError, one_of
from keras_dynres.layers.interpolation import KINDS
from keras_dynres.layers.sampling_mask import NOISES, SAMPLINGS
from keras_dynres.methods.sampled_blocks import Block
from keras_dynres.methods.sampled_plans import PLANS

# The paper's windows and grids, of ImageNet's images and of larger ones.
_SMALL_IMAGE = 320
_CHOICES = {
    "masks": ("shared", "two", "each"),
    "sampling": SAMPLINGS,
    "interpolation": KINDS,
    "noise": NOISES,
    "draw": tuple(PLANS),
}


def resolved(
    blocks: Sequence[Block], image: Sequence[int | None], options: dict[str, Any]
) -> dict[str, Any]:
    """The options as plain values, with what was left open filled in.

    Args:
        blocks: The blocks that are sampled.
        image: Height and width of the images.
        options: Arguments of `Sampled` by name.
    """
    densities, window, grid = (options[k] for k in ("densities", "window", "grid"))
    _check_densities(densities)
    small = max(n or 0 for n in image) <= _SMALL_IMAGE
    largest = max(max(conv.size) for block in blocks for conv in block.convs)
    if window is None:
        window = min(5 if small else 7, largest - 1 + largest % 2)
    if grid is None:
        # A grid of 2 is a quarter of the points: no content would choose any.
        grid = min(2 if small and min(densities) > 1 / 4 else 11, largest)
    _check_grid(grid, densities)
    for key, value in (("window", window), ("grid", grid)):
        if value > largest:
            raise DynresError(
                f"A {key} is not larger than the largest sampled map, {largest} points "
                f"a side. Received: {key}={value}"
            )
    evenly = options["sampling"] == "uniform"
    draw = options["draw"] or ("random" if evenly else "sampled")
    values = {**options, "draw": draw}
    return {
        **{key: one_of(key, values[key], choices) for key, choices in _CHOICES.items()},
        "densities": [float(d) for d in densities],
        "blocks": [block.name for block in blocks],
        "window": window,
        "grid": int(grid),
        "sparse_loss": float(options["sparse_loss"]),
        "rate_factor": float(options["rate_factor"]),
        "freeze_norms": bool(options["freeze_norms"]),
    }


def _check_densities(densities):
    right = all(isinstance(d, Real) and 0 < d <= 1 for d in densities)
    if not right or not len(densities) or len(set(densities)) < len(list(densities)):
        raise DynresError(
            "densities are distinct numbers in (0, 1]. "
            f"Received: densities={tuple(densities)!r}"
        )


def _check_grid(grid, densities):
    if int(grid) != grid or grid < 0:
        raise DynresError(
            f"grid is a distance in points, or 0 for none. Received: grid={grid!r}"
        )
    least = 1 / grid**2 if grid else 0
    if min(densities) < least:
        raise DynresError(
            f"A grid of {grid} alone samples {least:.3g} of the points: take a larger "
            f"grid, or grid=0. Received: densities={tuple(densities)!r}"
        )

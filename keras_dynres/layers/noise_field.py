"""Fields of noise, and orders of points, that are a part of a model."""

import functools

import numpy as np

from keras_dynres.errors import one_of

FIELDS = ("white", "blue")
_TILE = 32


def noise_field(kind: str, height: int, width: int, seed: int) -> np.ndarray:
    """Logistic noise for each point of a map, always the same.

    A score plus this noise is above 0 with the sigmoid of the score as its likelihood,
    taken over points. `"white"` draws each point by itself; in `"blue"` neighbours
    differ as much as they can, so that samples of equal scores are spread evenly.

    >>> noise_field("white", 2, 3, seed=0).shape
    (2, 3)
    """
    if one_of("noise", kind, FIELDS) == "white":
        uniform = np.random.default_rng([seed, height, width]).random((height, width))
    else:
        shift = np.random.default_rng([seed, height, width]).integers(_TILE, size=2)
        ranks = np.roll(_blue_ranks(), shift, axis=(0, 1))
        tiles = -(-height // _TILE), -(-width // _TILE)
        # Every value once a tile, in the middle of its share.
        uniform = (np.tile(ranks, tiles)[:height, :width] + 0.5) / _TILE**2
    uniform = np.clip(uniform, 1e-6, 1 - 1e-6)
    return np.log(uniform / (1 - uniform)).astype("float32")


def even_order(height: int, width: int) -> np.ndarray:
    """Numbers above 0 whose largest lie evenly over the map, however many are taken.

    A quarter of the points is every other row and column, a sixteenth every fourth.

    >>> import numpy as np
    >>> order = even_order(4, 4)
    >>> sorted(zip(*np.nonzero(order > np.sort(order.ravel())[-5])))[1]
    (0, 2)
    """
    bits = max(1, int(max(height, width) - 1).bit_length())
    size, order = 2**bits, np.zeros((1, 1))
    while len(order) < size:
        order = np.block([[4 * order, 4 * order + 2], [4 * order + 3, 4 * order + 1]])
    order = size * size - order[:height, :width]
    # Distinct whole numbers of the map, from 1: exact as float32.
    return (
        (np.argsort(np.argsort(order.ravel())) + 1.0)
        .reshape(height, width)
        .astype("float32")
    )


@functools.cache
def _blue_ranks() -> np.ndarray:
    """Ranks of a tile's points by void and cluster (Ulichney, 1993)."""
    count, deviation = _TILE**2, 1.9
    axis = np.minimum(np.arange(_TILE), _TILE - np.arange(_TILE))
    bump = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * deviation**2))
    bumps = np.stack(
        [
            np.roll(bump, divmod(point, _TILE), axis=(0, 1)).ravel()
            for point in range(count)
        ]
    ).astype("float32")
    pattern = np.zeros(count, bool)
    pattern[np.random.default_rng(0).permutation(count)[: count // 10]] = True
    energy = bumps[pattern].sum(axis=0)
    while True:  # Points move from the tightest cluster to the largest void.
        cluster = np.argmax(np.where(pattern, energy, -np.inf))
        pattern[cluster], energy = False, energy - bumps[cluster]
        void = np.argmin(np.where(pattern, np.inf, energy))
        pattern[void], energy = True, energy + bumps[void]
        if void == cluster:
            break
    ranks = np.zeros(count, int)
    first, rest, left = pattern.copy(), energy.copy(), int(pattern.sum())
    for rank in reversed(range(left)):
        cluster = np.argmax(np.where(first, rest, -np.inf))
        first[cluster], rest = False, rest - bumps[cluster]
        ranks[cluster] = rank
    for rank in range(left, count):
        void = np.argmin(np.where(pattern, np.inf, energy))
        pattern[void], energy = True, energy + bumps[void]
        ranks[void] = rank
    return ranks.reshape(_TILE, _TILE)

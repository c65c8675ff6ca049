"""Boxes at random, and their overlap by hand."""

import numpy as np


def random_boxes(*shape, seed=0):
    draw = np.random.default_rng(seed)
    corner, size = draw.uniform(0, 20, (*shape, 2)), draw.uniform(15, 30, (*shape, 2))
    return np.concatenate([corner, corner + size], axis=-1).astype("float32")


def by_hand(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(width, 0) * max(height, 0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return both / (sum(areas) - both)

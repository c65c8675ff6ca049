"""Images made up on the spot: learnt in seconds, without any files."""

import numpy as np

from keras_dynres.data.catalog import Dataset

_COLOURS = np.array([[200, 60, 60], [60, 190, 70], [70, 80, 210]], "float32")


def made(dataset: Dataset, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (uint8) and labels of a split.

    Args:
        dataset: One without a source.
        split: Name of the split.
    """
    training = split == dataset.train
    count = dataset.train_images if training else dataset.test_images
    random = np.random.default_rng(1 if training else 2)
    if dataset.task == "classes":
        return _patterns(dataset, count, random)
    images, boxes = _rectangles(dataset, count, random)
    if dataset.task == "boxes":
        return images, boxes
    return images, _maps(dataset, boxes)


def _patterns(dataset, count, random):
    """A coarse pattern for each class under noise."""
    patterns = np.random.default_rng(0).uniform(40, 215, (dataset.classes, 4, 4, 3))
    labels = np.arange(count, dtype="int64") % dataset.classes
    scale = dataset.size // 4
    images = patterns.repeat(scale, axis=1).repeat(scale, axis=2)[labels]
    images = images + random.normal(0, 40, images.shape)
    return images.clip(0, 255).astype("uint8"), labels


def _rectangles(dataset, count, random):
    """One to three rectangles in a colour of their class, on grey, under noise."""
    height, width = dataset.shape
    images = np.full((count, height, width, 3), 128, "float32")
    most = dataset.boxes or 3
    # The first class of a map is what no rectangle covers.
    first = int(dataset.task == "map")
    boxes = np.zeros((count, most, 5), "float32")
    boxes[..., 4] = -1
    for image, rows in zip(images, boxes, strict=True):
        for row in rows[: random.integers(1, 4)]:
            size = random.integers((height // 4, width // 4), (height // 2, width // 2))
            top, left = random.integers(0, (height - size[0], width - size[1]))
            bottom, right = top + size[0], left + size[1]
            kind = random.integers(first, dataset.classes)
            image[top:bottom, left:right] = _COLOURS[kind % len(_COLOURS)]
            row[:] = left, top, right, bottom, kind
    images += random.normal(0, 20, images.shape)
    return images.clip(0, 255).astype("uint8"), boxes


def _maps(dataset, boxes):
    """Of each pixel the class of the last rectangle on it, or the first class."""
    maps = np.zeros((len(boxes), *dataset.shape), "int32")
    for map_, rows in zip(maps, boxes, strict=True):
        for left, top, right, bottom, kind in rows[rows[:, 4] >= 0].astype(int):
            map_[top:bottom, left:right] = kind
    return maps

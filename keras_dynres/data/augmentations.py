"""Which augmentations there are, by what is labelled and where images are kept."""

import functools
from collections.abc import Callable

from keras_dynres.data import augment, moves
from keras_dynres.data.catalog import Dataset


def _images_alone(change: Callable) -> Callable:
    return lambda images, labels, seed: (change(images, seed), labels)


# `change(images, labels, seed)` of a batch.
_BATCHES = {
    "none": None,
    "flip": _images_alone(augment.flip),
    "pad_crop_flip": _images_alone(augment.pad_crop_flip),
}
_MOVES = {
    "none": None,
    "flip": moves.moved,
    "scale_crop_flip": functools.partial(moves.moved, scales=(0.5, 2.0)),
    "scale_crop_flip_color": functools.partial(
        moves.moved, scales=(0.5, 2.0), change=augment.color
    ),
    # For boxes, which are small where scenes are.
    "scale_crop_flip_third": functools.partial(moves.moved, scales=(0.75, 1.33)),
}
# `change(image, size, seed)` of a picture of any size.
_PICTURES = {
    "none": augment.centre,
    "flip": augment.centre_flip,
    "scale_aspect": augment.scale_aspect,
    # For short trainings, as fast.ai's on Imagenette.
    "scale_aspect_third": functools.partial(augment.scale_aspect, least_area=0.35),
}


def offered(dataset: Dataset) -> dict[str, Callable | None]:
    """The augmentations of a data set by their names."""
    if dataset.task != "classes":
        return _MOVES
    return _BATCHES if dataset.in_memory else _PICTURES

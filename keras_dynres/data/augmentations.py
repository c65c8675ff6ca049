"""Which augmentations there are, by what is labelled and where images are kept."""

import functools
from collections.abc import Callable

from keras_dynres.data import augment, moves
from keras_dynres.data.autoaugment import autoaugment
from keras_dynres.data.catalog import Dataset
from keras_dynres.errors import DynresError, one_of


def _images_alone(change: Callable) -> Callable:
    return lambda images, labels, seed: (change(images, seed), labels)


# `change(images, labels, seed)` of a batch.
_BATCHES = {
    "none": None,
    "flip": _images_alone(augment.flip),
    "pad_crop_flip": _images_alone(augment.pad_crop_flip),
    "reflect_crop_flip": _images_alone(augment.reflect_crop_flip),
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


def _autoaugment(images, labels, seed, dataset):
    pixels = autoaugment(augment.pixels(images, dataset), seed)
    return augment.standardise(pixels, dataset), labels


# `change(images, labels, seed, dataset)` of a standardised batch: what may stand after
# the name of one of the above, and a plus.
_ADDITIONS = {
    "autoaugment": _autoaugment,
    "cutout": lambda images, labels, seed, _: (augment.cutout(images, seed), labels),
    "mixup": lambda images, labels, seed, dataset: augment.mixup(
        images, labels, seed, dataset.classes
    ),
}


def offered(dataset: Dataset) -> dict[str, Callable | None]:
    """The augmentations of a data set by their names, without additions."""
    if dataset.task != "classes":
        return _MOVES
    return _BATCHES if dataset.in_memory else _PICTURES


def check(dataset: Dataset, name: str) -> None:
    """Raises where a name is none of the data set's augmentations."""
    first, *added = name.split("+")
    one_of(f"augmentation of {dataset.name!r}", first, offered(dataset))
    for addition in added:
        one_of("addition to an augmentation", addition, _ADDITIONS)
    if added and dataset.task != "classes":
        raise DynresError(
            f"Images of {dataset.name!r} are labelled with more than a class: an "
            f"augmentation has no additions. Received: augment={name!r}"
        )


def first(dataset: Dataset, name: str) -> Callable | None:
    """The augmentation that an augmentation's name begins with."""
    return offered(dataset)[name.split("+")[0]]


def added(dataset: Dataset, name: str) -> Callable | None:
    """`change(images, labels, seed)` of a standardised batch: all the additions."""
    changes = [_ADDITIONS[addition] for addition in name.split("+")[1:]]
    if not changes:
        return None

    def change(images, labels, seed):
        for addition in changes:
            images, labels = addition(images, labels, seed, dataset)
        return images, labels

    return change

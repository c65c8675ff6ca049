"""The data sets by name; adding one is a line in `DATASETS`."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras_dynres.data import labels as catalogue
from keras_dynres.errors import DynresError, one_of

IGNORED = 255
"""The class of pixels that no loss and no metric counts."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """What must be known of a data set before any of it is read.

    Args:
        name: What users call it.
        source: Its name at tensorflow-datasets; empty for the built-in one.
        classes: Number of classes.
        size: Height and width of the images a network is given, or one number where
            they are square.
        train: Name of the training split.
        test: Name of the split that is evaluated.
        train_images: Number of training images.
        test_images: Number of images evaluated.
        mean: Mean of each channel, of pixels in 0..1.
        std: Standard deviation of each channel.
        in_memory: Whether all decoded images are kept in memory.
        task: What is labelled: `"classes"`, an image; `"map"`, each of its pixels;
            `"boxes"`, objects.
        boxes: Objects an image has at most, where they are labelled.
        labels: Names of the classes of a folder of pictures; empty otherwise.
        folder: Where the pictures lie, if they are `data.folder`'s; empty otherwise.
        held_out: Which share of that folder's pictures is its test split; 0 where the
            folder has a test split of its own.
        seed: Which pictures these are.

    >>> dataset = info("cifar10")
    >>> Dataset.from_config(dataset.get_config()) == dataset
    True
    """

    name: str
    source: str
    classes: int
    size: int | tuple
    train: str
    test: str
    train_images: int
    test_images: int
    mean: tuple
    std: tuple
    in_memory: bool
    task: str = "classes"
    boxes: int = 0
    labels: tuple = ()
    folder: str = ""
    held_out: float = 0.0
    seed: int = 0

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, empty where they are not known.

        >>> info("imagenette").class_names[0]
        'tench'
        """
        return self.labels or catalogue.labels(self.name)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the images a network is given."""
        size = self.size
        return (size, size) if isinstance(size, int) else tuple(size)

    @property
    def preprocessing(self) -> dict[str, Any]:
        """How images become a network's input: `(x / scale - mean) / std`."""
        return {"mean": list(self.mean), "std": list(self.std), "scale": 255}

    def get_config(self) -> dict[str, Any]:
        """A plain dict, fit for JSON, that `from_config` takes."""
        values = dataclasses.asdict(self).items()
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Dataset":
        """The data set that a plain dict describes."""
        fields = dataclasses.fields(cls)
        for key in config:
            one_of("entry of a data set", key, [field.name for field in fields])
        for field in fields:
            if field.default is dataclasses.MISSING and field.name not in config:
                raise DynresError(
                    f"The data set lacks {field.name!r}. Received: {', '.join(config)}"
                )
        lists = {k: tuple(v) for k, v in config.items() if isinstance(v, list)}
        return cls(**{**config, **lists})


_CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
_CIFAR100 = ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_SYNTHETIC = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))

_ROWS = (
    # name, source, classes, size, splits, images, statistics, in memory
    ("cifar10", "cifar10", 10, 32, "train", "test", 50000, 10000, *_CIFAR10, True),
    ("cifar100", "cifar100", 100, 32, "train", "test", 50000, 10000, *_CIFAR100, True),
    (
        *("imagenet", "imagenet2012", 1000, 224, "train", "validation"),
        *(1281167, 50000, *IMAGENET, False),
    ),
    (
        *("imagenette", "imagenette/160px-v2", 10, 160, "train", "validation"),
        *(9469, 3925, *IMAGENET, False),
    ),
    ("synthetic", "", 10, 32, "train", "test", 512, 128, *_SYNTHETIC, True),
    # A class for each pixel.
    (
        *("camvid", "camvid", 11, (240, 320), "train", "test"),
        *(367, 233, *IMAGENET, True, "map"),
    ),
    (
        *("cityscapes", "cityscapes", 19, (1024, 2048), "train", "validation"),
        *(2975, 500, *IMAGENET, False, "map"),
    ),
    (
        *("pets", "oxford_iiit_pet", 3, (160, 160), "train", "test"),
        *(3680, 3669, *IMAGENET, False, "map"),
    ),
    (
        *("synthetic_map", "", 3, (48, 64), "train", "test"),
        *(128, 32, *_SYNTHETIC, True, "map"),
    ),
    # Boxes of objects.
    (
        *("bccd", "bccd", 3, (480, 640), "train", "test"),
        *(205, 72, *IMAGENET, True, "boxes", 40),
    ),
    (
        *("coco", "coco/2017", 80, (800, 1344), "train", "validation"),
        *(118287, 5000, *IMAGENET, False, "boxes", 100),
    ),
    (
        *("voc", "voc/2007", 20, (608, 1024), "train+validation", "test"),
        *(5011, 4952, *IMAGENET, False, "boxes", 60),
    ),
    (
        *("voc2012", "voc/2012", 20, (608, 1024), "train", "validation"),
        *(5717, 5823, *IMAGENET, False, "boxes", 60),
    ),
    (
        *("synthetic_boxes", "", 3, (64, 96), "train", "test"),
        *(128, 32, *_SYNTHETIC, True, "boxes", 8),
    ),
)
DATASETS = {row[0]: Dataset(*row) for row in _ROWS}
"""The data sets by name, each a `Dataset`."""


def info(name: str | Dataset) -> Dataset:
    """The `Dataset` called `name`; a `Dataset` is returned as it is.

    >>> info("cifar10").classes
    10
    """
    if isinstance(name, Dataset):
        return name
    return DATASETS[one_of("data set", name, DATASETS)]

"""Images for training and evaluation, standardised and batched."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_dynres.data.catalog import DATASETS, IGNORED, Dataset, info
from keras_dynres.data.folders import folder
from keras_dynres.data.sizes import shorter_side
from keras_dynres.errors import DynresError, one_of

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = [
    "DATASETS",
    "IGNORED",
    "Dataset",
    "clear_errors",
    "folder",
    "info",
    "load",
    "provenance",
    "shorter_side",
    "shrunk",
]


def load(
    name: str | Dataset = "cifar10",
    split: str = "train",
    data_dir: str | Path | None = None,
    batch_size: int = 128,
    augment: str = "none",
    seed: int = 0,
    epochs: int = 1,
    start_epoch: int = 0,
    shuffle: bool | None = None,
    on_corrupt: str = "raise",
    held_out: int = 0,
    share: tuple[int, int] = (0, 1),
) -> "tf.data.Dataset":
    """Loads a split as a `tf.data.Dataset` of (images, labels).

    Images are float32, standardised by the data set's channel means and deviations
    (`info(name).preprocessing`). Labels are integers; or maps of them, in which
    `IGNORED` counts for nothing; or boxes, rows of x1, y1, x2, y2 in pixels and the
    class, -1 in rows that are none. Pictures with maps or boxes are scaled to fit into
    the network's shape, and filled up at the right and below.

    Training order and augmentation depend on the seed, the epoch and the position
    alone: a run resumed at `start_epoch` sees what an unbroken run would have seen.

    Example:

    >>> train = load("synthetic", "train", batch_size=64, augment="flip", epochs=2)
    >>> len(train)
    16

    Args:
        name: One of `DATASETS`, or a `Dataset`, as `folder` makes one of your own
            pictures; `"synthetic"` needs no files.
        split: `"train"`, `"test"`, or `"held_out"`.
        data_dir: Folder of tensorflow-datasets; a folder of pictures needs none.
        batch_size: Images a batch. Training drops what is left over at the end of an
            epoch, evaluation does not.
        augment: `"none"`, `"flip"`, `"pad_crop_flip"` or `"reflect_crop_flip"`; for
            pictures of any size, as ImageNet's and a folder's, `"none"`, `"flip"`,
            `"scale_aspect"` (parts of 8 to 100 % of the area) or
            `"scale_aspect_third"` (35 to 100 %). What is added follows a plus:
            `"pad_crop_flip+cutout"` blanks a square, `"scale_aspect+autoaugment"`
            carries out a pair of operations of AutoAugment's policy for ImageNet,
            `"scale_aspect+mixup"` mixes images and their labels, which are then shares
            of the classes. With maps or boxes `"none"`, `"flip"`, `"scale_crop_flip"`
            (scales of 0.5 to 2), the same with light and colour that vary,
            `"scale_crop_flip_color"`, or `"scale_crop_flip_third"` (0.75 to 1.33).
        seed: Seeds order and augmentation.
        epochs: The epoch to stop before.
        start_epoch: The epoch to start with.
        shuffle: Whether this is for training; by default that of `split`.
        on_corrupt: `"raise"` stops at an image that cannot be decoded; `"skip"`
            leaves such images out and says so.
        held_out: How many training images, the last in the files, `"train"` leaves
            out and `"held_out"` gives: what a model was not trained on.
        share: Which part of each training batch is given, and of how many: `(1, 4)` is
            the second quarter, for the second of four processes. Together they give the
            batches of one process.
    """
    # Here, not above: importing the package must not import TensorFlow.
    from keras_dynres.data import arrays, augmentations, memory, pictures, stream
    from keras_dynres.data.shares import Share

    dataset = info(name)
    augmentations.check(dataset, augment)
    one_of("split", split, ("train", "test", "held_out"))
    if not (split == "held_out") <= held_out < dataset.train_images:
        raise DynresError(
            f"held_out is fewer than the {dataset.train_images} training images of "
            f"{dataset.name!r}, and above 0 for the split 'held_out'. "
            f"Received: held_out={held_out}"
        )
    if not 0 <= start_epoch < epochs:
        raise DynresError(
            "start_epoch lies between 0 and epochs. "
            f"Received: start_epoch={start_epoch}, epochs={epochs}"
        )
    read = pictures.Pictures if dataset.folder else stream.Files
    pipelines, read = (memory, arrays.shared) if dataset.in_memory else (stream, read)
    at_source = dataset.test if split == "test" else dataset.train
    images = read(dataset, at_source, data_dir, on_corrupt)
    if held_out and split != "test":
        images = images.last(held_out) if split == "held_out" else images.but(held_out)
    trains = split == "train" if shuffle is None else shuffle
    if not batch_size > 0 or trains and batch_size > images.count:
        raise DynresError(
            f"batch_size is above 0, and for training at most {images.count}, the "
            f"images of the split. Received: batch_size={batch_size}"
        )
    if not trains:
        return pipelines.evaluation(images, batch_size)
    part = Share(*share, batch_size)
    return pipelines.training(images, part, augment, seed, epochs, start_epoch)


def shrunk(
    dataset: "tf.data.Dataset",
    low_steps: Callable[[], Iterator[bool]],
    ratio: int = 2,
    blur: str = "gaussian",
) -> "tf.data.Dataset":
    """Shrinks the batches of low steps in the input pipeline, on the host.

    A model whose `fit` is given the result finds those batches small already, and its
    device does not see the rest of their pixels. Take the model's own ratio and blur.

    Example:

    ```python
    model = kd.LowMode(base, shrink="host")
    model.fit(kd.data.shrunk(train, model.low_steps), epochs=10)
    ```

    Args:
        dataset: A `tf.data.Dataset` of batches (images, labels) of known image size.
        low_steps: `LowMode.low_steps`: called as each iteration begins, it says of
            the coming steps, one after the other, whether they are low.
        ratio: What height and width are divided by.
        blur: `"gaussian"` or `"bilinear"`.
    """
    from keras_dynres.data import host_shrink

    shrink = host_shrink.SHRINKS[one_of("blur", blur, host_shrink.SHRINKS)]
    sizes = dataset.element_spec[0].shape[1:3]
    if None in sizes or any(size % ratio for size in sizes):
        raise DynresError(
            f"ratio divides the images' height and width, {sizes[0]} and {sizes[1]}. "
            f"Received: ratio={ratio!r}"
        )
    return host_shrink.shrunk(dataset, low_steps, ratio, shrink)


def provenance(
    name: str | Dataset, data_dir: str | Path | None = None
) -> dict[str, Any]:
    """Which data these are, in the words of the folder they are read from.

    Of a folder of pictures it is told how many there are, and a hash over their names
    and sizes. Prepared files may hold another version or encoding than a data set's
    name suggests, and figures measured on them are comparable to those of their like
    alone.

    >>> provenance("synthetic")
    {'name': 'synthetic', 'version': '', 'description': 'Made up by the package.'}
    """
    from keras_dynres.data import folders, source

    dataset = info(name)
    if dataset.folder:
        return folders.provenance(dataset)
    if not dataset.source:
        words = "Made up by the package."
        return {"name": dataset.name, "version": "", "description": words}
    # Not `builder.info`: of a set it knows, tensorflow-datasets gives its own words.
    folder = source.builder(dataset, data_dir).data_path
    said = json.loads((folder / "dataset_info.json").read_text())
    return {
        "name": dataset.name,
        "version": said.get("version", ""),
        "description": " ".join(said.get("description", "").split()),
    }


@contextlib.contextmanager
def clear_errors(name: str) -> Iterator[None]:
    """Turns what TensorFlow says of a damaged image into one sentence.

    Pictures that are decoded while a model trains fail within `fit`, far from here.

    Args:
        name: The data set's name.
    """
    try:
        yield
    except Exception as error:
        from keras_dynres.data import dense

        lines = (getattr(error, "message", "") or "").splitlines()
        if not any("IteratorGetNext" in line for line in lines):
            raise
        if sentence := next((x for x in lines if "DynresError: " in x), None):
            raise DynresError(sentence.split("DynresError: ")[-1]) from error
        reason = next((line for line in lines if "Invalid" in line), lines[0])
        reason = reason.split("}} ")[-1].rstrip(".")
        if wrong := dense.complaint(error):
            reason = f"it has {wrong}"
        raise DynresError(
            f"An image of {name!r} cannot be read: {reason}; on_corrupt='skip' leaves "
            "such images out."
        ) from error

"""Images for training and evaluation, standardised and batched."""

import contextlib
import json

from keras_dynres.data.catalog import DATASETS, Dataset, info
from keras_dynres.errors import DynresError, UnknownNameError

__all__ = ["DATASETS", "Dataset", "clear_errors", "info", "load", "provenance"]


def load(
    name="cifar10",
    split="train",
    data_dir=None,
    batch_size=128,
    augment="none",
    seed=0,
    epochs=1,
    start_epoch=0,
    shuffle=None,
    on_corrupt="raise",
):
    """Loads a split as a `tf.data.Dataset` of (images, labels).

    Images are float32, standardised by the data set's channel means and deviations
    (`info(name).preprocessing`); labels are integers. Training order and augmentation
    depend on the seed, the epoch and the position alone: a run resumed at
    `start_epoch` sees what an unbroken run would have seen.

    Example:

    >>> train = load("synthetic", "train", batch_size=64, augment="flip", epochs=2)
    >>> len(train)
    16

    Args:
        name: One of `DATASETS`, or a `Dataset`; `"synthetic"` needs no files.
        split: `"train"` or `"test"`.
        data_dir: Folder of tensorflow-datasets.
        batch_size: Images a batch. Training drops what is left over at the end of an
            epoch, evaluation does not.
        augment: `"none"`, `"flip"` or `"pad_crop_flip"`; for ImageNet `"none"`,
            `"flip"` or `"scale_aspect"`.
        seed: Seeds order and augmentation.
        epochs: The epoch to stop before.
        start_epoch: The epoch to start with.
        shuffle: Whether this is for training; by default that of `split`.
        on_corrupt: `"raise"` stops at an image that cannot be decoded; `"skip"`
            leaves such images out and says so.
    """
    # Here, not above: importing the package must not import TensorFlow.
    from keras_dynres.data import augment as changes
    from keras_dynres.data import memory, reading, stream

    dataset = info(name)
    offered = changes.PICTURE_AUGMENTATIONS
    if dataset.in_memory:
        offered = changes.AUGMENTATIONS
    if augment not in offered:
        raise UnknownNameError(f"augmentation of {dataset.name!r}", augment, offered)
    if split not in ("train", "test"):
        raise DynresError(f"split is 'train' or 'test'. Received: split={split!r}")
    if not 0 <= start_epoch < epochs:
        raise DynresError(
            "start_epoch lies between 0 and epochs. "
            f"Received: start_epoch={start_epoch}, epochs={epochs}"
        )
    room, read = (
        (memory, reading.arrays) if dataset.in_memory else (stream, stream.Files)
    )
    at_source = dataset.train if split == "train" else dataset.test
    images = read(dataset, at_source, data_dir, on_corrupt)
    if not 0 < batch_size <= images.count:
        raise DynresError(
            f"batch_size lies between 1 and the {images.count} images of the split. "
            f"Received: batch_size={batch_size}"
        )
    if not (split == "train" if shuffle is None else shuffle):
        return room.evaluation(images, batch_size)
    return room.training(images, batch_size, augment, seed, epochs, start_epoch)


def provenance(name, data_dir=None):
    """Which data these are, in the words of the folder they are read from.

    A folder may hold another version or encoding than a data set's name suggests, and
    figures measured on it are comparable to those of its like alone.

    >>> provenance("synthetic")
    {'name': 'synthetic', 'version': '', 'description': 'Made up by the package.'}
    """
    from keras_dynres.data import reading

    dataset = info(name)
    if not dataset.source:
        words = "Made up by the package."
        return {"name": dataset.name, "version": "", "description": words}
    # Not `builder.info`: of a set it knows, tensorflow-datasets gives its own words.
    folder = reading.builder(dataset, data_dir).data_path
    said = json.loads((folder / "dataset_info.json").read_text())
    return {
        "name": dataset.name,
        "version": said.get("version", ""),
        "description": " ".join(said.get("description", "").split()),
    }


@contextlib.contextmanager
def clear_errors(name):
    """Turns what TensorFlow says of a damaged image into one sentence.

    Pictures that are decoded while a model trains fail within `fit`, far from here.

    Args:
        name: The data set's name.
    """
    try:
        yield
    except Exception as error:
        lines = (getattr(error, "message", "") or "").splitlines()
        if not any("IteratorGetNext" in line for line in lines):
            raise
        reason = next((line for line in lines if "Invalid" in line), lines[0])
        reason = reason.split("}} ")[-1].rstrip(".")
        raise DynresError(
            f"An image of {name!r} cannot be read: {reason}; on_corrupt='skip' leaves "
            "such images out."
        ) from error

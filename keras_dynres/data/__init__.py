"""Images for training and evaluation, standardised and batched."""

from keras_dynres.data.catalog import DATASETS, Dataset, info
from keras_dynres.errors import DynresError, UnknownNameError

__all__ = ["DATASETS", "Dataset", "info", "load"]


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
        name: One of `DATASETS`; `"synthetic"` needs no files.
        split: `"train"` or `"test"`.
        data_dir: Folder of tensorflow-datasets.
        batch_size: Images a batch. Training drops what is left over at the end of an
            epoch, evaluation does not.
        augment: `"none"`, `"flip"`, `"pad_crop_flip"`.
        seed: Seeds order and augmentation.
        epochs: The epoch to stop before.
        start_epoch: The epoch to start with.
        shuffle: Whether this is for training; by default that of `split`.
        on_corrupt: `"raise"`, or `"skip"` to leave damaged images out.
    """
    # Here, not above: importing the package must not import TensorFlow.
    from keras_dynres.data import memory, reading
    from keras_dynres.data.augment import AUGMENTATIONS

    dataset = info(name)
    if augment not in AUGMENTATIONS:
        raise UnknownNameError("augmentation", augment, list(AUGMENTATIONS))
    if split not in ("train", "test"):
        raise DynresError(f"split is 'train' or 'test'. Received: split={split!r}")
    images, labels = _arrays(reading, dataset, split, data_dir, on_corrupt)
    if not 0 < batch_size <= len(images):
        raise DynresError(
            f"batch_size lies between 1 and the {len(images)} images of the split. "
            f"Received: batch_size={batch_size}"
        )
    if not (split == "train" if shuffle is None else shuffle):
        return memory.evaluation(images, labels, dataset, batch_size)
    return memory.training(
        images, labels, dataset, batch_size, augment, seed, epochs, start_epoch
    )


def _arrays(reading, dataset, split, data_dir, on_corrupt):
    at_source = dataset.train if split == "train" else dataset.test
    return reading.arrays(dataset, at_source, data_dir, on_corrupt)

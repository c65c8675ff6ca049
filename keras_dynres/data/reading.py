"""Decoded images in memory, from tensorflow-datasets or made up on the spot."""

import numpy as np

from keras_dynres.errors import DynresError


def arrays(dataset, split, data_dir=None, on_corrupt="raise"):
    """All images (uint8, NHWC) and labels (int64) of a split.

    Args:
        dataset: The `Dataset`.
        split: Name of the split at the source.
        data_dir: Folder of tensorflow-datasets; its own default when None.
        on_corrupt: `"raise"` stops at an image that cannot be decoded; `"skip"`
            leaves such images out and says how many.
    """
    if not dataset.source:
        return _synthetic(dataset, split)
    examples = builder(dataset, data_dir).as_dataset(
        split=split, shuffle_files=False, decoders=_undecoded()
    )
    return _decoded(examples, dataset, split, on_corrupt)


def builder(dataset, data_dir=None):
    """The tensorflow-datasets builder, its files prepared where they are missing."""
    import tensorflow_datasets as tfds

    try:
        found = tfds.builder(dataset.source, data_dir=data_dir)
        found.download_and_prepare()
    except Exception as error:
        # Missing archives, no network, a read-only folder: tfds has a type for each.
        reason = " ".join(str(error).split())[:200]
        raise DynresError(
            f"Data set {dataset.name!r} could not be had from data_dir={data_dir!r}: "
            f"{type(error).__name__}: {reason}"
        ) from error
    return found


def _undecoded():
    import tensorflow_datasets as tfds

    return {"image": tfds.decode.SkipDecoding()}


def decode(data):
    """One image's bytes to uint8 pixels."""
    import tensorflow as tf

    return tf.io.decode_image(data, channels=3, expand_animations=False)


def _decoded(examples, dataset, split, on_corrupt):
    import tensorflow as tf

    if on_corrupt not in ("raise", "skip"):
        raise DynresError(
            f"on_corrupt is 'raise' or 'skip'. Received: on_corrupt={on_corrupt!r}"
        )
    images, labels, broken = [], [], []
    try:
        for position, example in enumerate(examples):
            labels.append(example["label"].numpy())
            try:
                images.append(decode(example["image"]).numpy())
            except tf.errors.InvalidArgumentError:
                broken.append(position)
                labels.pop()
    except tf.errors.DataLossError as error:
        raise DynresError(
            f"The files of {dataset.name!r} are damaged after example {len(labels)} "
            f"of split {split!r}: prepare the data set anew."
        ) from error
    if broken and on_corrupt == "raise":
        raise DynresError(
            f"Image {broken[0]} of {dataset.name!r}, split {split!r}, cannot be "
            f"decoded ({len(broken)} in all); on_corrupt='skip' leaves such images out."
        )
    if broken:
        print(f"{len(broken)} corrupt image(s) of {dataset.name} {split} left out.")
    return np.stack(images), np.asarray(labels, "int64")


def _synthetic(dataset, split):
    """A coarse pattern for each class under noise: learnt in seconds."""
    count = dataset.train_images if split == dataset.train else dataset.test_images
    patterns = np.random.default_rng(0).uniform(40, 215, (dataset.classes, 4, 4, 3))
    random = np.random.default_rng(1 if split == dataset.train else 2)
    labels = np.arange(count, dtype="int64") % dataset.classes
    scale = dataset.size // 4
    images = patterns.repeat(scale, axis=1).repeat(scale, axis=2)[labels]
    images = images + random.normal(0, 40, images.shape)
    return images.clip(0, 255).astype("uint8"), labels

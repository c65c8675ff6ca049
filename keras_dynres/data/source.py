"""What data sets are read from: the files that tensorflow-datasets prepares."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_dynres.data import dense
from keras_dynres.data.catalog import Dataset
from keras_dynres.errors import DynresError, one_of

# Where the picture is called otherwise than image.
_IMAGE = {"cityscapes": "image_left"}


def builder(dataset: Dataset, data_dir: str | Path | None = None) -> Any:
    """The tensorflow-datasets builder, its files prepared where they are missing."""
    import tensorflow_datasets as tfds

    try:
        prepared = tfds.builder(dataset.source, data_dir=data_dir)
        prepared.download_and_prepare()
    except Exception as error:
        # Missing archives, no network, a read-only folder: tfds has a type for each.
        reason = " ".join(str(error).split())[:200]
        raise DynresError(
            f"Data set {dataset.name!r} could not be had from data_dir={data_dir!r}: "
            f"{type(error).__name__}: {reason}"
        ) from error
    return prepared


def undecoded(dataset: Dataset) -> dict[str, Any]:
    """What keeps tensorflow-datasets from decoding images by itself."""
    import tensorflow_datasets as tfds

    return {_IMAGE.get(dataset.name, "image"): tfds.decode.SkipDecoding()}


def example_of(dataset: Dataset, example: dict[str, Any]) -> tuple[tf.Tensor, Any]:
    """The pixels and what is labelled, of one example in the files.

    A map comes with the classes of the data set, boxes as rows in the pixels of the
    picture; both then fit into the shape that networks are given.
    """
    image = decode(example[_IMAGE.get(dataset.name, "image")])
    if dataset.task == "map":
        return dense.fitted_map(image, dense.classes_of(dataset, example), dataset)
    if dataset.task == "boxes":
        return dense.fitted_boxes(image, dense.rows_of(example), dataset)
    return image, example["label"]


def decode(data: tf.Tensor) -> tf.Tensor:
    """One image's bytes to uint8 pixels."""
    return tf.io.decode_image(data, channels=3, expand_animations=False)


def skips(on_corrupt: str) -> bool:
    """Whether damaged images are left out."""
    return one_of("value of on_corrupt", on_corrupt, ("raise", "skip")) == "skip"

"""A few scenes on disk, with maps of classes or boxes, and their reading."""

import dataclasses
import io

import numpy as np
from pictures import HALF

from keras_dynres.data import Dataset

TRAIN, TEST = 12, 5
SHAPE = (32, 48)


def scenes(task, in_memory=True, **changes):
    """The data set of what `write` has written."""
    rows = 4 if task == "boxes" else 0
    dataset = Dataset(
        *("scenes", "scenes", 3, SHAPE, "train", "test", TRAIN, TEST),
        *(HALF, HALF, in_memory, task, rows),
    )
    return dataclasses.replace(dataset, **changes)


def map_features(image="image", classes="segmentation_mask"):
    import tensorflow_datasets as tfds

    return {
        image: tfds.features.Image(),
        classes: tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
    }


def box_features(crowds=False):
    import tensorflow_datasets as tfds

    # Plain numbers: tensorflow-datasets' own boxes refuse to be wrong.
    objects = {
        "bbox": tfds.features.Tensor(shape=(4,), dtype=np.float32),
        "label": np.int64,
        **({"is_crowd": np.bool_} if crowds else {}),
    }
    return {
        "image": tfds.features.Image(),
        "objects": tfds.features.Sequence(objects),
    }


def map_examples(count=TRAIN + TEST, shape=SHAPE, keys=("image", "segmentation_mask")):
    """Noise, and maps in which a class is where the first channel says so."""
    random = np.random.default_rng(0)
    for _ in range(count):
        classes = random.integers(0, 4, (*shape, 1), dtype="uint8")
        yield {keys[0]: np.repeat(60 * classes, 3, axis=-1), keys[1]: classes}


def box_examples(count=TRAIN + TEST, shape=SHAPE):
    """Grey pictures, each with one white object of another place."""
    for number in range(count):
        image = np.full((*shape, 3), 100, "uint8")
        top, left = 4 + number % 3, 8 + number
        image[top : top + 8, left : left + 12] = 255
        yield {"image": image, "objects": [box((left, top, left + 12, top + 8), shape)]}


def box(edges, shape=SHAPE, label=1, **others):
    """An object of the files: edges x1, y1, x2, y2 as shares of the picture."""
    height, width = shape
    x1, y1, x2, y2 = edges
    shares = np.array([y1 / height, x1 / width, y2 / height, x2 / width], "float32")
    return {"bbox": shares, "label": label, **others}


def write(folder, features, examples, test=TEST, broken=()):
    """Examples as tensorflow-datasets prepares them; the last are the test split.

    The pictures whose numbers are in `broken` cannot be decoded.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    folder = folder / "scenes" / "1.0.0"
    folder.mkdir(parents=True)
    features = tfds.features.FeaturesDict(features)
    examples = list(examples)
    for number in broken:
        whole = tf.io.encode_png(examples[number]["image"]).numpy()
        cut = io.BytesIO(whole[:60] + bytes(len(whole) - 60))
        examples[number] = {**examples[number], "image": cut}
    splits = []
    parts = {"train": examples[: len(examples) - test], "test": examples[-test:]}
    for split, part in parts.items():
        path = folder / f"scenes-{split}.tfrecord-00000-of-00001"
        with tf.io.TFRecordWriter(str(path)) as file:
            for example in part:
                file.write(features.serialize_example(example))
        splits.append(
            tfds.core.SplitInfo(name=split, shard_lengths=[len(part)], num_bytes=0)
        )
    tfds.folder_dataset.write_metadata(
        data_dir=str(folder), features=features, split_infos=splits
    )

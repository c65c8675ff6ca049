"""A few pictures on disk, as tensorflow-datasets prepares them; and their reading."""

import io

import numpy as np

from keras_dynres.data import Dataset

HALF = (0.5, 0.5, 0.5)
TRAIN, TEST = 40, 10


def pictures(in_memory):
    return Dataset(
        *("pictures", "pictures", 100, 32, "train", "test", TRAIN, TEST),
        *(HALF, HALF, in_memory),
    )


def _encoded(random, shape):
    import tensorflow as tf

    pixels = random.integers(0, 256, (*shape, 3), dtype="uint8")
    return tf.io.encode_png(pixels).numpy()


def write(folder, broken=(), fixed_size=None):
    """Labels are the pictures' numbers; those in `broken` cannot be decoded."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    folder = folder / "pictures" / "1.0.0"
    folder.mkdir(parents=True)
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(),
            "label": tfds.features.ClassLabel(num_classes=100),
        }
    )
    random = np.random.default_rng(0)
    splits = []
    for split, count, shards in (("train", TRAIN, 2), ("test", TEST, 1)):
        lengths = []
        for shard in range(shards):
            name = f"pictures-{split}.tfrecord-{shard:05d}-of-{shards:05d}"
            numbers = range(shard, count, shards)
            lengths.append(len(numbers))
            with tf.io.TFRecordWriter(str(folder / name)) as file:
                for number in numbers:
                    shape = fixed_size or random.integers(40, 90, 2)
                    image = _encoded(random, shape)
                    if split == "train" and number in broken:
                        image = image[:60] + bytes(len(image) - 60)
                    example = {"image": io.BytesIO(image), "label": number}
                    file.write(features.serialize_example(example))
        splits.append(
            tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=0)
        )
    tfds.folder_dataset.write_metadata(
        data_dir=str(folder), features=features, split_infos=splits
    )


def collected(pipeline):
    batches = [(x.numpy(), y.numpy()) for x, y in pipeline]
    return [np.concatenate(part) for part in zip(*batches, strict=True)]

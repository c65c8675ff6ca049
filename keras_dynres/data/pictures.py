"""Reading the pictures of a folder, of whatever format, size and colour."""

import copy
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from keras_dynres.data import folders, source
from keras_dynres.data.catalog import Dataset
from keras_dynres.errors import DynresError

# Of a photo's pixels so many times the network's are decoded, each way: enough for the
# smallest part that `augment.scale_aspect` cuts, and less work than all of them.
_FINER = 4


def decode(path: str | Path, size: int) -> np.ndarray:
    """The picture in a file, upright, as uint8 pixels (height, width, 3).

    Args:
        path: The file.
        size: Height and width of what a network is given. Of a large JPEG fewer
            pixels are decoded than it has, but four times as many each way.
    """
    try:
        with Image.open(path) as image:
            image.draft(None, (_FINER * size, _FINER * size))
            return _colours(ImageOps.exif_transpose(image))
    except Exception as error:  # Each format's reader has types of its own.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DynresError(
            f"The picture {str(path)!r} cannot be read: {reason.rstrip('.')}; "
            "on_corrupt='skip' leaves such pictures out."
        ) from error


def _colours(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off.
        grey = (np.asarray(image).clip(0, 2**16 - 1) // 2**8).astype("uint8")
        image = Image.fromarray(grey)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"))


class Pictures:
    """The pictures of a folder's split, read as `stream.Files` are.

    Args:
        dataset: The `Dataset` of a folder.
        split: `"train"` or `"test"`.
        data_dir: Not needed: the folder is the data set's own.
        on_corrupt: `"raise"`, or `"skip"` to leave damaged pictures out, of which each
            is read once beforehand.
    """

    skip = False  # None is left out on the way.

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        data_dir: str | Path | None = None,
        on_corrupt: str = "raise",
    ) -> None:
        del data_dir
        self.dataset = dataset
        rows = tuple(folders.rows(dataset, split))
        self._take(_whole(dataset, rows) if source.skips(on_corrupt) else rows)

    def last(self, count: int) -> "Pictures":
        """The last `count` pictures."""
        return copy.copy(self)._take(self.rows[-count:])

    def but(self, count: int) -> "Pictures":
        """All but the last `count` pictures."""
        return copy.copy(self)._take(self.rows[:-count])

    def _take(self, rows: Sequence[folders.Row]) -> "Pictures":
        self.rows, self.count = rows, len(rows)
        return self

    def in_order(self) -> tf.data.Dataset:
        """Paths and classes in an order by which classes are mixed."""
        return tf.data.Dataset.from_tensor_slices(self._columns())

    def shuffled(self, key: tf.Tensor, window: int) -> tf.data.Dataset:
        """Paths and classes in an order that the key sets."""
        del window  # Paths are short: all are shuffled at once.
        order = tf.random.experimental.stateless_shuffle(tf.range(self.count), key)
        columns = tuple(tf.gather(column, order) for column in self._columns())
        return tf.data.Dataset.from_tensor_slices(columns)

    def _columns(self) -> tuple[list[str], np.ndarray]:
        paths = [str(Path(self.dataset.folder, path)) for path, _ in self.rows]
        return paths, np.array([label for _, label in self.rows], "int64")

    def decoded(self, records: tf.data.Dataset, prepare: Callable) -> tf.data.Dataset:
        """Numbered records to `prepare(number, image, label)`, in their own order."""
        size = self.dataset.size

        def one(number, record):
            path, label = record
            image = tf.numpy_function(
                lambda path: decode(path.decode(), size), [path], tf.uint8
            )
            return prepare(number, tf.ensure_shape(image, [None, None, 3]), label)

        return records.map(one, tf.data.AUTOTUNE, deterministic=True)


@functools.lru_cache(maxsize=4)  # Splits of a training, which loads each repeatedly.
def _whole(dataset: Dataset, rows: tuple[folders.Row, ...]) -> tuple[folders.Row, ...]:
    """The rows of pictures that can be decoded; says how many cannot."""

    def is_whole(row):
        try:
            decode(Path(dataset.folder, row[0]), dataset.size)
        except DynresError:
            return False
        return True

    with ThreadPoolExecutor() as threads:
        whole = list(threads.map(is_whole, rows))
    damaged = [row[0] for row, right in zip(rows, whole, strict=True) if not right]
    if damaged:
        print(
            f"{len(damaged)} damaged picture(s) of {dataset.name!r} left out, the "
            f"first {damaged[0]!r}."
        )
    return tuple(row for row, right in zip(rows, whole, strict=True) if right)

"""The one way to walk over data, whatever it comes in."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_dynres.errors import DynresError


def batches(
    data: Any,
    batch_size: int = 128,
    limit: int | None = None,
    seed: int | None = None,
) -> Iterator[tuple[np.ndarray, Any]]:
    """Walks over images and their labels, batch by batch.

    Args:
        data: An array of images; a tuple of arrays `(images, labels)`; or batches of
            either: a `tf.data.Dataset`, a `keras.utils.PyDataset`, a list, a
            generator. What follows the labels in a tuple, such as sample weights, is
            left out. Labels may be dicts or lists of arrays.
        batch_size: Images a batch, where the data is arrays.
        limit: How many images to walk over at most; None means all.
        seed: Of arrays that are longer, takes images at random, in their order; None
            takes the first, as of batches in any case.

    Returns:
        An iterator over `(images, labels)` in NumPy; labels are None where there are
        none, and otherwise as they came: see `class_indices`.

    Example:

    >>> images, labels = np.zeros((5, 8, 8, 3)), np.arange(5)
    >>> [y.tolist() for _, y in batches((images, labels), batch_size=2, limit=3)]
    [[0, 1], [2]]
    """
    limit = None if limit is None else _positive(limit, "limit")
    if limit is None:
        _refuse_endless(data, "say how many images to take", "limit=10000")
    elif seed is not None and _is_arrays(data):
        data = _drawn(data, limit, seed)
    return _limited(_elements(data, batch_size), limit)


def images_of(
    data: Any, batch_size: int = 128, limit_batches: int | None = None
) -> Iterator[np.ndarray]:
    """Walks over the images alone.

    Args:
        data: As of `batches`; labels, where there are some, are not looked at.
        batch_size: Images a batch, where the data is arrays.
        limit_batches: How many batches to walk over at most; None means all.

    Example:

    >>> [len(images) for images in images_of(np.zeros((5, 8, 8, 3)), batch_size=2)]
    [2, 2, 1]
    """
    if limit_batches is None:
        _refuse_endless(data, "say how many batches to take", "batches=100")
    else:
        limit_batches = _positive(limit_batches, "batches")
    return _images_of(itertools.islice(_elements(data, batch_size), limit_batches))


def count_batches(
    data: Any, batch_size: int = 128, limit: int | None = None
) -> int | None:
    """How many batches `batches` will yield, or None where it cannot be known.

    >>> count_batches(np.zeros((5, 8, 8, 3)), batch_size=2)
    3
    """
    if _is_arrays(data):
        count = len(data[0] if isinstance(data, tuple) else data)
        return math.ceil(
            min(count, limit or count) / _positive(batch_size, "batch_size")
        )
    if limit is not None or _is_endless(data):
        return None
    if isinstance(data, keras.utils.PyDataset):
        return data.num_batches
    try:
        return len(data)
    except TypeError:
        return None


def class_indices(labels: Any, axes: int = 1) -> np.ndarray:
    """Class indices, whether given as such, as a column, or one-hot.

    Args:
        labels: An array of labels.
        axes: How many axes the indices have: 1 for a class an image, 3 for a map of
            classes an image.

    Example:

    >>> class_indices([[0, 1], [1, 0]])
    array([1, 0])
    """
    array = np.asarray(labels)
    if array.ndim == axes + 1:
        array = array[..., 0] if array.shape[-1] == 1 else array.argmax(-1)
    if array.ndim != axes or array.dtype.kind not in "buif":
        what = "class indices or one-hot rows" if axes == 1 else "maps of class indices"
        raise DynresError(f"Labels must be {what}. Received: {_described(labels)}.")
    return array.astype("int64")


def _drawn(data, limit, seed):
    """So many of the images and labels, or all where there are no more."""
    images, *rest = data[:2] if isinstance(data, tuple) else (data,)
    if len(images) <= limit:
        return data
    rest = [_arrays(labels) for labels in rest]
    for labels in rest:
        _refuse_unequal(images, labels)
    rows = np.random.default_rng(seed).choice(len(images), limit, replace=False)
    rows.sort()
    return np.asarray(images)[rows], *(_part(labels, rows) for labels in rest)


def _limited(elements, limit):
    left = math.inf if limit is None else limit
    walked = 0
    for element in elements:
        images, labels = _split(element)
        if not len(images):
            continue
        if len(images) > left:
            images, labels = _part(images, slice(left)), _part(labels, slice(left))
        left -= len(images)
        walked += len(images)
        yield images, labels
        if left <= 0:
            return
    _refuse_empty(walked)


def _images_of(elements):
    walked = 0
    for element in elements:
        images = _images(element)
        walked += len(images)
        if len(images):
            yield images
    _refuse_empty(walked)


def _elements(data, batch_size):
    """The batches as the data has them: images, or tuples that begin with them."""
    if _is_arrays(data):
        return _slices(data, _positive(batch_size, "batch_size"))
    # What iterates over something else than batches: characters, keys.
    if (
        not isinstance(data, Iterable)
        or isinstance(data, (str, bytes, Mapping))
        or getattr(data, "shape", None) == ()
    ):
        raise DynresError(
            "Data is an array of images, a tuple of arrays (images, labels), or "
            "batches of either: a tf.data.Dataset, a PyDataset, a list, a generator. "
            f"Received: {_described(data)}."
        )
    return iter(data)


def _slices(data, step):
    if not isinstance(data, tuple):
        data = (data,)
    # Sample weights and the like are no concern of the walk.
    images, *rest = data[:2]
    rest = [_arrays(labels) for labels in rest]
    for labels in rest:
        _refuse_unequal(images, labels)
    for start in range(0, len(images), step):
        part = slice(start, start + step)
        yield (images[part], *(_part(labels, part) for labels in rest))


def _split(element):
    images = _images(element)
    if not isinstance(element, (tuple, list)) or len(element) < 2:
        return images, None
    labels = _arrays(element[1])
    _refuse_unequal(images, labels)
    return images, labels


def _images(element):
    if isinstance(element, (tuple, list)) and element:
        element = element[0]
    try:
        images = np.asarray(element)
    except ValueError:  # Images of several sizes, say.
        images = np.array(None)
    # Numbers of any kind; those of `bfloat16` are none that NumPy knows.
    if images.ndim < 2 or images.dtype.kind not in "buifV":
        raise DynresError(
            "A batch is an array of images, or a tuple that begins with one. "
            f"Received: {_described(element)}. Did you forget `.batch()`?"
        )
    return images


def _arrays(labels):
    """The labels' tree with NumPy arrays for leaves; a list of numbers is a leaf."""
    if labels is None:
        return None
    leaves = keras.tree.flatten(labels)
    if isinstance(labels, (list, tuple)) and not any(map(_is_array, leaves)):
        return np.asarray(labels)
    return keras.tree.map_structure(_as_array, labels)


def _as_array(leaf):
    array = None if leaf is None else np.asarray(leaf)
    # NumPy has no rows of several lengths, as boxes have: they stay what they are.
    is_ragged = _is_array(leaf) and array.ndim == 0
    return leaf if is_ragged else array


def _part(labels, part):
    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else leaf[part], labels
    )


def _refuse_unequal(images, labels):
    for leaf in keras.tree.flatten(labels):
        shape = (len(images),) if leaf is None else tuple(leaf.shape)
        if shape[:1] != (len(images),):
            count = f"{shape[0]} labels" if shape else "a single label"
            raise DynresError(
                "There must be one label for each image. Received: "
                f"{len(images)} images and {count}."
            )


def _refuse_empty(walked):
    if not walked:
        raise DynresError("The data holds no images. Received: no batch of images.")


def _refuse_endless(data, what, near):
    if _is_endless(data):
        argument = near.partition("=")[0]
        raise DynresError(
            f"The data never ends, so {what}, or end it with `take`. "
            f"Received: {argument}=None. "
            f"Did you mean {near!r}?"
        )


def _is_endless(data):
    cardinality = getattr(data, "cardinality", None)
    if cardinality is not None:
        return int(cardinality()) == -1  # tf.data.INFINITE_CARDINALITY
    if not isinstance(data, keras.utils.PyDataset):
        return False
    try:
        return data.num_batches is None
    except NotImplementedError:  # Keras counts on for ever then.
        return True


def _is_arrays(data):
    # A tuple is images and labels; a list of arrays is a list of batches.
    return _is_array(data[0] if isinstance(data, tuple) and data else data)


def _is_array(x):
    return hasattr(x, "dtype") and len(getattr(x, "shape", ())) > 0


def _described(x):
    if hasattr(x, "dtype") and hasattr(x, "shape"):
        return f"an array of shape {tuple(x.shape)} and type {x.dtype}"
    if isinstance(x, (str, int, float)) or x is None:
        return repr(x)
    return f"a {type(x).__name__}"


def _positive(value, name):
    if not isinstance(value, (int, float, np.number)) or value < 1 or value % 1:
        raise DynresError(
            f"`{name}` must be a whole number of at least 1. Received: {name}={value}."
        )
    return int(value)

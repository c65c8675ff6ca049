"""From pictures to what a network takes, and from what it gives to words."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_dynres.errors import DynresError

if TYPE_CHECKING:
    from keras_dynres.zoo.network import Network


def preprocess(network: "Network", pictures: Any) -> np.ndarray:
    """The text of `Card.preprocess` says it.

    Args:
        network: The `Network` that is to see them.
        pictures: Pixels of 0 to 255, one picture or several.
    """
    if isinstance(pictures, (list, tuple)):
        several = [np.asarray(picture) for picture in pictures]
    else:
        array = np.asarray(pictures)
        several = list(array[None] if array.ndim == 3 else array)
    if not several:
        raise DynresError("At least one picture is needed. Received: none.")
    rule = network.preprocessing
    mean, std = (np.asarray(rule[key], "float32") for key in ("mean", "std"))
    fitted = [_fitted(network, _pixels(picture)) for picture in several]
    return ((np.stack(fitted) / rule["scale"] - mean) / std).astype("float32")


def _pixels(picture: np.ndarray) -> np.ndarray:
    """Three channels of 0 to 255; a grey picture's are all the same."""
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.ndim == 3 and picture.shape[-1] == 1:
        picture = np.repeat(picture, 3, axis=-1)
    right = picture.ndim == 3 and picture.shape[-1] == 3 and picture.size > 0
    if not right or not np.issubdtype(picture.dtype, np.number):
        raise DynresError(
            "A picture has pixels of shape (height, width, 3), or (height, width) in "
            f"grey. Received: shape {picture.shape}, {picture.dtype}"
        )
    picture = picture.astype("float32")
    low, high = float(picture.min()), float(picture.max())
    if not (np.isfinite(low) and low >= 0 and 1 < high <= 255 or low == high == 0):
        raise DynresError(
            "Pixels are numbers of 0 to 255, and not standardised yet. "
            f"Received: values from {low:g} to {high:g}"
        )
    return picture


def _fitted(network: "Network", pixels: np.ndarray) -> np.ndarray:
    """The pixels in the network's shape, as test images of its data set come to it."""
    images = network.images
    if pixels.shape[:2] == network.input_shape[:2]:
        return pixels
    from keras_dynres.data import augment, dense  # They import TensorFlow.

    if images.task != "classes":
        return np.asarray(dense.fitted(pixels, images)[0], "float32")
    margin = {"margin": 1} if images.in_memory else {}
    return np.asarray(augment.centre(pixels, images.shape[0], **margin))


def decode(network: "Network", outputs: Any, top: int = 5) -> list[Any]:
    """The text of `Card.decode` says it.

    Args:
        network: The `Network` that gave the outputs.
        outputs: What an instance predicts.
        top: How many answers an image has at most.
    """
    task = network.images.task
    if top < 1:
        raise DynresError(f"top is 1 at least. Received: top={top}")
    names = network.labels or tuple(map(str, range(network.classes)))
    if task == "boxes":
        if not isinstance(outputs, Mapping) or not {"boxes", "count"} <= set(outputs):
            raise _other("a dict with boxes, scores, classes and count", outputs)
        return list(_objects(outputs, names, top))
    if isinstance(outputs, Mapping) and "map" in outputs:
        outputs = outputs["map"]
    axes = 4 if task == "map" else 2
    if np.ndim(outputs) != axes or np.shape(outputs)[-1] != len(names):
        rank = "a map" if task == "map" else "a row"
        raise _other(f"{rank} of {len(names)} logits an image", outputs)
    logits = np.asarray(outputs, "float64")
    if not np.isfinite(logits).all():
        raise DynresError("The outputs hold NaN or infinity.")
    if task == "map":
        return [_shares(answer.argmax(axis=-1), names, top) for answer in logits]
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return [_best(row, names, top) for row in shares]


def _best(
    shares: np.ndarray, names: Sequence[str], top: int
) -> list[tuple[str, float]]:
    order = np.argsort(-shares, kind="stable")[:top]
    return [(names[i], float(shares[i])) for i in order]


def _shares(
    classes: np.ndarray, names: Sequence[str], top: int
) -> list[tuple[str, float]]:
    """How much of a map each class has, of those that have any."""
    counts = np.bincount(classes.ravel(), minlength=len(names)) / classes.size
    return [(name, share) for name, share in _best(counts, names, top) if share]


def _objects(outputs: Mapping, names: Sequence[str], top: int) -> Any:
    arrays = (np.asarray(outputs[k]) for k in ("boxes", "scores", "classes", "count"))
    for boxes, scores, classes, count in zip(*arrays, strict=True):
        there = np.argsort(-scores[: int(count)], kind="stable")[:top]
        yield [
            (names[int(classes[i])], float(scores[i]), tuple(map(float, boxes[i])))
            for i in there
        ]


def _other(wanted: str, outputs: Any) -> DynresError:
    shapes = keras.tree.map_structure(np.shape, outputs)
    return DynresError(f"The network gives {wanted}. Received: shapes {shapes}")

"""Networks that were trained elsewhere, with a new classifier.

They are those of `keras.applications` and functional models in `.keras` files.
"""

import inspect
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_dynres import graph
from keras_dynres.errors import DynresError, one_of

APPLICATIONS = "keras.applications."
"""What the names of Keras' own networks begin with."""
FILE = ".keras"
_IMAGENET = "imagenet"
# What this function says itself.
_OWN = ("include_top", "input_tensor", "pooling", "classifier_activation", "name")
# As all networks here have it: that of others is for more steps than few images make.
_MOMENTUM = 0.9
# How images come in where nothing else is said: as ImageNet's.
_PREPROCESSING = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def is_pretrained(name: str) -> bool:
    """Whether an architecture's name is one of a network from elsewhere.

    >>> is_pretrained("keras.applications.MobileNetV2"), is_pretrained("mobilenet_v2")
    (True, False)
    """
    return name.startswith(APPLICATIONS) or name.endswith(FILE)


def pretrained(
    network: str,
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int = 1000,
    weights: str | None = None,
    expects: str | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    name: str | None = None,
    **options: Any,
) -> keras.Model:
    """A network from elsewhere with a classifier of its own for other classes.

    Its classifier is left out; what is left is pooled and read by a linear layer. It is
    given images as all networks of this package are, standardised; a layer in front
    makes of them what it was trained on.

    Example:

    >>> name = "keras.applications.MobileNetV2"
    >>> pretrained(name, (96, 96, 3), classes=5, alpha=0.35).output.shape
    (None, 5)

    Args:
        network: `"keras.applications.NAME"`, or the path of a `.keras` file of a
            functional model.
        input_shape: Shape of an image.
        classes: Number of classes.
        weights: Of `keras.applications`: `"imagenet"`, which Keras downloads; the path
            of a file of weights without classifier; or None.
        expects: The network of `keras.applications` by whose `preprocess_input` the
            images of a `.keras` file are to be scaled; by default they stay
            standardised.
        preprocessing: `mean` and `std` that the images are standardised by.
        name: Name of the model, by default as its maker calls it.
        **options: What the function of `keras.applications` takes besides, such as
            `alpha=0.5`.

    Returns:
        A functional `keras.Model` whose output is logits.
    """
    if network.startswith(APPLICATIONS):
        expects = network.removeprefix(APPLICATIONS)
        base = _application(expects, input_shape, weights, options)
    else:
        _refuse_options(network, weights, options)
        base = _of_file(Path(network).expanduser(), input_shape)
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = _MOMENTUM
    x = _features(base)
    if len(x.shape) == 4:
        x = keras.layers.GlobalAveragePooling2D(name="head_pool")(x)
    x = keras.layers.Dense(classes, dtype="float32", name="head_logits")(x)
    model = keras.Model(base.input, x, name=name or base.name)
    if expects is None:
        return model
    return _scaled(model, expects, preprocessing or _PREPROCESSING)


def _application(name, input_shape, weights, options):
    build = _function(name)
    offered = [key for key in inspect.signature(build).parameters if key not in _OWN]
    for option in options:
        one_of(f"option of {APPLICATIONS}{name}", option, offered)
    like = {"include_top": False, "input_shape": input_shape, **options}
    if weights not in (None, _IMAGENET) and not Path(weights).expanduser().is_file():
        raise DynresError(
            f"weights is {_IMAGENET!r}, the path of a file, or none. "
            f"Received: weights={weights!r}"
        )
    try:
        base = build(weights=weights, **like)
    except Exception as error:  # A failed download is an Exception and no more.
        reason = " ".join(str(error).split()).rstrip(".")
        raise DynresError(
            f"{APPLICATIONS}{name} could not be made with weights={weights!r} for "
            f"images of {input_shape}: {reason}."
        ) from error
    deviations = getattr(sys.modules[build.__module__], "IMAGENET_STDDEV_RGB", None)
    if deviations and weights != _IMAGENET:
        return _corrected(base, deviations)
    return base


def _corrected(base, deviations):
    """EfficientNet as Keras makes it for ImageNet's weights when it loads them itself.

    They were trained on images divided by the root of their deviation once more.
    """
    (norm,) = (
        layer for layer in base.layers if isinstance(layer, keras.layers.Normalization)
    )
    scale = [1 / math.sqrt(deviation) for deviation in deviations]
    layer = keras.layers.Rescaling(scale, name="as_published")
    return graph.rewire(base, {norm.name: graph.after(layer)})


def _of_file(path, input_shape):
    if not path.is_file():
        raise DynresError(f"The network's file does not exist. Received: {str(path)!r}")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # Which one depends on where in the file Keras stopped.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DynresError(
            f"{str(path)!r} is no model that Keras can load: {reason[0]}"
        ) from error
    return graph.at_size(graph.flatten(model), *input_shape[:2])


def _refuse_options(network, weights, options):
    if weights is not None or options:
        raise DynresError(
            "A network in a file has weights and options of its own. "
            f"Received: {network!r} with {dict(weights=weights, **options)}"
        )


def _features(base):
    """What the base's classifier reads, or all that it gives if it has none."""
    if len(base.outputs) != 1 or len(base.output.shape) not in (2, 4):
        raise DynresError(
            "A new classifier is given to a network with one output, features or "
            f"class scores. Received: {base.name!r} with outputs "
            f"{[tuple(output.shape) for output in base.outputs]}"
        )
    if len(base.output.shape) == 4:
        return base.output
    calls = graph.upstream(base, base.output)
    dense = [call for call in calls if isinstance(call.layer, keras.layers.Dense)]
    return dense[-1].inputs[0] if dense else base.output


def _scaled(model, expects, preprocessing):
    """The model of standardised images: exactly what its own preprocessing gives."""
    scale, offset, order = _affine(expects)
    mean, std = (np.array(preprocessing[key], "float64") for key in ("mean", "std"))
    # By the pixels, 255 (x std + mean), in the order that the images have.
    offset = scale * 255 * mean + offset
    scale = scale * 255 * std
    if list(order) != [0, 1, 2]:
        _reorder(model, order)
    if np.allclose(scale, 1, atol=1e-6) and np.allclose(offset, 0, atol=1e-6):
        return model
    layer = keras.layers.Rescaling(scale.tolist(), offset.tolist(), name="as_trained")
    (name,) = graph.input_names(model)
    return graph.rewire(model, {name: graph.after(layer)})


def _affine(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scale and offset of each colour of a picture, and the order they come out in."""
    preprocess = sys.modules[_function(name).__module__].preprocess_input
    pixels = np.zeros((1, 4, 1, 3), "float32")
    pixels[0, range(1, 4), 0, range(3)] = 255
    black, *colours = preprocess(pixels, data_format="channels_last")[0, :, 0]
    by_colour = np.array(colours, "float64") - black
    order = np.abs(by_colour).argmax(axis=0)
    scale = by_colour.max(axis=1) / 255
    offset = np.empty(3)
    offset[order] = black
    return scale, offset, order


def _reorder(model, order):
    """Lets the first convolution read the colours in another order."""
    convolutions = (
        call.layer
        for call in graph.calls(model)
        if isinstance(call.layer, keras.layers.Conv2D)
    )
    first = next(convolutions)
    kernel = np.array(first.kernel)
    reordered = np.empty_like(kernel)
    reordered[:, :, order] = kernel
    first.kernel.assign(reordered)


def _function(name: str) -> Callable[..., keras.Model]:
    functions = {
        key: value
        for key, value in vars(keras.applications).items()
        if inspect.isfunction(value)
    }
    return functions[one_of("network of keras.applications", name, functions)]

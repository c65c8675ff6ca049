"""What the families share: padded convolutions, batch norm, stem, head, checks."""

import difflib
from numbers import Integral

import keras

from keras_dynres.errors import DynresError


def conv(x, filters, kernel, name, stride=1, groups=1, use_bias=False):
    """Convolution that pads `kernel // 2` on each side, as the published nets do."""
    padding = "same"
    if stride > 1 and kernel > 1:
        # Keras' "same" pads unevenly at stride 2; weights from elsewhere expect
        # the same number of pixels on each side.
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
        padding = "valid"
    return keras.layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding=padding,
        groups=groups,
        use_bias=use_bias,
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, mode="fan_out", distribution="untruncated_normal"
        ),
        name=name,
    )(x)


def bn(x, name):
    """Batch normalisation with the published nets' constants."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def relu(x, name):
    """A ReLU of its own: no activation layer is used twice."""
    return keras.layers.ReLU(name=name)(x)


def add(x, y, name):
    """Residual addition."""
    return keras.layers.Add(name=name)([x, y])


def head(x, classes):
    """Global average pooling and the classifier, whose logits are float32."""
    x = keras.layers.GlobalAveragePooling2D(name="global_pool")(x)
    return logits(x, classes)


def logits(x, classes):
    """The classifier: float32 whatever the precision of the layers before it."""
    return keras.layers.Dense(classes, dtype="float32", name="logits")(x)


def image_input(input_shape):
    """The checked input of a network: height, width (or None) and channels."""
    shape = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else ()
    sizes_ok = all(s is None or _positive(s) for s in shape[:2])
    if len(shape) != 3 or not sizes_ok or not _positive(shape[2]):
        raise DynresError(
            "input_shape must be (height, width, channels) with a known number of "
            f"channels, as (32, 32, 3). Received: input_shape={input_shape!r}."
        )
    return keras.Input(shape, name="images")


def check_positive(**values):
    """Refuses anything but whole numbers from 1."""
    for key, value in values.items():
        if not _positive(value):
            raise DynresError(
                f"{key} must be a whole number from 1. Received: {key}={value!r}."
            )


def check_rate(**values):
    """Refuses a dropout rate outside [0, 1)."""
    for key, value in values.items():
        if not isinstance(value, (int, float)) or not 0 <= value < 1:
            raise DynresError(
                f"{key} must be a number from 0 to below 1. Received: {key}={value!r}."
            )


def choose(key, value, offered):
    """Returns `offered[value]`, or says which offered value is nearest."""
    try:
        return offered[value]
    except (KeyError, TypeError):
        pass
    listed = ", ".join(repr(o) for o in offered)
    near = nearest(value, offered)
    hint = "" if near is None else f" Did you mean {near!r}?"
    raise DynresError(
        f"{key} must be one of {listed}. Received: {key}={value!r}.{hint}"
    )


def nearest(value, offered):
    """The offered value nearest to `value`, or None."""
    numbers = [o for o in offered if isinstance(o, Integral)]
    if isinstance(value, (int, float)) and numbers:
        return min(numbers, key=lambda o: abs(o - value))
    names = {str(o): o for o in offered}
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.4)
    return names[near[0]] if near else None


def _positive(value):
    return (
        isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1
    )

"""Nets as small as low-mode, and the training of tests, allow."""

import keras


def tiny(size=8, kernel=3, head=None):
    """A stem, and a block whose first convolution is padded by a layer of its own."""
    x = keras.Input((size, size, 3), name="images")
    y = keras.layers.Conv2D(4, 3, padding="same", name="stem")(x)
    z = keras.layers.ZeroPadding2D(kernel // 2, name="conv1_pad")(y)
    z = keras.layers.Conv2D(4, kernel, strides=2, use_bias=False, name="conv1")(z)
    z = keras.layers.BatchNormalization(name="bn1")(z)
    z = keras.layers.ReLU(name="relu1")(z)
    z = keras.layers.Conv2D(4, 3, padding="same", name="conv2")(z)
    y = keras.layers.Conv2D(4, 1, strides=2, name="shortcut")(y)
    y = keras.layers.Add(name="add")([y, z])
    y = (head or keras.layers.GlobalAveragePooling2D())(y)
    return keras.Model(x, keras.layers.Dense(4, name="logits")(y), name="tiny")


def architecture(input_shape=(32, 32, 3), classes=10, widths=(8, 16, 16), name="tiny"):
    """What networks of tests are; feature maps shrink at the first two layers."""
    x = y = keras.Input(input_shape, name="images")
    for number, width in enumerate(widths, 1):
        stride = 2 if number < 3 else 1
        y = keras.layers.Conv2D(
            width, 3, stride, "same", use_bias=False, name=f"conv{number}"
        )(y)
        y = keras.layers.BatchNormalization(name=f"bn{number}")(y)
        y = keras.layers.ReLU(name=f"relu{number}")(y)
    y = keras.layers.GlobalAveragePooling2D(name="pool")(y)
    return keras.Model(x, keras.layers.Dense(classes, name="logits")(y), name=name)

"""A net of one residual block: all that low-mode needs."""

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

"""Small networks of two residual blocks: one row of logits, a map, both by name."""

import keras
import numpy as np

import keras_dynres as kd

SIZE, CLASSES = 16, 4


def features(channels=(4, 6, 6), convolutions=1):
    """(images, a feature map) of a stem and two residual blocks, the last strided."""
    layers = keras.layers
    stem, *stages = channels
    x = images = keras.Input((SIZE, SIZE, 3), name="images")
    x = layers.Conv2D(stem, 3, padding="same", use_bias=False, name="stem_conv")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.ReLU(name="stem_relu")(x)
    for stage, width, strides in zip("ab", stages, (1, 2), strict=True):
        y = layers.Conv2D(
            width, 3, strides, "same", use_bias=False, name=f"{stage}_conv"
        )(x)
        y = layers.BatchNormalization(name=f"{stage}_bn")(y)
        for number in range(2, convolutions + 1):
            y = layers.ReLU(name=f"{stage}_relu{number - 1}")(y)
            y = layers.Conv2D(
                width, 3, padding="same", use_bias=False, name=f"{stage}_conv{number}"
            )(y)
            y = layers.BatchNormalization(name=f"{stage}_bn{number}")(y)
        shortcut = layers.Conv2D(width, 1, strides, name=f"{stage}_shortcut")(x)
        x = layers.Add(name=f"{stage}_add")([y, shortcut])
        x = layers.ReLU(name=f"{stage}_relu")(x)
    return images, x


def row_net(convolutions=1):
    """The same with one row of logits; wide enough for weights to outweigh a graph."""
    images, x = features((16, 24, 32), convolutions)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    logits = keras.layers.Dense(CLASSES, dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="row_net")


def block_of(method):
    """How many convolutions a block has: as few as the method can do with."""
    return 2 if method == "sampled" else 1


def map_head(x, name="map"):
    """Logits for each cell, in the images' size whatever size arrives."""
    x = keras.layers.Conv2D(CLASSES, 1, name=f"{name}_conv")(x)
    return keras.layers.Resizing(SIZE, SIZE, dtype="float32", name=name)(
        x, training=False
    )


def map_net(convolutions=1):
    """A fully convolutional network: a map of logits."""
    images, x = features(convolutions=convolutions)
    return keras.Model(images, map_head(x), name="map_net")


def dict_net(convolutions=1):
    """A network of two outputs by name: a row of logits and a map of logits."""
    images, x = features(convolutions=convolutions)
    row = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    row = keras.layers.Dense(CLASSES, dtype="float32", name="row_logits")(row)
    return keras.Model(images, {"row": row, "map": map_head(x)}, name="dict_net")


def map_exits():
    """Two exits, each a map of logits."""
    images, x = features()
    base = keras.Model(images, x)
    early = base.get_layer("a_relu").output
    return keras.Model(images, [map_head(early, "early"), map_head(x)], name="exits")


def pictures(count=8, seed=0):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(count, SIZE, SIZE, 3)).astype("float32")


def maps(count=8, seed=1):
    return np.random.default_rng(seed).integers(0, CLASSES, (count, SIZE, SIZE))


def rows(count=8, seed=2):
    return np.random.default_rng(seed).integers(0, CLASSES, count)


def iou():
    return keras.metrics.MeanIoU(CLASSES, sparse_y_pred=False)


def compiled(model, loss, metrics):
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        loss,
        metrics=metrics,
        jit_compile=keras.backend.backend() == "jax",
    )
    return model


def cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def map_method(name, **options):
    """A method over maps, compiled."""
    net = map_exits() if name == "early_exit" else map_net(block_of(name))
    model = kd.methods.create(name, net, **options)
    return compiled(model, cross_entropy(), [iou()])


def dict_method(name, **options):
    """A method over the two named outputs, compiled."""
    model = kd.methods.create(name, dict_net(block_of(name)), **options)
    losses = {"row": cross_entropy(), "map": cross_entropy()}
    return compiled(model, losses, {"row": ["accuracy"], "map": [iou()]})

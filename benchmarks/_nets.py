"""The networks that several benchmarks measure, and files of their menus."""

import numpy as np

import keras_dynres as kd
from keras_dynres.tflite.export import export

NETS = {
    "wrn_10_1": lambda: kd.architectures.wide_resnet(depth=10, width=1),
    "wrn_16_2": lambda: kd.architectures.wide_resnet(depth=16, width=2),
    "wrn_28_10": lambda: kd.architectures.wide_resnet(depth=28, width=10),
    "resnet50": lambda: kd.architectures.resnet(depth=50),
    "preresnet101": lambda: kd.architectures.preresnet(depth=101),
}
SHIPPED = ["sdpoint_wrn16_2_cifar10"]


def sdpoint(net, ratios=(0.5, 0.75), points="auto"):
    """An SDPoint model with random weights and statistics, or one that ships.

    Speed and memory do not depend on what the weights are, but a file does: instances
    whose statistics are all alike would share more than trained ones do.
    """
    if net in SHIPPED:
        return kd.zoo.load(net)
    model = kd.SDPoint(NETS[net](), ratios=ratios, points=points)
    draw = np.random.default_rng(0)
    for slot in model.slots.values():
        slot.moving_mean.assign(draw.normal(0, 0.1, slot.moving_mean.shape))
        slot.moving_variance.assign(draw.uniform(0.8, 1.2, slot.moving_mean.shape))
    model.calibrated.assign(np.ones(len(model.instances)))
    return model


def spaced(names, most):
    """At most so many names, evenly spaced, `full` among them."""
    count = min(most, len(names))
    step = (len(names) - 1) / max(1, count - 1)
    kept = [names[round(i * step)] for i in range(count)]
    return list(dict.fromkeys(["full", *kept]))[:count]


def bundle(model, path, instances="all", precision="float32", images=None):
    """One file of the instances; noise sets activations' ranges unless images do."""
    shape = model.base.input_shape[1:]
    noise = np.random.default_rng(1).standard_normal((4, *shape), "float32")
    images = noise if images is None else images
    export(
        model,
        path,
        instances=instances,
        precision=precision,
        calibration_data=images if precision == "int8" else None,
        verify_data=noise,
        verbose=0,
    )
    return path

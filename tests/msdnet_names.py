"""The tensors of a checkpoint of MSDNet's published code, told from its arguments.

Written after that code's constructor, and not after this package's.
"""

import math


def tensors(
    steps,
    factors=(1, 2, 4),
    bottlenecks=(1, 2, 4),
    channels=16,
    growth=6,
    prune="max",
    reduction=0.5,
    head=128,
    classes=10,
):
    """{name: shape} of all tensors of a network for CIFAR."""
    count, layers, made, layer, width = len(factors), sum(steps), {}, 0, channels

    def conv(name, place, inputs, outputs, size):
        made[f"{name}.net.{place}.weight"] = (outputs, inputs, size, size)
        for part in ("weight", "bias", "running_mean", "running_var"):
            made[f"{name}.net.{place + 1}.{part}"] = (outputs,)

    def branch(name, source, outputs):
        inputs = width * factors[source]
        inner = min(inputs, bottlenecks[source] * outputs)
        conv(name, 0, inputs, inner, 1)
        conv(name, 3, inner, outputs, 3)

    for block, step in enumerate(steps):
        place = 0
        if not block:
            before = 3
            for scale, factor in enumerate(factors):
                conv(f"blocks.0.0.layers.{scale}", 0, before, channels * factor, 3)
                before = channels * factor
            place = 1
        for _ in range(step):
            layer += 1
            if prune == "min":
                taken = min(count, layers - layer + 2)
                kept = min(count, layers - layer + 1)
            else:
                interval = math.ceil(layers / count)
                taken = count - max(0, layer - 2) // interval
                kept = count - (layer - 1) // interval
            for index, scale in enumerate(range(count - kept, count)):
                name = f"blocks.{block}.{place}.layers.{index}"
                added = growth * factors[scale]
                if index or taken > kept:
                    branch(f"{name}.conv_down", scale - 1, added // 2)
                    branch(f"{name}.conv_normal", scale, added // 2)
                else:
                    branch(f"{name}.conv_normal", scale, added)
            place += 1
            width += growth
            third = layer in (layers // 3, 2 * layers // 3)
            if reduction and (third if prune == "min" else taken > kept):
                less = math.floor(reduction * width)
                for index, scale in enumerate(range(count - kept, count)):
                    name = f"blocks.{block}.{place}.m.{index}"
                    conv(name, 0, width * factors[scale], less * factors[scale], 1)
                place += 1
                width = less
        name = f"classifier.{block}"
        conv(f"{name}.m.0", 0, width * factors[-1], head, 3)
        conv(f"{name}.m.1", 0, head, head, 3)
        made[f"{name}.linear.weight"] = (classes, head)
        made[f"{name}.linear.bias"] = (classes,)
    return made

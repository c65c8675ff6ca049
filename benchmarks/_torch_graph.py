"""A Keras graph carried out by PyTorch, layer by layer."""

import keras
import numpy as np
import torch
from torch.nn import functional

from keras_dynres import graph


class Torch(torch.nn.Module):
    """A Keras graph of stock layers, carried out by torch.

    Args:
        model: A functional `keras.Model` of images, channels last.
    """

    def __init__(self, model):
        super().__init__()
        self.calls = graph.calls(model)
        self.ends = [id(x) for x in model.inputs], [id(x) for x in model.outputs]
        self.held, self.moving = torch.nn.ParameterDict(), {}
        for layer in {call.name: call.layer for call in self.calls}.values():
            for weight in layer.weights:
                values = torch.from_numpy(np.array(weight, "float32"))
                if values.ndim == 4:
                    values = values.permute(3, 2, 0, 1)
                    values = values.contiguous(memory_format=torch.channels_last)
                name = f"{layer.name}/{weight.name}"
                if weight.trainable:
                    self.held[name] = torch.nn.Parameter(values)
                else:
                    self.moving[name] = values

    def forward(self, images):
        """A list of the outputs for images, channels first in shape."""
        (source,), results = self.ends
        known = {source: images}
        for call in self.calls:
            inputs = [known[id(tensor)] for tensor in call.inputs]
            known[id(call.outputs[0])] = self.step(call.layer, inputs)
        return [known[key] for key in results]

    def weights(self, layer, *names):
        """A layer's weights by their names; None for those it has not."""
        names = [f"{layer.name}/{name}" for name in names]
        return [self.held[n] if n in self.held else self.moving.get(n) for n in names]

    def step(self, layer, inputs):
        """What a layer gives."""
        x, kind = inputs[0], type(layer).__name__
        if kind == "Conv2D":
            side = layer.kernel_size[0] // 2 if layer.padding == "same" else 0
            if side and layer.strides[0] > 1:
                raise _unknown(layer, "strides with padding 'same'")
            weights = self.weights(layer, "kernel", "bias")
            return functional.conv2d(x, *weights, layer.strides, side)
        if kind == "BatchNormalization":
            names = ("moving_mean", "moving_variance", "gamma", "beta")
            options = (self.training, 1 - layer.momentum, layer.epsilon)
            return functional.batch_norm(x, *self.weights(layer, *names), *options)
        if kind == "Dense":
            kernel, bias = self.weights(layer, "kernel", "bias")
            with torch.autocast("cpu", enabled=False):
                return functional.linear(x.float(), kernel.T, bias)
        if kind == "ReLU" or getattr(layer, "activation", 0) is keras.activations.relu:
            return functional.relu(x)
        if kind == "Concatenate":
            return torch.cat(inputs, 1)
        if kind == "Add":
            return inputs[0] + inputs[1]
        if kind == "ZeroPadding2D":
            (top, bottom), (left, right) = layer.padding
            return functional.pad(x, (left, right, top, bottom))
        if kind == "MaxPooling2D" and layer.padding == "valid":
            return functional.max_pool2d(x, layer.pool_size, layer.strides)
        if kind == "GlobalAveragePooling2D":
            return x.mean((2, 3))
        raise _unknown(layer, kind)


def _unknown(layer, what):
    return ValueError(f"No torch operation is known here for {what}: {layer.name!r}.")


def to_torch(images):
    """A batch as torch wants it: channels first in shape, last in memory."""
    values = torch.from_numpy(images).permute(0, 3, 1, 2)
    return values.contiguous(memory_format=torch.channels_last)

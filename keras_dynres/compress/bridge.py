"""A graph of stock Keras layers, rebuilt in tf_keras, which older tools take."""

from typing import Any

import keras
import numpy as np

from keras_dynres import graph
from keras_dynres.errors import DynresError

_WINDOW = ("kernel_size", "strides", "padding", "dilation_rate", "groups", "use_bias")
_POOL = ("pool_size", "strides", "padding")
# What of a layer's configuration both libraries know, by the layer's class.
_KEYS = {
    "Activation": ("activation",),
    "Add": (),
    "Average": (),
    "AveragePooling2D": _POOL,
    "BatchNormalization": ("axis", "epsilon", "momentum", "center", "scale"),
    "Concatenate": ("axis",),
    "Conv2D": ("filters", *_WINDOW, "activation"),
    "Dense": ("units", "use_bias", "activation"),
    "DepthwiseConv2D": (
        "depth_multiplier",
        *(key for key in _WINDOW if key != "groups"),
        "activation",
    ),
    "Dropout": ("rate",),
    "Flatten": (),
    "GlobalAveragePooling2D": ("keepdims",),
    "GlobalMaxPooling2D": ("keepdims",),
    "Identity": (),
    "MaxPooling2D": _POOL,
    "Maximum": (),
    "Multiply": (),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "Reshape": ("target_shape",),
    "Resizing": ("height", "width", "interpolation"),
    "Softmax": ("axis",),
    "SpatialDropout2D": ("rate",),
    "Subtract": (),
    "UpSampling2D": ("size", "interpolation"),
    "ZeroPadding2D": ("padding",),
}
_OLD_NAMES = {"Identity": "Activation"}


class Bridge:
    """A functional Keras model, and the same network in tf_keras.

    Args:
        model: A flat functional `keras.Model` of stock layers.

    Attributes:
        net: The `tf_keras.Model`, with the weights as they are now.

    Example:

    ```python
    bridge = Bridge(model.graph)
    bridge.net.fit(images, labels)
    bridge.bring_back(bridge.net)
    ```
    """

    def __init__(self, model: keras.Model):
        import tf_keras

        self._model = model
        self._layers, tensors, inputs = {}, {}, []
        for tensor, name in zip(model.inputs, graph.input_names(model), strict=True):
            inputs.append(tf_keras.Input(tuple(tensor.shape[1:]), name=name))
            tensors[id(tensor)] = inputs[-1]
        new = {}
        for call in graph.calls(model):
            layer = call.layer
            if layer.name not in new:
                new[layer.name] = _twin(tf_keras.layers, layer)
            args = keras.tree.map_structure(
                lambda part: tensors.get(id(part), part), call.args
            )
            options = {k: v for k, v in call.kwargs.items() if v is not None}
            tensors[id(call.outputs[0])] = new[layer.name](*args, **options)
            if layer.weights:
                self._layers[layer.name] = layer
        outputs = keras.tree.map_structure(lambda t: tensors[id(t)], model.output)
        self.net = tf_keras.Model(inputs, outputs, name=model.name)
        for name, layer in self._layers.items():
            new[name].set_weights([np.asarray(weight) for weight in layer.weights])

    def losses(self) -> list:
        """The cross-entropy of classes for each output, as it gives them."""
        import tf_keras

        for output in self.net.outputs:
            if len(output.shape) != 2:
                raise DynresError(
                    "An output that is no row of classes needs a loss: give a function "
                    "of labels and outputs. Received: an output of shape "
                    f"{tuple(output.shape)}."
                )
        return [
            tf_keras.losses.SparseCategoricalCrossentropy(
                from_logits=not graph.gives_probabilities(self._model, position)
            )
            for position in range(len(self.net.outputs))
        ]

    def bring_back(self, net: Any) -> None:
        """Gives the Keras layers the weights that a trained net has under their names.

        Args:
            net: The `tf_keras.Model`, or what a tool made of it, of the same layers.
        """
        values = {
            name: net.get_layer(name).get_weights() for name, _ in self._layers.items()
        }
        for name, arrays in values.items():
            if not all(np.isfinite(array).all() for array in arrays):
                raise DynresError(
                    "Training ended at weights that are not finite, and the network "
                    f"stays as it was: lower the learning rate. Received: {name!r}."
                )
        for name, layer in self._layers.items():
            for weight, value in zip(layer.weights, values[name], strict=True):
                weight.assign(value)


def _twin(layers: Any, layer: keras.layers.Layer) -> Any:
    """The tf_keras layer of the same configuration, without weights."""
    kind = type(layer).__name__
    if kind not in _KEYS or type(layer) is not getattr(keras.layers, kind, None):
        raise DynresError(
            "tensorflow-model-optimization takes stock layers of images alone, and "
            f"{layer.name!r} is none it can be given. Received: {kind}."
        )
    config = layer.get_config()
    if config.get("data_format", "channels_last") != "channels_last":
        raise DynresError(
            "tensorflow-model-optimization takes channels last. Received: "
            f"{layer.name!r} with data_format={config['data_format']!r}."
        )
    options = {key: config[key] for key in _KEYS[kind] if key in config}
    if not isinstance(options.get("activation", ""), str):
        raise DynresError(
            "tensorflow-model-optimization takes activations that have a name. "
            f"Received: {layer.name!r} with activation={layer.activation!r}."
        )
    if kind == "Identity":
        options = {"activation": "linear"}
    return getattr(layers, _OLD_NAMES.get(kind, kind))(name=layer.name, **options)

"""The forms in which layers are written so that TFLite stores weights once.

The converter stores bit-identical constants once. It folds batch norm into the
kernel before it, so instances with statistics of their own would each get a kernel
of their own. Two ways keep them one:

- float: where instances disagree on the scale, batch norm is written as a 1x1
  depthwise convolution with bias, which the converter does not fold.
- int8: each kernel is first put on its own grid of 255 values per channel. Any
  folded scale then stretches the grid, and the integers stay what they were. A norm
  that is a convolution of its own is put on one grid for all instances, so that they
  share its scale and differ in one byte a channel.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dynres import graph, grid
from keras_dynres.core.copies import settle
from keras_dynres.layers import AdaptivePooling2D
from keras_dynres.layers.adaptive_pooling import window_bounds
from keras_dynres.tflite import norms
from keras_dynres.tflite.precision import Precision, precision_of

# What Keras computes, but in float32.
_EXACT = Precision("float32", unfolded=False)


def prepared(
    graphs: Mapping[str, keras.Model], precision: str | Precision
) -> dict[str, keras.Model]:
    """Rewires instances into the form in which they are converted.

    Args:
        graphs: Maps an instance's name to its functional `keras.Model`; the models
            may share layers, and stay as they are.
        precision: A name of `PRECISIONS`.

    Returns:
        A dict of models under the same names. Layers the graphs share are still
        shared.
    """
    return _Forms(graphs, precision_of(precision)).models


def in_float32(model: keras.Model) -> keras.Model:
    """The model itself, or one that computes in float32 what it does in less."""
    model = graph.flatten(model)
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model
    return _Forms({"": model}, _EXACT).models[""]


class _Forms:
    def __init__(self, graphs: Mapping[str, keras.Model], precision: Precision):
        self._precision = precision
        self._copies = {}
        self._lenders = {}
        graphs = {
            name: self._without_borrowed(_from_float32(model))
            for name, model in graphs.items()
        }
        producers = {
            name: norms.producers(model, self._lenders)
            for name, model in graphs.items()
        }
        self._disputed = norms.disputed(graphs, producers)
        self._steps = norms.steps(graphs.values()) if precision.integer else {}
        self.models = {
            name: graph.rewire(model, self._edits(model, producers[name]))
            for name, model in graphs.items()
        }

    def _without_borrowed(self, model: keras.Model) -> keras.Model:
        """The graph with plain layers in place of those that borrow weights.

        A batch norm is written in a form of its own, whosever scale it has.
        """
        lent = [
            call.layer
            for call in graph.calls(model)
            if _borrows(call.layer)
            and not norms.is_norm(call.layer, len(call.outputs[0].shape))
        ]
        return graph.rewire(
            model, {layer.name: graph.swap(self._plain(layer)) for layer in lent}
        )

    def _plain(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        if id(layer) not in self._copies:
            copy = layer.plain()
            copy.build(*_build_arguments(layer))
            copy.set_weights(layer.plain_weights())
            kernel = getattr(layer, "kernel", None)
            if any(kernel is weight for weight in getattr(layer, "_borrowed", ())):
                self._lenders[id(copy.kernel)] = id(kernel)
            self._copies[id(layer)] = copy, layer
        return self._copies[id(layer)][0]

    def _edits(self, model: keras.Model, producers: Mapping) -> dict[str, Callable]:
        edits = {}
        self._taken = {layer.name for layer in model.layers}
        for call in graph.calls(model):
            form = self._form(call, producers)
            if form is not None:
                edits[call.name] = _in_place(form)
        return edits

    def _form(self, call: graph.Call, producers: Mapping) -> keras.layers.Layer | None:
        layer = call.layer
        if not isinstance(layer, keras.layers.Layer):
            return None
        rank = len(call.outputs[0].shape)
        if norms.is_norm(layer, rank):
            return self._norm(call, rank, producers)
        if self._precision.integer and _is_average(layer):
            shape = call.inputs[0].shape
            if isinstance(layer, AdaptivePooling2D):
                return _pooling(layer, shape)
            window, strides = layer.pool_size, layer.strides
            return _Depthwise.averaging(window, strides, shape[-1], layer.name)
        if self._precision.snapped and isinstance(layer, grid.LAYERS):
            return self._copy(layer, _snapped)
        if layer.compute_dtype != "float32":
            return self._copy(layer, lambda kernel, layer: kernel)
        return None

    def _norm(
        self, call: graph.Call, rank: int, producers: Mapping
    ) -> keras.layers.Layer:
        producer = producers.get(id(call.inputs[0]))
        folds = producer is not None
        disputed = producer in self._disputed
        name = self._name(call.layer)
        kind = self._precision
        if not kind.unfolded or folds and (kind.snapped or not disputed):
            return _Affine(*norms.affine(call.layer), name=name)
        if rank == 4 and kind.depthwise:
            # Also where nothing folds, as after an addition: one operator with its
            # ReLU instead of two, and in int8 a scale for each channel.
            step = self._steps.get(norms.key(call.layer))
            scale, offset = norms.affine(call.layer, step)
            kernel = scale[None, None, :, None]
            return _Depthwise(kernel, offset, (1, 1), name=name)
        return _Affine(*norms.affine(call.layer), folds=not disputed, name=name)

    def _name(self, norm: keras.layers.Layer) -> str:
        """The name its scale was made under: the same in every instance."""
        variable = norm.gamma if norm.gamma is not None else norm.beta
        path = "" if variable is None else variable.path
        name = path.split("/")[-2] if "/" in path else norm.name
        if name in self._taken:
            return norm.name
        self._taken.add(name)
        return name

    def _copy(self, layer: keras.layers.Layer, change: Callable) -> keras.layers.Layer:
        """The layer in float32, its kernel changed; one copy for all graphs."""
        if id(layer) not in self._copies:
            config = {**layer.get_config(), "dtype": "float32"}
            copy = type(layer).from_config(config)
            if layer.built:
                copy.build(*_build_arguments(layer))
                kernel = getattr(layer, "kernel", None)
                # A copy of a layer that borrows weights has them of its own.
                weights = layer.weights or getattr(layer, "_borrowed", [])
                for new, old in zip(copy.weights, weights, strict=True):
                    value = np.asarray(old, "float32")
                    new.assign(change(value, layer) if old is kernel else value)
                settle([copy])
            # The layer itself is kept, so that its id stays its own.
            self._copies[id(layer)] = copy, layer
        return self._copies[id(layer)][0]


def _from_float32(model: keras.Model) -> keras.Model:
    """The flat graph; features it takes in half precision are taken in single."""
    if not {tensor.dtype for tensor in model.inputs} & {"float16", "bfloat16"}:
        return graph.flatten(model)
    inputs = [keras.Input(batch_shape=t.shape, dtype="float32") for t in model.inputs]
    packed = keras.tree.pack_sequence_as(model.input, inputs)
    return graph.flatten(keras.Model(inputs, model(packed), name=model.name))


def _borrows(layer: Any) -> bool:
    """Whether a layer uses others' weights, and can say it as a stock layer."""
    return hasattr(layer, "plain") and hasattr(layer, "plain_weights")


def _in_place(form: keras.layers.Layer) -> Callable:
    def edit(call, inputs, *args, training=None, mask=None, **kwargs):
        return form(inputs, *args, **kwargs)  # Inference: nothing else is said.

    return edit


def _build_arguments(layer: keras.layers.Layer) -> tuple:
    config = layer.get_build_config() or {}
    if "shapes_dict" in config:
        return tuple(config["shapes_dict"].values())
    return (config.get("input_shape"),)


def _is_average(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, AdaptivePooling2D):
        return layer.mode == "average"
    return (
        type(layer) is keras.layers.AveragePooling2D
        and layer.padding == "valid"
        and layer.data_format == "channels_last"
    )


def _snapped(kernel: np.ndarray, layer: keras.layers.Layer) -> np.ndarray:
    """The kernel on the grid to which the converter will quantise it."""
    return ops.convert_to_numpy(grid.on_grid(kernel, grid.channel_axes(layer)))


class _Affine(keras.layers.Layer):
    """`x * scale + offset`; folded into the kernel before it where that `folds`."""

    def __init__(
        self, scale: np.ndarray, offset: np.ndarray, folds: bool = True, **kwargs
    ):
        super().__init__(dtype="float32", **kwargs)
        self._constants = scale, offset
        self._folds = folds

    def call(self, x: Any) -> Any:
        scale, offset = self._constants
        if not self._folds:
            # Changes nothing, and stands between the kernel and the scale.
            x = ops.maximum(x, -3e38)
        return x * scale + offset

    def compute_output_shape(self, shape: tuple) -> tuple:
        return shape


class _Depthwise(keras.layers.Layer):
    """A depthwise convolution with constant kernel and bias, without padding."""

    def __init__(
        self, kernel: np.ndarray, bias: np.ndarray, strides: Sequence[int], **kwargs
    ):
        super().__init__(dtype="float32", **kwargs)
        self._constants = kernel, bias
        self._strides = strides

    @classmethod
    def averaging(
        cls, window: Sequence[int], strides: Sequence[int], channels: int, name: str
    ) -> "_Depthwise":
        kernel = np.full((*window, channels, 1), 1 / np.prod(window), "float32")
        return cls(kernel, np.zeros(channels, "float32"), strides, name=name)

    def call(self, x: Any) -> Any:
        kernel, bias = self._constants
        return ops.depthwise_conv(x, kernel, self._strides, "valid") + bias


class _WindowMeans(keras.layers.Layer):
    """Pools each axis by a 1x1 convolution over its cells as channels.

    A product with a constant matrix on the left is not an int8 operator of XNNPACK.
    """

    def __init__(self, shape: Sequence[int], cells: Sequence[int], **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self._kernels = [
            _window_weights(size, count)[None, None]
            for size, count in zip(shape, cells, strict=True)
        ]

    def call(self, x: Any) -> Any:
        rows, columns = self._kernels
        x = ops.transpose(x, (0, 2, 3, 1))
        x = ops.conv(x, rows, padding="valid")
        x = ops.transpose(x, (0, 3, 2, 1))
        x = ops.conv(x, columns, padding="valid")
        return ops.transpose(x, (0, 1, 3, 2))


def _window_weights(size: int, cells: int) -> np.ndarray:
    weights = np.zeros((size, cells), "float32")
    for cell, (start, end) in enumerate(window_bounds(size, cells)):
        weights[start:end, cell] = 1 / (end - start)
    return weights


def _pooling(layer: AdaptivePooling2D, shape: Sequence[int]) -> keras.layers.Layer:
    sizes = shape[1:3]
    cells = layer.cells(*sizes)
    if any(size % count for size, count in zip(sizes, cells, strict=True)):
        return _WindowMeans(sizes, cells, name=layer.name)
    window = tuple(size // count for size, count in zip(sizes, cells, strict=True))
    return _Depthwise.averaging(window, window, shape[-1], layer.name)

"""The int8 graphs of a TFLite file, to read their scales and to change them."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

_INT8 = 9  # TensorType.INT8 of the schema
# Operators with a kernel: they read any scale and give any.
_KERNELS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# Operators that move numbers and must give the scale they read.
_MOVES = (
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "MAX_POOL_2D",
    "PAD",
    "RESHAPE",
    "STRIDED_SLICE",
    "TRANSPOSE",
)
_LINEAR = (0, 1)  # ActivationFunctionType.NONE and RELU: they keep proportions.


class Graph:
    """A graph, and the quantised kernels in it."""

    def __init__(self, model: Any, graph: Any):
        self.model, self.tensors, self.operators = model, graph.tensors, []
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            name = _operator_names()[max(code.builtinCode, code.deprecatedBuiltinCode)]
            self.operators.append((name, operator))
        self.kernels, self._owned = [], set()
        for name, operator in self.operators:
            if (
                name in _KERNELS
                and self.step(operator.inputs[0]) is not None
                and not self.is_constant(operator.inputs[0])
                and self.is_constant(operator.inputs[1])
            ):
                self._own_constants(operator)
                self.kernels.append(Kernel(self, operator))
        # Where graphs call one another, both ends of a call have the same scale.
        ports = (*graph.inputs, *graph.outputs)
        self.ports = {int(index) for index in ports if self.step(index) is not None}
        self._kernel_operators = {id(kernel.operator) for kernel in self.kernels}

    def _own_constants(self, operator: Any) -> None:
        """Tensors of its own for an operator's kernel and bias."""
        inputs = np.array(operator.inputs)
        for place, index in enumerate(inputs[1:], 1):
            if index >= 0 and index in self._owned:
                inputs[place] = len(self.tensors)
                self.tensors.append(copy.deepcopy(self.tensors[index]))
        self._owned.update(inputs[1:])
        operator.inputs = inputs

    def is_constant(self, index: int) -> bool:
        """Whether a tensor's values are in the file."""
        data = self.model.buffers[self.tensors[index].buffer].data
        return data is not None and len(data) > 0

    def step(self, index: int) -> tuple[float, int] | None:
        """Scale and zero point of an int8 activation."""
        tensor = self.tensors[index]
        scales = tensor.quantization and tensor.quantization.scale
        if tensor.type != _INT8 or scales is None or len(scales) != 1:
            return None
        return float(scales[0]), int(tensor.quantization.zeroPoint[0])

    def set_step(self, index: int, scale: float, zero: int) -> None:
        """Gives an activation another scale and zero point."""
        quantization = self.tensors[index].quantization
        quantization.scale = np.array([scale], "float32")
        quantization.zeroPoint = np.array([zero], "int64")

    def activations(self, operator: Any) -> Iterator[int]:
        """The quantised tensors an operator reads and gives, constants left out."""
        for index in (*operator.inputs, *operator.outputs):
            if index >= 0 and self.step(index) and not self.is_constant(index):
                yield int(index)

    def moves(self, name: str, operator: Any) -> bool:
        """Whether an operator gives numbers as it read them, at the same scale."""
        return name in _MOVES and not any(
            index >= 0 and self.step(index) and self.is_constant(index)
            for index in operator.inputs
        )

    def is_kernel(self, operator: Any) -> bool:
        """Whether an operator is that of one of the `kernels`."""
        return id(operator) in self._kernel_operators


class Kernel:
    """A convolution or product with constant kernel and bias, quantised."""

    def __init__(self, graph: Graph, operator: Any):
        self._graph, self.operator = graph, operator
        self.input, self.output = int(operator.inputs[0]), int(operator.outputs[0])
        self.tensor = graph.tensors[operator.inputs[1]]
        # The constants themselves have no names wherever the converter folded them.
        self.name = graph.tensors[self.output].name or id(self)
        with_bias = len(operator.inputs) > 2 and operator.inputs[2] >= 0
        self._bias = graph.tensors[operator.inputs[2]] if with_bias else None
        self._input_scale = graph.step(self.input)[0]

    @property
    def linear(self) -> bool:
        """Whether what it gives is in proportion to what it reads."""
        return is_linear(self.operator)

    @property
    def scale(self) -> np.ndarray:
        """The kernel's scales, a number a channel."""
        return self.tensor.quantization.scale

    @property
    def integers(self) -> np.ndarray:
        """The kernel itself."""
        return self._data(self.tensor, "int8").reshape(self.tensor.shape)

    @property
    def has_bias(self) -> bool:
        """Whether there is a bias other than zeros."""
        return self._bias is not None and bool(self._data(self._bias, "int32").any())

    def change(
        self,
        scale: np.ndarray,
        integers: np.ndarray | None = None,
        unit: float = 1.0,
    ) -> None:
        """Other scales, and a bias that is what it was.

        Args:
            scale: The kernel's new scales.
            integers: Its new integers, where they change.
            unit: By how much the output's numbers are larger than they were.
        """
        before = self._input_scale * self.scale.astype("float64") * unit
        self._input_scale = self._graph.step(self.input)[0]
        self.tensor.quantization.scale = scale.astype("float32")
        if integers is not None:
            self._store(self.tensor, integers.astype("int8"))
        if self._bias is not None:
            after = self._input_scale * scale.astype("float64")
            bias = np.round(self._data(self._bias, "int32") * (before / after))
            self._store(self._bias, bias.astype("int32"))
            self._bias.quantization.scale = after.astype("float32")

    def _data(self, tensor: Any, kind: str) -> np.ndarray:
        data = self._graph.model.buffers[tensor.buffer].data
        return np.asarray(data, "uint8").view(kind)

    def _store(self, tensor: Any, values: np.ndarray) -> None:
        """In a buffer of its own: others may use the old one."""
        buffers = self._graph.model.buffers
        buffer = type(buffers[0])()
        buffer.data = np.frombuffer(values.tobytes(), "uint8")
        tensor.buffer = len(buffers)
        buffers.append(buffer)


def is_linear(operator: Any) -> bool:
    """Whether what an operator gives is in proportion to what it reads."""
    return getattr(operator.builtinOptions, "fusedActivationFunction", 0) in _LINEAR


def _operator_names() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {code: name for name, code in vars(schema.BuiltinOperator).items()}

"""Writes a TFLite file anew with everything equal stored once.

The converter stores equal weights once, but not what surrounds them: every graph has
its own names, shapes, zero points and operator options. In a small network those
cost as much as a second copy of the weights.
"""

import collections
from typing import Any

import numpy as np

from keras_dynres.tflite import scales

_INT32 = 2  # TensorType.INT32 of the schema
# The converter's own names for constants, which say nothing and are all different.
_NUMBERED = (b"tfl.", b"arith.constant", b"StatefulPartitionedCall")


def compact(data: bytes, integer: bool = False, distinct: bool = False) -> bytes:
    """The same model in fewer bytes.

    Names inside a graph lose the graph's own name and the trail of fused operators,
    so that equal layers of two graphs have equal names.

    Args:
        data: The bytes of a TFLite file.
        integer: Whether the graphs compute in integers, and are to have common scales
            (see `scales`). Their activations are then rounded on common grids.
        distinct: Whether no two tensors of the file have the same name, which
            ai-edge-quantizer asks of the float files it starts from.

    Returns:
        The bytes of a file that computes the same, or with `integer` nearly so.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data)
    if any(buffer.offset for buffer in model.buffers):
        return bytes(data)  # Above 2 GB: weights lie outside the FlatBuffer.
    _rename(model)
    if integer:
        scales.share(model)
    _merge_buffers(model)
    _share_zero_biases(model)
    _renumber(model)
    seen, counts = {}, collections.Counter()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.name = _layer(tensor, model)
            if distinct:
                tensor.name = _distinct(tensor, model, counts)
            tensor.quantization = _once(tensor.quantization, seen)
        for operator in graph.operators:
            operator.builtinOptions = _once(operator.builtinOptions, seen)
        graph.tensors = [_once(tensor, seen) for tensor in graph.tensors]
        graph.operators = [_once(operator, seen) for operator in graph.operators]
    for signature in model.signatureDefs or []:
        signature.inputs = [_once(port, seen) for port in signature.inputs]
        signature.outputs = [_once(port, seen) for port in signature.outputs]
    builder = _builder()(len(data) + 1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _merge_buffers(model: Any) -> None:
    """One buffer for equal content; the first is the empty one, by convention."""
    kept, index = [type(model.buffers[0])()], {b"": 0}

    def place(old):
        data = model.buffers[old].data
        raw = b"" if data is None else np.asarray(data, "uint8").tobytes()
        if raw not in index:
            index[raw] = len(kept)
            kept.append(model.buffers[old])
            kept[-1].data = np.frombuffer(raw, "uint8")
        return index[raw]

    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer = place(tensor.buffer)
    for entry in model.metadata or []:
        entry.buffer = place(entry.buffer)
    model.metadataBuffer = None
    model.buffers = kept


def _share_zero_biases(model: Any) -> None:
    """Gives an int32 bias of zeros the scales its kernel has.

    Its own scales are the kernel's times the input's, which differ from graph to
    graph; zero is zero at any scale.
    """
    for graph in model.subgraphs:
        for operator in graph.operators:
            if len(operator.inputs) != 3 or operator.inputs[2] < 0:
                continue
            kernel, bias = (graph.tensors[i] for i in operator.inputs[1:])
            data, scales = model.buffers[bias.buffer].data, kernel.quantization
            if bias.type != _INT32 or scales is None or data is None or np.any(data):
                continue
            if len(scales.scale) == len(bias.quantization.scale):
                bias.quantization.scale = scales.scale


def _renumber(model: Any) -> None:
    """Numbers tensors in the order of their use, as they are in the smallest graph.

    What a graph has besides is numbered last. The parts in which graphs are alike
    then have equal numbers, and so operators that are equal.
    """
    uses = [_uses(graph) for graph in model.subgraphs]
    places = {key: place for place, key in enumerate(min(uses, key=len).values())}
    for index, (graph, keys) in enumerate(zip(model.subgraphs, uses, strict=True)):
        order = sorted(keys, key=lambda t: places.get(keys[t], len(places)))
        number = {-1: -1, **{old: new for new, old in enumerate(order)}}

        def new(tensors, number=number):
            return np.array([number[int(t)] for t in tensors], "int32")

        graph.tensors = [graph.tensors[old] for old in order]
        graph.inputs, graph.outputs = new(graph.inputs), new(graph.outputs)
        for operator in graph.operators:
            operator.inputs, operator.outputs = (
                new(operator.inputs),
                new(operator.outputs),
            )
            if operator.intermediates is not None:
                operator.intermediates = new(operator.intermediates)
        for signature in model.signatureDefs or []:
            if signature.subgraphIndex == index:
                for port in (*signature.inputs, *signature.outputs):
                    port.tensorIndex = number[port.tensorIndex]


def _uses(graph: Any) -> dict[int, tuple]:
    """Tensors in the order of their use, each with what it is to its graph.

    That is its name, or of a constant, which may have none, that of what is made
    with it; and how many of the same came before.
    """
    keys, counts = {}, collections.Counter()

    def add(tensor, *what):
        if tensor >= 0 and tensor not in keys:
            keys[int(tensor)] = (*what, counts[what])
            counts[what] += 1

    for tensor in graph.inputs:
        add(tensor, graph.tensors[tensor].name)
    for operator in graph.operators:
        made = [graph.tensors[tensor].name for tensor in operator.outputs]
        for place, tensor in enumerate(operator.inputs):
            add(tensor, *made, place)
        for tensor, name in zip(operator.outputs, made, strict=True):
            add(tensor, name)
    for tensor in range(len(graph.tensors)):
        add(tensor, graph.tensors[tensor].name)
    return keys


def _rename(model: Any) -> None:
    """Equal names for what is equal; a signature's ports have its names for them."""
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.name = _short(tensor.name)
    for signature in model.signatureDefs or []:
        tensors = model.subgraphs[signature.subgraphIndex].tensors
        for port in (*signature.inputs, *signature.outputs):
            tensors[port.tensorIndex].name = port.name


def _short(name: bytes | None) -> bytes:
    """`net_p1/block_1/conv_1/Conv2D;net_p1/...` becomes `block_1/conv_1/Conv2D`."""
    first = (name or b"").split(b";")[0]
    if first.startswith(_NUMBERED):
        return b""
    return first.split(b"/", 1)[-1]


def _layer(tensor: Any, model: Any) -> bytes:
    """The name of a tensor's layer; constants of whole numbers need none."""
    if tensor.type == _INT32 and model.buffers[tensor.buffer].data is not None:
        return b""
    return tensor.name.rsplit(b"/", 1)[0]


def _distinct(tensor: Any, model: Any, counts: collections.Counter) -> bytes:
    """The name, or one after it that no tensor has.

    Layers are chosen by the names of what they make: constants do with a number.
    """
    name = tensor.name
    if counts[name] and model.buffers[tensor.buffer].data is not None:
        name = b""
    counts[name] += 1
    return name if name and counts[name] == 1 else b"%s~%d" % (name, counts[name])


def _once(table: Any, seen: dict) -> Any:
    """The table, or an equal one that came before; written when first asked for."""
    if table is None:
        return None
    return seen.setdefault(_content(table), _Once(table))


def _content(value: Any) -> Any:
    """What a table holds, as a key of a dict."""
    if isinstance(value, _Once):
        return id(value)
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, list):
        return tuple(_content(item) for item in value)
    if hasattr(value, "__dict__"):
        fields = sorted(vars(value).items())
        return type(value).__name__, tuple((k, _content(v)) for k, v in fields)
    return value


class _Once:
    """A table of the schema that is written once and pointed at from everywhere."""

    def __init__(self, table: Any):
        self._table = table
        self._at = {}

    def Pack(self, builder: Any) -> int:  # noqa: N802 (the schema's own name)
        if id(builder) not in self._at:
            self._at[id(builder)] = self._table.Pack(builder)
        return self._at[id(builder)]


def _builder() -> type:
    import flatbuffers

    class Builder(flatbuffers.Builder):
        """Stores equal strings and vectors of numbers once."""

        def __init__(self, size: int):
            super().__init__(size)
            self._strings, self._vectors = {}, {}

        def CreateString(self, text: Any, **kwargs) -> int:  # noqa: N802
            if text not in self._strings:
                self._strings[text] = super().CreateString(text, **kwargs)
            return self._strings[text]

        def CreateNumpyVector(self, values: np.ndarray) -> int:  # noqa: N802
            raw = values.tobytes()
            key = values.dtype.str, raw
            if key not in self._vectors:
                # Weights are the vectors of bytes: the schema aligns them to 16.
                align = 16 if values.itemsize == 1 else values.dtype.alignment
                self.StartVector(values.itemsize, values.size, align)
                self.head -= len(raw)
                self.Bytes[self.head : self.head + len(raw)] = raw
                self.vectorNumElems = values.size
                self._vectors[key] = self.EndVector()
            return self._vectors[key]

    return Builder

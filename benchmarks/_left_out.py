"""What XNNPACK leaves to TFLite's own kernels, and how long that takes.

The runtime has no profiler that Python can ask. So the operators that no delegate
takes are cut out of the file into one of their own, which is given what they are given
in the whole network.
"""

import copy
import statistics
import time
from collections import Counter

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType


class LeftOut:
    """The operators of a file's one graph that XNNPACK does not run.

    Args:
        content: The bytes of the file.

    Attributes:
        names: How many there are of each kind.
    """

    def __init__(self, content):
        self._whole = Interpreter(
            model_content=content, experimental_preserve_all_tensors=True
        )
        self._whole.allocate_tensors()
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        graph = model.subgraphs[0]
        taken = _taken(content)
        graph.operators = [
            op for op in graph.operators if not taken.issuperset(op.outputs)
        ]
        codes = [model.operatorCodes[op.opcodeIndex] for op in graph.operators]
        self.names = Counter(_name(code) for code in codes)
        self._inputs = sorted(
            {
                int(number)
                for op in graph.operators
                for number in op.inputs
                if number >= 0
                and model.buffers[graph.tensors[number].buffer].data is None
            }
        )
        graph.inputs = np.array(self._inputs, "int32")
        graph.outputs = _outputs_apart(graph)
        model.signatureDefs = model.metadata = []
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        self._cut = Interpreter(
            model_content=bytes(builder.Output()),
            num_threads=1,
            experimental_op_resolver_type=(
                OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            ),
        )
        self._cut.allocate_tensors()

    def milliseconds(self, images):
        """The median over images of what the operators take together."""
        times = []
        for image in images:
            self._whole.set_tensor(self._whole.get_input_details()[0]["index"], image)
            self._whole.invoke()
            for number in self._inputs:
                self._cut.set_tensor(number, self._whole.get_tensor(number))
            start = time.perf_counter()
            self._cut.invoke()
            times.append(1000 * (time.perf_counter() - start))
        return statistics.median(times)


def _taken(content):
    """Numbers of the tensors that a delegate makes, each operator taken by itself."""
    single = Interpreter(
        model_content=content, experimental_disable_delegate_node_fusion=True
    )
    single.allocate_tensors()
    details = single._get_ops_details()
    parts = [op["outputs"] for op in details if op["op_name"] == "DELEGATE"]
    return {int(number) for outputs in parts for number in outputs}


def _name(code):
    """An operator's name in the schema."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    names = vars(schema.BuiltinOperator).items()
    return next(name for name, value in names if value == number)


def _outputs_apart(graph):
    """Gives each operator outputs that no other one reads."""
    numbers = []
    for op in graph.operators:
        first = len(graph.tensors)
        graph.tensors += [copy.copy(graph.tensors[number]) for number in op.outputs]
        op.outputs = np.arange(first, len(graph.tensors), dtype="int32")
        numbers.extend(op.outputs)
    return np.array(numbers, "int32")

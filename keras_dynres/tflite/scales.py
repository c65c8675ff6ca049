"""Makes the scales of int8 graphs equal where nothing is lost by it.

Every graph has ranges of activations of its own, and from them scales of its own for
kernels and biases: a number a channel each, which in a menu cost more than all that
the instances' statistics say. Three steps leave what each graph computes as it is,
but for the rounding of its activations:

- An activation of the same name has one range in all graphs, the one that covers all.
- Norms of the same name that lie on one grid (`norms.steps`) have one scale, and
  differ in their integers.
- An activation that kernels alone make and read counts in its own steps: its scale is
  1, and what it was goes into the kernels' scales. A bias's scales, the input's times
  the kernel's, are then the kernel's own.
"""

import collections
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from keras_dynres.tflite.quantized import Graph, is_linear

# Operators without a kernel that read any scale and give any.
_FREE = ("ADD", "DEQUANTIZE", "MEAN", "QUANTIZE")
# How much coarser the steps of an activation may become for a common range.
_COARSER = 1.75


def share(model: Any) -> None:
    """Makes scales of a model's int8 graphs equal, in place.

    Args:
        model: A `ModelT` of the schema.
    """
    graphs = [Graph(model, graph) for graph in model.subgraphs]
    _join_ranges(graphs)
    _join_norms(graphs)
    _count_in_steps(graphs)


class _Groups:
    """Things that belong together, told pair by pair."""

    def __init__(self):
        self._parents = {}

    def add(self, *things: Hashable) -> None:
        for thing in things:
            self._parents[self._root(thing)] = self._root(things[0])

    def _root(self, thing: Hashable) -> Hashable:
        while self._parents.setdefault(thing, thing) != thing:
            thing = self._parents[thing]
        return thing

    def __iter__(self) -> Iterator[list]:
        groups = collections.defaultdict(list)
        for thing in self._parents:
            groups[self._root(thing)].append(thing)
        return iter(groups.values())


def _join_ranges(graphs: list[Graph]) -> None:
    """One range for what is called the same, and for what operators only move."""
    groups, fixed = _Groups(), set()
    for number, graph in enumerate(graphs):
        fixed.update((number, index) for index in graph.ports)
        for name, operator in graph.operators:
            places = [(number, i) for i in graph.activations(operator)]
            for place in places:
                groups.add(("name", graph.tensors[place[1]].name or place), place)
            if name == "DEQUANTIZE":  # What a signature gives; the tensor has no name.
                groups.add(("name", graph.tensors[operator.outputs[0]].name), *places)
            if graph.moves(name, operator):
                groups.add(*places)
            elif not (name in _FREE or graph.is_kernel(operator)):
                fixed.update(places)
        for kernel in graph.kernels:
            groups.add(("read", kernel.name), (number, kernel.input))
    for group in groups:
        places = [place for place in group if isinstance(place[0], int)]
        steps = [graphs[number].step(index) for number, index in places]
        joint = _joint(set(steps))
        if fixed.intersection(places) or joint[0] > _COARSER * min(steps)[0]:
            continue
        for number, index in places:
            graphs[number].set_step(index, *joint)
    for graph in graphs:
        for kernel in graph.kernels:
            kernel.change(kernel.scale)


def _joint(steps: set[tuple[float, int]]) -> tuple[float, int]:
    """Scale and zero point of the range that covers all of them."""
    low = min((-128 - zero) * scale for scale, zero in steps)
    high = max((127 - zero) * scale for scale, zero in steps)
    for scale, zero in steps:
        if np.isclose((127 - zero) * scale, high) and np.isclose(
            (-128 - zero) * scale, low
        ):
            return scale, zero
    scale = float(np.float32((high - low) / 255))
    return scale, int(np.clip(round(-128 - low / scale), -128, 127))


def _join_norms(graphs: list[Graph]) -> None:
    """One scale for norms of the same name, whose kernels hold a number a channel."""
    norms = collections.defaultdict(list)
    for graph in graphs:
        for kernel in graph.kernels:
            if kernel.tensor.shape[0] == kernel.integers[..., 0].size == 1:
                norms[kernel.name, len(kernel.scale)].append(kernel)
    for same in norms.values():
        scale = np.max([kernel.scale for kernel in same], axis=0)
        for kernel in same:
            exact = kernel.integers * kernel.scale / scale
            if np.abs(exact - np.round(exact)).max() < 0.01:
                kernel.change(scale, np.round(exact))


def _count_in_steps(graphs: list[Graph]) -> None:
    """Scale 1 for activations that kernels alone make and read, in every graph."""
    free, barred = [], set()
    for graph in graphs:
        groups, kept = _Groups(), set(graph.ports)
        for name, operator in graph.operators:
            places = list(graph.activations(operator))
            for place in places:
                groups.add(place)
            if graph.moves(name, operator) and is_linear(operator):
                groups.add(*places)
            elif not graph.is_kernel(operator):
                kept.update(places)
        for group in map(set, groups):
            makers = [kernel for kernel in graph.kernels if kernel.output in group]
            readers = [kernel for kernel in graph.kernels if kernel.input in group]
            if len(makers) == 1 and makers[0].linear and not kept & group:
                free.append((graph, group, makers[0], readers))
            else:
                barred.update(kernel.name for kernel in readers)
    for graph, group, maker, readers in free:
        names = {kernel.name for kernel in readers}
        if names & barred or not any(kernel.has_bias for kernel in readers):
            continue
        scale, zero = graph.step(min(group))
        for place in group:
            graph.set_step(place, 1.0, zero)
        maker.change(maker.scale / scale, unit=1 / scale)
        for reader in readers:
            reader.change(reader.scale * scale)

"""What the published PyTorch code calls the weights of an MSDNet."""

import collections
import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_dynres.architectures.msdnet import every_column, plan
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.zoo.importing.tensors import Wanted, wanted_by

_COLUMN = re.compile(
    r"block(?P<block>\d+)_(?P<kind>first|layer|transition)(?P<number>\d*)"
    r"_scale(?P<scale>\d+)_(?:(?P<way>same|down)_)?"
    r"(?P<narrow>bottleneck_)?(?P<part>conv|bn)"
)
_EXIT = re.compile(r"exit(?P<exit>\d+)_(?:(?P<step>\d)_(?P<part>conv|bn)|logits)")
_WAYS = {"same": "conv_normal", "down": "conv_down"}


def wanted(model: DynamicModel, **kwargs: Any) -> dict[str, Wanted]:
    """All tensors of a checkpoint, and the weights that they are for.

    Args:
        model: `MSDNet` over the architecture.
        **kwargs: What `architectures.msdnet` takes. A checkpoint has every scale of
            every layer, so also those that no exit sees and our network lacks.
    """
    whole = [layer for layer in every_column(**kwargs).layers if layer.weights]
    prefixes = _prefixes({layer.name: layer for layer in whole})
    own = [layer for layer in model.base.layers if layer.weights]
    unused = {
        name: tensor._replace(assign=None)
        for name, tensor in wanted_by(whole, prefixes).items()
    }
    return {**unused, **wanted_by(own, prefixes)}


def shape_of(
    tensors: Mapping[str, np.ndarray],
) -> tuple[tuple[int, ...], int | None]:
    """(layers of each block, classes), as far as a checkpoint's names tell."""
    pattern = re.compile(r"blocks\.(\d+)\.(\d+)\.layers\.\d+\.conv_normal\.")
    modules = {match.groups() for match in map(pattern.match, tensors) if match}
    count = collections.Counter(int(block) for block, _ in modules)
    last = tensors.get("classifier.0.linear.bias")
    steps = tuple(count[block] for block in sorted(count))
    return steps, None if last is None else last.size


def shape_of_network(
    method: str,
    classes: int,
    input_shape: tuple[int, ...],
    stem: str = "auto",
    **kwargs: Any,
) -> tuple[tuple[int, ...], int]:
    """The same of a network, by what `architectures.msdnet` is given."""
    del method, input_shape, stem
    return plan(**kwargs).steps, classes


def _prefixes(layers: Mapping[str, keras.layers.Layer]) -> dict[str, str]:
    """{layer's name: what the names of its tensors begin with}."""
    columns = {name: _COLUMN.fullmatch(name) for name in layers}
    columns = {name: match.groupdict() for name, match in columns.items() if match}
    finest, order = {}, {}
    for column in columns.values():
        module = _module(column)
        scale = int(column["scale"])
        finest[module] = min(scale, finest.get(module, scale))
        order.setdefault(module[0], set()).add(module)
    prefixes = {}
    for name in layers:
        if name in columns:
            column = columns[name]
            module = _module(column)
            place = sorted(order[module[0]]).index(module)
            scale = int(column["scale"]) - finest[module]
            inner = _inside(name, column, layers)
            kind = "m" if column["kind"] == "transition" else "layers"
            prefixes[name] = f"blocks.{module[0] - 1}.{place}.{kind}.{scale}.{inner}"
        else:
            prefixes[name] = _exit(**_EXIT.fullmatch(name).groupdict())
    return prefixes


def _module(column: Mapping[str, str]) -> tuple[int, int, str]:
    """A layer's module; sorted, a block's modules stand as they follow one another."""
    return int(column["block"]), int(column["number"] or 0), column["kind"]


def _inside(
    name: str, column: Mapping[str, str], layers: Mapping[str, keras.layers.Layer]
) -> str:
    """The name of a layer's tensors inside its module."""
    position = 0 if column["part"] == "conv" else 1
    if column["kind"] == "first":
        # The large stem of ImageNet's networks, whose convolution has a bias, is no
        # module of its own.
        large = layers[f"{name.removesuffix(column['part'])}conv"].use_bias
        return str(position) if large else f"net.{position}"
    before = name.removesuffix(column["part"]) + "bottleneck_conv"
    if before in layers:
        position += 3
    way = f"{_WAYS[column['way']]}." if column["way"] else ""
    return f"{way}net.{position}"


def _exit(exit: str, step: str | None, part: str | None) -> str:
    prefix = f"classifier.{int(exit) - 1}"
    if step is None:
        return f"{prefix}.linear"
    return f"{prefix}.m.{int(step) - 1}.net.{0 if part == 'conv' else 1}"

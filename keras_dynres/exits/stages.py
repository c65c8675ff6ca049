"""A graph of several outputs in stages: each adds what the next output still needs."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres import cost, graph
from keras_dynres.errors import DynresError
from keras_dynres.exits.folds import folded


@dataclasses.dataclass(frozen=True)
class Stage:
    """What stands between one prediction and the next.

    Args:
        name: `"stage1"` and so on.
        model: A functional model from a list of the features it takes to a list: the
            prediction, then the features it makes.
        takes: Names of the features it takes; the first stage takes the images.
        makes: Names of the features it makes for later stages.
        keeps: Names of all features that later stages still need.
    """

    name: str
    model: keras.Model
    takes: tuple[str, ...]
    makes: tuple[str, ...]
    keeps: tuple[str, ...]

    @functools.cached_property
    def folded(self) -> keras.Model:
        """`model` with its batch norms folded: faster on batches."""
        return folded(self.model)

    def features(self, known: Mapping[str, Any]) -> list:
        """The list `model` takes, out of a dict of features."""
        return [known[name] for name in self.takes]

    def after(self, known: Mapping[str, Any], outputs: Any) -> tuple[Any, dict]:
        """The prediction, and the dict of features that later stages need."""
        # Keras gives a list of one as the one.
        prediction, *made = keras.tree.flatten(outputs)
        known = {**known, **dict(zip(self.makes, made, strict=True))}
        return prediction, {name: known[name] for name in self.keeps}


def split(model: keras.Model) -> list[Stage]:
    """Cuts a graph at its outputs, in their order.

    Run one after another, the stages compute every layer once, and nothing ahead: a
    stage holds what its prediction needs and no earlier stage has computed.

    Example:

    >>> net = kd.architectures.msdnet("cifar_budget10")
    >>> [len(stage.model.layers) for stage in split(net)][:2]
    [36, 76]

    Args:
        model: A functional `keras.Model` with one image input.

    Returns:
        A list of `Stage`.
    """
    flat = graph.flatten(model)
    parts = _parts(flat)
    (images,) = flat.inputs
    names = {id(images): graph.input_names(flat)[0]}
    needs = [_outside(part) for part, _ in parts]
    stages = []
    for number, (part, output) in enumerate(parts, 1):
        own = {id(t) for call in part for t in call.outputs}
        for call in part:
            names.update(_names(call))
        later = {id(t): t for need in needs[number:] for t in need}
        made = [t for key, t in later.items() if key in own]
        taken = needs[number - 1]
        stages.append(
            Stage(
                f"stage{number}",
                keras.Model(taken, [output, *made], name=f"{flat.name}_stage{number}"),
                tuple(names[id(t)] for t in taken),
                tuple(names[id(t)] for t in made),
                tuple(names[key] for key in later if key in names),
            )
        )
    return stages


def costs(stages: Sequence[Stage], unit: str = "macs") -> list[int]:
    """MACs or FLOPs of an image that leaves after each stage."""
    counted = [getattr(cost.count(stage.model), unit) for stage in stages]
    return [int(n) for n in np.cumsum(counted)]


def _parts(flat: keras.Model) -> list[tuple[list[graph.Call], Any]]:
    """[(calls no earlier output needs, output)] for each output."""
    done, parts = set(), []
    for output in flat.outputs:
        part = [c for c in graph.upstream(flat, output) if id(c.outputs[0]) not in done]
        if not part:
            raise DynresError(
                "Each output needs a layer that no output before it needs. "
                f"Received: {flat.name!r} with outputs {flat.output_names}."
            )
        done.update(id(call.outputs[0]) for call in part)
        parts.append((part, output))
    return parts


def _outside(part: Sequence[graph.Call]) -> list:
    """The tensors a part takes that it does not make."""
    own = {id(t) for call in part for t in call.outputs}
    used = [t for call in part for t in call.inputs]
    return list({id(t): t for t in used if id(t) not in own}.values())


def _names(call: graph.Call) -> dict[int, str]:
    if len(call.outputs) == 1:
        return {id(call.outputs[0]): call.name}
    return {id(t): f"{call.name}_{i}" for i, t in enumerate(call.outputs)}

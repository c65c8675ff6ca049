"""Which batch-norm statistics an instance uses, each distinct slot made once."""

import re

import keras

from keras_dynres import graph
from keras_dynres.layers import StatisticsSlot


def batch_norms(flat):
    """The batch norms of a flat graph in execution order."""
    found = [
        call.layer
        for call in graph.calls(flat)
        if isinstance(call.layer, keras.layers.BatchNormalization)
    ]
    return list(dict.fromkeys(found))


def keys(norms, instance, slot):
    """{layer name: slot key} of the statistics that are not the base's."""
    chosen = {layer.name: slot(layer, instance) for layer in norms}
    return {name: f"{name}/{key}" for name, key in chosen.items() if key is not None}


def make(norms, instances, slot):
    """{slot key: `StatisticsSlot`} for all instances."""
    slots = {}
    for instance in instances:
        wanted = keys(norms, instance, slot)
        for layer in norms:
            key = wanted.get(layer.name)
            if key is not None and key not in slots:
                slots[key] = StatisticsSlot.of(layer, scope(key))
    return slots


def with_slots(edits, wanted, slots):
    """The edits, with slots in place of the batch norms they replace."""
    edits = dict(edits)
    for name, key in wanted.items():
        swap = graph.swap(slots[key])
        edits[name] = graph.chain(swap, edits[name]) if name in edits else swap
    return edits


def plain_copy(model):
    """A model with weights of its own, slots turned into stock batch norms."""

    def clone(layer):
        if isinstance(layer, StatisticsSlot):
            return layer.plain()
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=clone)
    for mine, theirs in zip(copy.layers, model.layers, strict=True):
        mine.set_weights(theirs.get_weights())
    return copy


def scope(name):
    """The name with what TensorFlow allows in a scope."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)

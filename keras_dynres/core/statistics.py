"""Which batch-norm statistics an instance uses, each distinct slot made once."""

import re

import keras

from keras_dynres import graph
from keras_dynres.layers import PooledKernelConv2D, StatisticsSlot


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


def make(norms, instances, slot, affine_slot):
    """{slot key: batch norm} for all instances.

    The first slot of scale and offset that are not the base's owns them, and others
    of their key borrow them.

    Args:
        norms: The base's batch norms.
        instances: All `Instance`s.
        slot: As `DynamicModel.slot`.
        affine_slot: As `DynamicModel.affine_slot`.
    """
    slots, owners = {}, {}
    for instance in instances:
        wanted = keys(norms, instance, slot)
        affine = keys(norms, instance, affine_slot)
        for layer in norms:
            key = wanted.get(layer.name)
            if key is None or key in slots:
                continue
            owner = affine.get(layer.name)
            if owner is None:
                slots[key] = StatisticsSlot.of(layer, scope(key))
            elif owner in owners:
                slots[key] = StatisticsSlot.of(owners[owner], scope(key))
            else:
                slots[key] = owners[owner] = _whole(layer, scope(key))
    return slots


def _whole(source, name):
    """A batch norm like the source, which begins with the source's weights."""
    norm = type(source).from_config({**source.get_config(), "name": name})
    shape = [None] * source.input_spec.ndim
    shape[source.axis] = source.moving_mean.shape[0]
    norm.build(tuple(shape))
    norm.set_weights(source.get_weights())
    return norm


def with_slots(edits, wanted, slots):
    """The edits, with slots in place of the batch norms they replace."""
    edits = dict(edits)
    for name, key in wanted.items():
        swap = graph.swap(slots[key])
        edits[name] = graph.chain(swap, edits[name]) if name in edits else swap
    return edits


def plain_copy(model, wanted, slots):
    """A model with weights of its own, slots turned into stock batch norms.

    Args:
        model: An instance's graph.
        wanted: What `keys` returned for the instance.
        slots: All slots by their keys.
    """
    sources = {slots[key].name: name for name, key in wanted.items()}

    def clone(layer):
        # Layers that use others' weights; a stock layer can say what they compute.
        if isinstance(layer, PooledKernelConv2D):
            return layer.plain()
        kind = type(layer)
        if isinstance(layer, StatisticsSlot):
            kind = keras.layers.BatchNormalization
        name = sources.get(layer.name, layer.name)
        return kind.from_config({**layer.get_config(), "name": name})

    copy = keras.models.clone_model(model, clone_function=clone)
    for mine, theirs in zip(copy.layers, model.layers, strict=True):
        borrows = isinstance(theirs, PooledKernelConv2D)
        values = theirs.plain_weights() if borrows else theirs.get_weights()
        mine.set_weights(values)
    return copy


def scope(name):
    """The name with what TensorFlow allows in a scope."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)

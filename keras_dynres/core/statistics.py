"""Which batch-norm statistics an instance uses, each distinct slot made once."""

import contextlib
import functools
import re
from collections.abc import Callable, Iterable

import keras

from keras_dynres import graph
from keras_dynres.instance import Instance
from keras_dynres.layers import StatisticsSlot

Key = str | None


class Statistics:
    """Which statistics, scale and offset a batch norm uses in an instance.

    A slot is a batch norm in the place of the base's. Instances of one key share it;
    the key None is the base's own.

    Args:
        model: The `DynamicModel`, whose `graph` and `rule` are known.

    Attributes:
        name: What a model is asked for by, as `statistics=`.
        trained: Whether training leaves statistics that inference can do with.
            Otherwise an instance with a slot of its own wants `calibrate`.
        shared: Whether all instances run on the base's statistics.
    """

    name = ""
    trained = False
    shared = False

    def __init__(self, model: keras.Model):
        del model

    def slot(self, layer: keras.layers.Layer, instance: Instance) -> Key:
        """The key of the mean and variance `layer` uses in `instance`."""
        del layer, instance

    def affine_slot(self, layer: keras.layers.Layer, instance: Instance) -> Key:
        """The key of the scale and offset `layer` uses in `instance`.

        Slots of one key share them, and training changes them as it does the base's.
        """
        del layer, instance


class Uniform(Statistics):
    """All instances share the base's."""

    name = "uniform"
    shared = True


class ByInstance(Statistics):
    """An instance's own, wherever its feature maps differ from the full network's."""

    name = "instance"

    def __init__(self, model: keras.Model):
        self._graph, self._rule = model.graph, model.rule
        self._changed = {}

    def slot(self, layer: keras.layers.Layer, instance: Instance) -> Key:
        """The instance's name, for a layer behind its first edit."""
        return instance.name if layer.name in self._behind(instance) else None

    def _behind(self, instance):
        if instance.name not in self._changed:
            edited = list(self._rule(instance))
            self._changed[instance.name] = graph.downstream(self._graph, edited)
        return self._changed[instance.name]


class Slots:
    """The slots of all instances.

    A large menu has thousands, so those of statistics alone are made when the first of
    them is needed.

    Args:
        flat: The flat base.
        instances: All `Instance`s.
        statistics: The `Statistics`.
        scope: A function that gives the context variables are made in.

    Attributes:
        owners: `{key: batch norm}` of the slots with scale and offset of their own,
            which begin as the base's are now.
    """

    def __init__(
        self,
        flat: keras.Model,
        instances: Iterable[Instance],
        statistics: Statistics,
        scope: Callable = contextlib.nullcontext,
    ):
        self._norms = batch_norms(flat)
        self._trainable = {norm.name: norm.trainable for norm in self._norms}
        self._instances = list(instances)
        self._statistics = statistics
        self._scope = scope
        self._keys = {}
        self._affine = {}  # {slot key: key of scale and offset, None if the base's}
        self.owners = self._made_owners()

    @functools.cached_property
    def layers(self) -> dict[str, keras.layers.BatchNormalization]:
        """{key: batch norm}, a slot for each key."""
        owners = {self._affine[key]: layer for key, layer in self.owners.items()}
        slots = {}
        with self._scope():
            for key, norm in self._wanted():
                source = owners.get(self._affine[key], norm)
                slots[key] = self.owners.get(key) or StatisticsSlot.of(
                    source, scope(key), self._trainable[norm.name]
                )
        return slots

    def keys(self, instance: Instance) -> dict[str, str]:
        """{layer name: slot key} of what an instance has in place of the base's."""
        if instance.name not in self._keys:
            self._keys[instance.name] = self._chosen(instance, self._statistics.slot)
        return self._keys[instance.name]

    def edits(self, instance: Instance, edits: dict[str, Callable]) -> dict:
        """The edits, with slots in place of the batch norms they replace."""
        edits = dict(edits)
        for name, key in self.keys(instance).items():
            swap = graph.swap(self.layers[key])
            edits[name] = graph.chain(swap, edits[name]) if name in edits else swap
        return edits

    def base_names(self, instance: Instance) -> dict[str, str]:
        """{slot's name: name of the base's batch norm it stands for}."""
        keys = self.keys(instance)
        return {self.layers[key].name: name for name, key in keys.items()}

    def copy_to(self, other: "Slots"):
        """Gives another model's slots over the same base what these hold."""
        for instance in self._instances:
            keys, new_keys = self.keys(instance), other.keys(instance)
            for layer in keys.keys() & new_keys.keys():
                source, target = self.layers[keys[layer]], other.layers[new_keys[layer]]
                for old, new in zip(source.weights, target.weights, strict=True):
                    new.assign(old)

    def _chosen(self, instance, choose):
        chosen = {layer.name: choose(layer, instance) for layer in self._norms}
        return {n: f"{n}/{key}" for n, key in chosen.items() if key is not None}

    def _wanted(self):
        """Each slot's key and the base's batch norm it stands for, in order."""
        seen = set()
        for instance in self._instances:
            keys = self.keys(instance)
            for norm in self._norms:
                key = keys.get(norm.name)
                if key is not None and key not in seen:
                    seen.add(key)
                    yield key, norm

    def _made_owners(self):
        """The first slot of scale and offset that are not the base's owns them.

        Others of their key borrow them.
        """
        for instance in self._instances:
            affine = self._chosen(instance, self._statistics.affine_slot)
            for name, key in self.keys(instance).items():
                self._affine.setdefault(key, affine.get(name))
        owners, owned = {}, {None}
        for key, norm in self._wanted():
            if self._affine[key] not in owned:
                owned.add(self._affine[key])
                owners[key] = _whole(norm, scope(key))
        return owners


def batch_norms(flat: keras.Model) -> list:
    """The batch norms of a flat graph in execution order."""
    layers = [
        call.layer
        for call in graph.calls(flat)
        if isinstance(call.layer, keras.layers.BatchNormalization)
    ]
    return list(dict.fromkeys(layers))


def scope(name: str) -> str:
    """The name with what TensorFlow allows in a scope."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def _whole(source, name):
    """A batch norm like the source, which begins with the source's weights."""
    norm = type(source).from_config({**source.get_config(), "name": name})
    shape = [None] * source.input_spec.ndim
    shape[source.axis] = source.moving_mean.shape[0]
    norm.build(tuple(shape))
    norm.set_weights(source.get_weights())
    return norm

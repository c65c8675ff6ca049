"""The graphs of a menu's instances, each built when it is first asked for."""

from collections.abc import Callable, Iterable

import keras

from keras_dynres import graph
from keras_dynres.core.copies import plain_copy
from keras_dynres.core.statistics import Slots, scope
from keras_dynres.errors import DynresError, UnknownNameError, reason
from keras_dynres.instance import Instance


class InstanceGraphs:
    """Builds and keeps the instances' graphs over one base.

    Args:
        flat: The flat base.
        instances: All `Instance`s.
        title: The model's name.
    """

    def __init__(self, flat: keras.Model, instances: Iterable[Instance], title: str):
        self.flat = flat
        self.instances = {instance.name: instance for instance in instances}
        self.slots = None
        self._title = title
        self._graphs = {}

    def use(self, slots: Slots):
        """Takes the batch norms that stand in the place of the base's."""
        self.slots = slots

    def named(self, name: str | Instance) -> Instance:
        """The instance of a name or an alias."""
        name = getattr(name, "name", name)
        if name in self.instances:
            return self.instances[name]
        for instance in self.instances.values():
            if name in instance.aliases:
                return instance
        kind = f"instance of {self._title!r}"
        raise UnknownNameError(kind, name, list(self.instances))

    def of(
        self, instance: Instance, rule: Callable, whole: bool = False
    ) -> keras.Model:
        """The graph of an instance by one of the method's rules.

        Args:
            instance: The instance.
            rule: `DynamicModel.rule` or its `training_rule`.
            whole: Whether it has the outputs that are marked as training's too.
        """
        key = instance.name, rule.__name__, whole
        if key not in self._graphs:
            self._graphs[key] = (
                self._built(instance, rule)
                if whole
                else graph.answers(self.of(instance, rule, whole=True))
            )
        return self._graphs[key]

    def forget(self, name: str):
        """Drops an instance's graphs: what it computes has changed."""
        self._graphs = {key: g for key, g in self._graphs.items() if key[0] != name}

    def copy(self, instance: Instance, rule: Callable) -> keras.Model:
        """A model of its own, of stock layers named as the base's are."""
        shared = self.of(instance, rule)
        return plain_copy(shared, self.slots.base_names(instance))

    def _built(self, instance: Instance, rule: Callable) -> keras.Model:
        edits = self.slots.edits(instance, rule(instance))
        title = scope(f"{self._title}_{instance.name}")
        try:
            return graph.rewire(self.flat, edits, title, instance.output)
        except ValueError as error:
            raise DynresError(
                f"Instance {instance.name!r} cannot be built over "
                f"{self.flat.name!r}: {reason(error)}"
            ) from error

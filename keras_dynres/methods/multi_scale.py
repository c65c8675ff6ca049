"""The multi-scale baseline: the whole network on a smaller image."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import keras

from keras_dynres import graph
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.instance import FULL, Instance
from keras_dynres.methods import points as find
from keras_dynres.methods.scale_costs import ResizedCosts


@keras.saving.register_keras_serializable(package="keras_dynres")
class MultiScale(DynamicModel):
    """Trains on images resized to a random size; each size is an instance.

    Args:
        base: A functional `keras.Model` of images that ends in global pooling.
        sizes: Sides in pixels below the base's own; by default every one from half
            of it up.
        **kwargs: `statistics`, `seed`, `name` of `DynamicModel`.

    Example:

    >>> model = kd.MultiScale(kd.architectures.wide_resnet(depth=10, width=1))
    >>> model.instances[:2], len(model.instances)
    (['full', 's16'], 17)
    """

    def __init__(
        self, base: keras.Model, sizes: Iterable[int] | None = None, **kwargs: Any
    ):
        self._side = graph.as_functional(base).inputs[0].shape[1]
        if self._side is None:
            raise DynresError("The base's height and width must be known.")
        sizes = range(self._side // 2, self._side) if sizes is None else sizes
        self._sizes = [int(size) for size in sizes]
        fits = all(0 < size < self._side for size in self._sizes)
        if not self._sizes or not fits:
            raise DynresError(
                f"There is at least one size, each between 1 and {self._side - 1}. "
                f"Received: sizes={self._sizes}"
            )
        super().__init__(base, **kwargs)
        find.refuse_unpooled(self.graph)
        self._refuse_uncomputable(f"s{min(self._sizes)}")

    def define_instances(self) -> Sequence[Instance]:
        """`full`, and `s16` for images of 16 pixels a side."""
        smaller = [Instance(f"s{size}", {"size": size}) for size in self._sizes]
        return [Instance(FULL), *smaller]

    def rule(self, instance: Instance) -> dict:
        """Resizes the input."""
        if instance.name == FULL:
            return {}
        (name,) = graph.input_names(self.base)
        resize = self._resize(instance)
        # Called without a word of training, Keras' Resizing puts all behind it in
        # training mode.
        return {name: graph.after(resize, training=False)}

    def cost_of(self, instance: Instance) -> Any:
        """What an instance costs, counted without building its graph."""
        if instance.name == FULL:
            return super().cost_of(instance)
        (name,) = graph.input_names(self.base)
        resize = self._resize(instance)
        return self._costs.of(name, resize, (resize.height, resize.width))

    @functools.cached_property
    def _costs(self):
        return ResizedCosts(graph.answers(self.graph))

    def _resize(self, instance):
        size = instance.settings["size"]
        (name,) = graph.input_names(self.base)
        return keras.layers.Resizing(size, size, name=f"{name}_resized")

    def get_config(self) -> dict:
        """The arguments of `__init__`."""
        return {**super().get_config(), "sizes": list(self._sizes)}

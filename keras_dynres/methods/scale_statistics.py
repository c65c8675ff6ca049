"""The batch norms of a resizable network, by the scales of its stages."""

import keras

from keras_dynres.core.statistics import Key, Statistics
from keras_dynres.instance import Instance


class ByScale(Statistics):
    """Everything by the scale of the layer's own stage; scale 1 has the base's."""

    name = "scale"
    # Moving averages will do: each is trained by many instances.
    trained = True

    def __init__(self, model: keras.Model):
        self._stage_of = model.stage_of

    def slot(self, layer: keras.layers.Layer, instance: Instance) -> Key:
        """The scale."""
        return self.affine_slot(layer, instance)

    def affine_slot(self, layer: keras.layers.Layer, instance: Instance) -> Key:
        """The scale."""
        scales = self.scales_until(layer, instance)
        return None if not scales or scales[-1] == 1 else f"{scales[-1]:g}"

    def scales_until(self, layer: keras.layers.Layer, instance: Instance) -> list:
        """The scales of the stages up to the layer's own; none before the first."""
        return list(instance.settings.values())[: self._stage_of.get(layer.name, 0)]


class ByConfiguration(ByScale):
    """Scale and offset by the scale, mean and variance by all scales until there."""

    name = "configuration"
    # Too many for training to leave a good average in each.
    trained = False

    def slot(self, layer: keras.layers.Layer, instance: Instance) -> Key:
        """The scales, unless all are 1."""
        scales = self.scales_until(layer, instance)
        return None if set(scales) <= {1} else "-".join(f"{s:g}" for s in scales)

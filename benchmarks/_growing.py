"""Baselines whose images grow from epoch to epoch."""

import keras

import keras_dynres as kd
from keras_dynres import graph

SIZES = (16, 20, 24, 28)


def size_at(epoch, epochs):
    """The images' size: it grows to all of 32 pixels over two thirds of the epochs."""
    grown = int(len(SIZES) * epoch / (epochs * 2 / 3))
    return f"s{SIZES[grown]}" if grown < len(SIZES) else "full"


class Progressive(kd.MultiScale):
    """Images that grow from epoch to epoch."""

    def __init__(self, base, plan, **kwargs):
        self._plan = tuple(plan)
        super().__init__(base, sizes=SIZES, statistics="uniform", **kwargs)

    def probabilities_at(self, step):
        epochs, steps = self._plan
        drawn = size_at(step // steps, epochs)
        return {name: float(name == drawn) for name in self.instances}


class Both(kd.LowMode):
    """Low steps, and images that grow in the others."""

    def __init__(self, base, plan, **kwargs):
        self._plan = tuple(plan)
        super().__init__(base, **kwargs)

    def define_instances(self):
        sizes = [kd.Instance(f"s{size}", {"size": size}) for size in SIZES]
        return [*super().define_instances(), *sizes]

    def rule(self, instance):
        size = instance.settings.get("size")
        if size is None:
            return super().rule(instance)
        (name,) = graph.input_names(self.base)
        resize = keras.layers.Resizing(size, size, name=f"{name}_{size}")
        return {name: graph.after(resize, training=False)}

    def slot(self, layer, instance):
        # Images of all sizes share one set of statistics, as in `Progressive`.
        return super().slot(layer, instance) if instance.name == "low" else None

    def probabilities_at(self, step):
        epochs, steps = self._plan
        odds = dict.fromkeys(self.instances, 0.0)
        drawn = super().probabilities_at(step)
        odds["low"] = drawn["low"]
        odds[size_at(step // steps, epochs)] += drawn["full"]
        return odds

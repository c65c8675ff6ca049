"""Baselines whose images grow from epoch to epoch."""

import keras

import keras_dynres as kd
from keras_dynres import graph
from keras_dynres.core.plan import Plan
from keras_dynres.core.statistics import ByInstance
from keras_dynres.methods.low_plan import LowPlan

SIZES = (16, 20, 24, 28)


def size_at(epoch, epochs):
    """The images' size: it grows to all of 32 pixels over two thirds of the epochs."""
    grown = int(len(SIZES) * epoch / (epochs * 2 / 3))
    return f"s{SIZES[grown]}" if grown < len(SIZES) else "full"


class GrowingSizes(Plan):
    """Trains the size that is the epoch's."""

    def __init__(self, names, epochs, steps, seed):
        super().__init__(dict.fromkeys(names, 1 / len(names)), seed)
        self._epochs, self._steps = epochs, steps

    def odds_at(self, step):
        size = size_at(step // self._steps, self._epochs)
        return {name: float(name == size) for name in self.odds}


class Progressive(kd.MultiScale):
    """Images that grow from epoch to epoch."""

    def __init__(self, base, plan, **kwargs):
        super().__init__(base, sizes=SIZES, statistics="uniform", **kwargs)
        self.plan = GrowingSizes(self.instances, *plan, self.seed)


class LowAndGrowing(LowPlan):
    """Low steps, and images that grow in the others."""

    def __init__(self, low, names, epochs, steps):
        super().__init__(
            low.probability,
            low.alternate,
            low.full_after_drop,
            low.full_at_end,
            low.seed,
        )
        self._names, self._epochs, self._steps = names, epochs, steps

    def odds_at(self, step):
        odds = dict.fromkeys(self._names, 0.0)
        drawn = super().odds_at(step)
        odds["low"] = drawn["low"]
        odds[size_at(step // self._steps, self._epochs)] += drawn["full"]
        return odds


class OfLow(ByInstance):
    """Images of all sizes share one set of statistics, as in `Progressive`."""

    name = "low"

    def slot(self, layer, instance):
        return super().slot(layer, instance) if instance.name == "low" else None


class Both(kd.LowMode):
    """Low steps, and images that grow in the others."""

    STATISTICS = {OfLow.name: OfLow}

    def __init__(self, base, plan, **kwargs):
        super().__init__(base, statistics=OfLow.name, **kwargs)
        self.plan = LowAndGrowing(self.plan, self.instances, *plan)

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

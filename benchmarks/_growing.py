"""Beside low-mode: growing images, low steps skipped, low steps with less gradient."""

from unittest import mock

import keras
from keras import ops

import keras_dynres as kd
from keras_dynres import graph
from keras_dynres.core.plan import Plan
from keras_dynres.core.statistics import ByInstance
from keras_dynres.layers import PooledKernelConv2D
from keras_dynres.methods import low_graph
from keras_dynres.methods.low_plan import LowPlan

# Shares of the images' height and width.
SHARES = (0.5, 0.625, 0.75, 0.875)


def sizes(base):
    """The sizes below the base's own."""
    return [round(share * base.input_shape[1]) for share in SHARES]


def name_at(names, epoch, epochs):
    """The size's name: sizes grow to the full one over two thirds of the epochs."""
    smaller = [name for name in names if name not in ("full", "low")]
    grown = int(len(smaller) * epoch / (epochs * 2 / 3))
    return smaller[grown] if grown < len(smaller) else "full"


class GrowingSizes(Plan):
    """Trains the size that is the epoch's."""

    def __init__(self, names, epochs, steps, seed):
        super().__init__(dict.fromkeys(names, 1 / len(names)), seed)
        self._epochs, self._steps = epochs, steps

    def odds_at(self, step):
        size = name_at(self.odds, step // self._steps, self._epochs)
        return {name: float(name == size) for name in self.odds}


class Progressive(kd.MultiScale):
    """Images that grow from epoch to epoch."""

    def __init__(self, base, plan, **kwargs):
        super().__init__(base, sizes=sizes(base), statistics="uniform", **kwargs)
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
        size = name_at(self._names, step // self._steps, self._epochs)
        odds[size] += drawn["full"]
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
        grown = [kd.Instance(f"s{n}", {"size": n}) for n in sizes(self.base)]
        return [*super().define_instances(), *grown]

    def rule(self, instance):
        size = instance.settings.get("size")
        if size is None:
            return super().rule(instance)
        (name,) = graph.input_names(self.base)
        resize = keras.layers.Resizing(size, size, name=f"{name}_{size}")
        return {name: graph.after(resize, training=False)}


class Skipping(kd.LowMode):
    """Does nothing in a low step but count it: what low steps are worth beside none."""

    def train_step(self, data):
        if self._active != "low":
            return super().train_step(data)
        self.optimizer.iterations.assign_add(1)
        return {"loss": keras.ops.zeros(())}


class ScaledKernel(PooledKernelConv2D):
    """Gives its gradient on by what it is of the whole kernel: by squares of norms.

    Batch norm behind makes a kernel's gradient the larger, the smaller the kernel is.
    So a step moves a whole kernel no further, relative to its size, for being pooled.
    """

    @property
    def kernel(self):
        pooled, source = super().kernel, self._source()
        if source is None:
            return pooled
        taps = source.kernel_size[0] * source.kernel_size[1]
        taps /= self.kernel_size[0] * self.kernel_size[1]
        part = taps * ops.sum(pooled**2) / (ops.sum(source.kernel**2) + 1e-12)
        part = ops.stop_gradient(part)
        return part * pooled + ops.stop_gradient((1 - part) * pooled)


class Scaled(kd.LowMode):
    """The gradients of pooled kernels scaled, as `ScaledKernel` does."""

    def rule(self, instance):
        with mock.patch.object(low_graph, "PooledKernelConv2D", ScaledKernel):
            return super().rule(instance)

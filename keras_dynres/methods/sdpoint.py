"""SDPoint: downsample after one block, a random one in training."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_dynres import graph
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.core.plan import Plan
from keras_dynres.errors import DynresError, one_of
from keras_dynres.instance import FULL, Instance
from keras_dynres.layers import AdaptivePooling2D
from keras_dynres.layers.adaptive_pooling import scaled_size
from keras_dynres.methods import points as find
from keras_dynres.methods.scale_costs import ResizedCosts


@keras.saving.register_keras_serializable(package="keras_dynres")
class SDPoint(DynamicModel):
    """Stochastic downsampling points (Kuen et al., CVPR 2018) over any base.

    An instance pools the feature map after one block of the base to a fraction of
    its size: the earlier the block and the smaller the fraction, the cheaper all that
    follows. Training draws block and fraction anew for each step.

    Args:
        base: A functional `keras.Model` of images that ends in global pooling.
        ratios: Fractions of height and width, each in (0, 1].
        points: `"auto"` takes the outputs of residual additions, else of dense
            concatenations, else of every third convolution with what follows it;
            `"alternate"` every other one of those; or layer names; or a callable
            that is given the base and returns layer names.
        stem: Whether the stem's max pooling is a point too: in its place stands one
            by maximum to the fraction of its size, as in the published code.
        pooling: `"average"` or `"max"`.
        **kwargs: `statistics`, `seed`, `name` of `DynamicModel`.

    Example:

    >>> base = kd.architectures.wide_resnet(depth=10, width=1)
    >>> model = kd.SDPoint(base)
    >>> model.instances[:3]
    ['full', 'p1@0.5', 'p1@0.75']

    Reference: https://arxiv.org/abs/1801.05931
    """

    def __init__(
        self,
        base: keras.Model,
        ratios: Sequence[float] = (0.5, 0.75),
        points: str | Sequence[str] | Callable = "auto",
        stem: bool = False,
        pooling: str = "average",
        **kwargs: Any,
    ):
        ratios = [float(ratio) for ratio in ratios]
        if not ratios or not all(0 < ratio <= 1 for ratio in ratios):
            raise DynresError(
                "There is at least one ratio, each in (0, 1]. "
                f"Received: ratios={ratios}"
            )
        flat = graph.flatten(base)
        self._settings = {
            "ratios": ratios,
            "points": find.points(flat, points),
            "stem": bool(stem),
            "pooling": one_of("pooling", pooling, ("average", "max")),
        }
        self._sizes = find.sizes(flat)
        self._stem = _Stem.of(find.stem(flat)) if stem else None
        super().__init__(base, **kwargs)
        self.plan = Plan(self._odds(), self.seed)
        # The first point at the smallest ratio leaves the smallest maps.
        smallest = f"p1@{min(self._settings['ratios']):g}"
        if smallest in self.instances:
            self._refuse_uncomputable(smallest)

    def define_instances(self) -> Sequence[Instance]:
        """`full`, and `p3@0.5` for the third point at half size."""
        instances = [Instance(FULL)]
        for label, layer in self.points.items():
            for ratio in self._settings["ratios"]:
                if all(scaled_size(n, ratio) == n for n in self._sizes[layer]):
                    continue  # Too small to shrink: it would be `full` again.
                settings = {"point": layer, "ratio": ratio}
                instances.append(Instance(f"{label}@{ratio:g}", settings))
        return instances

    def rule(self, instance: Instance) -> dict:
        """Pools after the instance's point, or in the stem's pooling's place."""
        if instance.name == FULL:
            return {}
        layer = instance.settings["point"]
        if self._at_stem(layer):
            return self._stem.rule(instance.settings["ratio"], self._sizes[layer])
        return {layer: graph.after(self._pool(instance))}

    def cost_of(self, instance: Instance) -> Any:
        """What an instance costs, counted without building its graph."""
        if instance.name == FULL or self._at_stem(instance.settings["point"]):
            return super().cost_of(instance)
        layer, ratio = instance.settings["point"], instance.settings["ratio"]
        size = tuple(scaled_size(n, ratio) for n in self._sizes[layer])
        return self._costs.of(layer, self._pool(instance), size)

    @functools.cached_property
    def _costs(self):
        return ResizedCosts(graph.answers(self.graph))

    @property
    def points(self) -> dict[str, str]:
        """The points: what users call them, and the layer each stands after."""
        stem = {"stem": self._stem.pooling} if self._stem else {}
        names = self._settings["points"]
        return {**stem, **{f"p{i}": name for i, name in enumerate(names, 1)}}

    def get_config(self) -> dict:
        """The arguments of `__init__`."""
        plain = {
            k: list(v) if isinstance(v, list) else v for k, v in self._settings.items()
        }
        return {**super().get_config(), **plain}

    def _pool(self, instance):
        layer, ratio = instance.settings["point"], instance.settings["ratio"]
        mode = self._settings["pooling"]
        return _pooling(ratio, mode, self._sizes[layer], f"{layer}_pool")

    def _at_stem(self, layer):
        return self._stem is not None and layer == self._stem.pooling

    def _odds(self):
        """Uniform over points (none among them), then over ratios, as published."""
        points = {}
        for name in self.instances:
            points.setdefault(name.partition("@")[0], []).append(name)
        return {
            name: 1 / len(points) / len(names)
            for names in points.values()
            for name in names
        }


@dataclasses.dataclass(frozen=True)
class _Stem:
    """The stem's max pooling: its layer, what pads before it, and what it is given."""

    pooling: str
    padding: tuple[str, ...]
    size: tuple[int, int]

    @classmethod
    def of(cls, calls: Sequence[graph.Call]) -> "_Stem":
        *padding, pooling = calls
        size = calls[0].inputs[0].shape[1:3]
        return cls(pooling.name, tuple(call.name for call in padding), tuple(size))

    def rule(self, ratio, pooled):
        """Pools by maximum, in one, to that fraction of what the pooling gives."""
        pairs = zip(pooled, self.size, strict=True)
        ratios = [scaled_size(n, ratio) / whole for n, whole in pairs]
        pool = _pooling(ratios, "max", self.size, f"{self.pooling}_pool")
        unpadded = dict.fromkeys(self.padding, graph.swap(lambda x: x))
        return {**unpadded, self.pooling: graph.swap(pool)}


def _pooling(ratio, mode, size, name):
    """A stock pooling where one does the same."""
    pool = AdaptivePooling2D(ratio, mode, name=name)
    cells = pool.cells(*size)
    window = round(size[0] / cells[0])
    if all(n == window * count for n, count in zip(size, cells, strict=True)):
        stock = {
            "average": keras.layers.AveragePooling2D,
            "max": keras.layers.MaxPooling2D,
        }
        return stock[mode](window, name=name)
    return pool

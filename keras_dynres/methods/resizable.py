"""Resizable networks: each stage at a scale of its own."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_dynres import graph
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.core.statistics import Uniform
from keras_dynres.errors import DynresError, one_of
from keras_dynres.instance import FULL, Instance
from keras_dynres.layers.adaptive_pooling import scaled_size
from keras_dynres.methods import points as find
from keras_dynres.methods import scale_plans
from keras_dynres.methods.resizable_aug import ResizableAug
from keras_dynres.methods.scale_costs import ScaleCosts
from keras_dynres.methods.scale_statistics import ByConfiguration, ByScale
from keras_dynres.methods.stage_points import stage_of, stage_points

_MODES = ("stages", "input")


@keras.saving.register_keras_serializable(package="keras_dynres")
class Resizable(DynamicModel):
    """Resizable neural networks over any base: each stage at a scale of its own.

    The feature map at the beginning of each stage, behind its strided block, is resized
    to a fraction of the size it has there in the base. One scale for each stage is an
    instance: four scales and four stages make 256. A batch norm has scale,
    offset and statistics of its own for each scale of its stage.

    Args:
        base: A functional `keras.Model` of images that ends in global pooling.
        scales: Fractions of height and width, each in (0, 1], 1 among them.
        stages: `"auto"` finds them; or the names of the layers behind which the
            feature map is resized; or a callable that is given the base and returns
            these names.
        mode: `"stages"`, or `"input"`, which resizes the image and nothing else: an
            instance for each scale.
        sampling: What a training step draws: `"fair"` as many instances as there are
            scales, each scale once at each stage, on one batch, their gradients summed;
            `"random"` any instances; `"sandwich"` the largest, the smallest and
            random ones, which learn from the largest's outputs instead of the labels.
        samples: How many instances a step trains: by default one where sampling is
            random, four in a sandwich.
        pool: From how many instances training draws at most, the largest and the
            smallest always among them; None is all. Each compiles when it is first
            drawn, which in a ResNet-50 takes seconds and 80 MB: all 256 would take
            20 GB. Fairness is within a step, and is kept.
        target: An instance's name, for Resizable-Aug: `fit` trains it alone in the last
            third of its epochs. `kd.ResizableAug` is the callback behind it.
        share: The share of `fit`'s epochs before the target's: 0 trains the target
            alone all along, such as an individual network, or one that a search chose
            and that is tuned further.
        statistics: `"scale"`; `"configuration"`, which keeps statistics apart wherever
            the scales up to a batch norm's stage differ, and wants `calibrate` after
            training; or `"uniform"`, which shares the base's batch norms.
        **kwargs: `seed`, `name` of `DynamicModel`.

    Example:

    >>> base = kd.architectures.wide_resnet(depth=16, width=1)
    >>> model = kd.Resizable(base, scales=(0.5, 1.0))
    >>> model.instances[:3]
    ['full', 's0.5-0.5-0.5', 's0.5-0.5-1']
    >>> model.instances_at_step(0)
    ['s0.5-0.5-0.5', 'full']

    Reference: Resizable Neural Networks, submitted to ICLR 2020.
    """

    STATISTICS = {kind.name: kind for kind in (ByConfiguration, ByScale, Uniform)}

    def __init__(
        self,
        base: keras.Model,
        scales: Sequence[float] = (0.45, 0.65, 0.85, 1.0),
        stages: str | Sequence[str] | Callable = "auto",
        mode: str = "stages",
        sampling: str = "fair",
        samples: int | None = None,
        pool: int | None = 64,
        target: str | None = None,
        share: float = 2 / 3,
        statistics: str = "scale",
        **kwargs: Any,
    ):
        flat = graph.flatten(base)
        find.refuse_unpooled(flat)
        one_of("mode", mode, _MODES)
        rule = scale_plans.RULES[one_of("sampling", sampling, scale_plans.RULES)]
        scales = _checked(scales)
        stages = stage_points(flat, stages) if mode == "stages" else []
        points = stages or [_only_input(flat)]
        seed = kwargs.get("seed", 0)
        plan = rule(scales, len(points), _name, samples, pool, seed)
        self._settings = {
            "scales": scales,
            "stages": stages,
            "mode": mode,
            "sampling": sampling,
            "samples": plan.samples,
            "pool": pool,
            "target": target,
            "share": share,
        }
        sizes = find.sizes(flat) | {_only_input(flat): flat.inputs[0].shape[1:3]}
        self._sizes = [(name, _scaled(sizes[name], scales)) for name in points]
        # For each layer's name, how many of the points stand before it.
        self.stage_of = stage_of(flat, points)
        super().__init__(base, statistics=statistics, **kwargs)
        self.plan = plan
        self._refuse_uncomputable(FULL)  # All scales are counted for any instance.
        if target is not None:
            one_of("target", target, self.instances)
            ResizableAug(target, share)

    def define_instances(self) -> Sequence[Instance]:
        """`full`, and `s0.45-1-1-0.85` for the scales of four stages."""
        *others, full = scale_plans.configurations(self._scales, len(self._sizes))
        labels = list(self.points)
        return [
            Instance(_name(scales), dict(zip(labels, scales, strict=True)))
            for scales in (full, *others)
        ]

    def rule(self, instance: Instance) -> dict:
        """Resizes where a stage begins, unless the map arrives in that size."""
        edits, before = {}, 1.0
        scales = instance.settings.values()
        for (point, sizes), scale in zip(self._sizes, scales, strict=True):
            if not before == scale == 1:
                edits[point] = _resize(sizes[scale], f"{point}_resized")
            before = scale
        return edits

    def cost_of(self, instance: Instance) -> Any:
        """What an instance costs, by its stages."""
        return self._costs.of(instance.settings.values())

    @functools.cached_property
    def _costs(self):
        return ScaleCosts(graph.answers(self.graph), self._sizes, self.stage_of)

    def callbacks_of(
        self, callbacks: list[keras.callbacks.Callback]
    ) -> list[keras.callbacks.Callback]:
        """The last epochs are the target's, if there is one."""
        target, share = self._settings["target"], self._settings["share"]
        return [ResizableAug(target, share), *callbacks] if target else callbacks

    @property
    def points(self) -> dict[str, str]:
        """The stages, and the layer behind which each is resized."""
        if self._settings["mode"] == "input":
            return {"input": self._sizes[0][0]}
        return {f"stage{i}": name for i, (name, _) in enumerate(self._sizes, 1)}

    def get_config(self) -> dict:
        """The arguments of `__init__`."""
        settings = {**self._settings, "scales": list(self._scales)}
        settings["stages"] = list(settings["stages"]) or "auto"
        return {**super().get_config(), **settings}

    @property
    def _scales(self):
        return self._settings["scales"]


def _name(scales):
    if all(scale == 1 for scale in scales):
        return FULL
    return "s" + "-".join(f"{scale:g}" for scale in scales)


def _resize(size, name):
    def edit(call, *args, **kwargs):
        x = call(*args, **kwargs)
        if tuple(x.shape[1:3]) == size:
            return x
        resize = keras.layers.Resizing(*size, name=name, dtype=x.dtype)
        # Called without a word of training, Keras' Resizing puts all behind it in
        # training mode.
        return resize(x, training=False)

    return edit


def _only_input(flat):
    names = graph.input_names(flat)
    if len(names) > 1 or len(flat.inputs[0].shape) != 4 or None in flat.input_shape[1:]:
        raise DynresError(
            "The base takes one image of known height and width. "
            f"Received: {flat.name!r} with input shape {flat.input_shape}"
        )
    return names[0]


def _scaled(size, scales):
    """{scale: (height, width)}."""
    return {scale: tuple(scaled_size(n, scale) for n in size) for scale in scales}


def _checked(scales):
    scales = [float(scale) for scale in scales]
    if not all(0 < scale <= 1 for scale in scales):
        raise DynresError(f"Each scale lies in (0, 1]. Received: scales={scales}")
    if 1 not in scales or len(set(scales)) < max(2, len(scales)):
        raise DynresError(
            "The scales are at least two different ones, 1 (the base's own size) among "
            f"them. Received: scales={scales}"
        )
    return sorted(scales)

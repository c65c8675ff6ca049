"""Resizable networks: each stage at a scale of its own."""

import keras
import numpy as np

from keras_dynres import graph
from keras_dynres.core.teaching import Teaching
from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.instance import FULL, Instance
from keras_dynres.layers.adaptive_pooling import scaled_size
from keras_dynres.methods import draws
from keras_dynres.methods import points as find
from keras_dynres.methods.resizable_aug import ResizableAug
from keras_dynres.methods.scale_costs import ScaleCosts
from keras_dynres.methods.stage_points import stage_of, stage_points

_MODES = ("stages", "input")
_SAMPLINGS = ("fair", "random", "sandwich")


@keras.saving.register_keras_serializable(package="keras_dynres")
class Resizable(Teaching):
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
        pool: From how many instances training draws at most; None is all. Each
            compiles when it is first drawn, which in a ResNet-50 takes seconds and
            80 MB: all 256 would take 20 GB. Fairness is within a step, and is kept.
        target: An instance's name, for Resizable-Aug: `fit` trains it alone in the last
            third of its epochs. `kd.ResizableAug` is the callback behind it.
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
    ['s1-0.5-1', 's0.5-1-0.5']

    Reference: Resizable Neural Networks, submitted to ICLR 2020.
    """

    STATISTICS = ("configuration", "scale", "uniform")

    def __init__(
        self,
        base,
        scales=(0.45, 0.65, 0.85, 1.0),
        stages="auto",
        mode="stages",
        sampling="fair",
        samples=None,
        pool=64,
        target=None,
        statistics="scale",
        **kwargs,
    ):
        flat = graph.flatten(base)
        find.refuse_unpooled(flat)
        _known("mode", mode, _MODES)
        _known("sampling", sampling, _SAMPLINGS)
        scales = _checked(scales)
        self._settings = {
            "scales": scales,
            "stages": stage_points(flat, stages) if mode == "stages" else [],
            "mode": mode,
            "sampling": sampling,
            "samples": _samples(samples, sampling, scales),
            "pool": pool,
            "target": target,
        }
        if pool is not None and pool < self._settings["samples"]:
            raise DynresError(
                "The pool holds at least the instances of one step, "
                f"{self._settings['samples']}. Received: pool={pool}"
            )
        points = self._settings["stages"] or [_only_input(flat)]
        sizes = find.sizes(flat) | {_only_input(flat): flat.inputs[0].shape[1:3]}
        self._sizes = [(name, _scaled(sizes[name], scales)) for name in points]
        self._stage_of = stage_of(flat, points)
        self._costs = None
        super().__init__(base, statistics=statistics, **kwargs)
        if target is not None and target not in self.instances:
            raise UnknownNameError("target", target, self.instances)

    def define_instances(self):
        """`full`, and `s0.45-1-1-0.85` for the scales of four stages."""
        *others, full = draws.every(self._scales, len(self._sizes))
        labels = list(self.points)
        return [
            Instance(_name(each), dict(zip(labels, each, strict=True)))
            for each in (full, *others)
        ]

    def rule(self, instance):
        """Resizes where a stage begins, unless the map arrives in that size."""
        edits, before = {}, 1.0
        scales = instance.settings.values()
        for (point, sizes), scale in zip(self._sizes, scales, strict=True):
            if not before == scale == 1:
                edits[point] = _resize(sizes[scale], f"{point}_resized")
            before = scale
        return edits

    def slot(self, layer, instance):
        """The key is the scale of the stage, with those before it where these count."""
        if self.statistics != "configuration":
            return self.affine_slot(layer, instance)
        scales = self._scales_until(layer, instance)
        return None if set(scales) <= {1} else "-".join(f"{s:g}" for s in scales)

    def affine_slot(self, layer, instance):
        """The key is the scale of the stage; scale 1 has the base's batch norm."""
        scales = self._scales_until(layer, instance)
        if self.statistics == "uniform" or not scales or scales[-1] == 1:
            return None
        return f"{scales[-1]:g}"

    @property
    def trains_statistics(self):
        """Moving averages will do, but where there are too many to be trained well."""
        return self.statistics != "configuration"

    def cost_of(self, instance):
        """What an instance costs, by its stages."""
        if self._costs is None:
            self._costs = ScaleCosts(self._book.flat, self._sizes, self._stage_of)
        return self._costs.of(instance.settings.values())

    def probabilities(self):
        """How often training draws each instance; they sum to one."""
        samples = self._settings["samples"]
        odds = super().probabilities()
        if self._drawings is not None:
            drawn = [n for each in range(self._drawings) for n in self._drawn(each)]
            odds = {name: drawn.count(name) / len(drawn) for name in odds}
        elif self.teaches:
            odds = {name: (1 - 2 / samples) * each for name, each in odds.items()}
            for scale in (max(self._scales), min(self._scales)):
                odds[_name([scale] * len(self._sizes))] += 1 / samples
        return odds

    def instances_at_step(self, step):
        """Names of the instances the optimizer's step `step` trains, on one batch."""
        if self._drawings is None:
            return self._drawn(int(step))
        draw = np.random.default_rng([self.seed, int(step)])
        return self._drawn(int(draw.integers(self._drawings)))

    def instance_at_step(self, step):
        """The first of the instances that step `step` trains."""
        return self.instances_at_step(step)[0]

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        **kwargs,
    ):
        """Keras' `fit`; the last third of the epochs is the target's, if any."""
        if self._settings["target"]:
            aug = ResizableAug(self._settings["target"])
            callbacks = [aug, *keras.tree.flatten(callbacks or [])]
        return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)

    @property
    def teaches(self):
        """Whether the largest instance teaches the others: in a sandwich."""
        return self._settings["sampling"] == "sandwich"

    @property
    def points(self):
        """The stages, and the layer behind which each is resized."""
        if self._settings["mode"] == "input":
            return {"input": self._sizes[0][0]}
        return {f"stage{i}": name for i, (name, _) in enumerate(self._sizes, 1)}

    def get_config(self):
        """The arguments of `__init__`."""
        settings = {**self._settings, "scales": list(self._scales)}
        settings["stages"] = list(settings["stages"]) or "auto"
        return {**super().get_config(), **settings}

    @property
    def _scales(self):
        return self._settings["scales"]

    def _scales_until(self, layer, instance):
        """The scales of the stages up to the layer's own; none before the first."""
        return list(instance.settings.values())[: self._stage_of.get(layer.name, 0)]

    @property
    def _drawings(self):
        """How many drawings there are; None is one for each step."""
        pool = self._settings["pool"]
        return None if pool is None else pool // self._settings["samples"]

    def _drawn(self, number):
        """The names of a drawing."""
        draw = np.random.default_rng([self.seed, number])
        scales, stages = self._scales, len(self._sizes)
        if self._settings["sampling"] == "fair":
            drawn = draws.fair(scales, stages, draw)
        else:
            kind = getattr(draws, self._settings["sampling"])
            drawn = kind(scales, stages, draw, self._settings["samples"])
        return [_name(each) for each in drawn]


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


def _samples(samples, sampling, scales):
    """How many instances a step trains."""
    usual = {"fair": len(scales), "random": 1, "sandwich": 4}[sampling]
    samples = usual if samples is None else samples
    if sampling == "fair" and samples != usual:
        raise DynresError(
            "A step of fair sampling trains each scale once, so it takes as many "
            f"samples as there are scales, {usual}. Received: samples={samples}"
        )
    least = 2 if sampling == "sandwich" else 1
    if samples < least:
        raise DynresError(f"samples is at least {least}. Received: samples={samples}")
    return int(samples)


def _known(argument, value, offered):
    if value not in offered:
        raise UnknownNameError(argument, value, offered)

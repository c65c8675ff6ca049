"""Low-mode: some training steps on small images with pooled kernels."""

import itertools
from numbers import Integral, Real

import keras
import numpy as np
from keras import ops

from keras_dynres import graph
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.instance import FULL, Instance
from keras_dynres.methods import low_graph
from keras_dynres.methods.low_turns import (
    LOW,
    EpochCalls,
    TimedSteps,
    after_drop,
    is_turn,
)
from keras_dynres.methods.points import refuse_unpooled


@keras.saving.register_keras_serializable(package="keras_dynres")
class LowMode(DynamicModel):
    """Low-mode training (Poulos et al., 2019) over any base with residual blocks.

    In a low step the images are shrunk and kernels are pooled, so it costs a fraction
    of a full one. Gradients pass through the pooling, so it trains the very kernels of
    the full network. `fit` draws for each step whether it is low; the logs of an epoch
    hold `low_share`, the share of its low steps, and `seconds_saved`, what they saved.

    Args:
        base: A functional `keras.Model` of images that ends in global pooling.
        ratio: What the images' height and width are divided by; a whole number from
            2 that divides both.
        probability: How likely a step is low: a number, or one for each epoch.
        blur: `"gaussian"` blurs and decimates the images, `"bilinear"` interpolates.
        shrink: `"device"` shrinks them in the step; with `"host"` the batches of low
            steps arrive small, from `kd.data.shrunk`.
        pooling: `"floor"` pools kernels to floor(K / ratio) taps a side and at least
            one (3x3 to the mean of its nine taps), `"ceil"` to ceil(K / ratio).
        layers: Which kernels are pooled: `"auto"` takes the 3x3 convolutions that a
            shortcut goes around; or names of `Conv2D` layers; or a callable that is
            given the base and returns names.
        drop_pool: Whether low steps leave out the stem's max pooling.
        alternate: Whether low steps come at even distances instead of by chance.
        full_after_drop: In how many epochs, from one in which the learning rate is at
            most half of what it was, no step is low.
        full_at_end: In how many of the last epochs no step is low.
        **kwargs: `statistics`, `seed`, `name` of `DynamicModel`.

    Example:

    >>> model = kd.LowMode(kd.architectures.resnet(18, (32, 32, 3), classes=10))
    >>> model.instances
    ['full', 'low']
    >>> round(model.menu["low"].macs / model.menu.full.macs, 3)
    0.031

    Reference: https://arxiv.org/abs/1910.06548
    """

    def __init__(
        self,
        base,
        ratio=2,
        probability=0.5,
        blur="gaussian",
        shrink="device",
        pooling="floor",
        layers="auto",
        drop_pool=True,
        alternate=False,
        full_after_drop=4,
        full_at_end=0,
        **kwargs,
    ):
        flat = graph.flatten(base)
        refuse_unpooled(flat)
        _check_ratio(flat, ratio)
        _one_of("blur", blur, ("gaussian", "bilinear"))
        _one_of("shrink", shrink, ("device", "host"))
        _one_of("pooling", pooling, ("floor", "ceil"))
        _check_counts(full_after_drop=full_after_drop, full_at_end=full_at_end)
        self._settings = {
            "ratio": int(ratio),
            "probability": _probabilities(probability),
            "blur": blur,
            "shrink": shrink,
            "pooling": pooling,
            "layers": low_graph.convolutions(flat, layers),
            "drop_pool": bool(drop_pool),
            "alternate": bool(alternate),
            "full_after_drop": int(full_after_drop),
            "full_at_end": int(full_at_end),
        }
        self._now = _Now(self._probability(0))
        super().__init__(base, **kwargs)
        # The rate as the last epoch began, and the epoch before which steps are full:
        # saved, so that a resumed run finds the drops an unbroken one would have found.
        self.rate_drop = self.add_weight(
            shape=(2,), initializer="zeros", trainable=False, name="rate_drop"
        )

    # === What a method says ===

    def define_instances(self):
        """`full` and `low`."""
        return [Instance(FULL), Instance(LOW, {"ratio": self._settings["ratio"]})]

    def rule(self, instance):
        """Shrinks the image, pools kernels, drops the stem's pooling."""
        if instance.name == FULL:
            return {}
        flat, chosen = self._book.flat, self._settings
        edits = low_graph.shrunk_input(flat, chosen["ratio"], chosen["blur"])
        if chosen["drop_pool"]:
            edits.update(low_graph.without_stem_pooling(flat))
        pooled = low_graph.pooled_kernels(
            flat, chosen["layers"], chosen["ratio"], chosen["pooling"]
        )
        return {**edits, **pooled}

    def probabilities(self):
        """How likely each instance is, on average over the epochs."""
        low = float(np.mean(self._settings["probability"]))
        return {FULL: 1 - low, LOW: low}

    def probabilities_at(self, step):
        """How likely each instance is in the epoch that `fit` is in."""
        low = self._now.share
        if self._settings["alternate"]:
            low = float(is_turn(step, low))
        return {FULL: 1 - low, LOW: low}

    @property
    def bookkeeping(self):
        """Weights that are the state of training."""
        return [*super().bookkeeping, self.rate_drop]

    def get_config(self):
        """The arguments of `__init__`."""
        plain = {
            k: list(v) if isinstance(v, list) else v for k, v in self._settings.items()
        }
        return {**super().get_config(), **plain}

    # === Training ===

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
        """Keras' `fit`; give `initial_epoch` when it goes on with an earlier run."""
        shares = self._settings["probability"]
        if isinstance(shares, list) and len(shares) < epochs:
            raise DynresError(
                "There is one probability for each epoch. Received: "
                f"{len(shares)} probabilities and epochs={epochs}"
            )
        if self._settings["shrink"] == "host":
            self._small_graph()  # Here: within a trace no graph may come into being.
        # First, so that all others see what it adds to the logs.
        callbacks = [EpochCalls(), *keras.tree.flatten(callbacks or [])]
        try:
            return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)
        finally:
            self._now.promised = {}

    def begin_epoch(self, epoch, epochs):
        """Settles how likely low steps are in an epoch of `epochs`; `fit` calls it."""
        optimizer, chosen = self.optimizer, self._settings
        rate = float(ops.convert_to_numpy(optimizer.learning_rate + 0))
        before, full_until = (float(x) for x in np.asarray(self.rate_drop + 0))
        full_until = after_drop(
            rate, before, full_until, epoch, chosen["full_after_drop"]
        )
        self.rate_drop.assign([rate, full_until])
        shares = chosen["probability"]
        last = len(shares) if isinstance(shares, list) else epochs
        full = epoch < full_until or epoch >= last - chosen["full_at_end"]
        self._now.share = 0.0 if full else self._probability(epoch)
        self._now.step = int(optimizer.iterations + 0)
        self.train_function.begin_epoch()

    def make_train_function(self, force=False):
        """As `DynamicModel` has it, with counting and timing."""
        super().make_train_function(force)
        if not isinstance(self.train_function, TimedSteps):
            self.train_function = TimedSteps(self.train_function)

    # === Images that arrive small ===

    def low_steps(self):
        """Says of each coming step whether it is low, for `kd.data.shrunk`."""
        # A dict of its own: an iteration that was given up may still read ahead.
        promised = self._now.promised = {}
        for step in itertools.count(self._now.step):
            name = promised[step] = super().instance_at_step(step)
            yield name == LOW

    def instance_at_step(self, step):
        """Name of the instance of a step; its batch may have been shrunk already."""
        promised = self._now.promised.get(int(step))
        return super().instance_at_step(step) if promised is None else promised

    def call(self, inputs, training=None):
        """Runs the instance being trained, or `full`."""
        if self._settings["shrink"] == "device":
            return super().call(inputs, training=training)
        size, small = tuple(inputs.shape[1:3]), self._small_graph()
        small_size = small.input_shape[1:3]
        if None in size:
            # TensorFlow knows neither where batches of both sizes come from one source.
            low = training and self._active == LOW
            size = small_size if low else self.base.input_shape[1:3]
            inputs = ops.reshape(inputs, (-1, *size, inputs.shape[-1]))
        if size == small_size:
            return small(inputs, training=training)
        return super().call(inputs, training=training)

    # === Private ===

    def _probability(self, epoch):
        shares = self._settings["probability"]
        return shares[epoch] if isinstance(shares, list) else shares

    def _small_graph(self):
        """What `low` does with images once they are small."""
        if self._now.small is None:
            low = self._graph(LOW)
            (name,) = graph.input_names(self.base)
            images = low.get_layer(f"{name}_shrunk").output
            self._now.small = keras.Model(images, low.output)
        return self._now.small


class _Now:
    """What holds for the moment, and is not the model's to keep."""

    def __init__(self, share):
        self.share, self.step = share, 0
        self.promised, self.small = {}, None


def _probabilities(given):
    single = isinstance(given, Real)
    shares = [given] if single else list(given)
    if not shares or not all(isinstance(p, Real) and 0 <= p <= 1 for p in shares):
        raise DynresError(
            "probability is a number in [0, 1], or one for each epoch. "
            f"Received: probability={given!r}"
        )
    return float(given) if single else [float(p) for p in shares]


def _check_ratio(flat, ratio):
    sizes = flat.inputs[0].shape[1:3]
    if None in sizes:
        raise DynresError(
            "The base's height and width must be known. "
            f"Received: input shape {flat.inputs[0].shape}"
        )
    whole = isinstance(ratio, Integral) and ratio > 1
    if not whole or any(size % ratio for size in sizes):
        raise DynresError(
            "ratio is a whole number from 2 that divides the image's height and width, "
            f"{sizes[0]} and {sizes[1]}. Received: ratio={ratio!r}"
        )


def _check_counts(**counts):
    for key, value in counts.items():
        if not isinstance(value, Integral) or value < 0:
            raise DynresError(f"{key} is a number of epochs. Received: {key}={value!r}")


def _one_of(key, value, offered):
    if value not in offered:
        raise UnknownNameError(key, value, offered)

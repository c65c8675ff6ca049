"""Low-mode: some training steps on small images with pooled kernels."""

import types
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import Any

import keras
from keras import ops

from keras_dynres import graph
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError, one_of
from keras_dynres.instance import FULL, Instance
from keras_dynres.methods import low_graph
from keras_dynres.methods.low_plan import LOW, EpochCalls, LowPlan, TimedSteps
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
            one (3x3 to the mean of its nine taps), `"ceil"` to ceil(K / ratio);
            `"none"` leaves them whole, over any base: only the images shrink.
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
        base: keras.Model,
        ratio: int = 2,
        probability: float | Sequence[float] = 0.5,
        blur: str = "gaussian",
        shrink: str = "device",
        pooling: str = "floor",
        layers: str | Sequence[str] | Callable = "auto",
        drop_pool: bool = True,
        alternate: bool = False,
        full_after_drop: int = 4,
        full_at_end: int = 0,
        **kwargs: Any,
    ):
        flat = graph.flatten(base)
        refuse_unpooled(flat)
        _check_ratio(flat, ratio)
        plan = LowPlan(
            probability,
            alternate,
            full_after_drop,
            full_at_end,
            kwargs.get("seed", 0),
        )
        self._settings = {
            "ratio": int(ratio),
            "probability": plan.probability,
            "blur": one_of("blur", blur, ("gaussian", "bilinear")),
            "shrink": one_of("shrink", shrink, ("device", "host")),
            "pooling": one_of("pooling", pooling, ("floor", "ceil", "none")),
            "layers": _pooled_layers(flat, pooling, layers),
            "drop_pool": bool(drop_pool),
            "alternate": plan.alternate,
            "full_after_drop": plan.full_after_drop,
            "full_at_end": plan.full_at_end,
        }
        # An object that Keras does not look into, so that no graph is tracked.
        self._parts = types.SimpleNamespace(small=None)
        super().__init__(base, **kwargs)
        self.plan = plan
        # The rate as the last epoch began, and the epoch before which steps are full:
        # saved, so that a resumed run finds the drops an unbroken one would have found.
        self.rate_drop = self.add_weight(
            shape=(2,), initializer="zeros", trainable=False, name="rate_drop"
        )

    # === What a method says ===

    def define_instances(self) -> Sequence[Instance]:
        """`full` and `low`."""
        return [Instance(FULL), Instance(LOW, {"ratio": self._settings["ratio"]})]

    def rule(self, instance: Instance) -> dict:
        """Shrinks the image, pools kernels, drops the stem's pooling."""
        if instance.name == FULL:
            return {}
        flat, chosen = self.graph, self._settings
        edits = low_graph.shrunk_input(flat, chosen["ratio"], chosen["blur"])
        if chosen["drop_pool"]:
            edits.update(low_graph.without_stem_pooling(flat))
        pooled = low_graph.pooled_kernels(
            flat, chosen["layers"], chosen["ratio"], chosen["pooling"]
        )
        return {**edits, **pooled}

    def get_config(self) -> dict:
        """The arguments of `__init__`."""
        plain = {
            k: list(v) if isinstance(v, list) else v for k, v in self._settings.items()
        }
        return {**super().get_config(), **plain}

    # === Training ===

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Keras' `fit`; give `initial_epoch` when it goes on with an earlier run."""
        self.plan.check(epochs)
        if self._settings["shrink"] == "host":
            self._small_graph()  # Here: within a trace no graph may come into being.
        try:
            return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)
        finally:
            self.plan.end()

    def callbacks_of(
        self, callbacks: list[keras.callbacks.Callback]
    ) -> list[keras.callbacks.Callback]:
        """First what counts low steps: all others see what it adds to the logs."""
        return [EpochCalls(), *callbacks]

    def make_train_function(self, force: bool = False):
        """As `DynamicModel` has it, with counting and timing."""
        super().make_train_function(force)
        if not isinstance(self.train_function, TimedSteps):
            self.train_function = TimedSteps(self.train_function)

    # === Images that arrive small ===

    def low_steps(self) -> Iterator[bool]:
        """Says of each coming step whether it is low, for `kd.data.shrunk`."""
        return self.plan.low_steps()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
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

    def _small_graph(self):
        """What `low` does with images once they are small."""
        if self._parts.small is None:
            low = self.at(LOW, uncalibrated=True)
            (name,) = graph.input_names(self.base)
            images = low.get_layer(f"{name}_shrunk").output
            self._parts.small = keras.Model(images, low.output)
        return self._parts.small


def _pooled_layers(flat, pooling, layers):
    return [] if pooling == "none" else low_graph.convolutions(flat, layers)


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

"""The optimizer, learning rate and loss that a network asks for."""

from typing import Any

import keras
from keras import ops

from keras_dynres.core import labels
from keras_dynres.training.optimizers import ConvolutionMuon, CoupledSGD
from keras_dynres.zoo.network import Network


@keras.saving.register_keras_serializable(package="keras_dynres")
class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """Another schedule, scaled up from nothing over its first steps.

    Example:

    >>> decay = keras.optimizers.schedules.CosineDecay(0.1, 1000)
    >>> float(Warmup(decay, 10)(0)) < 0.02
    True

    Args:
        schedule: The other schedule.
        steps: Steps until it rules alone.
    """

    def __init__(
        self, schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int
    ) -> None:
        super().__init__()
        self.schedule = schedule
        self.steps = steps

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step, counted from 0."""
        share = (ops.cast(step, "float32") + 1.0) / self.steps
        return self.schedule(step) * ops.minimum(share, 1.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule, "steps": self.steps}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Warmup":
        """The schedule the configuration describes."""
        schedule = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(schedule, config["steps"])


@keras.saving.register_keras_serializable(package="keras_dynres")
class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy of logits with labels of which a share is spread over all classes.

    Labels are integers, or rows of shares, as mixed images have them.

    Args:
        smoothing: The share that is spread.
        **kwargs: As of `keras.losses.Loss`.
    """

    def __init__(self, smoothing: float, **kwargs: Any) -> None:
        kwargs.setdefault("name", "smoothed_crossentropy")
        super().__init__(**kwargs)
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image."""
        if labels.are_shares(y_true, y_pred):
            shares = ops.cast(y_true, y_pred.dtype)
        else:
            classes = ops.reshape(ops.cast(y_true, "int32"), (-1,))
            shares = ops.one_hot(classes, y_pred.shape[-1], dtype=y_pred.dtype)
        return keras.losses.categorical_crossentropy(
            shares,
            y_pred,
            from_logits=True,
            label_smoothing=self.smoothing,
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "smoothing": self.smoothing}


class _OfShares:
    """A metric of integer labels that takes rows of shares too, by their largest."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true = labels.classes_of(y_true, y_pred)
        super().update_state(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable(package="keras_dynres")
class Accuracy(_OfShares, keras.metrics.SparseCategoricalAccuracy):
    """Accuracy by the class that has the largest share of a label."""


@keras.saving.register_keras_serializable(package="keras_dynres")
class TopKAccuracy(_OfShares, keras.metrics.SparseTopKCategoricalAccuracy):
    """Accuracy of the best few by the class with the largest share of a label."""


def schedule(
    network: Network, steps_per_epoch: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate of each step.

    >>> network = kd.zoo.Network.load("wrn16_2_cifar10")
    >>> rate = schedule(network, steps_per_epoch=390)
    >>> round(float(rate(390 * 20)), 2)
    0.05
    """
    schedules = keras.optimizers.schedules
    steps, rate = network.epochs * steps_per_epoch, network.learning_rate
    if network.schedule == "cosine":
        decay = schedules.CosineDecay(rate, steps)
    elif network.schedule == "linear":
        decay = schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    else:
        # The step at a boundary still has Keras' old rate: hence one less.
        at = [
            round(x if x >= 1 else x * network.epochs) * steps_per_epoch
            for x in network.step_at
        ]
        values = [rate * network.step_factor**i for i in range(len(at) + 1)]
        decay = schedules.PiecewiseConstantDecay([step - 1 for step in at], values)
    warm = round(network.warmup_epochs * steps_per_epoch)
    return Warmup(decay, warm) if warm else decay


def optimizer(network: Network, steps_per_epoch: int) -> CoupledSGD:
    """The optimizer."""
    kind = ConvolutionMuon if network.optimizer == "muon" else CoupledSGD
    return kind(
        schedule(network, steps_per_epoch),
        momentum=float(network.momentum),
        nesterov=network.nesterov,
        coupled_decay=network.weight_decay,
        decay_all=network.decay_all,
        use_ema=network.average > 0,
        ema_momentum=network.average,
    )

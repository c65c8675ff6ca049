"""MSDNet: exits on features that are coarse from the start."""

from typing import Any

import keras

from keras_dynres import architectures
from keras_dynres.exits import ExitModel

# What ExitModel takes; all else is the architecture's.
_OWN = (
    *("exit_weights", "distillation", "temperature"),
    *("policies", "seed", "menu", "name"),
)


@keras.saving.register_keras_serializable(package="keras_dynres")
class MSDNet(ExitModel):
    """A multi-scale dense network (Huang et al., ICLR 2018); each exit an instance.

    Beside what every `DynamicModel` does, the methods of `ExitModel` stop early:

    - `anytime(images)` yields (exit, predictions) as soon as each exit is computed.
    - `predict_within(images, milliseconds)` gives the last predictions ready in time.
    - `solve_budget(validation_data, macs=)` fits the confidence thresholds, a `Policy`,
      that spend a mean budget best; `latency_ms=` is a budget in milliseconds.
    - `predict_dynamic(images, policy)` lets each image leave at the first exit that the
      policy trusts, and computes later stages for the others alone.
    - `evaluate_policies(data)`, `budget_curve(validation_data, test_data)` and
      `expected_accuracy(budget_distribution, data)` say what that is worth.
    - `exits`, `exit_costs()`, `exit_times(images)`, `stages()`, `policies`.

    Args:
        base: Name of a published network: `"cifar_anytime"`, `"cifar_budget10"` (15,
            21, 28, 36), `"imagenet"`, as the paper has it, `"imagenet_step4"` (6, 7),
            as its code; or a network of `keras_dynres.architectures.msdnet`.
        **kwargs: Arguments of `ExitModel`; beside a name, also those of the
            architecture: `input_shape`, `classes`, `steps`, `growth` ...

    Example:

    >>> model = kd.MSDNet("cifar_budget10", classes=100)
    >>> model.instances
    ['exit1', 'exit2', 'exit3', 'full']

    Stopping early, here on a net too small to train:

    >>> import numpy as np
    >>> net = {"steps": (1, 1), "channels": 4, "growth": 2, "head": 4}
    >>> model = kd.MSDNet("cifar_budget10", input_shape=(16, 16, 3), classes=4, **net)
    >>> images, labels = np.random.rand(8, 16, 16, 3), np.arange(8) % 4
    >>> [(exit, logits.shape) for exit, logits in model.anytime(images)]
    [('exit1', (8, 4)), ('exit2', (8, 4))]
    >>> exit, logits = model.predict_within(images, milliseconds=60_000)
    >>> exit
    'exit2'
    >>> budget = sum(model.exit_costs()) / 2
    >>> policy = model.solve_budget((images, labels), macs=budget, verbose=0)
    >>> logits, exits = model.predict_dynamic(images, policy, return_exits=True)
    >>> float(np.mean(np.array(model.exit_costs())[exits])) <= budget
    True

    Reference: https://arxiv.org/abs/1703.09844
    """

    def __init__(
        self, base: str | keras.Model = "cifar_anytime", **kwargs: Any
    ) -> None:
        if isinstance(base, str):
            own = {key: kwargs.pop(key) for key in _OWN if key in kwargs}
            base, kwargs = architectures.msdnet(base, **kwargs), own
        super().__init__(base, **kwargs)

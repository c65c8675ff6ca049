"""An optimizer that trains weights which are held to a few values."""

from collections.abc import Callable, Mapping
from typing import Any

import keras


class LatentWeights(keras.optimizers.Optimizer):
    """Another optimizer, for kernels of which the network sees projections only.

    Each held kernel has a latent one, which takes up the updates; the kernel itself is
    always its projection, such as the nearest point of a grid. The network computes,
    and its gradients are taken, with projections: what is known as a straight-through
    estimator, without a change to any graph.

    Args:
        optimizer: The optimizer, built over the model's trainable variables.
        projections: Maps positions of the trainable variables to functions from a
            latent kernel to what the network sees.

    Example:

    ```python
    latent = LatentWeights(model.optimizer, {0: keras.ops.sign})
    ```
    """

    def __init__(self, optimizer: Any, projections: Mapping[int, Callable]):
        super().__init__(learning_rate=0.0, name="latent_weights")
        # Behind a function, so that Keras does not save it as a part of this.
        self._optimizer = lambda: optimizer
        self._positions = dict(projections)

    def start(self, weights: list[keras.Variable]) -> None:
        """Makes the latent kernels of the weights, and projects the weights.

        Args:
            weights: The model's trainable variables.
        """
        super().build([])
        # Of all of them: Keras hands over their values in this order (JAX).
        self._trainable_variables = list(weights)
        self._latents, self._projections = {}, {}
        for position, projection in self._positions.items():
            weight = weights[position]
            self._projections[id(weight)] = projection
            self._latents[id(weight)] = self.add_variable_from_reference(
                weight, name="latent", initializer=weight.value
            )
            self._project(weight)

    def build(self, variables: list) -> None:
        """Has been done by `start`."""

    def apply(self, grads: list, trainable_variables: list | None = None) -> None:
        """Moves the latent kernels, and all other weights, by the optimizer."""
        weights = trainable_variables
        weights = self._trainable_variables if weights is None else list(weights)
        pairs = [(g, w) for g, w in zip(grads, weights, strict=True) if g is not None]
        held = [w for _, w in pairs if id(w) in self._latents]
        for weight in held:
            weight.assign(self._latents[id(weight)])
        self.inner_optimizer.apply([g for g, _ in pairs], [w for _, w in pairs])
        for weight in held:
            self._latents[id(weight)].assign(weight)
            self._project(weight)

    def _project(self, weight):
        weight.assign(self._projections[id(weight)](self._latents[id(weight)]))

    # === What Keras asks an optimizer that stands around another ===

    @property
    def inner_optimizer(self) -> Any:
        """The optimizer."""
        return self._optimizer()

    @property
    def variables(self) -> list:
        """The latent kernels, and the variables of the optimizer."""
        return [*self._latents.values(), *self.inner_optimizer.variables]

    @property
    def learning_rate(self) -> Any:
        """The optimizer's."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self) -> Any:
        """The optimizer's count of steps."""
        return self.inner_optimizer.iterations

    def scale_loss(self, loss: Any) -> Any:
        """As the optimizer does."""
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list: list) -> None:
        """Nothing: an average of weights would stand on no grid."""

    def save_own_variables(self, store: Any) -> None:
        """Stores what the optimizer does: a saved network has that one."""
        self.inner_optimizer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Loads it; latent kernels begin at the network's."""
        self.inner_optimizer.load_own_variables(store)

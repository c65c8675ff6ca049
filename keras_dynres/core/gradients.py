"""What stands in the optimizer's place in steps that move some weights, or only add.

Keras computes gradients inside its own training step and hands them to the model's
optimizer. Whatever else is to happen to them happens here, the same on each backend.
"""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops


@contextlib.contextmanager
def in_place_of(model: keras.Model, stand_in: Any) -> Iterator[None]:
    """Lets Keras' training step meet `stand_in` as the model's optimizer."""
    # Around Keras' attribute tracking, which would make it a part of the model.
    own = vars(model)
    optimizer = own["optimizer"]
    own["optimizer"] = stand_in
    try:
        yield
    finally:
        own["optimizer"] = optimizer


class MovedWeights:
    """Moves the weights of one instance; others stay as they are.

    Momentum and weight decay would move them otherwise, under JAX, and TensorFlow would
    warn of them.

    Args:
        model: The `DynamicModel`.
        moved: The weights to move.
    """

    def __init__(self, model: keras.Model, moved: Sequence):
        self._weights = model.trainable_variables
        self._optimizer = model.optimizer
        self._moved = {id(weight) for weight in moved}

    @property
    def all(self) -> bool:
        """Whether every weight is moved, as by the optimizer itself."""
        return self._moved == {id(weight) for weight in self._weights}

    # === What Keras' training steps ask of an optimizer ===

    @property
    def variables(self) -> list:
        """The optimizer's."""
        return self._optimizer.variables

    def scale_loss(self, loss: Any) -> Any:
        """As the optimizer does."""
        return self._optimizer.scale_loss(loss)

    def apply_gradients(self, pairs: Sequence):
        """Applies those of the weights to move (TensorFlow)."""
        moved = [(g, w) for g, w in pairs if id(w) in self._moved]
        self._optimizer.apply_gradients(moved)

    def stateless_apply(self, variables: list, gradients: list, weights: list) -> tuple:
        """Applies those of the weights to move (JAX)."""
        kept = [
            gradient if id(weight) in self._moved else None
            for gradient, weight in zip(gradients, self._weights, strict=True)
        ]
        return _apply_stateless(self._optimizer, variables, kept, weights)


class GradientSums:
    """Sums of several instances' gradients, for one step of the optimizer.

    Args:
        model: The `DynamicModel`.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        self._optimizer = model.optimizer
        self._sums = None
        self._places = {}

    def open(self, *state: tuple) -> tuple:
        """Makes the sums, zeros, where there are none.

        Args:
            *state: What JAX hands along; nothing under TensorFlow, where the sums are
                variables.

        Returns:
            The state with the sums in it; nothing without one.
        """
        if state:
            if self._sums is None:
                weights = state[0][0]
                self._sums = [ops.zeros(w.shape, w.dtype) for w in weights]
            trainable, others, optimizer, metrics = state[0]
            return ((trainable, others, [*optimizer, *self._sums], metrics),)
        if self._sums is None:
            with self._model.distribute_strategy.scope():
                self._sums = [_local(w) for w in self._model.trainable_variables]
        return ()

    def close(self, state: tuple) -> tuple:
        """The state without the sums, which are kept for the next update (JAX)."""
        trainable, others, optimizer, metrics = state
        count = len(self._optimizer.variables)
        self._sums = optimizer[count:]
        return trainable, others, optimizer[:count], metrics

    def clear(self):
        """Forgets what an interrupted update left."""
        if self._sums and isinstance(self._sums[0], keras.Variable):
            self._empty()
        else:
            self._sums = None

    def unmoved(self, names: Sequence[str]) -> dict:
        """The weights that none of the instances moves, as the keys of a dict.

        Keys are part of what a function is compiled for, values would be its input.
        """
        weights = self._model.trainable_variables
        for name in names:
            if name not in self._places:
                moved = self._model.plan.weights(self._model, name)
                ids = {id(weight) for weight in moved}
                self._places[name] = {i for i, w in enumerate(weights) if id(w) in ids}
        moved = set().union(*(self._places[name] for name in names))
        return {str(i): None for i in range(len(weights)) if i not in moved}

    def apply(self, *args: Any) -> dict | tuple:
        """A `train_step` that hands the sums to the optimizer and empties them."""
        *state, unmoved = args
        if state:
            weights, others, variables, metrics = state[0]
            count = len(self._optimizer.variables)
            sums = variables[count:]
            kept = [None if str(i) in unmoved else s for i, s in enumerate(sums)]
            weights, variables = _apply_stateless(
                self._optimizer, variables[:count], kept, weights
            )
            empty = [ops.zeros_like(s) for s in sums]
            return {}, (weights, others, [*variables, *empty], metrics)
        pairs = zip(self._sums, self._model.trainable_variables, strict=True)
        self._optimizer.apply_gradients(
            [
                (ops.convert_to_tensor(s), w)
                for i, (s, w) in enumerate(pairs)
                if str(i) not in unmoved
            ]
        )
        self._empty()
        return {}

    # === What Keras' training steps ask of an optimizer ===

    @property
    def variables(self) -> list:
        """The optimizer's, and a weight in each sum's place: they are of one kind."""
        return [*self._optimizer.variables, *self._model.trainable_variables]

    def scale_loss(self, loss: Any) -> Any:
        """As the optimizer does."""
        return self._optimizer.scale_loss(loss)

    def apply_gradients(self, pairs: Sequence):
        """Adds to the sums (TensorFlow)."""
        for total, (gradient, _) in zip(self._sums, pairs, strict=True):
            if gradient is not None:
                total.assign(total + ops.cast(gradient, total.dtype))

    def stateless_apply(self, variables: list, gradients: list, weights: list) -> tuple:
        """Adds to the sums (JAX)."""
        count = len(self._optimizer.variables)
        sums = variables[count:]
        added = [s + g for s, g in zip(sums, gradients, strict=True)]
        return weights, [*variables[:count], *added]

    def _empty(self):
        for total in self._sums:
            total.assign(ops.zeros_like(total))


def _local(weight):
    """A sum of the weight's gradients, one on each replica."""
    return keras.Variable(
        "zeros",
        weight.shape,
        weight.dtype,
        trainable=False,
        aggregation="sum",
        synchronization="on_read",
        name=f"{weight.name}_gradient",
    )


def _apply_stateless(optimizer, variables, gradients, weights):
    with warnings.catch_warnings():
        # Leaving weights out is what is meant.
        warnings.filterwarnings("ignore", "Gradients do not exist")
        return optimizer.stateless_apply(variables, gradients, weights)

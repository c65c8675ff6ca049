"""What stands in the optimizer's place in steps that use some weights, or only add.

Keras computes gradients inside its own training step and hands them to the model's
optimizer. Whatever else is to happen to them happens here, the same on each backend.
"""

import contextlib
import warnings

import keras
from keras import ops


@contextlib.contextmanager
def in_place_of(model, stand_in):
    """Lets Keras' training step meet `stand_in` as the model's optimizer."""
    # Around Keras' attribute tracking, which would make it a part of the model.
    own = vars(model)
    optimizer = own["optimizer"]
    own["optimizer"] = stand_in
    try:
        yield
    finally:
        own["optimizer"] = optimizer


class UsedWeights:
    """The step of one instance: weights it does not use stay as they are.

    Momentum and weight decay would move them otherwise, under JAX, and TensorFlow would
    warn of them.

    Args:
        model: The `DynamicModel`.
        name: The instance.
    """

    def __init__(self, model, name):
        self._model = model
        self._name = name

    def step(self, *args):
        """A `train_step` of Keras."""
        model = self._model
        self._optimizer = model.optimizer
        self._used = {id(w) for w in _trainable(model, self._name)}
        if self._used == {id(w) for w in model.trainable_weights}:
            return type(model).train_step(model, *args)
        with in_place_of(model, self):
            return type(model).train_step(model, *args)

    # === What Keras' training steps ask of an optimizer ===

    @property
    def variables(self):
        """The optimizer's."""
        return self._optimizer.variables

    def scale_loss(self, loss):
        """As the optimizer does."""
        return self._optimizer.scale_loss(loss)

    def apply_gradients(self, pairs):
        """Applies those of the weights in use (TensorFlow)."""
        used = [(g, w) for g, w in pairs if id(w) in self._used]
        self._optimizer.apply_gradients(used)

    def stateless_apply(self, variables, gradients, weights):
        """Applies those of the weights in use (JAX)."""
        mine = self._model.trainable_variables
        given = [
            g if id(w) in self._used else None
            for g, w in zip(gradients, mine, strict=True)
        ]
        return _apply_stateless(self._optimizer, variables, given, weights)


class GradientSums:
    """Sums of several instances' gradients, for one step of the optimizer.

    Args:
        model: The `DynamicModel`.
    """

    def __init__(self, model):
        self._model = model
        self._optimizer = model.optimizer
        self._sums = None
        self._used = {}

    def open(self, *state):
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

    def close(self, state):
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

    def unused(self, names):
        """The weights that none of the instances uses, as the keys of a dict.

        Keys are part of what a function is compiled for, values would be its input.
        """
        mine = self._model.trainable_variables
        for name in names:
            if name not in self._used:
                used = {id(w) for w in _trainable(self._model, name)}
                self._used[name] = {i for i, w in enumerate(mine) if id(w) in used}
        used = set().union(*(self._used[name] for name in names))
        return {str(i): None for i in range(len(mine)) if i not in used}

    def adding_step(self):
        """A `train_step` of Keras that adds to the sums."""

        def step(*args):
            with in_place_of(self._model, self):
                return type(self._model).train_step(self._model, *args)

        return step

    def applying_step(self, *args):
        """A `train_step` that hands the sums to the optimizer and empties them."""
        *state, unused = args
        if state:
            weights, others, variables, metrics = state[0]
            count = len(self._optimizer.variables)
            sums = variables[count:]
            given = [None if str(i) in unused else s for i, s in enumerate(sums)]
            weights, variables = _apply_stateless(
                self._optimizer, variables[:count], given, weights
            )
            empty = [ops.zeros_like(s) for s in sums]
            return {}, (weights, others, [*variables, *empty], metrics)
        pairs = zip(self._sums, self._model.trainable_variables, strict=True)
        self._optimizer.apply_gradients(
            [
                (ops.convert_to_tensor(s), w)
                for i, (s, w) in enumerate(pairs)
                if str(i) not in unused
            ]
        )
        self._empty()
        return {}

    # === What Keras' training steps ask of an optimizer ===

    @property
    def variables(self):
        """The optimizer's, and a weight in each sum's place: they are of one kind."""
        return [*self._optimizer.variables, *self._model.trainable_variables]

    def scale_loss(self, loss):
        """As the optimizer does."""
        return self._optimizer.scale_loss(loss)

    def apply_gradients(self, pairs):
        """Adds to the sums (TensorFlow)."""
        for total, (gradient, _) in zip(self._sums, pairs, strict=True):
            if gradient is not None:
                total.assign(total + ops.cast(gradient, total.dtype))

    def stateless_apply(self, variables, gradients, weights):
        """Adds to the sums (JAX)."""
        count = len(self._optimizer.variables)
        sums = variables[count:]
        added = [s + g for s, g in zip(sums, gradients, strict=True)]
        return weights, [*variables[:count], *added]

    def _empty(self):
        for total in self._sums:
            total.assign(ops.zeros_like(total))


def _trainable(model, name):
    return model.trained_by(name)


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

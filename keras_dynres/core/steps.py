"""Compiled training steps, one for each instance, chosen on the host."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import keras

from keras_dynres.core.gradients import GradientSums, MovedWeights, in_place_of
from keras_dynres.core.traces import one_trace_each


class InstanceSteps:
    """A train function that asks the plan for a step's instances and trains them.

    A step of one instance is Keras' own. In a step of several each adds its gradients
    to a sum, one after the other on the same batch, and the optimizer applies the sum.

    Args:
        model: The `DynamicModel`.
        make: Keras' `make_train_function` for it.

    Attributes:
        drawn: The names of the latest step.
    """

    def __init__(self, model: keras.Model, make: Callable):
        self._model = model
        _build_optimizer(model)
        self._sums = GradientSums(model)
        # All at once: under JAX Keras reads the variables' shardings here, and in the
        # middle of an epoch the variables are empty. Nothing is traced yet.
        step = type(model).train_step
        self._alone = {n: _compiled(model, make, step, model) for n in model.instances}
        with in_place_of(model, self._sums):
            self._adding = {
                n: _compiled(model, make, step, model) for n in model.instances
            }
            self._apply = _compiled(model, make, self._sums.apply)
        self._optimizers = {}
        self._traced = set()
        self._step = None
        self.drawn = []

    def rewind(self):
        """Forgets the step number; the next call reads it from the optimizer."""
        self._step = None

    def __call__(self, *args: Any) -> Any:
        """Runs the step of the instances whose turn it is."""
        if self._step is None:
            self._step = _steps_done(self._model.optimizer, args)
        names = self.drawn = self._model.plan.names_at(self._step)
        if len(names) == 1:
            optimizer = self._optimizer(names[0])
            result = self._run(self._alone[names[0]], optimizer, names[0], *args)
        else:
            result = self._run_several(names, *args)
        self._step += 1
        return result

    def _run_several(self, names, *args):
        *state, iterator = args
        batch = next(iterator)
        state = self._sums.open(*state)
        try:
            for name in names:
                function = self._adding[name]
                result = self._run(function, self._sums, name, *state, iter([batch]))
                logs, state = (result[0], result[1:]) if state else (result, ())
                batch = self._model.plan.hand_on(batch, logs)
            with one_trace_each():
                applied = self._apply(*state, iter([self._sums.unmoved(names)]))
        except BaseException:
            if state:
                _hand_back(self._model, self._sums.close(*state))
            self._sums.clear()
            raise
        return (logs, self._sums.close(*applied[1:])) if state else logs

    def _run(self, function, optimizer, name, *args):
        # Made out here: inside a trace no graph may come into being.
        self._model.at(name, uncalibrated=True, training=True)
        known = id(function) in self._traced
        with (
            self._model.training_of(name),
            in_place_of(self._model, optimizer),
            contextlib.nullcontext() if known else one_trace_each(),
        ):
            result = function(*args)
        self._traced.add(id(function))
        return result

    def _optimizer(self, name):
        """The optimizer, or what moves the instance's weights alone."""
        if name not in self._optimizers:
            model = self._model
            part = MovedWeights(model, model.plan.weights(model, name))
            self._optimizers[name] = model.optimizer if part.all else part
        return self._optimizers[name]


def announce(model: keras.Model) -> None:
    """Says that the first steps will take long, if several are still to be compiled.

    Args:
        model: A compiled `DynamicModel` that is about to train.
    """
    drawn = sum(odds > 0 for odds in model.plan.odds.values())
    if model.train_function is None and drawn > 1 and not model.run_eagerly:
        print(
            f"Compiling {drawn} instances, each as it is first drawn: the first epoch "
            "is slower.",
            flush=True,
        )


def _build_optimizer(model):
    """Over all weights: the first step may use some alone, and Keras takes those."""
    if model.optimizer.built:
        return
    tensorflow = keras.backend.backend() == "tensorflow"
    replicas = model.distribute_strategy.scope() if tensorflow else None
    with replicas or contextlib.nullcontext():
        model.optimizer.build(model.trainable_variables)


def _compiled(model, make, step, *args):
    """Keras' train function around a training step of its own."""
    # `jax.jit` keys its cache by the callable: the same bound method twice would run
    # the first instance's trace for all. A fresh partial is a fresh key.
    model.train_step = functools.partial(step, *args)
    try:
        make(force=True)
        return model.train_function
    finally:
        del model.train_step
        model.train_function = None


def _hand_back(model, state):
    """Gives the model the state of a broken off update (JAX).

    The arrays it had before are gone: each function takes over those it is handed.
    """
    kinds = ("trainable", "non_trainable", "optimizer", "metrics")
    model._jax_state = {
        f"{kind}_variables": values for kind, values in zip(kinds, state, strict=True)
    }
    model.jax_state_sync()


def _steps_done(optimizer, args):
    innermost = optimizer
    while hasattr(innermost, "inner_optimizer"):
        innermost = innermost.inner_optimizer
    # `iterations` counts updates, of which there are fewer where gradients accumulate.
    counter = innermost._iterations
    if len(args) == 2:
        # JAX hands the state along and leaves the variables themselves empty.
        values = args[0][2]
        for variable, value in zip(optimizer.variables, values, strict=True):
            if variable is counter:
                return int(value)
    return int(counter + 0)  # Added to, a mirrored variable gives its value.

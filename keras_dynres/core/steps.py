"""Compiled training steps, one for each instance, chosen on the host."""

import contextlib
import functools

import keras

from keras_dynres.core.gradients import GradientSums, UsedWeights, in_place_of
from keras_dynres.core.traces import one_trace_each


class InstanceSteps:
    """A train function that picks the step's instances, then runs their functions.

    A step of one instance is Keras' own. In a step of several each adds its gradients
    to a sum, one after the other on the same batch, and the optimizer applies the sum.

    Args:
        model: The `DynamicModel`.
        make: Keras' `make_train_function` for it.
    """

    def __init__(self, model, make):
        self._model = model
        _build_optimizer(model)
        self._sums = GradientSums(model)
        # All at once: under JAX Keras reads the variables' shardings here, and in the
        # middle of an epoch the variables are empty. Nothing is traced yet.
        self._alone, self._adding = {}, {}
        for name in model.instances:
            self._alone[name] = _compiled(model, make, UsedWeights(model, name).step)
            with in_place_of(model, self._sums):
                self._adding[name] = _compiled(model, make, self._sums.adding_step())
        with in_place_of(model, self._sums):
            self._apply = _compiled(model, make, self._sums.applying_step)
        self._traced = set()
        self._step = None
        self.only = None  # The one instance to train, where the draw is not asked.
        self.drawn = []  # The names of the latest step.

    def rewind(self):
        """Forgets the step number; the next call reads it from the optimizer."""
        self._step = None
        self.only = None

    def __call__(self, *args):
        """Runs the step of the instances whose turn it is."""
        model = self._model
        if self._step is None:
            self._step = _steps_done(model.optimizer, args)
        names = [self.only] if self.only else model.instances_at_step(self._step)
        self.drawn = names
        if len(names) == 1:
            result = self._run(self._alone, names[0], *args)
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
                result = self._run(self._adding, name, *state, iter([batch]))
                logs, state = (result[0], result[1:]) if state else (result, ())
                batch = self._model.hand_on(batch, logs)
            with one_trace_each():
                applied = self._apply(*state, iter([self._sums.unused(names)]))
        except BaseException:
            if state:
                _hand_back(self._model, self._sums.close(*state))
            self._sums.clear()
            raise
        return (logs, self._sums.close(*applied[1:])) if state else logs

    def _run(self, functions, name, *args):
        model = self._model
        # Made out here: inside a trace no graph may come into being.
        model.at(name, uncalibrated=True)
        model._active = name
        known = (id(functions), name) in self._traced
        try:
            with contextlib.nullcontext() if known else one_trace_each():
                result = functions[name](*args)
        finally:
            model._active = None
        self._traced.add((id(functions), name))
        return result


def _build_optimizer(model):
    """Over all weights: the first step may use some alone, and Keras takes those."""
    if model.optimizer.built:
        return
    tensorflow = keras.backend.backend() == "tensorflow"
    replicas = model.distribute_strategy.scope() if tensorflow else None
    with replicas or contextlib.nullcontext():
        model.optimizer.build(model.trainable_variables)


def _compiled(model, make, step):
    """Keras' train function around a training step of its own."""
    # `jax.jit` keys its cache by the callable: the same bound method twice would run
    # the first instance's trace for all. A fresh partial is a fresh key.
    model.train_step = functools.partial(step)
    try:
        make(force=True)
        return model.train_function
    finally:
        del model.train_step
        model.train_function = None


def _hand_back(model, state):
    """Gives the model the state of a broken off update (JAX).

    The arrays it had before are gone: each function takes over those it is given.
    """
    kinds = ("trainable", "non_trainable", "optimizer", "metrics")
    model._jax_state = {
        f"{kind}_variables": values for kind, values in zip(kinds, state, strict=True)
    }
    model.jax_state_sync()


def _steps_done(optimizer, args):
    iterations = optimizer.iterations
    if len(args) == 2:
        # JAX hands the state along and leaves the variables themselves empty.
        values = args[0][2]
        for variable, value in zip(optimizer.variables, values, strict=True):
            if variable is iterations:
                return int(value)
    return int(iterations + 0)  # Added to, a mirrored variable gives its value.

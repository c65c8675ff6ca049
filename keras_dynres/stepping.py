"""One compiled training step for each instance, chosen on the host."""

import contextlib
import functools

from keras_dynres.tracing import one_trace_each


class InstanceSteps:
    """A train function that picks the step's instance, then runs its own function.

    Args:
        model: The `DynamicModel`.
        make: Keras' `make_train_function` for it.
    """

    def __init__(self, model, make):
        self._model = model
        # All at once: under JAX Keras reads the variables' shardings here, and in the
        # middle of an epoch the variables are empty. Nothing is traced yet.
        self._functions = {name: self._compiled(make) for name in model.instances}
        self._traced = set()
        self._step = None

    def rewind(self):
        """Forgets the step number; the next call reads it from the optimizer."""
        self._step = None

    def __call__(self, *args):
        """Runs the step of the instance whose turn it is."""
        model = self._model
        if self._step is None:
            self._step = _steps_done(model.optimizer, args)
        name = model.instance_at_step(self._step)
        # Made out here: inside a trace no graph may come into being.
        model.at(name, uncalibrated=True)
        model._active = name
        first = (
            one_trace_each() if name not in self._traced else contextlib.nullcontext()
        )
        try:
            with first:
                result = self._functions[name](*args)
        finally:
            model._active = None
        self._traced.add(name)
        self._step += 1
        return result

    def _compiled(self, make):
        model = self._model
        # `jax.jit` keys its cache by the callable: the same bound method twice would
        # run the first instance's trace for all. A fresh partial is a fresh key.
        model.train_step = functools.partial(type(model).train_step, model)
        try:
            make(force=True)
            return model.train_function
        finally:
            del model.train_step
            model.train_function = None


def _steps_done(optimizer, args):
    iterations = optimizer.iterations
    if len(args) == 2:
        # JAX hands the state along and leaves the variables themselves empty.
        values = args[0][2]
        for variable, value in zip(optimizer.variables, values, strict=True):
            if variable is iterations:
                return int(value)
    return int(iterations + 0)  # Added to, a mirrored variable gives its value.

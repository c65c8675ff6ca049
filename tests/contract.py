"""What every method promises on every base; `test_contract.py` runs it for each."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import exits

SIZE = 16


def base():
    """A small base with two stages and a plain head."""
    return kd.architectures.wide_resnet(
        depth=10, width=1, input_shape=(SIZE, SIZE, 3), classes=4
    )


def images(count=8, seed=0):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(count, SIZE, SIZE, 3)).astype("float32")


def labels(count=8, seed=1):
    return np.random.default_rng(seed).integers(0, 4, count)


def loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def compiled(model, **kwargs):
    kwargs.setdefault("jit_compile", keras.backend.backend() == "jax")
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9), loss(), metrics=["accuracy"], **kwargs
    )
    return model


def logits(model, name, x):
    return np.asarray(model.at(name)(x, training=False))


def every_logits(model, x):
    return {name: logits(model, name, x) for name in model.instances}


def values(layer):
    return [np.array(v) for v in layer.weights]


def same(one, other, **tolerance):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


def step_of(model, name):
    """The first step that trains the instance."""
    return next(s for s in range(10_000) if name in model.plan.names_at(s))


def drawn(model):
    """The instances that steps are drawn for; exits are trained with the last one."""
    return [name for name, odds in model.plan.odds.items() if odds]


def step_loss(model, losses, step):
    """What the step's loss is, from that of each instance alone."""
    if exits.names_of(model):
        return sum(losses.values())
    return np.mean([losses[name] for name in model.plan.names_at(step)])


def part(model, name):
    """The part of the base that an instance is made of: all, or what an exit needs."""
    position = model.menu[name].output
    if position is None:
        return model.base
    return keras.Model(model.base.inputs, model.base.outputs[position])


def other_backend():
    """The backend that is not running, if it is installed."""
    name = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    pytest.importorskip(name)
    return name


def python(code, backend, **arguments):
    """Runs code in a fresh process under a backend; what it prints is JSON."""
    import os

    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.update(arguments.pop("environment", {}))
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])

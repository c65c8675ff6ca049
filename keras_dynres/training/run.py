"""train(): from a network to a trained model, through kills and interruptions."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_dynres import data
from keras_dynres.core.copies import settle
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.core.steps import announce
from keras_dynres.errors import DynresError
from keras_dynres.training import logs, optimization, tasks
from keras_dynres.training.frozen import Pause, freeze
from keras_dynres.training.fused_norms import fuse_norms
from keras_dynres.training.lender import lend_method, lend_weights
from keras_dynres.training.processes import Processes, Team, together
from keras_dynres.training.results import finish
from keras_dynres.training.run_folder import RunFolder
from keras_dynres.zoo import loader
from keras_dynres.zoo.network import Network


def build(network: str | Path | Network) -> DynamicModel:
    """The untrained, compiled model of a network, initialised by the network's seed.

    >>> build("sdpoint_wrn16_2_cifar10").instances[0]
    'full'

    Args:
        network: A `Network`, its name, or the path of its file.

    Returns:
        The method's `DynamicModel`.
    """
    return _built(Network.load(network))[0]


def _built(network: Network) -> tuple[DynamicModel, keras.Model]:
    """The compiled model, and the network without its method."""
    with policy(network.precision):
        keras.utils.set_random_seed(network.seed)
        base = loader.build_base(network)
        lender = lend_weights(base, network) if network.starts_from else None
        model = loader.build(network, base)
        lend_method(model, lender)
        _compile(model, network, base)
        fuse_norms(model)
    return model, base


def _compile(model: DynamicModel, network: Network, base: keras.Model) -> None:
    model.compile(
        optimizer=optimization.optimizer(network, _steps(network)),
        # On a CPU XLA brings TensorFlow nothing, and takes long for each instance.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
        **tasks.compilation(
            network.images,
            base,
            network.loss_weights,
            network.label_smoothing,
            network.mixes_labels,
        ),
    )


def _freeze(
    model: DynamicModel, network: Network, base: keras.Model, frozen: bool
) -> None:
    """Lets the base learn or not; the steps are counted on."""
    if not network.frozen_epochs or not freeze(base, frozen):
        return
    steps = int(_innermost(model.optimizer).iterations)
    with policy(network.precision):
        _compile(model, network, base)
    model.optimizer.build(model.trainable_variables)
    _innermost(model.optimizer).iterations.assign(steps)


def _innermost(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """That of float16 is wrapped into one that scales the loss."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def train(
    network: str | Path | Network,
    data_dir: str | Path | None = None,
    out_dir: str | Path = "runs",
    resume: bool = False,
    epochs: int | None = None,
    validate_every: int = 1,
    tensorboard: bool = False,
    on_corrupt: str = "raise",
    verbose: int | str = "auto",
    processes: Processes | None = None,
) -> keras.Model | None:
    """Trains a network to its end: checkpoints, calibration, accuracy of the menu.

    Killed at any moment and called again with `resume=True`, it goes on after the
    last finished epoch and ends with the weights of an unbroken run. In `out_dir`
    stand the last two checkpoints, `log.csv`, `history.json` and, after the last
    epoch, `model.keras` and `results.json`. Trained in a mixed precision, the model
    that is calibrated, measured and saved computes in float32, as the zoo's do.

    Example:

    ```python
    model = train("sdpoint_wrn16_2_cifar10", data_dir="~/data", out_dir="runs/sdpoint")
    ```

    Args:
        network: A `Network`, its name, or the path of its file.
        data_dir: Folder of tensorflow-datasets.
        out_dir: Where everything goes; made when missing.
        resume: Whether to go on from the checkpoint in `out_dir`, if there is one.
        epochs: Stops after this many of the network's epochs, uncalibrated.
        validate_every: Epochs from one evaluation of `full` to the next.
        tensorboard: Whether to write TensorBoard's files too.
        on_corrupt: What `data.load` is told to do about damaged images.
        verbose: 0 is silent, 1 a progress bar, 2 a line an epoch; `"auto"` is 1 on a
            terminal and 2 elsewhere.
        processes: Who else trains this network, on JAX: each step's images are divided
            among all devices of all processes. Process 0 alone needs `out_dir`, and
            calibrates and measures.

    Returns:
        The model; calibrated and measured if the last epoch was reached. Of several
        processes, process 0 returns it then, and else they return None.
    """
    network = Network.load(network)
    last = network.epochs if epochs is None else min(epochs, network.epochs)
    if last < 1 or validate_every < 1:
        raise DynresError(
            "epochs and validate_every are at least 1. "
            f"Received: epochs={epochs}, validate_every={validate_every}"
        )
    if verbose == "auto":
        verbose = 1 if logs.is_terminal() else 2
    folder = RunFolder(out_dir, network)
    images = {
        "name": network.images,
        "data_dir": data_dir,
        "batch_size": network.batch_size,
        "on_corrupt": on_corrupt,
        "held_out": network.held_out,
    }
    with folder.kept(), data.clear_errors(network.images.name):
        say = print if verbose else lambda _: None
        with together(processes, network.batch_size, say) as team:
            verbose = verbose if team.is_first else 0
            ways = (resume, last, validate_every, tensorboard, verbose)
            model, history = _trained(network, images, folder, team, *ways)
        is_finished = last == network.epochs
        if processes and not (is_finished and team.is_first):
            return None  # What was trained lies in the devices of all.
        if is_finished:
            if processes or network.precision != "float32":
                model = _in_float32(model, network)
            ways = (history, verbose, team.count)
            finish(model, network, images, folder.path, *ways)
    return model


def _trained(
    network: Network,
    images: Mapping[str, Any],
    folder: RunFolder,
    team: Team,
    resume: bool,
    last: int,
    validate_every: int,
    tensorboard: bool,
    verbose: int,
) -> tuple[DynamicModel, list[dict[str, float]]]:
    """The model after the epoch `last`, and a row for each epoch."""
    say = print if verbose else lambda _: None
    content = team.from_first(lambda: folder.begin(resume, say))
    model, base = _built(network)

    def prepare(epoch):
        # The last state of a frozen base was saved before it was let go.
        _freeze(model, network, base, epoch <= network.frozen_epochs)

    done, history = folder.checkpoints.restore(model, content, prepare)
    if done:
        say(f"Going on after epoch {done}.")
    written = folder.checkpoints if team.is_first else None
    keeper = logs.EpochKeeper(written, history, last, verbose == 2)
    callbacks = [keeper, *team.callbacks()]
    if team.is_first:
        # A run killed between the two wrote the checkpoint but not the logs.
        logs.write_logs(folder.path, history)
        if tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(folder.path / "tensorboard"))
    for end in (min(network.frozen_epochs, last), last):
        if done < end:
            _freeze(model, network, base, done < network.frozen_epochs)
            ways = ([*callbacks, Pause(end)], validate_every, verbose)
            _fit(model, network, images, team, done, end, *ways)
            done = end
    if last == network.epochs:
        # `fit` does it too, unless a killed run had all its epochs already.
        _innermost(model.optimizer).finalize_variable_values(model.trainable_variables)
    return model, history


def _in_float32(model: keras.Model, network: Network) -> keras.Model:
    """What was trained, in a network that computes as the zoo's and bundles do.

    It lies in this process, whoever took part in the training.
    """
    single = build(dataclasses.replace(network, precision="float32", starts_from=""))
    single.set_weights(model.get_weights())
    settle(single._flatten_layers())
    optimizer = _innermost(model.optimizer)
    single.optimizer.build(single.trainable_variables)
    for kept, trained in zip(
        single.optimizer.variables, optimizer.variables, strict=True
    ):
        kept.assign(np.asarray(trained))
    return single


def _fit(
    model: keras.Model,
    network: Network,
    images: Mapping[str, Any],
    team: Team,
    done: int,
    last: int,
    callbacks: list[keras.callbacks.Callback],
    validate_every: int,
    verbose: int,
) -> None:
    train = data.load(
        split="train",
        augment=network.augment,
        seed=network.seed,
        epochs=last,
        start_epoch=done,
        share=team.share,
        **images,
    )
    if verbose == 2:
        announce(model)  # As `fit` does with a progress bar.
    model.fit(
        train,
        # What callbacks plan by, wherever this run stops.
        epochs=network.epochs,
        initial_epoch=done,
        shuffle=False,  # The pipeline has done it.
        steps_per_epoch=len(train) // (last - done),
        validation_data=data.load(split="test", **images),
        validation_freq=validate_every,
        callbacks=callbacks,
        verbose=1 if verbose == 1 else 0,
    )


def _steps(network: Network) -> int:
    images = network.images.train_images - network.held_out
    return images // network.batch_size


@contextlib.contextmanager
def policy(name: str) -> Iterator[None]:
    """Networks that are made within it compute in this precision.

    Args:
        name: The name of a Keras dtype policy.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)

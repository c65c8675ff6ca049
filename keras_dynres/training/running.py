"""train(): from a recipe to a trained model, through kills and interruptions."""

import contextlib
from pathlib import Path

import keras

from keras_dynres import architectures, data
from keras_dynres.errors import DynresError
from keras_dynres.training import logs, optimizing
from keras_dynres.training.checkpoints import Checkpoints
from keras_dynres.training.recipe import Recipe
from keras_dynres.zoo.lock import locked


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C in training; the message says where the checkpoint is."""


def build(recipe):
    """The untrained model of a recipe, its weights set by the recipe's seed.

    >>> build("sdpoint_wrn16_2_cifar10").instances[0]
    'full'
    """
    recipe = Recipe.load(recipe)
    dataset = data.info(recipe.dataset)
    options = {
        "classes": dataset.classes,
        "input_shape": (dataset.size, dataset.size, 3),
        **recipe.architecture_options,
    }
    with _policy(recipe.precision):
        keras.utils.set_random_seed(recipe.seed)
        base = architectures.create(recipe.architecture, **options)
        if recipe.method is None:
            return base
        # Here: the methods are built upon what stands beside this room.
        from keras_dynres import methods

        own = {"seed": recipe.seed, **recipe.method_options}
        return methods.create(recipe.method, base, **own)


def train(
    recipe,
    data_dir=None,
    out_dir="runs",
    resume=False,
    epochs=None,
    validate_every=1,
    tensorboard=False,
    verbose="auto",
):
    """Trains a recipe, keeping a checkpoint of every epoch.

    Killed at any moment and called again with `resume=True`, it goes on after the
    last finished epoch and ends with the weights of an unbroken run.

    Example:

    ```python
    model = train("sdpoint_wrn16_2_cifar10", data_dir="~/data", out_dir="runs/sdpoint")
    ```

    Args:
        recipe: A `Recipe`, its name, or the path of its file.
        data_dir: Folder of tensorflow-datasets.
        out_dir: Where checkpoints and logs go; made when missing.
        resume: Whether to go on from the checkpoint in `out_dir`, if there is one.
        epochs: Stops after this many of the recipe's epochs.
        validate_every: Epochs from one evaluation of `full` to the next.
        tensorboard: Whether to write TensorBoard's files too.
        verbose: 0 is silent, 1 a progress bar, 2 a line an epoch; `"auto"` is 1 on a
            terminal and 2 elsewhere.

    Returns:
        The trained model, compiled; not calibrated.
    """
    recipe = Recipe.load(recipe)
    if verbose == "auto":
        verbose = 1 if logs.is_terminal() else 2
    folder = _writable(out_dir)
    with _alone(folder):
        return _train(
            recipe,
            data_dir,
            folder,
            resume,
            epochs,
            validate_every,
            tensorboard,
            verbose,
        )


def _train(
    recipe, data_dir, folder, resume, epochs, validate_every, tensorboard, verbose
):
    say = print if verbose else lambda _: None
    last = recipe.epochs if epochs is None else min(epochs, recipe.epochs)
    dataset = data.info(recipe.dataset)
    steps = dataset.train_images // recipe.batch_size
    model = build(recipe)
    with _policy(recipe.precision):
        model.compile(
            optimizer=optimizing.optimizer(recipe, steps),
            loss=optimizing.loss(recipe),
            metrics=optimizing.metrics(dataset.classes),
            jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
        )
    checkpoints = Checkpoints(folder, recipe)
    done, history = _begin(checkpoints, model, resume, say)
    if done >= last:
        say(f"All {last} epochs are done.")
        return model
    logs.write_logs(folder, history)
    images = data.load(
        recipe.dataset,
        "train",
        data_dir,
        recipe.batch_size,
        augment=recipe.augment,
        seed=recipe.seed,
        epochs=last,
        start_epoch=done,
    )
    test = data.load(recipe.dataset, "test", data_dir, recipe.batch_size)
    keeper = logs.EpochKeeper(checkpoints, folder, history, verbose == 2)
    callbacks = [keeper]
    if tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(folder / "tensorboard"))
    if getattr(model, "instances", None):
        say(f"Each of {len(model.instances)} instances is compiled at its first step.")
    try:
        model.fit(
            images,
            epochs=last,
            initial_epoch=done,
            shuffle=False,  # The pipeline has done it.
            steps_per_epoch=len(images) // (last - done),
            validation_data=test,
            validation_freq=validate_every,
            callbacks=callbacks,
            verbose=1 if verbose == 1 else 0,
        )
    except KeyboardInterrupt:
        kept = len(keeper.history)
        raise TrainingInterrupted(
            f"Interrupted in epoch {kept + 1}: {kept} epoch(s) are kept in "
            f"{str(folder)!r}, and the same command with --resume goes on from there."
        ) from None
    return model


def _begin(checkpoints, model, resume, say):
    if not resume:
        if checkpoints.paths():
            raise DynresError(
                f"{str(checkpoints.folder)!r} holds the checkpoints of a run: go on "
                "with it by --resume, or take another out_dir."
            )
        return 0, []
    done, history = checkpoints.restore(model, say)
    say(f"Going on after epoch {done}." if done else "No checkpoint yet: epoch 1.")
    return done, history


@contextlib.contextmanager
def _policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def _alone(folder):
    def refuse(holder):
        raise DynresError(
            f"Another process ({holder}) is training in this folder. "
            f"Received: out_dir={str(folder)!r}"
        )

    with locked(folder / ".lock", on_wait=refuse):
        yield


def _writable(out_dir):
    folder = Path(out_dir).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    except OSError as error:
        raise DynresError(
            f"The folder cannot be written to ({error.strerror}). "
            f"Received: out_dir={str(folder)!r}"
        ) from error
    return folder

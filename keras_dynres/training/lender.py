"""Whose weights a training begins with."""

from pathlib import Path

import keras

from keras_dynres import zoo
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.training.recipe import Recipe

FILE = ".keras"


def lend_weights(model: keras.Model, recipe: Recipe) -> None:
    """Gives the plain network the weights that its recipe starts from.

    Args:
        model: The plain network of the recipe's architecture.
        recipe: A recipe whose `starts_from` names a network of the zoo or a file.
    """
    name = recipe.starts_from
    lender = _of_file(recipe) if name.endswith(FILE) else zoo.load(name)
    base = lender.base if isinstance(lender, DynamicModel) else lender
    what = f"base of {name!r}" if base is not lender else f"network in {name!r}"
    try:
        model.set_weights(base.get_weights())
    except ValueError as error:
        raise DynresError(
            f"Recipe {recipe.name!r}: the {what} is another network than "
            f"{recipe.architecture!r} with {recipe.architecture_options}."
        ) from error


def _of_file(recipe):
    """The model in a file that Keras saved."""
    path = Path(recipe.starts_from).expanduser()
    if not path.is_file():
        raise DynresError(
            f"Recipe {recipe.name!r} starts from a file that is not there: train the "
            "network that it is of first, or say where it is. "
            f"Received: starts_from={recipe.starts_from!r}, in {str(Path.cwd())!r}"
        )
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:
        # Any kind of error: which one depends on where in the file Keras stopped.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DynresError(
            f"Recipe {recipe.name!r}: {str(path)!r} is no model that Keras can load "
            f"({reason[0]})."
        ) from error

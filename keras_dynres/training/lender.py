"""Whose weights a training begins with."""

from pathlib import Path

import keras

from keras_dynres import graph, zoo
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.training.recipe import Recipe

FILE = ".keras"


def lend_weights(model: keras.Model, recipe: Recipe) -> None:
    """Gives the plain network the weights that its recipe starts from.

    Of another architecture over the same kind of backbone, such as a classifier's that
    a segmentation network is to grow from, those of layers of the same names.

    Args:
        model: The plain network of the recipe's architecture.
        recipe: A recipe whose `starts_from` names a network of the zoo or a file.
    """
    name = recipe.starts_from
    lender = _of_file(recipe) if name.endswith(FILE) else zoo.load(name)
    base = lender.base if isinstance(lender, DynamicModel) else lender
    what = f"base of {name!r}" if base is not lender else f"network in {name!r}"
    if _shapes(model) == _shapes(base):
        model.set_weights(base.get_weights())
        return
    lent = {layer.name: layer for layer in graph.flatten(base).layers}
    pairs = [(x, lent[x.name]) for x in model.layers if x.name in lent and x.weights]
    convs = [x.name for x in lent.values() if x.name.endswith("_conv1")]
    names = {layer.name for layer, _ in pairs}
    alike = all(_shapes(own) == _shapes(other) for own, other in pairs)
    if not (alike and convs and names.issuperset(convs)):
        raise DynresError(
            f"Recipe {recipe.name!r}: the {what} is another network than "
            f"{recipe.architecture!r} with {recipe.architecture_options}."
        )
    for layer, other in pairs:
        layer.set_weights(other.get_weights())


def _shapes(part):
    return [tuple(weight.shape) for weight in part.weights]


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

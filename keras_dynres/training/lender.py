"""Whose weights a training begins with."""

from pathlib import Path

import keras

from keras_dynres import architectures, graph, zoo
from keras_dynres.core.copies import settle
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.zoo.network import Network

FILE = ".keras"


def lend_weights(model: keras.Model, network: Network) -> keras.Model | None:
    """Gives the plain network the weights that its network starts from.

    Of another architecture over the same kind of backbone, such as a classifier's that
    a segmentation network is to grow from, or of one for other classes, those of layers
    of the same names.

    Args:
        model: The plain network of the network's architecture.
        network: A network whose `starts_from` names a network of the zoo or a file; of
            `keras.applications` also `"imagenet"` or a file of weights.

    Returns:
        The whole lender, which may have weights of a method besides.
    """
    name = network.starts_from
    if architectures.is_pretrained(network.architecture) and not name.endswith(FILE):
        options = {**network.options, "weights": name}
        lender = architectures.create(network.architecture, **options)
        model.set_weights(lender.get_weights())
        settle(model.layers)
        return None
    lender = _of_file(network) if name.endswith(FILE) else zoo.load(name)
    base = lender.base if isinstance(lender, DynamicModel) else lender
    what = f"base of {name!r}" if base is not lender else f"network in {name!r}"
    if _shapes(model) == _shapes(base):
        model.set_weights(base.get_weights())
        settle(model.layers)
        return lender
    lent = {layer.name: layer for layer in graph.flatten(base).layers}
    pairs = [
        (x, lent[x.name])
        for x in model.layers
        if x.name in lent and x.weights and not _is_other_classifier(x, lent[x.name])
    ]
    names = {layer.name for layer, _ in pairs}
    alike = all(_shapes(own) == _shapes(other) for own, other in pairs)
    # One of the two has all of the other's: exits, say, or a head for maps, are more.
    convs = [_convolutions(layers) for layers in (lent.values(), model.layers)]
    within = all(convs) and any(part <= names for part in convs)
    if not (alike and within):
        raise DynresError(
            f"Network {network.name!r}: the {what} is another network than "
            f"{network.architecture!r} with {network.architecture_options}."
        )
    for layer, other in pairs:
        layer.set_weights(other.get_weights())
    settle(model.layers)
    return lender


def lend_method(model: DynamicModel, lender: keras.Model | None) -> None:
    """Gives a method what a lender of the same method has beside its base.

    Such are the batch norms of each scale, which an instance tuned further needs.

    Args:
        model: The method over a base that has the lender's weights.
        lender: What `lend_weights` returned.
    """
    if type(lender) is type(model) and _shapes(lender) == _shapes(model):
        model.set_weights(lender.get_weights())
        settle(model._flatten_layers())


def _convolutions(layers):
    """Names of the blocks' first convolutions."""
    return {layer.name for layer in layers if layer.name.endswith("_conv1")}


def _is_other_classifier(own, other):
    """Whether two layers tell apart different numbers of classes."""
    dense = isinstance(own, keras.layers.Dense)
    return dense and _shapes(own) != _shapes(other)


def _shapes(part):
    return [tuple(weight.shape) for weight in part.weights]


def _of_file(network):
    """The model in a file that Keras saved."""
    path = Path(network.starts_from).expanduser()
    if not path.is_file():
        raise DynresError(
            f"Network {network.name!r} starts from a file that is not there: train the "
            "network that it is of first, or say where it is. "
            f"Received: starts_from={network.starts_from!r}, in {str(Path.cwd())!r}"
        )
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:
        # Any kind of error: which one depends on where in the file Keras stopped.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DynresError(
            f"Network {network.name!r}: {str(path)!r} is no model that Keras can load "
            f"({reason[0]})."
        ) from error

"""Networks of the zoo, built and filled."""

import os
from pathlib import Path

import keras

from keras_dynres import architectures, methods
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.instance import Menu
from keras_dynres.zoo import cards
from keras_dynres.zoo import weights as weight_files
from keras_dynres.zoo.addresses import places_of
from keras_dynres.zoo.network import NETWORKS, Network

KERAS_FILES = (".keras", ".weights.h5")


def load(
    name: str | os.PathLike,
    weights: str | os.PathLike | None = "auto",
    verbose: int = 1,
) -> DynamicModel:
    """Builds a network of the zoo, with its trained weights.

    Args:
        name: One of `zoo.list()`; a folder that `zoo.publish` filled; `hf://org/name`
            or `hf://org/name@revision`; or the path of a `.json` file of a `Network`.
        weights: `"auto"` takes the published weights: from the package, else from
            the cache, else from the zoo's address (`zoo.config`); None leaves the
            network untrained; a path reads a file of `zoo.weights.save`, a
            `.weights.h5` or a `.keras` file.
        verbose: 0 is silent, 1 shows a bar while downloading.

    Returns:
        The method's model, a `DynamicModel`. With published weights its instances
        are calibrated, its menu holds their measured figures, and policies that were
        published are the model's.

    Example:

    ```python
    model = kd.zoo.load("sdpoint_wrn16_2_cifar10")
    print(model.menu)
    ```
    """
    name = os.fspath(name)
    if weights == "auto":
        return published(cards.card(name), name, verbose)
    network = Network.load(name) if name in NETWORKS else cards.card(name).network
    if weights is None:
        return build(network)
    if not isinstance(weights, (str, os.PathLike)):
        raise DynresError(
            f"weights is 'auto', None or a path. Received: weights={weights!r}"
        )
    path = Path(weights)
    if path.suffix != ".npz" and not path.name.endswith(KERAS_FILES):
        raise DynresError(
            "weights is 'auto', None, or the path of a .npz, .weights.h5 or .keras "
            f"file. Received: weights={str(weights)!r}"
        )
    if not path.is_file():
        raise DynresError(f"There is no weight file {str(path)!r}.")
    model = build(network)
    if path.suffix == ".npz":
        weight_files.load(model, path)
    else:
        _load_keras(model, path)
    return model


def published(card: cards.Card, name: str, verbose: int = 1) -> DynamicModel:
    """The network of a card, with the weights and policies that were published.

    Args:
        card: Its card.
        name: What the card was found by.
        verbose: 0 is silent, 1 shows a bar while downloading.
    """
    path = locate(card, name, verbose)
    model = build(card.network, menu=card.menu)
    weight_files.load(model, path)
    for policy in card.policies:
        model.add_policy(policy)
    return model


def build_base(network: Network) -> keras.Model:
    """The untrained network without its method."""
    return architectures.create(
        network.architecture, name=network.name, **network.options
    )


def build(
    network: Network, base: keras.Model | None = None, menu: Menu | None = None
) -> DynamicModel:
    """The untrained network with its method.

    >>> build(kd.zoo.Network.load("sdpoint_wrn16_2_cifar10")).instances[0]
    'full'

    Args:
        network: The `Network`.
        base: It without its method; by default a new one.
        menu: What is known of its instances, which saves counting their costs anew.
    """
    options = {"seed": network.seed, **network.method_options}
    if base is None:
        base = build_base(network)
    known = menu and menu.get_config()
    model = methods.create(network.method, base, menu=known, **options)
    if menu and set(menu.names) != set(model.instances):
        odd = sorted(set(menu.names) ^ set(model.instances))
        raise DynresError(
            f"The card of {network.name!r} belongs to another version of the package: "
            f"its instances differ in {', '.join(odd)}."
        )
    return model


def locate(card: cards.Card, name: str, verbose: int = 1) -> Path:
    """The path of a network's published weights, downloaded where need be.

    Args:
        card: Its card.
        name: What the card was found by.
        verbose: 0 is silent, 1 shows a bar while downloading.
    """
    network = card.network
    if card.weights is None:
        command = network.import_command
        imported = f"import them with `{command}`, " if command else ""
        raise DynresError(
            f"No weights are published for {network.name!r}: {imported}train them with "
            f"`keras-dynres train {name}`, or load it untrained with weights=None."
        )
    for place in places_of(name):
        if path := place.weights(card.weights, verbose):
            return path
    raise DynresError(f"{card.weights.file!r} is not at {name!r}.")


def _load_keras(model: DynamicModel, path: Path) -> None:
    try:
        model.load_weights(str(path))
    except Exception as error:
        # Any kind of error: which one depends on where in the file Keras stopped.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DynresError(
            f"{str(path)!r} holds no weights for {model.name!r} (truncated, changed, "
            f"or of another network): {reason[0]}"
        ) from error

"""Networks of the zoo, built and filled."""

import os
from pathlib import Path

from keras_dynres import architectures, methods
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.instance import Menu
from keras_dynres.zoo import cards, config, download, registry
from keras_dynres.zoo import weights as weight_files

KERAS_FILES = (".keras", ".weights.h5")


def load(
    name: str, weights: str | os.PathLike | None = "auto", verbose: int = 1
) -> DynamicModel:
    """Builds a network of the zoo, with its trained weights.

    Args:
        name: One of `zoo.list()`.
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
    entry = registry.get(name)
    if weights is None:
        return build(entry)
    if weights == "auto":
        card = cards.card(name)
        path = locate(card, verbose)
        model = build(entry, card.menu)
        weight_files.load(model, path)
        for policy in card.policies:
            model.add_policy(policy)
        return model
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
    model = build(entry)
    if path.suffix == ".npz":
        weight_files.load(model, path)
    else:
        _load_keras(model, path)
    return model


def build(entry: registry.Entry, menu: Menu | None = None) -> DynamicModel:
    """The untrained network of an entry; `menu` saves counting its costs anew."""
    base = architectures.create(
        entry.architecture, name=entry.name, **entry.architecture_kwargs
    )
    model = methods.create(
        entry.method,
        base,
        menu=menu and menu.to_json(),
        **entry.method_kwargs,
    )
    if menu and set(menu.names) != set(model.instances):
        odd = sorted(set(menu.names) ^ set(model.instances))
        raise DynresError(
            f"The card of {entry.name!r} belongs to another version of the package: "
            f"its instances differ in {', '.join(odd)}."
        )
    return model


def locate(card: cards.Card, verbose: int = 1) -> Path:
    """The path of a network's published weights, downloaded where need be."""
    name, weights = card.entry.name, card.weights
    if weights is None:
        checkpoint = card.entry.checkpoint
        imported = f"import them with `keras-dynres import {name} {checkpoint}`, "
        raise DynresError(
            f"No weights are published for {name!r}: {imported if checkpoint else ''}"
            f"train them with `keras-dynres train {card.entry.recipe}`, or load it "
            "untrained with weights=None."
        )
    shipped = cards.SHIPPED / name / weights.file
    if shipped.is_file():
        if not weights.is_at(shipped):
            raise DynresError(
                f"{str(shipped)!r} is truncated or was changed: reinstall keras-dynres."
            )
        return shipped
    path = cards.cached(name, weights.file)
    if weights.is_at(path):
        return path
    url = cards.address(name, weights.file)
    if url is None:
        trouble = "is truncated or was changed" if path.is_file() else "does not exist"
        raise DynresError(
            f"{str(path)!r} {trouble}, and no address is set to download the weights "
            f"of {name!r} from: set {config.URL_VARIABLE}, or load it untrained with "
            "weights=None."
        )
    return download.fetch(url, path, weights, verbose)


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

"""From a trained model to the files the zoo hands out."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_dynres import files, text
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.exits import policies_of
from keras_dynres.zoo import cards
from keras_dynres.zoo import weights as weight_files
from keras_dynres.zoo.download import WeightsFile
from keras_dynres.zoo.loader import build
from keras_dynres.zoo.network import Network
from keras_dynres.zoo.places import CARD

Results = Mapping[str, Any]


def publish(
    model: DynamicModel,
    network: Network | str,
    results: Results | str | os.PathLike,
    out: str | Path,
    page: str | Path | None = None,
) -> cards.Card:
    """Writes the weights and the card of a trained model, after checking them.

    The model must be the one its network describes; every instance is calibrated and
    has the figure that the menu chooses by. What is written is read back into a fresh
    model and compared, weight by weight and by what each instance computes, before the
    card appears.

    Args:
        model: The trained `DynamicModel`.
        network: The `Network`, or its name in the zoo.
        results: A dict, or the path of a JSON file: `"instances"` holds measured
            figures by instance (`{"full": {"accuracy": 0.93}}`), and what else there
            is (training, baselines) goes into the card as it stands.
        out: Folder in which the folder `name` is made: `keras_dynres/zoo/models` for
            what ships, or what the zoo's address shows.
        page: Path of a Markdown page to write, None for none.

    Returns:
        The `Card`.

    Example:

    ```python
    kd.zoo.round_to_float16(model)
    model.calibrate(train)
    model.evaluate_menu(test)
    kd.zoo.publish(model, "sdpoint_wrn16_2_cifar10", {}, "keras_dynres/zoo/models")
    ```
    """
    network = Network.load(network)
    if network.architecture.endswith(".keras"):
        raise DynresError(
            "A network over a file of your own is nothing without that file: hand on "
            f"its model.keras. Received: architecture={network.architecture!r}"
        )
    others = _record(model, results)
    _check(model)
    if policies_of(model):
        # In the zoo the network bears a name of its own.
        others["policies"] = [
            {**policy.get_config(), "model": network.name}
            for policy in policies_of(model)
        ]
    return place(model, network, others, out, page)


def place(
    model: DynamicModel,
    network: Network,
    results: Results,
    out: str | Path,
    page: str | Path | None = None,
) -> cards.Card:
    """Writes weights and card of a model as `publish` does, measured or not.

    Args:
        model: The model; its menu goes into the card.
        network: Its `Network`.
        results: A dict of what else the card shows.
        out: Folder in which the network's folder is made.
        page: Path of a Markdown page to write, None for none.

    Returns:
        The `Card`.
    """
    network = public(network)
    name, folder = network.name, Path(out) / network.name
    with files.writing(folder, "folder"):
        folder.mkdir(parents=True, exist_ok=True)
        draft = weight_files.save(model, folder / "draft.npz")
        digest = files.sha256(draft)
        weights = WeightsFile(f"{name}-{digest[:8]}.npz", digest, draft.stat().st_size)
        try:
            check = _check_file(model, network, draft)
        except BaseException:
            draft.unlink()
            raise
        card = cards.Card(network, weights, model.menu, results, check)
        draft.replace(folder / weights.file)
        for path, text in {folder / CARD: card.to_json(), page: card}.items():
            if path is not None:
                files.write(path, str(text))
        for old in folder.glob(f"{name}-*.npz"):
            if old.name != weights.file:
                old.unlink()
    return card


def public(network: Network) -> Network:
    """The network without this machine's paths: of files and folders the names alone.

    Args:
        network: The network as it was trained.
    """
    dataset, start = network.dataset, Path(network.starts_from)
    if not isinstance(dataset, str) and dataset.get("folder"):
        dataset = {**dataset, "folder": Path(dataset["folder"]).name}
    starts_from = start.name if start.is_absolute() else network.starts_from
    return dataclasses.replace(network, dataset=dataset, starts_from=starts_from)


def _record(model: DynamicModel, results: Results | str | os.PathLike) -> dict:
    """Puts the instances' figures into the menu; returns all other results."""
    content = results
    if isinstance(results, (str, os.PathLike)):
        content = files.read_json(Path(results), "results")
    if not isinstance(content, Mapping):
        raise DynresError(
            "results is a dict or the path of a JSON file with one. "
            f"Received: results={str(results)!r}"
        )
    others = dict(content)
    for name, measured in others.pop("instances", {}).items():
        model.menu.record(name, **measured)
    return others


def _check(model: DynamicModel) -> None:
    metric = model.menu.metric
    share = text.is_accuracy(metric)
    for instance in model.menu:
        model.at(instance)  # Refuses what is not calibrated.
        value = instance.measured.get(metric)
        if value is None or not np.isfinite(value) or share and not 0 <= value <= 1:
            raise DynresError(
                f"Instance {instance.name!r} needs a measured {metric}"
                f"{' between 0 and 1' if share else ''}. Received: {metric}={value}"
            )
    for variable in model.weights:
        if not np.isfinite(np.asarray(variable, "float32")).all():
            raise DynresError(f"Weight {variable.path!r} holds NaN or infinity.")


def _check_file(
    model: DynamicModel, network: Network, path: Path
) -> dict[str, list[float]]:
    """Reads the file into a fresh model, and compares; returns the card's check."""
    fresh = build(network, menu=model.menu)
    weight_files.load(fresh, path)
    for written, read in zip(model.weights, fresh.weights, strict=True):
        if not np.array_equal(np.asarray(written), np.asarray(read)):
            raise DynresError(f"Weight {written.path!r} was not read back as written.")
    check = {}
    for name in model.menu.names:
        logits = cards.sample_logits(model, name)
        if not np.allclose(
            logits, cards.sample_logits(fresh, name), atol=1e-4, rtol=1e-4
        ):
            raise DynresError(
                f"Instance {name!r} does not compute what {network.name!r} computes: "
                "the model was built otherwise than the network says."
            )
        check[name] = [round(float(value), 5) for value in logits]
    return check

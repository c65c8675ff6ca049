"""Runs: what `keras-dynres train` left in a folder, read without building a model."""

import dataclasses
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_dynres import files
from keras_dynres.errors import DynresError
from keras_dynres.instance import FULL, Menu
from keras_dynres.zoo.cards import Card
from keras_dynres.zoo.network import NETWORKS, Network

RESULTS, MODEL, HISTORY = "results.json", "model.keras", "history.json"
# Entries in which a run may differ from its network and yet be a run of it.
_FREE = (
    *("about", "name", "reference", "paper", "checkpoint", "licence"),
    *("seed", "mantissa_bits"),
)


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished training.

    Args:
        network: The `Network` it was.
        menu: The `Menu` with the costs of all instances and what was measured of them.
        seconds: How long its epochs took.
        statistics: Menus of the same weights with statistics kept in another way, by
            its name, such as `"uniform"`.
        environment: The machine and the versions.
    """

    network: Network
    menu: Menu
    seconds: float | None = None
    statistics: Mapping[str, Menu] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def changes(self) -> dict[str, Any]:
        """In which entries it differs from the zoo's network of its name."""
        if self.network.name not in NETWORKS:
            return {}
        there = Network.load(self.network.name).get_config()
        own = self.network.get_config()
        return {
            key: value
            for key, value in own.items()
            if key not in _FREE and _plain(value) != _plain(there[key])
        }


def read(folder: str | Path) -> Run:
    """The run in a folder.

    Args:
        folder: Where `keras-dynres train` wrote `results.json` and `model.keras`.

    Returns:
        The `Run`. What is no finished run is said in a `DynresError`.
    """
    folder = Path(folder)
    if not (folder / RESULTS).is_file():
        raise DynresError(f"The run is not finished: {str(folder)!r}.")
    results = files.read_json(folder / RESULTS, "the results of a training")
    try:
        network = Network.from_config(results["network"])
        costs = _costs(folder / MODEL)
        return Run(
            network,
            _measured(network, costs, results["instances"]),
            results.get("training_seconds"),
            _statistics(network, costs, results),
            results.get("environment", {}),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DynresError(
            f"The results of a run are not whole: {str(folder)!r}, {error}"
        ) from error


def published(card: Card) -> Run | None:
    """What a card tells as a run; None where nothing was published."""
    if card.menu is None:
        return None
    others = _statistics(card.network, card.menu, card.results)
    return Run(card.network, card.menu, statistics=others)


def mean(runs: Sequence[Run]) -> Run:
    """Runs of one network, which differ in their seeds, as one: the means."""
    first, *others = runs
    if not others:
        return first
    kept = set(first.statistics).intersection(*(run.statistics for run in others))
    seconds = [run.seconds for run in runs]
    return dataclasses.replace(
        first,
        menu=_mean([run.menu for run in runs]),
        seconds=None if None in seconds else sum(seconds) / len(seconds),
        statistics={key: _mean([run.statistics[key] for run in runs]) for key in kept},
    )


def runs_in(folder: str | Path) -> tuple[list[Run], list[str]]:
    """All runs in the folders of a folder, and a sentence for each left out.

    Args:
        folder: What holds a folder for each run.

    Returns:
        The runs in the order of their folders' names, and what hindered the others.
    """
    folder, runs, left_out = Path(folder).expanduser(), [], []
    if not folder.is_dir():
        raise DynresError(f"There is no folder of runs. Received: {str(folder)!r}")
    for path in sorted(folder.iterdir()):
        if not any((path / name).is_file() for name in (RESULTS, HISTORY)):
            continue
        try:
            runs.append(read(path))
        except DynresError as error:
            left_out.append(str(error))
    return runs, left_out


def _costs(path: Path) -> Menu:
    """The menu that a model's file holds: its configuration alone is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))["config"]["menu"]
        return Menu.from_config(keras.saving.deserialize_keras_object(config))
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise DynresError(
            f"The run's model is missing or damaged: {str(path)!r}."
        ) from error


def _statistics(
    network: Network, costs: Menu, results: Mapping[str, Any]
) -> dict[str, Menu]:
    """The menus of what else rates every instance: other statistics."""
    return {
        key.removesuffix("_bn"): _measured(network, costs, value)
        for key, value in results.items()
        if key != "instances"
        and isinstance(value, Mapping)
        and set(costs.names) <= set(value)
    }


def _measured(
    network: Network, costs: Menu, figures: Mapping[str, Mapping[str, float]]
) -> Menu:
    """The costs with these figures, of the instances that were trained."""
    menu = Menu(
        (
            dataclasses.replace(instance, measured=figures.get(instance.name, {}))
            for instance in costs
        ),
        costs.metric,
    )
    options = network.method_options
    if options.get("share") == 0:  # One instance alone was trained.
        return Menu([menu[options.get("target", FULL)]], menu.metric)
    return menu


def _mean(menus: Sequence[Menu]) -> Menu:
    """The first menu, each figure the mean of all."""
    instances = []
    for instance in menus[0]:
        rivals = [menu[instance.name].measured for menu in menus]
        means = {
            key: sum(measured[key] for measured in rivals) / len(rivals)
            for key in set(rivals[0]).intersection(*rivals)
        }
        instances.append(dataclasses.replace(instance, measured=means))
    return Menu(instances, menus[0].metric)


def _plain(value: Any) -> Any:
    """The value as JSON has it, which knows no tuples."""
    return json.loads(json.dumps(value))

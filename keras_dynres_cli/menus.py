"""Menus from wherever one is written: the zoo, a model, a table, a bundle."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_dynres.errors import DynresError
from keras_dynres_cli.sources import existing

if TYPE_CHECKING:
    from keras_dynres import Menu
    from keras_dynres.zoo import Card

FILES = (".keras", ".npz", ".json", ".csv", ".tflite")


@dataclasses.dataclass(frozen=True)
class MenuSource:
    """A menu, and a plain dict of what else the place it was read from says."""

    menu: "Menu"
    about: dict[str, Any]


def read(name: str) -> MenuSource:
    """The menu of a network of the zoo, or that in a file."""
    path = Path(name)
    if path.suffix in FILES:
        return _READERS[path.suffix](existing(path))
    return _of_zoo(name)


def card_fields(card: "Card") -> dict[str, Any]:
    """A zoo card as a plain dict, without what stands in the menu's table."""
    fields = json.loads(card.to_json())
    for key in ("format", "menu", "check", "labels"):
        fields.pop(key)
    return {key: value for key, value in fields.items() if value}


def _of_zoo(name: str) -> MenuSource:
    from keras_dynres import zoo

    card = zoo.card(name)
    menu = card.menu or zoo.load(name, weights=None).menu
    return MenuSource(menu, card_fields(card))


def _of_model(path: Path) -> MenuSource:
    from keras_dynres_cli import sources

    model = sources.load_keras(path)
    about = {"name": model.name, "method": type(model).__name__}
    return MenuSource(model.menu, about)


def _of_weights(path: Path) -> MenuSource:
    from keras_dynres.instance import Menu
    from keras_dynres.zoo import weights

    header, arrays = weights.read(path)
    if "menu" not in header:
        raise DynresError(
            f"{str(path)!r} holds the weights of a plain network, which has no menu."
        )
    about = {
        "name": header["model"],
        "weights": len(arrays),
        "calibrated": f"{len(header['calibrated'])} instances",
    }
    return MenuSource(Menu.from_config(header["menu"]), about)


def _of_table(path: Path) -> MenuSource:
    from keras_dynres.instance import Menu

    read = Menu.from_csv if path.suffix == ".csv" else Menu.from_json
    try:
        menu = read(path)
    except DynresError as error:
        raise DynresError(f"{str(path)!r} holds no menu: {error}") from error
    if not len(menu):
        raise DynresError(f"{str(path)!r} holds no menu: no instance stands in it.")
    return MenuSource(menu, {})


def _of_bundle(path: Path) -> MenuSource:
    from keras_dynres.tflite import Runner
    from keras_dynres.tflite.store import Store
    from keras_dynres.zoo import figures

    runner = Runner(path)
    fields = dict(runner.metadata)
    for key in ("menu", "format", "prefix", "labels", "aliases", "stages", "policies"):
        fields.pop(key, None)
    if runner.exits:
        fields.update(exits=runner.exits, policies=len(runner.policies))
    fields = {key: value for key, value in fields.items() if value is not None}
    fields["size"] = figures.size(path.stat().st_size)
    if phones := Store(path, fields["sha256"]).phones():
        fields["devices"] = "; ".join(
            f"{setup.device} ({setup})" for setup, _ in phones
        )
    return MenuSource(runner.menu, fields)


_READERS = {
    ".keras": _of_model,
    ".npz": _of_weights,
    ".json": _of_table,
    ".csv": _of_table,
    ".tflite": _of_bundle,
}

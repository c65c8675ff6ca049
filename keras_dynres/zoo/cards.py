"""Model cards: what a network is, where its weights are, what was measured."""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_dynres import files
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.core.traces import one_trace_each
from keras_dynres.errors import DynresError
from keras_dynres.exits import Policy
from keras_dynres.instance import Menu
from keras_dynres.zoo import config, download, registry
from keras_dynres.zoo.page import page

FORMAT = 1
FILE = "card.json"
# What ships inside the package: a folder a model, with its card and its weights.
SHIPPED = Path(__file__).parent / "models"


@dataclasses.dataclass(frozen=True)
class WeightsFile:
    """A file of weights, known by its content."""

    file: str
    sha256: str
    size: int

    def __post_init__(self) -> None:
        # A card from the network may name any file: it must stay inside the folder.
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", str(self.file)):
            raise ValueError(f"no plain file name: {self.file!r}")
        if not re.fullmatch(r"[0-9a-f]{64}", str(self.sha256)):
            raise ValueError(f"no SHA-256: {self.sha256!r}")
        if not isinstance(self.size, int) or self.size <= 0:
            raise ValueError(f"no size in bytes: {self.size!r}")

    def is_at(self, path: str | Path) -> bool:
        """Whether this file, and no other content, stands at `path`."""
        path = Path(path)
        return (
            path.is_file()
            and path.stat().st_size == self.size
            and files.sha256(path) == self.sha256
        )


@dataclasses.dataclass(frozen=True)
class Card:
    """A network's entry with what was published of it.

    Args:
        entry: The `Entry` of the registry.
        weights: The `WeightsFile`, None where no weights are published.
        menu: The `Menu` with costs and measured figures, None where there is none.
        results: What else was measured, as published: training, baselines.
        check: By instance, its first outputs for one fixed image (`sample_logits`).

    `print(card)` shows it; `card.to_markdown()` is the text of its page.
    """

    entry: registry.Entry
    weights: WeightsFile | None = None
    menu: Menu | None = None
    results: Mapping = dataclasses.field(default_factory=dict)
    check: Mapping = dataclasses.field(default_factory=dict)

    @property
    def policies(self) -> list[Policy]:
        """The policies published for a network with exits."""
        published = self.results.get("policies", ())
        return [Policy.from_json(json.dumps(policy)) for policy in published]

    def to_json(self) -> str:
        """The text of `card.json`; `from_json` reads it."""
        content = {
            "format": FORMAT,
            **dataclasses.asdict(self.entry),
            "labels": list(self.entry.labels),
            "weights": self.weights and dataclasses.asdict(self.weights),
            "menu": self.menu and json.loads(self.menu.to_json()),
            "results": self.results,
            "check": self.check,
        }
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, name: str, where: str | Path) -> "Card":
        """The card of the entry `name` that was written at `where`."""
        try:
            content = json.loads(text)
        except ValueError as error:
            raise DynresError(_no_card(where, name, error)) from error
        return cls._of(content, name, where)

    @classmethod
    def _of(cls, content: Any, name: str, where: str | Path) -> "Card":
        entry = registry.get(name)
        try:
            if content["name"] != name or content["format"] != FORMAT:
                raise ValueError(
                    f"it is of {content['name']!r}, format {content['format']!r}"
                )
            weights, menu = content["weights"], content["menu"]
            return cls(
                entry,
                weights=weights and WeightsFile(**weights),
                menu=menu and Menu.from_json(json.dumps(menu)),
                results=content["results"],
                check=content["check"],
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DynresError(_no_card(where, name, error)) from error

    def __str__(self) -> str:
        return self.to_markdown()

    def to_markdown(self) -> str:
        """The card as a Markdown page."""
        return page(self)


def card(name: str) -> Card:
    """The `Card` of a network of the zoo.

    Taken from the package, else from the cache, else from the zoo's address. A
    network of which nothing was published has a card without weights and menu.

    Example:

    >>> kd.zoo.card("sdpoint_wrn28_10_cifar10").entry.architecture
    'wide_resnet'
    """
    entry = registry.get(name)
    for path in (SHIPPED / name / FILE, cached(name, FILE)):
        content = config.read_if_there(path, f"a card of {name!r}")
        if content is not None:
            return Card._of(content, name, path)
    return _from_address(name) or Card(entry)


def sample_logits(model: DynamicModel, instance: str) -> np.ndarray:
    """The first outputs of an instance for a fixed image, the same on any machine.

    Returns:
        Ten values at most of each output, one output's after the other's: of a row of
        logits those of the first classes, of a map those of its first pixels.
    """
    shape = model.base.inputs[0].shape[1:]
    image = np.sin(np.arange(np.prod(shape), dtype="float64")).reshape(1, *shape)
    # In one graph, which holds a few maps at a time: called, a model holds them all.
    with one_trace_each():
        outputs = model.at(instance).predict_on_batch(image.astype("float32"))
    arrays = [np.asarray(o, "float32") for o in keras.tree.flatten(outputs)]
    return np.concatenate([array[0].ravel()[:10] for array in arrays])


def cached(name: str, file: str) -> Path:
    """Where a file of a network is kept in the cache."""
    return config.cache_dir() / name / file


def address(name: str, file: str) -> str | None:
    """The address of a file of a network, None where no base address is set."""
    base = config.zoo_url()
    return base and f"{base}/{name}/{file}"


def _no_card(where: str | Path, name: str, error: Exception) -> str:
    return f"{str(where)!r} is not a card of {name!r}: {error}"


def _from_address(name: str) -> Card | None:
    url = address(name, FILE)
    text = url and download.read_small(url)
    if not text:
        return None
    fetched = Card.from_json(text, name, url)
    path = cached(name, FILE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.appearing(path) as file:
            file.write(text)
    except OSError as error:
        raise DynresError(download.disk_trouble(path.parent, error)) from error
    return fetched

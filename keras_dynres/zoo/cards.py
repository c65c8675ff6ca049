"""Model cards: what a network is, where its weights are, what was measured."""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_dynres import files
from keras_dynres.errors import DynresError
from keras_dynres.exits import Policy
from keras_dynres.instance import Menu
from keras_dynres.zoo import config, download, registry

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

    def __post_init__(self):
        # A card may come from elsewhere: its file stays inside the model's folder.
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", str(self.file)):
            raise ValueError(f"no plain file name: {self.file!r}")
        if not re.fullmatch(r"[0-9a-f]{64}", str(self.sha256)):
            raise ValueError(f"no SHA-256: {self.sha256!r}")
        if not isinstance(self.size, int) or self.size <= 0:
            raise ValueError(f"no size in bytes: {self.size!r}")

    def is_at(self, path):
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
        menu: The `Menu` with costs and accuracies, None where nothing was measured.
        results: What else was measured, as published: training, baselines.
        check: By instance, the first logits for one fixed image (`sample_logits`).

    `print(card)` shows it; `card.to_markdown()` is the text of its page.
    """

    entry: registry.Entry
    weights: WeightsFile | None = None
    menu: Menu | None = None
    results: Mapping = dataclasses.field(default_factory=dict)
    check: Mapping = dataclasses.field(default_factory=dict)

    @property
    def policies(self):
        """The policies published for a network with exits."""
        published = self.results.get("policies", ())
        return [Policy.from_json(json.dumps(each)) for each in published]

    def to_json(self):
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
    def from_json(cls, text, name, where):
        """The card of the entry `name` that was written at `where`."""
        entry = registry.get(name)
        try:
            content = json.loads(text)
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
            raise DynresError(
                f"{str(where)!r} is not a card of {name!r}: {error}"
            ) from error

    def __str__(self):
        return self.to_markdown()

    def to_markdown(self):
        """The card as a Markdown page."""
        # Late: a page is written far more seldom than a card is read.
        from keras_dynres.zoo.page import page

        return page(self)


def card(name):
    """The `Card` of a network of the zoo.

    Taken from the package, else from the cache, else from the zoo's address. A
    network of which nothing was published has a card without weights and menu.

    Example:

    >>> kd.zoo.card("sdpoint_wrn28_10_cifar10").entry.architecture
    'wide_resnet'
    """
    entry = registry.get(name)
    for path in (SHIPPED / name / FILE, cached(name, FILE)):
        try:
            return Card.from_json(path.read_text(encoding="utf-8"), name, path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise DynresError(f"Cannot read {str(path)!r}: {error}") from error
    return _from_address(name) or Card(entry)


def sample_logits(model, instance):
    """The first logits of an instance for a fixed image, the same on any machine."""
    shape = model.base.inputs[0].shape[1:]
    image = np.sin(np.arange(np.prod(shape), dtype="float64")).reshape(1, *shape)
    logits = model.at(instance)(image.astype("float32"), training=False)
    return np.asarray(logits, "float32")[0, :10]


def cached(name, file):
    """Where a file of a network is kept in the cache."""
    return config.cache_dir() / name / file


def address(name, file):
    """The address of a file of a network, None where no base address is set."""
    base = config.zoo_url()
    return base and f"{base}/{name}/{file}"


def _from_address(name):
    url = address(name, FILE)
    text = url and download.read_small(url)
    if not text:
        return None
    found = Card.from_json(text, name, url)
    path = cached(name, FILE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.appearing(path) as file:
            file.write(text)
    except OSError as error:
        raise DynresError(download.disk_trouble(path.parent, error)) from error
    return found

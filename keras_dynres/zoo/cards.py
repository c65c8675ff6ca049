"""Model cards: what a network is, where its weights are, what was measured."""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.core.traces import one_trace_each
from keras_dynres.errors import DynresError
from keras_dynres.exits import Policy
from keras_dynres.instance import Menu
from keras_dynres.zoo.addresses import is_address, places_of
from keras_dynres.zoo.download import WeightsFile
from keras_dynres.zoo.network import NETWORKS, Network
from keras_dynres.zoo.page import page
from keras_dynres.zoo.pictures import decode, preprocess
from keras_dynres.zoo.places import CARD

FORMAT = 2


@dataclasses.dataclass(frozen=True)
class Card:
    """A network with what was published of it.

    Args:
        network: The `Network`.
        weights: The `WeightsFile`, None where no weights are published.
        menu: The `Menu` with costs and measured figures, None where there is none.
        results: What else was measured, as published: training, baselines.
        check: By instance, its first outputs for one fixed image (`sample_logits`).

    `print(card)` shows it; `card.to_markdown()` is the text of its page.
    """

    network: Network
    weights: WeightsFile | None = None
    menu: Menu | None = None
    results: Mapping = dataclasses.field(default_factory=dict)
    check: Mapping = dataclasses.field(default_factory=dict)

    @property
    def policies(self) -> list[Policy]:
        """The policies published for a network with exits."""
        published = self.results.get("policies", ())
        return [Policy.from_config(policy) for policy in published]

    def preprocess(self, pictures: Any) -> np.ndarray:
        """Pictures as the network takes them: cut or scaled to its size, standardised.

        Pictures of another size are prepared as the test images were: scaled until
        the middle has the network's size, or, for maps and boxes, until all of it fits,
        and filled up at the right and below.

        >>> card = kd.zoo.card("resnet14_imagenette")
        >>> card.preprocess(np.zeros((300, 400, 3), "uint8")).shape
        (1, 160, 160, 3)

        Args:
            pictures: Pixels of 0 to 255: one picture (height, width, 3), or grey
                (height, width); a batch of them, or a list of pictures of any sizes.

        Returns:
            A batch in float32.
        """
        return preprocess(self.network, pictures)

    def decode(self, outputs: Any, top: int = 5) -> list[list[tuple]]:
        """What an instance predicted, in words, the surest first.

        >>> card = kd.zoo.card("resnet14_imagenette")
        >>> logits = np.eye(10)[[4]] * 9
        >>> card.decode(logits, top=1)
        [[('church', 0.998...)]]

        Args:
            outputs: What an instance's `predict` returned.
            top: How many answers an image has at most.

        Returns:
            A list for each image: (label, probability) of a class an image; (label,
            share of the pixels) of a class a pixel; (label, score, (x1, y1, x2, y2))
            of objects, in pixels of what the network was given.
        """
        return decode(self.network, outputs, top)

    def to_json(self) -> str:
        """The text of `card.json`; `from_json` reads it.

        All of the network stands in it, so that it tells the same whatever becomes of
        the zoo's own file.
        """
        content = {
            "format": FORMAT,
            "network": self.network.get_config(),
            "preprocessing": self.network.preprocessing,
            "labels": self.network.labels,
            "weights": self.weights and dataclasses.asdict(self.weights),
            "menu": self.menu and self.menu.get_config(),
            "results": self.results,
            "check": self.check,
        }
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str | Path) -> "Card":
        """The card that was written at `where`."""
        try:
            content = json.loads(text)
            if content["format"] != FORMAT:
                raise ValueError(f"it is of format {content['format']!r}")
            weights, menu = content["weights"], content["menu"]
            return cls(
                Network.from_config(content["network"]),
                weights=weights and WeightsFile(**weights),
                menu=menu and Menu.from_config(menu),
                results=content["results"],
                check=content["check"],
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DynresError(f"{str(where)!r} is not a whole card: {error}") from error

    def __str__(self) -> str:
        return self.to_markdown()

    def to_markdown(self) -> str:
        """The card as a Markdown page."""
        return page(self)


def card(name: str | os.PathLike) -> Card:
    """The `Card` of a network.

    Taken from the package, else from the cache, else from the zoo's address. A
    network of which nothing was published has a card without weights and menu.

    Args:
        name: Its name in the zoo; a folder that `publish` filled; `hf://org/name`;
            or the path of a `.json` file of a `Network`.

    Example:

    >>> kd.zoo.card("sdpoint_wrn28_10_cifar10").network.architecture
    'wide_resnet'
    """
    name = os.fspath(name)
    for place in places_of(name):
        if read := place.card():
            text, where = read
            published = Card.from_json(text, where)
            of = published.network.name
            if name in NETWORKS and of != name:
                raise DynresError(f"{where!r} is a card of {of!r}, not of {name!r}.")
            place.keep(text)
            return published
    if is_address(name):
        raise DynresError(f"There is no {CARD} at {name!r}.")
    return Card(Network.load(name))


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

"""Drawn pictures of things that photographs show: computed, and the same each time."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from keras_dynres_cli.drawings import (
    cassette_player,
    chain_saw,
    church,
    english_springer,
    french_horn,
    garbage_truck,
    gas_pump,
    golf_ball,
    parachute,
    tench,
)

_DRAWN = (
    ("tench", tench.on_grass),
    ("English springer", english_springer.portrait),
    ("cassette player", cassette_player.boombox),
    ("chain saw", chain_saw.before_logs),
    ("church", church.wooden),
    ("church", church.stone),
    ("French horn", french_horn.on_velvet),
    ("garbage truck", garbage_truck.on_street),
    ("gas pump", gas_pump.with_globe),
    ("golf ball", golf_ball.in_grass),
    ("parachute", parachute.wing),
    ("parachute", parachute.round_canopy),
)


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A picture and what it shows.

    Attributes:
        label: The class, as a network's labels call it.
        pixels: Of 0 to 255, (160, 160, 3).
    """

    label: str
    pixels: np.ndarray


def of_classes(labels: Iterable[str]) -> list[Drawing]:
    """The drawings whose classes are among a network's; none where none is.

    >>> [drawing.label for drawing in of_classes(["cat", "golf_ball"])]
    ['golf_ball']

    Args:
        labels: The classes' names, with or without underscores for spaces.
    """
    known = {label.replace("_", " "): label for label in labels}
    return [Drawing(known[name], draw()) for name, draw in _DRAWN if name in known]

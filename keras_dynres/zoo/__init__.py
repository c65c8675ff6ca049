"""Published networks: built by name, their weights found, checked and kept.

`zoo.list()` names them, `zoo.card(name)` tells what was measured of one, and
`zoo.load(name)` builds it.
"""

from keras_dynres.zoo import config, weights
from keras_dynres.zoo.cards import Card, WeightsFile, card
from keras_dynres.zoo.importing import import_checkpoint
from keras_dynres.zoo.loader import load
from keras_dynres.zoo.publication import publish
from keras_dynres.zoo.registry import Entry
from keras_dynres.zoo.registry import names as list
from keras_dynres.zoo.weights import round_to_float16

__all__ = [
    "Card",
    "Entry",
    "WeightsFile",
    "card",
    "config",
    "import_checkpoint",
    "list",
    "load",
    "publish",
    "round_to_float16",
    "weights",
]

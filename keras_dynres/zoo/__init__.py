"""Published networks: built by name, their weights found, checked and kept.

`zoo.list()` names them, `zoo.card(name)` tells what was measured of one, and
`zoo.load(name)` builds it.
"""

from keras_dynres.zoo import config, weights
from keras_dynres.zoo.cards import Card, card
from keras_dynres.zoo.download import WeightsFile
from keras_dynres.zoo.importing import import_checkpoint
from keras_dynres.zoo.loader import load
from keras_dynres.zoo.network import Network
from keras_dynres.zoo.network import names as list
from keras_dynres.zoo.publication import publish
from keras_dynres.zoo.transfer import fine_tuning, for_images
from keras_dynres.zoo.upload import push
from keras_dynres.zoo.weights import round_to_float16

__all__ = [
    "Card",
    "Network",
    "WeightsFile",
    "card",
    "config",
    "fine_tuning",
    "for_images",
    "import_checkpoint",
    "list",
    "load",
    "publish",
    "push",
    "round_to_float16",
    "weights",
]

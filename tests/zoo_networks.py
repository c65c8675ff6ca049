"""Networks that are in the zoo for one test alone."""

import json

from keras_dynres.zoo import network


def add_network(patch, added, folder):
    """Lists a `Network` under its name, in a file as the zoo's own are."""
    path = folder / "listed" / f"{added.name}.json"
    path.parent.mkdir(exist_ok=True)
    content = {k: v for k, v in added.get_config().items() if k != "name"}
    path.write_text(json.dumps(content))
    patch.setitem(network.NETWORKS, added.name, path)

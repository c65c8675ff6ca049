"""Folders of runs as `train` leaves them, with figures that no training made."""

import json
import zipfile

from keras_dynres import Instance, Menu, zoo

# What the file of a run's model holds of it; its weights nobody reads.
MEMBER = "config.json"


def menu(*rows, metric="accuracy"):
    """A menu of rows: name, giga-MACs, figure."""
    return Menu(
        (
            Instance(
                name,
                macs=round(macs * 1e9),
                flops=round(2e9 * macs),
                params=10,
                measured={metric: figure},
            )
            for name, macs, figure in rows
        ),
        metric,
    )


def write(folder, name, figures, others=None, **changes):
    """Writes a run of a network of the zoo; returns its folder."""
    folder.mkdir(parents=True)
    network = {**zoo.Network.load(name).get_config(), **changes}
    results = {
        "network": network,
        "training_seconds": 100,
        "environment": {"CPU": "none"},
        "instances": {i.name: dict(i.measured) for i in figures},
        **{
            key: {i.name: dict(i.measured) for i in other}
            for key, other in (others or {}).items()
        },
    }
    (folder / "results.json").write_text(json.dumps(results))
    config = {"class_name": "SDPoint", "config": {"menu": figures.get_config()}}
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        archive.writestr(MEMBER, json.dumps(config))
    return folder

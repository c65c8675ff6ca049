"""A finished training, as `keras-dynres train` leaves it in a folder."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_dynres import data, files, text
from keras_dynres.errors import DynresError
from keras_dynres_cli import sources

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_dynres import DynamicModel, Instance
    from keras_dynres.zoo import Network


_WANTED = {"data", "environment", "instances", "training_seconds"}


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished training.

    Args:
        model: The trained model.
        network: What it was trained as.
        results: What `results.json` holds.
        history: A row of figures for each epoch.
        data_dir: Folder of tensorflow-datasets.
    """

    model: "DynamicModel"
    network: "Network"
    results: Mapping[str, Any]
    history: Sequence[Mapping[str, float]]
    data_dir: str | None = None

    @classmethod
    def load(cls, folder: Path, data_dir: str | None = None) -> "Run":
        """The training whose files stand in a folder."""
        path = sources.existing(folder / "model.keras")
        history = files.read_json(folder / "history.json", "the history of a training")
        results = files.read_json(folder / sources.RESULTS, "the results of a training")
        network = sources.beside(path)
        lacking = sorted(_WANTED - set(results))
        if lacking or not isinstance(history, list) or not history:
            raise DynresError(
                f"{str(folder)!r} holds no finished training: its results lack "
                f"{', '.join(lacking) or 'an epoch of history'}."
            )
        model = sources.load_keras(path)
        for name, measured in results["instances"].items():
            model.menu.record(name, **measured)
        return cls(model, network, results, history, data_dir)

    @property
    def title(self) -> str:
        """The network's name."""
        return self.network.name

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """How pixels became its input."""
        return self.network.preprocessing

    def images(self, split: str, **options: Any) -> "tf.data.Dataset":
        """A split of its data set."""
        return data.load(self.network.images, split, self.data_dir, **options)

    def rating(self, instance: "Instance") -> float:
        """The figure the menu chooses by: of an accuracy the wrong answers, in %."""
        metric = self.model.menu.metric
        value = instance.measured[metric]
        return round(100 * (1 - value), 2) if text.is_accuracy(metric) else value

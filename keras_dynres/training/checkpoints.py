"""Checkpoints: a run's whole state, in files that appear whole or not at all."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_dynres.core.copies import settle
from keras_dynres.errors import DynresError
from keras_dynres.files import appearing, writing
from keras_dynres.zoo.network import Network

# Entries of a network that change nothing in its training.
_TOLD = ("about", "name", "reference", "paper", "checkpoint", "licence")
# What reading a file raises that this module did not write.
_FOREIGN = (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


class Checkpoints:
    """A folder of the last two epochs' states.

    A file's name ends in the hash of its content, so name and content come into
    being in one rename, and a damaged file shows.

    Args:
        folder: Where they are kept.
        network: What is trained; the state of another is refused.
    """

    def __init__(self, folder: str | Path, network: Network) -> None:
        self.folder = Path(folder)
        self._network = _fingerprint(network)

    def paths(self) -> list[Path]:
        """The files, the latest first."""
        return sorted(self.folder.glob("epoch_*.npz"), reverse=True)

    def finished(self) -> int:
        """The number of epochs the latest file stands for."""
        return max((int(path.name[6:11]) for path in self.paths()), default=0)

    def save(
        self, model: keras.Model, epoch: int, history: list[dict[str, float]]
    ) -> Path:
        """Saves the state after `epoch` epochs, and drops all but the one before."""
        meta = {"epoch": epoch, "history": history, "network": self._network}
        arrays = {f"v{i}": np.asarray(v) for i, v in enumerate(_variables(model))}
        buffer = io.BytesIO()
        np.savez(buffer, meta=np.array(json.dumps(meta)), **arrays)
        content = buffer.getvalue()
        path = self.folder / f"epoch_{epoch:05d}.{_hash(content)}.npz"
        with writing(path, "checkpoint"):
            with appearing(path) as file:
                file.write(content)
            for old in [p for p in self.paths() if p != path][1:]:
                old.unlink(missing_ok=True)
        return path

    def latest(self, say: Callable[[str], Any] = print) -> bytes:
        """The content of the latest sound file; empty without one.

        Args:
            say: What is called with what there is to tell.
        """
        for path in self.paths():
            content = path.read_bytes()
            if _hash(content) != path.name.split(".")[1]:
                say(f"Checkpoint {path.name} is damaged and set aside.")
                path.rename(path.with_name(f"damaged_{path.name}"))
                continue
            try:
                trained = dict(_read(content)[0]["network"])
            except _FOREIGN as error:
                raise DynresError(
                    f"Not a checkpoint of this package. Received: {path}"
                ) from error
            self._refuse_another(trained)
            return content
        return b""

    def restore(
        self,
        model: keras.Model,
        content: bytes,
        prepare: Callable[[int], Any] = lambda epoch: None,
    ) -> tuple[int, list[dict[str, float]]]:
        """Puts a state into the model.

        Args:
            model: The model.
            content: What `latest` returned.
            prepare: What is called with the state's epoch before: it lets the model
                be as it was when the state was saved.

        Returns:
            The number of finished epochs and the history; `(0, [])` without a state.
        """
        if not content:
            return 0, []
        meta, arrays = _read(content)
        epoch = meta["epoch"]
        prepare(epoch)
        variables = _variables(model)
        if [v.shape for v in variables] != [a.shape for a in arrays]:
            raise DynresError(
                f"The checkpoint of epoch {epoch} is of another model. "
                f"Received: {self.folder}"
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        settle(model._flatten_layers())
        return epoch, meta["history"]

    def _refuse_another(self, trained: dict[str, Any]) -> None:
        for key, value in trained.items():
            if self._network.get(key) != value:
                now = self._network.get(key)
                raise DynresError(
                    f"The checkpoints in {str(self.folder)!r} were trained with "
                    f"{key}={value!r}, the network now says {now!r}: "
                    "take another out_dir."
                )


def _read(content: bytes) -> tuple[dict[str, Any], list[np.ndarray]]:
    """What a file says of itself, and the variables in it."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        meta = json.loads(str(file["meta"]))
        arrays = [file[f"v{i}"] for i in range(len(file.files) - 1)]
    return {key: meta[key] for key in ("network", "epoch", "history")}, arrays


def _variables(model: keras.Model) -> list[keras.Variable]:
    """Weights, random seeds, the optimizer's state; metrics begin each epoch anew."""
    if not model.optimizer.built:  # That of float16 would make its own anew.
        model.optimizer.build(model.trainable_variables)
    metrics = {id(v) for v in model.metrics_variables}
    # Until the first step metrics have no variables, afterwards they do.
    others = metrics | {id(v) for v in model.optimizer.variables}
    weights = [v for v in model.variables if id(v) not in others]
    return [*weights, *model.optimizer.variables]


def _fingerprint(network: Network) -> dict[str, Any]:
    """What makes a run that run: all of the network but what is told of it."""
    config = json.loads(json.dumps(network.get_config()))
    return {k: v for k, v in config.items() if k not in _TOLD}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]

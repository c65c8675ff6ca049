"""What a run writes down: checkpoints, log.csv, history.json, a line an epoch."""

import csv
import io
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from keras_dynres import files
from keras_dynres.errors import DynresError
from keras_dynres.training.checkpoints import Checkpoints


class EpochKeeper(keras.callbacks.Callback):
    """After each epoch: the checkpoint first, then the logs that follow from it.

    Args:
        checkpoints: Where states go; log.csv and history.json go beside them. None
            where another process writes them.
        history: The rows of the epochs before.
        last: After how many epochs training stops.
        verbose: Whether to print a line for each epoch.
    """

    def __init__(
        self,
        checkpoints: Checkpoints | None,
        history: list[dict[str, float]],
        last: int,
        verbose: bool,
    ) -> None:
        super().__init__()
        self.history = history
        self._last = last
        self._checkpoints = checkpoints
        self._verbose = verbose
        self._began = None

    def on_epoch_begin(
        self, epoch: int, logs: Mapping[str, float] | None = None
    ) -> None:
        """Starts the clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Saves and tells."""
        if not np.isfinite(logs["loss"]):
            raise DynresError(
                f"The loss is {logs['loss']} in epoch {epoch + 1}, so the learning "
                f"rate is too high; {epoch} finished epoch(s) are kept."
            )
        row = {"epoch": epoch + 1}
        row.update({key: round(float(value), 6) for key, value in logs.items()})
        row["learning_rate"] = round(float(self.model.optimizer.learning_rate), 8)
        row["seconds"] = round(time.perf_counter() - self._began, 1)
        self.history.append(row)
        if self._checkpoints is not None:
            self._checkpoints.save(self.model, epoch + 1, self.history)
            write_logs(self._checkpoints.folder, self.history)
        if self._verbose:
            print(_line(row, self._last), flush=True)
        if epoch + 1 >= self._last:
            self.model.stop_training = True


def write_logs(folder: str | Path, history: Sequence[Mapping[str, float]]) -> None:
    """log.csv and history.json, whole each time: a resumed run repeats no line."""
    folder = Path(folder)
    columns = list(dict.fromkeys(key for row in history for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    files.write(folder / "log.csv", text.getvalue())
    files.write(folder / "history.json", json.dumps(history, indent=1))


def is_terminal() -> bool:
    """Whether someone watches: progress bars then, plain lines otherwise."""
    return sys.stdout.isatty()


_FIGURES = ("accuracy", "mean_iou", "map")


def _line(row: Mapping[str, float], epochs: int) -> str:
    # What depends on the step, or on one of many outputs, is for log.csv.
    figures = [
        f"{key} {value:.4f}"
        for key, value in row.items()
        if key.removeprefix("val_") == "loss" or key.endswith(_FIGURES)
    ]
    left = (epochs - row["epoch"]) * row["seconds"] / 60
    return (
        f"epoch {row['epoch']}/{epochs}  {'  '.join(figures)}  "
        f"rate {row['learning_rate']:.4g}  {row['seconds']:.0f} s, {left:.0f} min left"
    )

"""Running exits: one prediction after another, and only for whom it is needed."""

import queue
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres.core.traces import one_trace_each
from keras_dynres.errors import DynresError
from keras_dynres.exits.policy import Policy
from keras_dynres.exits.stages import Stage

# Under JAX each batch size compiles anew: batches shrink by steps of an eighth.
_STEPS = 8
_TIMED = 5
# Folding reads all weights once more for each batch: with fewer images it costs more
# than it saves (ImageNet). XLA, under JAX, gains nothing by it.
_FOLDED_FROM = 8


class StagedRuns:
    """Runs the stages of a network on batches of images.

    Args:
        stages: What `stages.split` gave.
        from_logits: Whether confidences need a softmax.
    """

    def __init__(self, stages: Sequence[Stage], from_logits: bool) -> None:
        self._stages = stages
        self._from_logits = from_logits
        self._pads = keras.backend.backend() != "tensorflow"

    def anytime(self, images: np.ndarray) -> Iterator[np.ndarray]:
        """Yields each stage's predictions; nothing runs before it is asked for."""
        images = _batch(self._stages, images)
        known = {self._stages[0].takes[0]: images}
        for stage in self._stages:
            model = _model(stage, len(images))
            outputs, known = stage.after(known, _run(model, stage.features(known)))
            yield np.asarray(outputs)

    def times(self, images: np.ndarray) -> list[float]:
        """Milliseconds an image until each exit, the median of a few runs."""
        rows = []
        for _ in range(_TIMED + 1):  # The first one compiles.
            start, row = time.perf_counter(), []
            for _ in self.anytime(images):
                row.append(1000 * (time.perf_counter() - start) / len(images))
            rows.append(row)
        return [statistics.median(column) for column in zip(*rows[1:], strict=True)]

    def within(self, images: np.ndarray, milliseconds: float) -> tuple[int, np.ndarray]:
        """(position, outputs) of the last stage ready in time."""
        if not milliseconds > 0:
            raise DynresError(
                f"milliseconds is above 0. Received: milliseconds={milliseconds}."
            )
        for _ in self.anytime(images):  # Compiles what this batch size needs.
            pass
        ready, stop = queue.Queue(), threading.Event()
        end = time.monotonic() + milliseconds / 1000

        def work():
            for position, outputs in enumerate(self.anytime(images)):
                if stop.is_set() or time.monotonic() > end:
                    return
                ready.put((position, outputs))

        threading.Thread(target=work, daemon=True).start()
        latest = self._latest(ready, end)
        stop.set()
        if latest is None:
            raise DynresError(
                "The first exit was not ready in time. "
                f"Received: milliseconds={milliseconds}."
            )
        return latest

    def _latest(self, ready: queue.Queue, end: float) -> tuple[int, np.ndarray] | None:
        """The last thing that came before `end`; waits no longer."""
        latest = None
        while latest is None or latest[0] < len(self._stages) - 1:
            try:
                latest = ready.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
        return latest

    def dynamic(
        self, images: np.ndarray, policy: Policy, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """(outputs, position of the exit taken) of images, in their order."""
        starts = range(0, max(len(images), 1), batch_size)
        parts = [self._leaving(images[i : i + batch_size], policy) for i in starts]
        outputs, exits = zip(*parts, strict=True)
        return np.concatenate(outputs), np.concatenate(exits)

    def _leaving(
        self, images: np.ndarray, policy: Policy
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `dynamic`, for one batch: who is sure leaves it, stage by stage."""
        images = _batch(self._stages, images)
        known = {self._stages[0].takes[0]: images}
        rows = np.arange(len(images))
        outputs, exits = None, np.zeros(len(images), "int64")
        step = -(-len(images) // _STEPS)
        for position, stage in enumerate(self._stages):
            size = -(-len(rows) // step) * step if self._pads else len(rows)
            model, features = _model(stage, len(images)), stage.features(known)
            made, known = stage.after(known, _run(model, features, size - len(rows)))
            made = np.asarray(made)
            sure = probabilities(made, self._from_logits).max(axis=-1)
            leave = policy.decide(position, sure)
            if outputs is None:
                outputs = np.zeros((len(images), made.shape[-1]), made.dtype)
            outputs[rows[leave]], exits[rows[leave]] = made[leave], position
            rows = rows[~leave]
            if not len(rows):
                break
            if leave.any():
                known = {name: _rows(value, ~leave) for name, value in known.items()}
        return outputs, exits


def probabilities(outputs: np.ndarray, from_logits: bool) -> np.ndarray:
    """What exits say as probabilities."""
    outputs = np.asarray(outputs, "float32")
    if not from_logits:
        return outputs
    shifted = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _model(stage: Stage, images: int) -> keras.Model:
    """The stage's faster model for batches that start with so many images."""
    folds = keras.backend.backend() == "tensorflow" and images >= _FOLDED_FROM
    return stage.folded if folds else stage.model


def _run(model: keras.Model, features: list, pad: int = 0) -> list:
    """A stage's outputs; computed on so many images more."""
    if pad:
        features = [_padded(values, pad) for values in features]
    with one_trace_each():
        outputs = keras.tree.flatten(_forward(model, features))
    return [values[: len(values) - pad] for values in outputs] if pad else outputs


def _forward(model: keras.Model, features: list) -> Any:
    """As `predict_on_batch`, but under TensorFlow the outputs stay tensors.

    Copying features into arrays and back took a fifth of a batch's time.
    """
    if keras.backend.backend() != "tensorflow":
        return model.predict_on_batch(features)
    model.make_predict_function()
    return model.predict_function([(features,)])


def _rows(values: Any, kept: np.ndarray) -> Any:
    if isinstance(values, np.ndarray):
        return values[kept]
    return keras.ops.take(values, np.flatnonzero(kept), axis=0)


def _padded(values: np.ndarray, pad: int) -> np.ndarray:
    return np.concatenate([values, np.zeros((pad, *values.shape[1:]), values.dtype)])


def _batch(stages: Sequence[Stage], images: np.ndarray) -> np.ndarray:
    images = np.asarray(images)
    (wanted,) = (tuple(t.shape) for t in stages[0].model.inputs)
    fits = images.ndim == len(wanted) and all(
        w in (None, n) for w, n in zip(wanted, images.shape, strict=True)
    )
    if not fits or not len(images):
        raise DynresError(
            f"Expected one image or more of shape {wanted}. "
            f"Received: shape {images.shape}."
        )
    return images

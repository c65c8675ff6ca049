"""Running stages: one prediction after another, and only for whom it is needed."""

import queue
import threading
import time

import keras
import numpy as np

from keras_dynres.core.traces import one_trace_each
from keras_dynres.errors import DynresError

# Under JAX each batch size compiles anew: batches shrink by steps of an eighth.
_STEPS = 8


class StagedRuns:
    """Runs the stages of a network on batches of images.

    Args:
        stages: What `stages.split` gave.
        from_logits: Whether confidences need a softmax.
    """

    def __init__(self, stages, from_logits):
        self._stages = stages
        self._from_logits = from_logits
        self._pads = keras.backend.backend() != "tensorflow"

    def anytime(self, images):
        """Yields each stage's predictions; nothing runs before it is asked for."""
        known = {self._stages[0].takes[0]: _batch(self._stages, images)}
        for stage in self._stages:
            outputs, known = stage.after(known, _run(stage, known))
            yield np.asarray(outputs)

    def within(self, images, milliseconds):
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
        found = self._last(ready, end)
        stop.set()
        if found is None:
            raise DynresError(
                "The first exit was not ready in time. "
                f"Received: milliseconds={milliseconds}."
            )
        return found

    def _last(self, ready, end):
        """The last thing that came before `end`; waits no longer."""
        found = None
        while found is None or found[0] < len(self._stages) - 1:
            try:
                found = ready.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                return found
        return found

    def dynamic(self, images, policy):
        """(outputs, position of the exit taken) of one batch, in its order."""
        images = _batch(self._stages, images)
        known = {self._stages[0].takes[0]: images}
        rows = np.arange(len(images))
        outputs, exits = None, np.zeros(len(images), "int64")
        step = -(-len(images) // _STEPS)
        for position, stage in enumerate(self._stages):
            size = -(-len(rows) // step) * step if self._pads else len(rows)
            made, known = stage.after(known, _run(stage, known, size, len(rows)))
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


def probabilities(outputs, from_logits):
    """What exits say as probabilities."""
    outputs = np.asarray(outputs, "float32")
    if not from_logits:
        return outputs
    shifted = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _run(stage, known, size=None, count=None):
    """The stage's outputs; computed on `size` images where that is more."""
    features = stage.features(known)
    pad = 0 if size is None else size - count
    if pad:
        features = [_padded(each, pad) for each in features]
    with one_trace_each():
        outputs = keras.tree.flatten(_forward(stage.model, features))
    return [each[:count] for each in outputs] if pad else outputs


def _forward(model, features):
    """As `predict_on_batch`, but under TensorFlow the outputs stay tensors.

    Copying features into arrays and back took a fifth of a batch's time.
    """
    if keras.backend.backend() != "tensorflow":
        return model.predict_on_batch(features)
    model.make_predict_function()
    return model.predict_function([(features,)])


def _rows(values, kept):
    if isinstance(values, np.ndarray):
        return values[kept]
    return keras.ops.take(values, np.flatnonzero(kept), axis=0)


def _padded(values, pad):
    return np.concatenate([values, np.zeros((pad, *values.shape[1:]), values.dtype)])


def _batch(stages, images):
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

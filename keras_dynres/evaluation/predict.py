"""What many instances say about the same images, in one pass over the data."""

import dataclasses
import math
from collections.abc import Mapping

import keras
import numpy as np

from keras_dynres.core.batches import batches, class_indices, count_batches
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError, UnknownNameError


@dataclasses.dataclass(frozen=True)
class Score:
    """A share of right answers and how sure a finite number of images makes it.

    Example:

    >>> str(Score(0.925, 10000))
    '92.50 % ± 0.26'
    """

    value: float
    count: int

    @property
    def stderr(self):
        """Binomial standard error of `value`."""
        return math.sqrt(self.value * (1 - self.value) / self.count)

    def __str__(self):
        return f"{100 * self.value:.2f} % ± {100 * self.stderr:.2f}"


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Every image's outcome under every instance.

    Attributes:
        labels: Class index of each image, or None for unlabelled data.
        ranks: For each instance, how many classes each image's true class
            trails behind (0: the top class is right), or an empty dict for
            unlabelled data.
        logits: For each instance, the outputs, `(images, classes)`, or an
            empty dict when they were not kept.
        classes: For each instance, the top class of each image.
    """

    labels: np.ndarray | None
    ranks: Mapping
    logits: Mapping
    classes: Mapping

    @property
    def names(self):
        """The instances, in the order they were asked for."""
        return list(self.classes)

    def __len__(self):
        return len(next(iter(self.classes.values())))

    def correct(self, name, k=1):
        """Whether the true class is among the `k` most likely, image by image."""
        if self.labels is None:
            raise DynresError(
                "The predictions were made on images without labels. "
                "Received: data without labels."
            )
        if name not in self.ranks:
            raise UnknownNameError("instance", name, self.names)
        return self.ranks[name] < k

    def accuracy(self, name, k=1):
        """Top-k accuracy of an instance as a `Score` with standard error."""
        right = self.correct(name, k)
        return Score(float(right.mean()), len(right))

    def agreement(self, name, other="full"):
        """Share of images for which two instances name the same top class."""
        for one in (name, other):
            if one not in self.classes:
                raise UnknownNameError("instance", one, self.names)
        return float((self.classes[name] == self.classes[other]).mean())


def predictions(
    model, data, instances=None, batch_size=128, limit=None, logits=True, verbose=1
):
    """Runs several instances over the data in one pass.

    Args:
        model: A `DynamicModel`, any other `keras.Model` (it counts as one
            instance called `full`), or a dict of `keras.Model`s by name.
        data: Arrays `(images, labels)`, or batches of the same: a
            `tf.data.Dataset`, a `keras.utils.PyDataset`, any iterable.
            Labels are class indices or one-hot; images alone will do where no
            accuracy is asked for.
        instances: Names or `Instance`s; None means all of the model's menu.
        batch_size: Images a step, for arrays.
        limit: How many images to take; None means all.
        logits: Whether to keep the outputs. Without them an image takes a few
            bytes an instance, also with a thousand classes.
        verbose: 0 for no progress bar.

    Returns:
        A `Predictions`.

    Example:

    ```python
    seen = kd.evaluation.predictions(model, (images, labels), ["full", "p1@0.5"])
    print(seen.accuracy("p1@0.5"))    # 91.20 % ± 0.28
    ```
    """
    graphs = _graphs(model, instances)
    kept = {name: _Kept(logits) for name in graphs}
    labels, size = [], 0
    total = count_batches(data, batch_size, limit)
    bar = keras.utils.Progbar(total, verbose=verbose, unit_name="batch")
    for step, (x, y) in enumerate(batches(data, batch_size, limit), 1):
        size = max(size, len(x))
        y = None if y is None else class_indices(y)
        for name, graph in graphs.items():
            kept[name].add(predict_padded(graph, x, size), y)
        labels.append(y)
        bar.update(step, finalize=False)
    bar.update(step, finalize=True)
    known = all(y is not None for y in labels)
    return Predictions(
        labels=np.concatenate(labels) if known else None,
        ranks={n: np.concatenate(k.ranks) for n, k in kept.items()} if known else {},
        logits={n: np.concatenate(k.logits) for n, k in kept.items() if logits},
        classes={n: np.concatenate(k.classes) for n, k in kept.items()},
    )


def predict_padded(graph, images, size):
    """One batch's outputs; a short batch is padded so that no step is retraced."""
    short = max(size - len(images), 0)
    if short:
        images = np.concatenate([images, np.repeat(images[-1:], short, axis=0)])
    outputs = np.asarray(graph.predict_on_batch(images)).astype("float32")
    return outputs[: len(outputs) - short]


class _Kept:
    """What is remembered of one instance's outputs."""

    def __init__(self, logits):
        self.keep_logits = logits
        self.logits, self.ranks, self.classes = [], [], []

    def add(self, outputs, labels):
        if self.keep_logits:
            self.logits.append(outputs)
        self.classes.append(outputs.argmax(-1).astype("int32"))
        if labels is not None:
            self.ranks.append(_ranks(outputs, labels))


def _ranks(outputs, labels):
    """How many classes stand before the true one; ties go as in `argmax`."""
    classes = outputs.shape[-1]
    if labels.min() < 0 or labels.max() >= classes:
        raise DynresError(
            f"Labels must be class indices from 0 to {classes - 1}. "
            f"Received: labels from {labels.min()} to {labels.max()}."
        )
    own = np.take_along_axis(outputs, labels[:, None], axis=-1)
    earlier = np.arange(classes)[None] < labels[:, None]
    ranks = ((outputs > own) | ((outputs == own) & earlier)).sum(-1)
    # A comparison with NaN is False: without this, NaN would count as right.
    ranks[~np.isfinite(outputs).all(-1)] = classes
    return ranks.astype("int32")


def _graphs(model, instances):
    if isinstance(model, DynamicModel):
        chosen = model.menu.names if instances is None else instances
        names = [getattr(i, "name", i) for i in chosen]
        graphs = {name: model.at(name) for name in names}
    else:
        graphs = dict(model) if isinstance(model, Mapping) else {"full": model}
        names = [getattr(i, "name", i) for i in instances or graphs]
        for name in names:
            if name not in graphs:
                raise UnknownNameError("instance", name, graphs)
        graphs = {name: graphs[name] for name in names}
    if not graphs:
        raise DynresError("At least one instance is needed. Received: instances=[].")
    return graphs

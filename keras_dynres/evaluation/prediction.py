"""What many instances say about the same images, in one pass over the data."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres import text
from keras_dynres.core.batches import batches, class_indices, count_batches
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError, one_of
from keras_dynres.evaluation.outputs import part_of, predict_padded
from keras_dynres.instance import Instance


@dataclasses.dataclass(frozen=True)
class Score:
    """A share of right answers and how sure a finite number of images makes it.

    Attributes:
        value: The share.
        count: How many images it stands on.
        spread: Standard deviation over the images of their own shares, where an image
            has many answers; None where it has one.

    Example:

    >>> str(Score(0.925, 10000))
    '92.50 % ± 0.26'
    """

    value: float
    count: int
    spread: float | None = None

    @property
    def stderr(self) -> float:
        """Standard error of `value`: binomial, or that of the images' mean."""
        spread = self.spread
        if spread is None:
            spread = math.sqrt(self.value * (1 - self.value))
        return spread / math.sqrt(self.count)

    def __str__(self):
        return text.percent(self.value, self.stderr)


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Every image's outcome under every instance.

    Where the network gives a map of logits an image, every array has the map's axes
    behind that of the images.

    Attributes:
        labels: Class index of each image, or None for unlabelled data.
        ranks: For each instance, how many classes each image's true class
            trails behind (0: the top class is right; -1: ignored), or an empty dict
            for unlabelled data.
        logits: For each instance, the outputs, `(images, classes)`, or an
            empty dict when they were not kept.
        classes: For each instance, the top class of each image.
        aliases: The instances' names by the other names they were asked for by.
    """

    labels: np.ndarray | None
    ranks: Mapping
    logits: Mapping
    classes: Mapping
    aliases: Mapping = dataclasses.field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The instances, in the order they were asked for."""
        return list(self.classes)

    def __len__(self):
        return len(next(iter(self.classes.values())))

    def correct(self, name: str | Instance, k: int = 1) -> np.ndarray:
        """Whether the true class is among the `k` most likely, image by image.

        Of pixels that are ignored it is False.
        """
        if self.labels is None:
            raise DynresError(
                "The predictions were made on images without labels. "
                "Received: data without labels."
            )
        ranks = self.ranks[self._known(name)]
        return (ranks >= 0) & (ranks < k)

    def accuracy(self, name: str | Instance, k: int = 1) -> Score:
        """Top-k accuracy of an instance as a `Score` with standard error.

        Of maps it is the share of all pixels but ignored ones. Those of one image are
        alike, which makes them no independent trials: the standard error is that of
        the images' means.
        """
        right = self.correct(name, k)
        if right.ndim == 1:
            return Score(float(right.mean()), len(right))
        counted = self.ranks[self._known(name)].reshape(len(right), -1) >= 0
        counts = counted.sum(axis=1)
        sums = right.reshape(len(right), -1).sum(axis=1)
        means = sums[counts > 0] / counts[counts > 0]
        spread = float(means.std(ddof=1)) if len(means) > 1 else math.nan
        value = float(sums.sum() / max(counts.sum(), 1))
        return Score(value, len(right), spread)

    def agreement(self, name: str | Instance, other: str | Instance = "full") -> float:
        """Share of images (of pixels, in maps) whose top class two instances share."""
        one, two = self.classes[self._known(name)], self.classes[self._known(other)]
        return float((one == two).mean())

    def _known(self, name):
        name = getattr(name, "name", name)
        return one_of("instance", self.aliases.get(name, name), self.names)


def predictions(
    model: keras.Model | Mapping[str, keras.Model],
    data: Any,
    instances: Sequence[str | Instance] | None = None,
    batch_size: int = 128,
    limit: int | None = None,
    logits: bool = True,
    verbose: int = 1,
    output: str | int | None = None,
    ignore_class: int | None = None,
) -> Predictions:
    """Runs several instances over the data in one pass.

    Args:
        model: A `DynamicModel`, any other `keras.Model` (it counts as one
            instance called `full`), or a dict of `keras.Model`s by name.
        data: Arrays `(images, labels)`, or batches of the same: a
            `tf.data.Dataset`, a `keras.utils.PyDataset`, any iterable.
            Labels are class indices or one-hot, or maps of either; images alone will
            do where no accuracy is asked for.
        instances: Names or `Instance`s; None means all of the model's menu.
        batch_size: Images a step, for arrays.
        limit: How many images to take; None means all.
        logits: Whether to keep the outputs. Without them an image takes a few
            bytes an instance, also with a thousand classes.
        verbose: 0 for no progress bar.
        output: Which output holds the logits, where there are several: its name, or
            its position in a list. Labels in a dict have the same names.
        ignore_class: The class in maps of labels that counts for nothing, such as
            `kd.data.IGNORED`.

    Returns:
        A `Predictions`.

    Example:

    ```python
    seen = kd.evaluation.predictions(model, (images, labels), ["full", "p1@0.5"])
    print(seen.accuracy("p1@0.5"))    # 91.20 % ± 0.28
    ```
    """
    graphs, aliases = graphs_of(model, instances)
    kept = {name: _Kept(logits, ignore_class) for name in graphs}
    labels, size = [], 0
    total = count_batches(data, batch_size, limit)
    bar = keras.utils.Progbar(total, verbose=verbose, unit_name="batch")
    for step, (images, answers) in enumerate(batches(data, batch_size, limit), 1):
        size = max(size, len(images))
        if answers is not None:
            answers = part_of(answers, output, "label")
        for name, graph in graphs.items():
            outputs = part_of(predict_padded(graph, images, size), output)
            answers = _as_classes(answers, outputs)
            kept[name].add(outputs, answers)
        labels.append(answers)
        bar.update(step, finalize=False)
    bar.update(step, finalize=True)
    known = all(answers is not None for answers in labels)
    return Predictions(
        labels=_joined(labels) if known else None,
        ranks={n: _joined(k.ranks) for n, k in kept.items()} if known else {},
        logits={n: _joined(k.logits) for n, k in kept.items() if logits},
        classes={n: _joined(k.classes) for n, k in kept.items()},
        aliases=aliases,
    )


class _Kept:
    """What is remembered of one instance's outputs."""

    def __init__(self, logits: bool, ignored: int | None = None):
        self.keep_logits = logits
        self.ignored = ignored
        self.logits, self.ranks, self.classes = [], [], []

    def add(self, outputs: np.ndarray, labels: np.ndarray | None) -> None:
        if self.keep_logits:
            self.logits.append(outputs)
        self.classes.append(outputs.argmax(-1).astype("int32"))
        if labels is not None:
            self.ranks.append(_ranks(outputs, labels, self.ignored))


def _as_classes(labels, outputs):
    """The labels as class indices, one for each row of logits."""
    if outputs.ndim < 2:
        raise DynresError(
            "An output must be rows or maps of logits, (images, ..., classes). "
            f"Received: an output of shape {outputs.shape}."
        )
    if labels is None:
        return None
    labels = class_indices(labels, axes=outputs.ndim - 1)
    if labels.shape != outputs.shape[:-1]:
        raise DynresError(
            "Maps of labels must be as large as the output's. Received: labels of "
            f"shape {labels.shape} and an output of shape {outputs.shape}."
        )
    return labels


def _ranks(outputs, labels, ignored=None):
    """How many classes stand before the true one; ties go as in `argmax`."""
    classes = outputs.shape[-1]
    if ignored is not None:
        nothing = labels == ignored
        ranks = _ranks(outputs, np.where(nothing, 0, labels))
        return np.where(nothing, -1, ranks).astype("int32")
    if labels.min() < 0 or labels.max() >= classes:
        raise DynresError(
            f"Labels must be class indices from 0 to {classes - 1}. "
            f"Received: labels from {labels.min()} to {labels.max()}."
        )
    own = np.take_along_axis(outputs, labels[..., None], axis=-1)
    earlier = np.arange(classes) < labels[..., None]
    ranks = ((outputs > own) | ((outputs == own) & earlier)).sum(-1)
    # A comparison with NaN is False: without this, NaN would count as right.
    ranks[~np.isfinite(outputs).all(-1)] = classes
    return ranks.astype("int32")


def _joined(parts):
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise DynresError(
            "The images must give outputs of one size. Received: outputs of shapes "
            f"{' and '.join(map(str, sorted(shapes)))}."
        )
    return np.concatenate(parts)


def graphs_of(
    model: keras.Model | Mapping[str, keras.Model],
    instances: Sequence[str | Instance] | None,
) -> tuple[dict[str, keras.Model], dict[str, str]]:
    """{name: graph} of the instances, and their names by those they go by.

    Args:
        model: As of `predictions`.
        instances: As of `predictions`.
    """
    if isinstance(model, DynamicModel):
        asked = model.menu.names if instances is None else instances
        # A model knows other names of its instances than the menu's.
        names = {getattr(i, "name", i): model.menu[i].name for i in asked}
        graphs = {name: model.at(name) for name in names.values()}
    else:
        graphs = dict(model) if isinstance(model, Mapping) else {"full": model}
        asked = graphs if instances is None else instances
        names = [getattr(i, "name", i) for i in asked]
        names = {name: one_of("instance", name, graphs) for name in names}
        graphs = {name: graphs[name] for name in names}
    if not graphs:
        raise DynresError("At least one instance is needed. Received: instances=[].")
    return graphs, {other: name for other, name in names.items() if other != name}

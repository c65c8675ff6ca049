"""A table of what every instance is worth, built once and asked many times."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_dynres import files
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError, one_of
from keras_dynres.evaluation.guesses import guess
from keras_dynres.instance import ACCURACY, FULL, Instance, Menu


def lookup_table(
    model: DynamicModel,
    data: Any,
    path: str | Path,
    instances: Sequence[str | Instance] | None = None,
    sample: int | None = None,
    latency: Callable[[DynamicModel, str], float] | None = None,
    metrics: Sequence | None = None,
    verbose: int = 1,
) -> Menu:
    """Measures a menu into a file: the metric, costs and latency of every instance.

    The file is a menu in JSON, written anew after each instance. Called again it goes
    on with what is missing, as long as the weights are those it was begun with.

    Args:
        model: A trained `DynamicModel`.
        data: What `evaluate_menu` takes.
        path: The file, `.json`. A menu in CSV is written beside it.
        instances: Names or `Instance`s, by default all.
        sample: How many of them to measure; the others' metric is guessed from these,
            as `predicted_accuracy` say (see `guess`). By default all are measured.
        latency: A function of the model and a name that returns milliseconds, such as
            `kd.tflite.latency_ms`; by default latencies are not measured.
        metrics: As of `evaluate_menu`.
        verbose: 0 for no progress bar.

    Returns:
        The model's `Menu`: ask `menu.within(macs=..., latency_ms=...)`.

    Example:

    ```python
    menu = kd.evaluation.lookup_table(
        model, test, "table.json", sample=64, latency=kd.tflite.latency_ms
    )
    chosen = menu.within(macs=2e9, latency_ms=20, metric="predicted_accuracy")
    ```
    """
    path = _json(path)
    asked = [model.menu[name].name for name in instances or model.menu.names]
    names = asked if sample is None else _sampled(asked, sample, model.seed)
    weights = _fingerprint(model)
    known = _read(path, model.menu, weights)
    wanted = {model.menu.metric} | ({"latency_ms"} if latency else set())
    for name, figures in known.items():
        model.menu.record(name, **figures)
    missing = [n for n in names if not wanted <= set(known.get(n, ()))]
    bar = keras.utils.Progbar(len(names), verbose=verbose, unit_name="inst")
    bar.update(len(names) - len(missing), finalize=False)
    for name in missing:
        figures = known.setdefault(name, {})
        if model.menu.metric not in figures:
            # Of a menu that went by another figure, it changes the metric.
            model.evaluate_menu(data, [name], metrics, verbose=0)
            measured = model.menu[name].measured
            one_of("metric among those measured", model.menu.metric, measured)
        if latency and "latency_ms" not in figures:
            model.menu.record(name, latency_ms=latency(model, name))
        known[name] = dict(model.menu[name].measured)
        _write(path, model.menu, known, weights)
        bar.add(1)
    if sample is not None:
        quality = guess(model.menu)
        if verbose:
            print(quality)
    model.menu.to_csv(path.with_suffix(".csv"))
    return model.menu


def _sampled(names, count, seed):
    """So many of the names: the cheapest, `full`, and others drawn from the seed."""
    ends = list(dict.fromkeys([names[0], FULL if FULL in names else names[-1]]))
    if not len(ends) <= count <= len(names):
        raise DynresError(
            f"sample lies between {len(ends)} and the number of instances, "
            f"{len(names)}. Received: sample={count}"
        )
    others = [name for name in names if name not in ends]
    drawn = np.random.default_rng(seed).permutation(others)[: count - len(ends)]
    return [name for name in names if name in {*ends, *drawn}]


def _fingerprint(model):
    digest = hashlib.sha256()
    layers = [model.base, *model.slots.values()]
    for weight in (weight for layer in layers for weight in layer.weights):
        digest.update(np.asarray(weight).tobytes())
    return digest.hexdigest()[:16]


def _json(path):
    path = Path(path)
    if path.suffix != ".json":
        raise DynresError(f"The table is a .json file. Received: path={str(path)!r}")
    return path


def _read(path, menu, weights):
    """{name: figures} of a table that was begun, with these weights, or nothing."""
    if not path.exists():
        return {}
    content = files.read_json(path, "a lookup table")
    begun = Menu.from_config(content)
    if content.get("weights") != weights:
        raise DynresError(
            "The table was begun with other weights: give another path, or remove it. "
            f"Received: path={str(path)!r}"
        )
    if menu.metric == ACCURACY:  # As a menu is that nobody told another figure.
        menu.metric = begun.metric
    return {
        instance.name: dict(instance.measured)
        for instance in begun
        if instance.name in menu and instance.measured
    }


def _write(path, menu, known, weights):
    content = menu.get_config()
    for row in content["instances"]:
        row["measured"] = known.get(row["name"], {})
    files.write(path, json.dumps({**content, "weights": weights}, indent=1))

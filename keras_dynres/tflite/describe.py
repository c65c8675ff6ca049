"""What goes into a bundle's metadata, from the model and the user's arguments."""

import dataclasses
import importlib.metadata
import json

from keras_dynres import graph
from keras_dynres.errors import DynresError
from keras_dynres.exits.model import policies_of

_CACHE = {
    True: "Weights that instances share are the same at every use.",
    False: "XNNPACK's weight cache confuses int8 kernels that instances share at "
    "different scales, and silently returns wrong logits.",
}


def facts(model, graphs, precision, labels=None, preprocessing=None, stages=()):
    """The metadata of a bundle, but for what its checks find.

    Args:
        model: The `DynamicModel`.
        graphs: Maps the exported instances' names to their models.
        precision: What the file is converted to.
        labels: Names of the classes, or None.
        preprocessing: `{"mean", "std", "scale"}` or None.
        stages: A `StageRow` for each stage the file holds.

    Returns:
        A dict with the keys that `metadata` lists.
    """
    one = next(iter(graphs.values()))
    shape, classes = one.input_shape[1:], one.output_shape[-1]
    cached = precision in ("float32", "float16")
    return {
        "model": model.name,
        "labels": _labels(labels, classes),
        "input": {"shape": list(shape), "dtype": "float32"},
        "preprocessing": _preprocessing(preprocessing, shape[-1]),
        "output": {"classes": classes, "activation": _activation(one)},
        "precision": precision,
        "menu": [_row(model.menu[name]) for name in graphs],
        "aliases": {
            alias: name for name in graphs for alias in model.menu[name].aliases
        },
        "stages": [dataclasses.asdict(row) for row in stages],
        "policies": [json.loads(each.to_json()) for each in policies_of(model)],
        "weight_cache": {"allowed": cached, "reason": _CACHE[cached]},
        "producer": _versions(),
    }


def with_checks(known, checks):
    """The metadata of one file: the instances it holds, and what was found of them."""
    return {
        **known,
        "menu": [row for row in known["menu"] if row["name"] in checks],
        "parity": {
            name: {
                "error": found.error,
                "agreement": found.agreement,
                "not_delegated": found.left,
            }
            for name, found in checks.items()
        },
    }


def _row(instance):
    return {
        "name": instance.name,
        "signature": instance.name,
        "settings": dict(instance.settings),
        "macs": instance.macs,
        "flops": instance.flops,
        "params": instance.params,
        "measured": dict(instance.measured),
    }


def _labels(labels, classes):
    if labels is None:
        return None
    labels = [str(each) for each in labels]
    if len(labels) != classes:
        raise DynresError(
            f"There must be a label for each of the {classes} classes. "
            f"Received: {len(labels)} labels."
        )
    return labels


def _preprocessing(rule, channels):
    if rule is None:
        return None
    try:
        mean, std = ([float(v) for v in rule[key]] for key in ("mean", "std"))
        scale = float(rule.get("scale", 255))
        right = {len(mean), len(std)} <= {1, channels} and scale > 0 and min(std) > 0
    except (KeyError, TypeError, ValueError, AttributeError):
        right = False
    if not right:
        raise DynresError(
            'preprocessing is {"mean": [...], "std": [...], "scale": 255} with '
            f"{channels} values each, std above 0. Received: preprocessing={rule!r}."
        )
    return {"mean": mean, "std": std, "scale": scale}


def _activation(model):
    return "probabilities" if graph.gives_probabilities(model) else "logits"


def _versions():
    names = ("keras-dynres", "keras", "tensorflow", "ai-edge-litert")
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found

"""What a bundle says of its model: outputs, instances, and how to choose."""

import dataclasses
import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_dynres import exits, graph
from keras_dynres.errors import DynresError
from keras_dynres.instance import Instance, Menu
from keras_dynres.tflite import images, stages
from keras_dynres.tflite.precision import Precision
from keras_dynres.tflite.stages import INPUT, OUTPUT, port_names


def facts(
    model: Any,
    graphs: Mapping[str, keras.Model],
    precision: Precision,
    labels: Sequence | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    rows: Sequence[stages.StageRow] = (),
    dynamic: Sequence[str] = (),
) -> dict[str, Any]:
    """The metadata of a bundle, but for what its checks find.

    Args:
        model: The `DynamicModel`.
        graphs: Maps the exported instances' names to their models.
        precision: What the file is converted to.
        labels: Names of the classes, or None.
        preprocessing: `{"mean", "std", "scale"}` or None.
        rows: A `StageRow` for each stage the file holds.
        dynamic: Names of the instances whose shapes depend on the image.

    Returns:
        A dict with the keys that `metadata` lists.
    """
    shape = list(next(iter(graphs.values())).inputs[0].shape[1:])
    outputs = {name: output_facts(net) for name, net in graphs.items()}
    usual = list(outputs.values())[-1]
    menu = model.menu
    return {
        "model": model.name,
        "labels": _labels(labels, usual),
        "input": {"shape": shape, "dtype": "float32"},
        "preprocessing": images.checked_rule(preprocessing, shape[-1]),
        **_outputs(usual),
        "precision": precision.name,
        "menu": [_row(menu[name], outputs[name], usual) for name in graphs],
        "metric": menu.metric,
        "aliases": {alias: name for name in graphs for alias in menu[name].aliases},
        **({"dynamic": list(dynamic)} if dynamic else {}),
        "stages": [dataclasses.asdict(row) for row in rows],
        "policies": [policy.get_config() for policy in exits.policies_of(model)],
        "weight_cache": {
            "allowed": precision.weight_cache,
            "reason": precision.cache_reason,
        },
        "producer": _versions(),
    }


def with_checks(known: Mapping[str, Any], checks: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of one file: the instances it holds, and what was found of them."""
    names = [name for name in known.get("dynamic", ()) if name in checks]
    return {
        **{key: value for key, value in known.items() if key != "dynamic"},
        **({"dynamic": names} if names else {}),
        "menu": [row for row in known["menu"] if row["name"] in checks],
        "parity": {name: check.facts() for name, check in checks.items()},
    }


# === Outputs ===


def output_names(model: keras.Model) -> list[str]:
    """What a signature calls a graph's outputs, in the order of `model.outputs`.

    One is `outputs`; those of a dict keep their keys, as far as a signature can have
    them; those of a list are `output1`, `output2` and so on.

    >>> x = keras.Input((8,))
    >>> output_names(keras.Model(x, {"score": x + 1, "box 2": x + 2}))
    ['box_2', 'score']
    """
    count = len(model.outputs)
    if count == 1:
        return [OUTPUT]
    if isinstance(model.output, dict) and len(model.output) == count:
        keys = keras.tree.flatten({key: key for key in model.output})
        return port_names(keys, "output", [INPUT])
    return [f"output{number}" for number in range(1, count + 1)]


def output_facts(model: keras.Model) -> dict[str, dict]:
    """Maps each output's name to its `shape`, the batch left out, and `activation`."""
    return {
        name: {
            "shape": list(tensor.shape[1:]),
            "activation": _activation(model, position),
        }
        for position, (name, tensor) in enumerate(
            zip(output_names(model), model.outputs, strict=True)
        )
    }


def _activation(model, position):
    """What an output's numbers are: those of classes, or other values."""
    if not graph.gives_classes(model, position):
        return "values"
    return "probabilities" if graph.gives_probabilities(model, position) else "logits"


# === The menu ===


def menu(fields: Mapping[str, Any]) -> Menu:
    """The `Menu` of what `read_metadata` returned, without latencies."""
    instances = []
    aliases = fields.get("aliases", {})
    for row in fields["menu"]:
        said = {k: v for k, v in row.items() if k not in ("signature", "outputs")}
        # Another machine's milliseconds would mislead here.
        said["measured"] = {
            k: v for k, v in row["measured"].items() if k != "latency_ms"
        }
        others = tuple(a for a, name in aliases.items() if name == row["name"])
        instances.append(Instance(**said, aliases=others))
    known = Menu(instances)
    if "metric" in fields:
        known.metric = fields["metric"]
    return known


def outputs(fields: Mapping[str, Any], name: str) -> dict[str, dict]:
    """Maps the names of an instance's outputs to their `shape` and `activation`."""
    (row,) = (row for row in fields["menu"] if row["name"] == name)
    if "outputs" in row:
        return row["outputs"]
    if "outputs" in fields:
        return fields["outputs"]
    one = dict(fields["output"])
    return {OUTPUT: {"shape": [one.pop("classes")], **one}}


def _row(
    instance: Instance, outputs: Mapping[str, dict], usual: Mapping[str, dict]
) -> dict[str, Any]:
    row = {
        "name": instance.name,
        "signature": instance.name,
        "settings": dict(instance.settings),
        "macs": instance.macs,
        "flops": instance.flops,
        "params": instance.params,
        "measured": dict(instance.measured),
    }
    if instance.average:
        row["average"] = dict(instance.average)
    if outputs != usual:
        row["outputs"] = dict(outputs)
    return row


def _outputs(outputs: Mapping[str, dict]) -> dict[str, Any]:
    """The key that says what a signature gives."""
    if list(outputs) == [OUTPUT] and len(outputs[OUTPUT]["shape"]) == 1:
        (classes,) = outputs[OUTPUT]["shape"]
        activation = outputs[OUTPUT]["activation"]
        return {"output": {"classes": classes, "activation": activation}}
    return {"outputs": dict(outputs)}


def _labels(labels: Sequence | None, outputs: Mapping[str, dict]) -> list[str] | None:
    if labels is None:
        return None
    labels = [str(label) for label in labels]
    # A detector's outputs are numbers of classes, whose count they do not show.
    counts = {
        output["shape"][-1]
        for output in outputs.values()
        if output["activation"] != "values"
    }
    if counts and len(labels) not in counts:
        classes = " or ".join(map(str, sorted(counts)))
        raise DynresError(
            f"There must be a label for each of the {classes} classes. "
            f"Received: {len(labels)} labels."
        )
    return labels


def _versions() -> dict[str, str | None]:
    versions = {}
    for name in ("keras-dynres", "keras", "tensorflow", "ai-edge-litert"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions

"""A card's page in Markdown."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from keras_dynres import text
from keras_dynres.instance import Instance
from keras_dynres.zoo import figures
from keras_dynres.zoo.network import NETWORKS

if TYPE_CHECKING:
    from keras_dynres.zoo.cards import Card
    from keras_dynres.zoo.network import Network


def page(card: "Card") -> str:
    """The text of `Card.to_markdown`."""
    lines = [f"# {card.network.name}", ""]
    lines += [f"- **{key}**: {value}" for key, value in _facts(card).items()]
    if card.menu:
        lines += ["", "## Instances", "", _instances(card)]
    for key, value in card.results.items():
        if key not in ("policies", *_ratings(card)):
            lines += ["", f"## {_title(key).capitalize()}", "", *_section(value)]
    for number, policy in enumerate(card.policies, 1):
        lines += ["", f"## Policy {number}", "", "```", str(policy), "```"]
    lines += ["", "## Recipe", "", "```json", _recipe(card.network), "```"]
    return "\n".join(lines) + "\n"


def _facts(card: "Card") -> dict[str, str]:
    network = card.network
    height, width, channels = network.input_shape
    facts = {
        "architecture": _call(network.architecture, network.options),
        "method": _call(network.method, network.method_options),
        "data": f"{network.images.name}, {network.classes} classes",
        "input": f"{height}x{width}x{channels}, (image / scale - mean) / std with "
        + json.dumps(dict(network.preprocessing)),
        "recipe": _command(network),
        "licence": network.licence,
        "paper": network.reference,
    }
    if network.paper:
        rows = network.paper.items()
        facts["paper reports"] = ", ".join(f"{k} {v}" for k, v in rows)
    return {**facts, "weights": _weights(card)}


def _command(network: "Network") -> str:
    if network.name in NETWORKS:
        return f"`keras-dynres train {network.name}`, as below"
    file = f"{network.name}.json"
    return f"below; as `{file}` it is what `keras-dynres train {file}` takes"


def _recipe(network: "Network") -> str:
    """All of the network as one JSON object, an entry a line."""
    rows = network.get_config().items()
    return "{\n" + ",\n".join(f"  {_json(k)}: {_json(v)}" for k, v in rows) + "\n}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _weights(card: "Card") -> str:
    weights, network = card.weights, card.network
    if weights:
        size = figures.size(weights.size)
        return f"`{weights.file}`, {size}, SHA-256 `{weights.sha256}`"
    if network.checkpoint:
        return (
            f"none published here; `{network.import_command}` makes them of "
            f"{network.checkpoint}"
        )
    return "none published"


def _ratings(card: "Card") -> list[str]:
    """Keys of the results that rate every instance, such as `uniform_bn`.

    They are columns of the table of instances.
    """
    if not card.menu:
        return []
    metric = card.menu.metric
    return [
        key
        for key, value in card.results.items()
        if isinstance(value, Mapping)
        and set(card.menu.names) <= set(value)
        and all(
            isinstance(value[name], Mapping) and metric in value[name]
            for name in card.menu.names
        )
    ]


def _instances(card: "Card") -> str:
    metric, ratings = card.menu.metric, _ratings(card)
    averages = [
        key
        for key in ("macs", "flops")
        if any(key in instance.average for instance in card.menu)
    ]
    others = sorted({key for i in card.menu for key in i.measured} - {metric})
    settings = any(instance.settings for instance in card.menu)
    header = ["instance", *["settings"] * settings]
    header += [text.head("macs"), text.head("flops")]
    header += [f"{text.head(key)}, average" for key in averages]
    header += [figures.head(metric), *map(figures.head, others)]
    header += [f"{figures.head(metric)}, {_title(key)}" for key in ratings]
    rows = [
        [
            instance.name,
            *[text.settings(instance.settings)] * settings,
            figures.cell("macs", instance.macs),
            figures.cell("flops", instance.flops),
            *(_average(instance, key) for key in averages),
            *(figures.cell(key, instance.figure(key)) for key in [metric, *others]),
            *(
                figures.cell(metric, card.results[key][instance.name][metric])
                for key in ratings
            ),
        ]
        for instance in card.menu
    ]
    return text.grid(header, rows, "markdown", left=1 + settings)


def _average(instance: Instance, key: str) -> str:
    """What an image costs on average, and how far images differ."""
    mean = figures.cell(key, instance.average.get(key))
    spread = instance.average.get(f"{key}_spread")
    return mean if spread is None else f"{mean} ± {figures.cell(key, spread)}"


def _section(value: Any) -> Iterator[str]:
    """The lines of a result: a list of dicts is a table, a dict a list."""
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        columns = list(value[0])
        rows = [[_cell(row.get(key, "")) for key in columns] for row in value]
        yield text.grid(columns, rows, "markdown")
    elif isinstance(value, dict):
        yield from (f"- {key}: {_plain(entry)}" for key, entry in value.items())
    else:
        yield _plain(value)


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _plain(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _title(key: str) -> str:
    return key.replace("_", " ")


def _call(name: str, kwargs: Mapping) -> str:
    return f"`{name}({', '.join(f'{k}={v!r}' for k, v in kwargs.items())})`"

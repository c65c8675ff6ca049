"""A card's page in Markdown."""

import json


def page(card):
    """The text of `Card.to_markdown`."""
    entry = card.entry
    height, width, channels = entry.input_shape
    facts = {
        "architecture": _call(entry.architecture, entry.architecture_kwargs),
        "method": _call(entry.method, entry.method_kwargs),
        "data": f"{entry.dataset}, {entry.classes} classes",
        "input": f"{height}x{width}x{channels}, (image / scale - mean) / std with "
        + json.dumps(dict(entry.preprocessing)),
        "recipe": f"`keras-dynres train {entry.recipe}`",
        "licence": entry.licence,
        "paper": entry.reference,
    }
    if entry.paper:
        facts["paper reports"] = ", ".join(f"{k} {v}" for k, v in entry.paper.items())
    if card.weights:
        weights = card.weights
        facts["weights"] = (
            f"`{weights.file}`, {weights.size / 1e6:.2f} MB, SHA-256 `{weights.sha256}`"
        )
    elif entry.checkpoint:
        command = f"`keras-dynres import {entry.name} {entry.checkpoint}`"
        facts["weights"] = f"none published here; {command} makes them"
    else:
        facts["weights"] = "none published"
    lines = [f"# {entry.name}", ""]
    lines += [f"- **{key}**: {value}" for key, value in facts.items()]
    if card.menu:
        lines += ["", "## Instances", "", *_table(card)]
    for key, value in card.results.items():
        if key not in ("policies", *_columns(card)):
            lines += ["", f"## {key.replace('_', ' ').capitalize()}", "", *_tree(value)]
    for number, policy in enumerate(card.policies, 1):
        lines += ["", f"## Policy {number}", "", "```", str(policy), "```"]
    return "\n".join(lines) + "\n"


def _columns(card):
    """Results that rate every instance stand in the table, such as `uniform_bn`."""
    if not card.menu:
        return []
    return [
        key
        for key, value in card.results.items()
        if isinstance(value, dict)
        and set(card.menu.names) <= set(value)
        and all("accuracy" in value[name] for name in card.menu.names)
    ]


def _table(card):
    measured = sorted({key for i in card.menu for key in i.measured})
    extra = _columns(card)
    head = ["instance", "MMACs", "MFLOPs", "error %"]
    head += [key.replace("_", " ") for key in measured if key != "accuracy"]
    head += [f"error %, {key.replace('_', ' ')}" for key in extra]
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for each in card.menu:
        row = [each.name, f"{each.macs / 1e6:.1f}", f"{each.flops / 1e6:.1f}"]
        row.append(_error(each.measured))
        row += [
            f"{each.measured[k]:.4g}" if k in each.measured else ""
            for k in measured
            if k != "accuracy"
        ]
        row += [_error(card.results[key][each.name]) for key in extra]
        yield f"| {' | '.join(row)} |"


def _error(figures):
    accuracy = figures.get("accuracy")
    return "" if accuracy is None else f"{100 * (1 - accuracy):.2f}"


def _tree(value):
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        columns = list(value[0])
        rows = [[_cell(row.get(key, "")) for key in columns] for row in value]
        lines = [columns, ["---"] * len(columns), *rows]
        return [f"| {' | '.join(line)} |" for line in lines]
    if isinstance(value, dict):
        return [f"- {key}: {_flat(each)}" for key, each in value.items()]
    return [_flat(value)]


def _cell(value):
    return f"{value:.4g}" if isinstance(value, float) else _flat(value)


def _flat(value):
    return value if isinstance(value, str) else json.dumps(value)


def _call(name, kwargs):
    return f"`{name}({', '.join(f'{k}={v!r}' for k, v in kwargs.items())})`"

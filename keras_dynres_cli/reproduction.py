"""A paper's tables and figures beside what was measured here: page, table, plots."""

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_dynres import files, text
from keras_dynres.instance import Instance, Menu
from keras_dynres.zoo.paper import PAPERS, Exhibit, Paper, Row
from keras_dynres_cli.evidence import COSTS, DROPS, SHARES, Evidence, Measurement

NOT_TRAINED = "not trained"
ONLY_DRAWN = "only drawn"
# The papers' figures, as columns are headed.
_HEADS = {
    "gflops": "GFLOPs",
    "gmacs": "GMACs",
    "backbone_gmacs": "backbone GMACs",
    "error": "error %",
    "top5_error": "top-5 error %",
    "map": "mAP %",
    "mean_iou": "mean IoU %",
    "accuracy_drop": "accuracy lost",
    "top5_accuracy_drop": "top-5 lost",
    "training_time_less": "time saved %",
    "step_time_less": "time of a low step saved %",
    "step_time": "time of a step %",
    "seconds_e5": "seconds, E5",
    "seconds_i7": "seconds, i7",
    "gpu_days": "GPU days",
}
# What is measured beside another network, and told beside the figure itself.
_BESIDE = (*DROPS, "training_time_less")
_DEFAULT_COST = "macs"


def overview(evidence: Evidence) -> str:
    """The papers, and how many of their rows were trained."""
    head = ["paper", "tables, figures", "rows", "with a recipe", "trained"]
    head += ["small networks", "trained"]
    rows = []
    for name in PAPERS:
        paper = Paper.load(name)
        made = [row for row in paper.rows if row.network]
        small = {network for row in paper.rows for network in row.small}
        counts = [
            len({exhibit.name for exhibit in paper.exhibits}),
            len(list(paper.rows)),
            len(made),
            sum(evidence.row(row) is not None for row in made),
            len(small),
            sum(evidence.of(network) is not None for network in small),
        ]
        rows.append([name, *map(str, counts)])
    return text.grid(head, rows)


def page(paper: Paper, evidence: Evidence, level: int = 1) -> str:
    """A paper's tables and figures in Markdown.

    Args:
        paper: The `Paper`.
        evidence: What was measured.
        level: The depth of its heading.
    """
    lines = [f"{'#' * level} {paper.name}", "", f"{paper.reference}.", ""]
    for exhibit in paper.exhibits:
        lines += [f"{'#' * (level + 1)} {exhibit.title}", "", exhibit.caption, ""]
        if exhibit.rows:
            lines += [table(exhibit, evidence), ""]
        if exhibit.note:
            lines += [exhibit.note, ""]
    return "\n".join(lines)


def record(paper: Paper, evidence: Evidence) -> dict[str, Any]:
    """The same as plain dicts and lists."""
    return {
        "paper": paper.name,
        "reference": paper.reference,
        "exhibits": [
            {
                "name": exhibit.name,
                "part": exhibit.part,
                "caption": exhibit.caption,
                "note": exhibit.note,
                "rows": [_fields(row, exhibit, evidence) for row in exhibit.rows],
            }
            for exhibit in paper.exhibits
        ],
    }


def flat(paper: Paper, evidence: Evidence) -> str:
    """The same as CSV: a line for each figure."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["exhibit", "row", "network", "source", "instance", "key", "value"])
    for exhibit in paper.exhibits:
        for row in exhibit.rows:
            about = [exhibit.title, row.label]
            for key, value in exhibit.said(row).items():
                writer.writerow([*about, row.network, "paper", "", key, value])
            here = evidence.row(row)
            for measured in [*([here] if here else []), *evidence.small(row, exhibit)]:
                name = measured.instance.name if measured.instance else ""
                for key, value in measured.figures.items():
                    place = [measured.network, measured.source, name]
                    writer.writerow([*about, *place, key, f"{value:.6g}"])
    return out.getvalue()


def plots(paper: Paper, evidence: Evidence, folder: Path, ending: str) -> list[Path]:
    """Draws each table and figure that has costs and results; returns what was written.

    What the paper says and what was measured of its networks is one plot, what was
    measured of small ones on other images another.
    """
    from keras_dynres import evaluation

    written = []
    for exhibit in paper.exhibits:
        cost, metric = _axes(exhibit)
        said = _said(exhibit, cost, metric)
        drawings = {
            exhibit.title: ({**said, **_here(exhibit, evidence, metric)}, cost),
            **_small(exhibit, evidence, metric, cost),
        }
        for title, (menus, axis) in drawings.items():
            if menus:
                path = folder / f"{_file_name(f'{paper.name} {title}')}{ending}"
                options = {"title": title, "names": True, "loose": said}
                evaluation.plot(menus, path, axis, metric, **options)
                written.append(path)
    return written


def write(paper: Paper, evidence: Evidence, folder: Path, ending: str) -> list[Path]:
    """Writes page, table, record and plots into a folder; returns the files."""
    texts = {
        ".md": page(paper, evidence),
        ".csv": flat(paper, evidence),
        ".json": json.dumps(record(paper, evidence), indent=1) + "\n",
    }
    written = [
        files.write(folder / f"{paper.name}{suffix}", content)
        for suffix, content in texts.items()
    ]
    return written + plots(paper, evidence, folder, ending)


def table(exhibit: Exhibit, evidence: Evidence) -> str:
    """A table or figure as a table in Markdown."""
    keys = list(dict.fromkeys(key for row in exhibit.rows for key in exhibit.said(row)))
    small = any(row.small for row in exhibit.rows)
    head = ["row", "recipe", "here", *["small networks, other images"] * small]
    head += [f"paper: {_head(key)}" for key in keys] or ["paper"]
    rows = []
    for row in exhibit.rows:
        here, said = evidence.row(row), exhibit.said(row)
        cells = [row.label, _recipe(row)]
        cells.append(_cell(exhibit, row, here) if here else row.why or NOT_TRAINED)
        if small:
            cells.append("; ".join(_small_cells(row, exhibit, evidence)))
        missing = ONLY_DRAWN if exhibit.is_figure and not said else text.UNKNOWN
        cells += [_value(key, said[key]) if key in said else missing for key in keys]
        rows.append(cells if keys else [*cells, ONLY_DRAWN])
    return text.grid(head, rows, "markdown", left=3 + small)


def _recipe(row: Row) -> str:
    """What `train` is told."""
    changes = "".join(f" --set {key}={value}" for key, value in row.changes.items())
    return row.network and f"`{row.network}{changes}`"


def _small_cells(row: Row, exhibit: Exhibit, evidence: Evidence) -> Iterator[str]:
    known = {m.network: m for m in evidence.small(row, exhibit)}
    for name in row.small:
        shown = _cell(exhibit, row, known[name]) if name in known else NOT_TRAINED
        yield f"`{name}` {shown}"


def _cell(exhibit: Exhibit, row: Row, measured: Measurement) -> str:
    """What was measured, in a cell; of a curve its two ends and its middle."""
    menu, figures = measured.menu, measured.figures
    if exhibit.is_figure:
        parts = [_at(menu, point) for point in measured.points]
    elif measured.instance is None:
        parts = ["no instance is as cheap"]
    else:
        asked = exhibit.said(row)
        more = [key for key in _BESIDE if key in figures and key in asked]
        parts = [f"{_head(key)} {_value(key, figures[key])}" for key in more]
        parts = [_at(menu, measured.instance), *parts]
    if measured.changes:
        entries = ", ".join(f"{k}={v!r}" for k, v in measured.changes.items())
        parts.append(f"trained otherwise: {entries}")
    mean = re.search(r"mean of \d+", measured.source)
    return ", ".join(parts) + (f" ({mean[0]})" if mean else "")


def _at(menu: Menu, instance: Instance) -> str:
    """An instance's figure, and at what cost: `"20.15 % at 45.7 M"`."""
    value = instance.figure(menu.metric)
    cost = f"{text.amount(instance.figure('macs'))}MACs"
    if value is None:
        return f"not measured, at {cost}"
    error = text.is_accuracy(menu.metric)
    return f"{text.percent(1 - value if error else value)} at {cost}"


def _fields(row: Row, exhibit: Exhibit, evidence: Evidence) -> dict[str, Any]:
    here = evidence.row(row)
    return {
        "label": row.label,
        "network": row.network,
        "why": row.why,
        "paper": exhibit.said(row),
        "here": here and _plain(here),
        "small": [_plain(m) for m in evidence.small(row, exhibit)],
    }


def _plain(measured: Measurement) -> dict[str, Any]:
    return {
        "network": measured.network,
        "data": measured.data,
        "source": measured.source,
        "changes": measured.changes,
        "instance": measured.instance and measured.instance.name,
        "figures": measured.figures,
        "menu": measured.menu.rows(),
    }


def _head(key: str) -> str:
    return _HEADS.get(key, key.replace("_", " "))


def _value(key: str, value: float) -> str:
    return f"{100 * value if key in SHARES else value:.4g}"


def _axes(exhibit: Exhibit) -> tuple[str, str]:
    """The cost and the figure that an exhibit is about, as menus call them."""
    keys = {key for row in exhibit.rows for key in exhibit.said(row)}
    cost = next((c for key, c in COSTS.items() if key in keys), _DEFAULT_COST)
    if "backbone_gmacs" in keys:
        cost = "backbone_gmacs"
    metric = next((key for key in SHARES if key in keys), "accuracy")
    return cost, metric


def _said(exhibit: Exhibit, cost: str, metric: str) -> dict[str, Menu]:
    """The paper's points, by the curve that they are drawn with."""
    curves = defaultdict(list)
    for row in exhibit.rows:
        if point := _point(exhibit, row, cost, metric):
            curves[f"paper, {row.curve}" if row.curve else "paper"].append(point)
    return {label: Menu(points, metric) for label, points in curves.items()}


def _point(exhibit: Exhibit, row: Row, cost: str, metric: str) -> Instance | None:
    said = exhibit.said(row)
    key = next((k for k, c in COSTS.items() if c == cost), cost)
    value = said.get(metric)
    if metric == "accuracy" and "error" in said:
        value = 1 - said["error"] / 100
    if key not in said or value is None:
        return None
    if cost in text.COUNTS:
        return Instance(row.label, measured={metric: value}, **{cost: said[key] * 1e9})
    return Instance(row.label, measured={metric: value, cost: said[key]})


def _here(exhibit: Exhibit, evidence: Evidence, metric: str) -> dict[str, Menu]:
    rows = {row.label: evidence.row(row) for row in exhibit.rows}
    return {
        f"here: {k}": m.menu for k, m in rows.items() if m and m.menu.metric == metric
    }


def _small(
    exhibit: Exhibit, evidence: Evidence, metric: str, cost: str
) -> dict[str, tuple[dict[str, Menu], str]]:
    """What was measured of small networks: a drawing for each data set."""
    drawings = defaultdict(dict)
    for row in exhibit.rows:
        for measured in evidence.small(row, exhibit):
            if measured.menu.metric == metric:
                kind = f", {row.statistics}" if row.statistics else ""
                title = f"{exhibit.title}: small networks, {measured.data}"
                drawings[title][f"{measured.network}{kind}"] = measured.menu
    # A backbone's cost is none that a menu has.
    axis = cost if cost in text.COUNTS else _DEFAULT_COST
    return {title: (menus, axis) for title, menus in drawings.items()}


def _file_name(title: str) -> str:
    """A title as a file's name.

    >>> _file_name("sdpoint Figure 2, CIFAR-10")
    'sdpoint_figure_2_cifar_10'
    """
    return re.sub(r"\W+", "_", title.lower()).strip("_")

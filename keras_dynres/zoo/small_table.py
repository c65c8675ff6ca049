"""The small table: what was measured of networks that do not ship.

`small_table.json` is written by `benchmarks/small_table.py` from the runs, so that the
package shows their figures without them.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from keras_dynres.files import read_json
from keras_dynres.instance import Instance, Menu
from keras_dynres.zoo.network import FOLDER, NETWORKS, Network
from keras_dynres.zoo.runs import Run

RECORD = FOLDER.with_name("small_table.json")
_COSTS = ("macs", "flops", "params")


def runs() -> list[Run]:
    """The runs that stand in the record."""
    if not RECORD.is_file():
        return []
    content = read_json(RECORD, "the small table")
    return [_run(row) for row in content["runs"] if row["network"] in NETWORKS]


def record(measured: Sequence[Run]) -> str:
    """The text of the record of these runs: a line for each kind of figure."""
    rows = [_row(run) for run in measured]
    parts = [
        ",\n".join(f"   {json.dumps(k)}: {json.dumps(v)}" for k, v in row.items())
        for row in rows
    ]
    body = ",\n".join(f"  {{\n{part}\n  }}" for part in parts)
    return f'{{\n "runs": [\n{body}\n ]\n}}\n'


def _row(run: Run) -> dict[str, Any]:
    menus = {"own": run.menu, **run.statistics}
    return {
        "network": run.network.name,
        "seed": run.network.seed,
        "seconds": run.seconds,
        "environment": dict(run.environment),
        "instances": run.menu.names,
        **{cost: [instance.figure(cost) for instance in run.menu] for cost in _COSTS},
        "metric": run.menu.metric,
        "figures": {
            key: [menu[name].figure(menu.metric) for name in run.menu.names]
            for key, menu in menus.items()
        },
    }


def _run(row: Mapping[str, Any]) -> Run:
    network = dataclasses.replace(Network.load(row["network"]), seed=row["seed"])
    menus = {key: _menu(row, values) for key, values in row["figures"].items()}
    own = menus.pop("own")
    return Run(network, own, row["seconds"], menus, row["environment"])


def _menu(row: Mapping[str, Any], values: Sequence[float]) -> Menu:
    costs = zip(*(row[cost] for cost in _COSTS), strict=True)
    return Menu(
        (
            Instance(
                name,
                measured={row["metric"]: value},
                **dict(zip(_COSTS, counts, strict=True)),
            )
            for name, counts, value in zip(row["instances"], costs, values, strict=True)
        ),
        row["metric"],
    )

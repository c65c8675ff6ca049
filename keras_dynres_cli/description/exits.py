"""Of a network with exits: what budgets and stops at any time are worth."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_dynres import evaluation
from keras_dynres_cli.description.run import Run

STOPS = ("uniform", "exponential", "normal")
# Images that go through the first stage together.
BATCH = 256


def exits(run: Run, folder: Path) -> dict[str, Any]:
    """The card's sections, and pictures in the folder."""
    model, network = run.model, run.network
    test = run.images("test")
    held = run.images("held_out", held_out=network.held_out)
    curves = model.budget_curve(held, test, verbose=0)
    evaluation.plot(curves, folder / "curves.svg", x="macs", title=run.title)
    seen = evaluation.predictions(model, test, logits=False, verbose=0)
    evaluation.contact_sheet(
        evaluation.cost_groups(seen, model.menu),
        test,
        folder / "sheet.png",
        label_names=network.labels or None,
        preprocessing=run.preprocessing,
    )
    budgets = run.results["budgets"]
    return {
        "anytime": {
            f"expected accuracy %, {stop} budgets": round(
                100 * model.expected_accuracy(stop, test, verbose=0), 2
            )
            for stop in STOPS
        },
        "curves": "![accuracy against cost](curves.svg)\n\n"
        "![images that the first exit gets right, down to those only the last one "
        "does](sheet.png)",
        "budgets": [_budget(row) for row in budgets["solved"]],
        "held_out": budgets["images"],
        "stopping": _stopping(run),
    }


def _budget(row: Mapping[str, float]) -> dict[str, float]:
    """A solved budget in millions and percent."""
    return {
        "budget (MMACs)": row["budget"] / 1e6,
        "cost on held-out images": row["held_out_cost"] / 1e6,
        "accuracy % on them": 100 * row["held_out_accuracy"],
        "cost on test images": row["macs"] / 1e6,
        "accuracy % of these": 100 * row["accuracy"],
    }


def _stopping(run: Run) -> list[dict[str, float]]:
    """Processor time of all test images, all exits and stopped, side by side."""
    model = run.model
    images = np.concatenate([np.asarray(batch[0]) for batch in run.images("test")])

    def whole() -> None:
        for start in range(0, len(images), BATCH):
            model.base.predict_on_batch(images[start : start + BATCH])

    full, rows = _seconds(whole), []
    costs = model.exit_costs()
    for policy in model.policies:
        spent = _seconds(lambda p=policy: model.predict_dynamic(images, p, BATCH))
        left = model.predict_dynamic(images, policy, BATCH, return_exits=True)[1]
        share = float(np.mean(np.array(costs)[left]) / costs[-1])
        rows.append(
            {
                "budget (MMACs)": policy.budget / 1e6,
                "share of MACs": share,
                "share of processor time": spent / full,
            }
        )
    return rows


def _seconds(way: Callable[[], Any]) -> float:
    way()  # Compiles.
    start = time.process_time()
    way()
    return time.process_time() - start

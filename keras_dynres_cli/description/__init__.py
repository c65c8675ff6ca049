"""What a card shows of a finished training, beside its menu."""

from pathlib import Path
from typing import Any

from keras_dynres.zoo import figures
from keras_dynres.zoo.publication import public
from keras_dynres_cli.description.exits import exits
from keras_dynres_cli.description.run import Run
from keras_dynres_cli.description.sampled import sampled

__all__ = ["Run", "description"]


def description(run: Run, folder: Path) -> dict[str, Any]:
    """The sections of a network's card, and the figures of its instances.

    For a network with exits also what budgets are worth, for one that samples points
    what that saves; pictures of either are drawn.

    Args:
        run: The finished training.
        folder: Where pictures go.
    """
    from keras_dynres import Sampled
    from keras_dynres.exits import names_of

    model, results = run.model, run.results
    shown = {"instances": results["instances"], "training": _training(run)}
    for kind in model.STATISTICS:
        if kind in results:
            shown[f"{kind}_bn"] = results[kind]
    if names_of(model) and "budgets" in results:
        shown |= exits(run, folder)
    elif isinstance(model, Sampled):
        shown |= sampled(run, folder)
    else:
        head = figures.head(model.menu.metric)
        shown["pareto"] = [
            {"instance": i.name, "MMACs": i.macs / 1e6, head: run.rating(i)}
            for i in model.menu.pareto()
        ]
    return {**shown, "data": results["data"]}


def _training(run: Run) -> dict[str, Any]:
    """How the weights came about."""
    network, last = public(run.network), run.history[-1]
    seconds = run.results["training_seconds"] / network.epochs
    told = {
        "epochs": network.epochs,
        "seed": network.seed,
        "hours": round(run.results["training_seconds"] / 3600, 2),
        "seconds an epoch": round(seconds, 1),
        "images a second": round(
            (network.images.train_images - network.held_out) / seconds
        ),
    }
    for key in ("starts_from", "held_out", "round_to_float16"):
        if getattr(network, key):
            told[key] = getattr(network, key)
    if network.round_to_float16 and network.mantissa_bits < 10:
        told["mantissa_bits"] = network.mantissa_bits
    endings = ("loss", "accuracy", run.model.menu.metric)
    ends = {
        f"final_{key}": value
        for key, value in last.items()
        if key.endswith(endings) and not key.startswith("val")
    }
    return {**told, **ends, **run.results["environment"]}

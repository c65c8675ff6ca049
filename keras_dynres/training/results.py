"""After the last epoch: statistics, accuracies, budgets, the model's file, results."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_dynres import data, files, zoo
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.evaluation.environment import environment
from keras_dynres.exits import names_of
from keras_dynres.instance import Menu
from keras_dynres.zoo.network import Network

# Budgets that are solved for a network with exits, of the full cost.
SHARES = (0.25, 0.5, 0.75)


def finish(
    model: DynamicModel,
    network: Network,
    images: Mapping[str, Any],
    folder: Path,
    history: Sequence[Mapping[str, float]],
    verbose: int = 2,
    processes: int = 1,
) -> dict[str, Any]:
    """Calibrates and evaluates every instance, and writes it all down.

    Where instances have statistics of their own, each is measured with these and, for
    comparison, with the next coarser ones, such as one set of statistics for all.
    Where all run on those of a classifier itself, these are computed anew. For
    a network with exits budgets are solved on the held-out images, and measured on the
    test images.

    Args:
        model: The trained model.
        network: What it was trained by.
        images: What `data.load` is told of the data set.
        folder: Where `model.keras` and `results.json` go.
        history: A row for each epoch.
        verbose: 0 shows no progress bars.
        processes: How many have trained it.

    Returns:
        What `results.json` holds.
    """
    test = data.load(split="test", **images)
    results = {
        "network": network.get_config(),
        "data": data.provenance(network.images, images["data_dir"]),
        "preprocessing": network.images.preprocessing,
        "training_seconds": round(sum(row["seconds"] for row in history)),
        "environment": environment(),
    }
    if processes > 1:
        results["environment"]["Processes"] = str(processes)
    if network.round_to_float16:
        zoo.round_to_float16(model, network.mantissa_bits)
    bar = 1 if verbose == 1 else 0
    own = model.slots or model.statistics.shared
    if own and not model.statistics.trained:
        results.update(_calibrate(model, network, images, test, bar))
    elif not own and network.images.task == "classes":
        # Few steps leave moving averages that are not those of the last weights.
        model.calibrate(
            _train(network, images), network.calibration_batches, verbose=bar
        )
    results["instances"] = _figures(model.evaluate_menu(test, verbose=bar))
    if names_of(model) and network.held_out:
        results["budgets"] = _budgets(model, network, images, test, bar)
    path, draft = folder / "model.keras", folder / ".draft.keras"
    with files.writing(path, "model"):
        model.save(draft)
        draft.replace(path)
    files.write(folder / "results.json", json.dumps(results, indent=1))
    if verbose:
        print(model.menu)
    return results


def _calibrate(
    model: DynamicModel,
    network: Network,
    images: Mapping[str, Any],
    test: Any,
    bar: int,
) -> dict[str, Any]:
    """Calibrates; returns figures of the same weights with coarser statistics."""
    train = _train(network, images)
    batches = min(network.calibration_batches, len(train))
    # First: it writes into the base's statistics, which the second overwrites.
    kinds = list(model.STATISTICS)
    kind = kinds[min(kinds.index(model.statistics.name) + 1, len(kinds) - 1)]
    coarser = model.with_statistics(kind)
    compiled = keras.saving.deserialize_keras_object(model.get_compile_config())
    coarser.compile(loss=compiled["loss"], metrics=compiled["metrics"])
    coarser.calibrate(train, batches, verbose=bar)
    figures = _figures(coarser.evaluate_menu(test, verbose=bar))
    model.calibrate(train, batches, verbose=bar)
    return {kind: figures}


def _train(network: Network, images: Mapping[str, Any]) -> Any:
    # Augmented, as the weights have seen them: with images as they are, instances of
    # the shipped network got 0.4 to 0.7 points fewer right.
    return data.load(
        split="train", augment=network.augment, seed=network.seed, **images
    )


def _budgets(
    model: DynamicModel,
    network: Network,
    images: Mapping[str, Any],
    test: Any,
    bar: int,
) -> dict[str, Any]:
    """Rows of what was solved on held-out images, and its worth on the test images."""
    few = min(network.batch_size, network.held_out)
    held = data.load(split="held_out", **{**images, "batch_size": few})
    costs = model.exit_costs()
    # Below the first exit's cost there is nothing to solve.
    budgets = [share * costs[-1] for share in SHARES if share * costs[-1] >= costs[0]]
    words = f"the last {network.held_out} training images of {network.images.name}"
    about = {"images": f"{words}, not trained on"}
    model.solve_budget(held, budgets, held_out=about, verbose=bar)
    menu = model.evaluate_policies(test, verbose=bar)
    kept = ("accuracy", "budget", "held_out_cost", "held_out_accuracy")
    return {
        "images": about["images"],
        "solved": [
            {
                **{cost: round(row.figure(cost)) for cost in ("macs", "flops")},
                **{key: row.measured[key] for key in kept},
            }
            for row in menu
        ],
    }


def _figures(menu: Menu) -> dict[str, dict[str, float]]:
    return {
        instance.name: {k: round(float(v), 6) for k, v in instance.measured.items()}
        for instance in menu
    }

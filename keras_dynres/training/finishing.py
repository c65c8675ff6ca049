"""After the last epoch: statistics, accuracies, the model's file and its results."""

import json

import keras

from keras_dynres import cost, data
from keras_dynres.dynamic import DynamicModel
from keras_dynres.evaluation.environment import environment
from keras_dynres.files import appearing
from keras_dynres.training.logs import writing


def finish(model, recipe, images, folder, history, verbose=2):
    """Calibrates and evaluates every instance, and writes it all down.

    Every instance is measured with statistics of its own and, for comparison, with
    one set of statistics for all.

    Args:
        model: The trained model.
        recipe: Its `Recipe`.
        images: What `data.load` is told of the data set.
        folder: Where `model.keras` and `results.json` go.
        history: A row for each epoch.
        verbose: 0 shows no progress bars.

    Returns:
        What `results.json` holds.
    """
    test = data.load(split="test", **images)
    results = {
        "recipe": recipe.get_config(),
        "data": data.provenance(recipe.dataset, images["data_dir"]),
        "preprocessing": data.info(recipe.dataset).preprocessing,
        "training_seconds": round(sum(row["seconds"] for row in history)),
        "environment": environment(),
    }
    if isinstance(model, DynamicModel):
        train = data.load(
            split="train", augment=recipe.augment, seed=recipe.seed, **images
        )
        batches = min(recipe.calibration_batches, len(train))
        bar = 1 if verbose == 1 else 0
        # First: it writes into the base's statistics, which the second overwrites.
        uniform = _uniform(model)
        uniform.calibrate(train, batches, verbose=bar)
        results["uniform"] = _figures(uniform.evaluate_menu(test, verbose=bar))
        model.calibrate(train, batches, verbose=bar)
        results["instances"] = _figures(model.evaluate_menu(test, verbose=bar))
    else:
        figures = model.evaluate(test, verbose=0, return_dict=True)
        results["instances"] = {"full": figures}
        counted = cost.count(model)
        results["cost"] = {"macs": counted.macs, "flops": counted.flops}
    with writing(folder):
        draft = folder / ".draft.keras"
        model.save(draft)
        draft.replace(folder / "model.keras")
        with appearing(folder / "results.json") as file:
            file.write(json.dumps(results, indent=1).encode())
    if verbose:
        print(model.menu if isinstance(model, DynamicModel) else results["instances"])
    return results


def _uniform(model):
    """The same weights, with one set of statistics for all instances."""
    config = {**model.get_config(), "statistics": "uniform", "menu": None}
    uniform = type(model)(**{**config, "base": model.base})
    compiled = keras.saving.deserialize_keras_object(model.get_compile_config())
    uniform.compile(loss=compiled["loss"], metrics=compiled["metrics"])
    return uniform


def _figures(menu):
    return {
        each.name: {key: round(float(v), 6) for key, v in each.measured.items()}
        for each in menu
    }

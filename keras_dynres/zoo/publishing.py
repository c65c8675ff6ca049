"""From a trained model to the files the zoo hands out."""

import json
from pathlib import Path

import numpy as np

from keras_dynres import files
from keras_dynres.errors import DynresError
from keras_dynres.exits.model import policies_of
from keras_dynres.zoo import cards, registry
from keras_dynres.zoo import weights as weight_files
from keras_dynres.zoo.loading import build


def publish(model, name, results, out, page=None):
    """Writes the weights and the card of a trained model, after checking them.

    The model must be the one its entry describes, calibrated and measured at every
    instance. What is written is read back into a fresh model and compared, weight by
    weight and by what each instance computes, before the card appears.

    Args:
        model: The trained `DynamicModel`.
        name: Its name in the zoo.
        results: A dict, or the path of a JSON file: `"instances"` holds measured
            figures by instance (`{"full": {"accuracy": 0.93}}`), and what else there
            is (training, baselines) goes into the card as it stands.
        out: Folder in which the folder `name` is made: `keras_dynres/zoo/models` for
            what ships, or what the zoo's address shows.
        page: Path of a Markdown page to write, None for none.

    Returns:
        The `Card`.

    Example:

    ```python
    kd.zoo.round_to_float16(model)
    model.calibrate(train)
    model.evaluate_menu(test)
    kd.zoo.publish(model, "sdpoint_wrn16_2_cifar10", {}, "keras_dynres/zoo/models")
    ```
    """
    entry = registry.get(name)
    others = _record(model, results)
    _check(model)
    if policies_of(model):
        texts = [policy.to_json() for policy in policies_of(model)]
        # In the zoo the network bears its entry's name.
        others["policies"] = [{**json.loads(text), "model": name} for text in texts]
    return place(model, entry, others, out, page)


def place(model, entry, results, out, page=None):
    """Writes weights and card of a model as `publish` does, measured or not.

    Args:
        model: The model; its menu goes into the card.
        entry: Its `Entry` in the zoo.
        results: A dict of what else the card shows.
        out: Folder in which the entry's folder is made.
        page: Path of a Markdown page to write, None for none.

    Returns:
        The `Card`.
    """
    name, folder = entry.name, Path(out) / entry.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = weight_files.save(model, folder / "draft.npz")
        digest = files.sha256(draft)
        weights = cards.WeightsFile(
            f"{name}-{digest[:8]}.npz", digest, draft.stat().st_size
        )
        try:
            check = _check_file(model, entry, draft)
        except BaseException:
            draft.unlink()
            raise
        card = cards.Card(entry, weights, model.menu, results, check)
        draft.replace(folder / weights.file)
        for path, text in {folder / cards.FILE: card.to_json(), page: card}.items():
            if path is not None:
                with files.appearing(path) as file:
                    file.write(str(text).encode("utf-8"))
        for old in folder.glob(f"{name}-*.npz"):
            if old.name != weights.file:
                old.unlink()
    except OSError as error:
        raise DynresError(
            f"Cannot write {name!r} to {str(folder)!r}: {error.strerror or error}"
        ) from error
    return card


def _record(model, results):
    """Puts the instances' figures into the menu; returns all other results."""
    if not isinstance(results, dict):
        try:
            others = dict(json.loads(Path(results).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DynresError(
                f"results is a dict or the path of a JSON file with one. Received: "
                f"{results!r} ({error})"
            ) from error
    else:
        others = dict(results)
    for instance, figures in others.pop("instances", {}).items():
        model.menu.record(instance, **figures)
    return others


def _check(model):
    for each in model.menu:
        model.at(each)  # Refuses what is not calibrated.
        accuracy = each.measured.get("accuracy")
        if accuracy is None or not 0 <= accuracy <= 1:
            raise DynresError(
                f"Instance {each.name!r} needs a measured accuracy between 0 and 1. "
                f"Received: accuracy={accuracy}"
            )
    for variable in model.weights:
        if not np.isfinite(np.asarray(variable, "float32")).all():
            raise DynresError(f"Weight {variable.path!r} holds NaN or infinity.")


def _check_file(model, entry, path):
    """Reads the file into a fresh model, and compares; returns the card's check."""
    fresh = build(entry, model.menu)
    weight_files.load(fresh, path)
    for mine, theirs in zip(model.weights, fresh.weights, strict=True):
        if not np.array_equal(np.asarray(mine), np.asarray(theirs)):
            raise DynresError(f"Weight {mine.path!r} was not read back as written.")
    check = {}
    for name in model.menu.names:
        mine, theirs = (
            cards.sample_logits(model, name),
            cards.sample_logits(fresh, name),
        )
        if not np.allclose(mine, theirs, atol=1e-4, rtol=1e-4):
            raise DynresError(
                f"Instance {name!r} does not compute what the zoo's {entry.name!r} "
                "computes: the model was built otherwise than its entry says."
            )
        check[name] = [round(float(value), 5) for value in mine]
    return check

"""What `evaluate --budgets` holds a network with exits against."""

from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from keras_dynres import DynamicModel, Menu
    from keras_dynres.data import Dataset


def loaded(names: Iterable[str]) -> "dict[str, DynamicModel]":
    """{name: `DynamicModel`} of names in the zoo or files."""
    from keras_dynres_cli import sources

    return {
        name: sources.load(Namespace(model=name, like=None)).model for name in names
    }


def curves(
    models: "Mapping[str, DynamicModel]",
    held_out: Iterable[Any],
    images: Iterable[Any],
    points: int,
) -> "dict[str, Menu]":
    """{label: menu} of the networks that `--against` names.

    Networks with exits have curves of their own. Of the others the instances are
    measured; two or more of them also make the baselines of `growing_nets`.

    Args:
        models: What `loaded` returned.
        held_out: Batches that thresholds are fitted to.
        images: Batches that costs and accuracies are measured on.
        points: How many budgets.
    """
    from keras_dynres.exits import names_of

    menus, plain = {}, []
    for name, model in models.items():
        if names_of(model):
            budgets = model.budget_curve(held_out, images, points)
            menus |= {f"{name}, {way}": menu for way, menu in budgets.items()}
            continue
        compile_for(model)
        menus[name] = model.evaluate_menu(images)
        plain.append(model.at("full"))
    return {**menus, **_growing(plain, held_out, images, points)}


def compile_for(model: "DynamicModel", dataset: "Dataset | None" = None) -> None:
    """Compiles a model for `evaluate_menu`, unless it is compiled.

    Args:
        model: The model.
        dataset: The data set whose labels it is measured by; by default a class an
            image.
    """
    import keras

    from keras_dynres.training.tasks import compilation

    if model.compiled:
        return
    if dataset is None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(loss=loss, metrics=["accuracy"])
    else:
        model.compile(**compilation(dataset, model.base))


def _growing(
    nets: "Sequence[keras.Model]",
    held_out: Iterable[Any],
    images: Iterable[Any],
    points: int,
) -> "dict[str, Menu]":
    from keras_dynres import cost, evaluation

    if len(nets) < 2:
        return {}
    nets = sorted(nets, key=lambda net: cost.count(net).macs)
    return evaluation.growing_nets(nets, held_out, images, points)

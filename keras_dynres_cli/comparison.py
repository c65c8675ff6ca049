"""What `evaluate --budgets` holds a network with exits against."""

import argparse


def loaded(names):
    """{name: `DynamicModel`} of names in the zoo or files."""
    from keras_dynres_cli import sources

    asked = [argparse.Namespace(model=name, like=None) for name in names]
    return {each.model: sources.load(each).model for each in asked}


def curves(models, held_out, images, points):
    """{label: menu} of the networks that `--against` names.

    Networks with exits have curves of their own. Of the others the instances are
    measured; two or more of them also make the baselines of `growing_nets`.

    Args:
        models: What `loaded` returned.
        held_out: Batches that thresholds are fitted to.
        images: Batches that costs and accuracies are measured on.
        points: How many budgets.
    """
    found, plain = {}, []
    for name, model in models.items():
        if model.exits:
            menus = model.budget_curve(held_out, images, points)
            found |= {f"{name}, {way}": menu for way, menu in menus.items()}
            continue
        compile_for(model)
        found[name] = model.evaluate_menu(images)
        plain.append(model.at("full"))
    return {**found, **_growing(plain, held_out, images, points)}


def compile_for(model, classes=0):
    """Compiles a model for `evaluate_menu`, unless it is compiled."""
    import keras

    if model.compiled:
        return
    metrics = ["accuracy"]
    if classes > 10:
        metrics.append(keras.metrics.SparseTopKCategoricalAccuracy(5))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, metrics=metrics)


def _growing(nets, held_out, images, points):
    from keras_dynres import cost, evaluation

    if len(nets) < 2:
        return {}
    nets = sorted(nets, key=lambda net: cost.count(net).macs)
    return evaluation.growing_nets(nets, held_out, images, points)

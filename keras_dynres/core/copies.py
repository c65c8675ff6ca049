"""An instance as a model of its own."""

from collections.abc import Iterable, Mapping

import keras


def plain_copy(model: keras.Model, names: Mapping[str, str]) -> keras.Model:
    """A copy with weights of its own, made of stock layers wherever there are any.

    A layer that borrows others' weights offers `plain()`, a stock layer that computes
    the same, and `plain_weights()`, that one's weights.

    Args:
        model: A functional `keras.Model`.
        names: Other names for layers of the copy: `{name here: name there}`.
    """

    def clone(layer):
        plain = layer.plain() if hasattr(layer, "plain") else layer
        name = names.get(layer.name, plain.name)
        return type(plain).from_config({**plain.get_config(), "name": name})

    copy = keras.models.clone_model(model, clone_function=clone)
    for target, source in zip(copy.layers, model.layers, strict=True):
        borrows = hasattr(source, "plain_weights")
        target.set_weights(source.plain_weights() if borrows else source.get_weights())
    settle(copy.layers)
    return copy


def settle(layers: Iterable[keras.layers.Layer]) -> None:
    """Lets `Normalization` layers compute with weights that were assigned to them.

    They compute with copies, which Keras itself renews only as it loads a file.
    """
    for layer in layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()

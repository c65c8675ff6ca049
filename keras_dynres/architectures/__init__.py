"""Base networks: each a function that returns a functional `keras.Model`."""

import inspect

from keras_dynres.architectures.densenet_bc import densenet_bc
from keras_dynres.architectures.preresnet import preresnet
from keras_dynres.architectures.resnet import resnet
from keras_dynres.architectures.resnext import resnext
from keras_dynres.architectures.vgg import vgg
from keras_dynres.architectures.wide_resnet import wide_resnet
from keras_dynres.errors import UnknownNameError

__all__ = [
    "create",
    "densenet_bc",
    "names",
    "preresnet",
    "resnet",
    "resnext",
    "vgg",
    "wide_resnet",
]

_ARCHITECTURES = {
    "wide_resnet": wide_resnet,
    "preresnet": preresnet,
    "resnet": resnet,
    "resnext": resnext,
    "densenet_bc": densenet_bc,
    "vgg": vgg,
}


def names():
    """Returns the names `create` takes.

    Example:

    ```python
    assert "wide_resnet" in names()
    ```
    """
    return list(_ARCHITECTURES)


def create(architecture, **options):
    """Builds the architecture of that name.

    Example:

    ```python
    model = create("wide_resnet", depth=16, width=2)
    ```

    Args:
        architecture: One of `names()`.
        **options: What the architecture's function takes.

    Returns:
        A functional `keras.Model` whose output is logits.
    """
    if architecture not in _ARCHITECTURES:
        raise UnknownNameError("architecture", architecture, names())
    build = _ARCHITECTURES[architecture]
    offered = inspect.signature(build).parameters
    for option in options:
        if option not in offered:
            raise UnknownNameError(f"option of {architecture}", option, offered)
    return build(**options)

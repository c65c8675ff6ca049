"""Base networks: each a function that returns a functional `keras.Model`."""

from keras_dynres.architectures.wide_resnet import wide_resnet
from keras_dynres.errors import UnknownNameError

__all__ = ["create", "names", "wide_resnet"]

_ARCHITECTURES = {
    "wide_resnet": wide_resnet,
}


def names():
    """Returns the names `create` takes.

    >>> "wide_resnet" in names()
    True
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
    return _ARCHITECTURES[architecture](**options)

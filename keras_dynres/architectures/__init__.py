"""Base networks: each a function that returns a functional `keras.Model`."""

import inspect
from typing import Any

import keras

from keras_dynres.architectures.densenet_bc import densenet_bc
from keras_dynres.architectures.efficient_resizable import efficient_resizable
from keras_dynres.architectures.faster_rcnn import faster_rcnn
from keras_dynres.architectures.fcn import fcn
from keras_dynres.architectures.feature_pyramid import feature_pyramid
from keras_dynres.architectures.mobilenet_v1 import mobilenet_v1
from keras_dynres.architectures.mobilenet_v2 import mobilenet_v2
from keras_dynres.architectures.msdnet import msdnet
from keras_dynres.architectures.preresnet import preresnet
from keras_dynres.architectures.pretrained import (
    APPLICATIONS,
    is_pretrained,
    pretrained,
)
from keras_dynres.architectures.resnet import resnet
from keras_dynres.architectures.resnext import resnext
from keras_dynres.architectures.shufflenet_v2 import shufflenet_v2
from keras_dynres.architectures.vgg import vgg
from keras_dynres.architectures.wide_resnet import wide_resnet
from keras_dynres.errors import one_of

__all__ = [
    "APPLICATIONS",
    "create",
    "densenet_bc",
    "efficient_resizable",
    "faster_rcnn",
    "fcn",
    "is_pretrained",
    "feature_pyramid",
    "mobilenet_v1",
    "mobilenet_v2",
    "msdnet",
    "names",
    "preresnet",
    "pretrained",
    "resnet",
    "resnext",
    "shufflenet_v2",
    "vgg",
    "wide_resnet",
]

_ARCHITECTURES = {
    "wide_resnet": wide_resnet,
    "preresnet": preresnet,
    "resnet": resnet,
    "resnext": resnext,
    "densenet_bc": densenet_bc,
    "msdnet": msdnet,
    "vgg": vgg,
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "shufflenet_v2": shufflenet_v2,
    "efficient_resizable": efficient_resizable,
    "fcn": fcn,
    "faster_rcnn": faster_rcnn,
}


def names() -> list[str]:
    """Returns the names `create` takes.

    Example:

    ```python
    assert "wide_resnet" in names()
    ```
    """
    return list(_ARCHITECTURES)


def create(architecture: str, **options: Any) -> keras.Model:
    """Builds the architecture of that name.

    Example:

    ```python
    model = create("wide_resnet", depth=16, width=2)
    ```

    Args:
        architecture: One of `names()`, or what `pretrained` takes:
            `"keras.applications.NAME"` or the path of a `.keras` file.
        **options: What the architecture's function takes.

    Returns:
        A functional `keras.Model` whose output is logits.
    """
    if is_pretrained(architecture):
        return pretrained(architecture, **options)
    build = _ARCHITECTURES[one_of("architecture", architecture, names())]
    offered = inspect.signature(build).parameters
    checks_itself = "options" in offered
    for option in () if checks_itself else options:
        one_of(f"option of {architecture}", option, offered)
    return build(**options)

"""The zoo's `Network` of an MSDNet that a checkpoint alone tells of."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_dynres.data import info
from keras_dynres.zoo.importing.msdnet_options import options_of
from keras_dynres.zoo.network import NETWORKS, Network

# By the size of images and the number of classes: whose recipe, and which data set.
_CIFAR, _IMAGENET = "msdnet_anytime_cifar10", "msdnet_imagenet"
_DATASETS = {(32, 10): "cifar10", (32, 100): "cifar100", (224, 1000): "imagenet"}


def network_of(tensors: Mapping[str, np.ndarray], path: Path) -> Network:
    """A network by the name of the checkpoint's file.

    Its data set is that of the published code with as many classes; of another number
    it is an unnamed one, whose images are prepared as those.

    Args:
        tensors: What `checkpoint.read` returns.
        path: The file.
    """
    options = options_of(tensors)
    classes, size = options.pop("classes"), options.pop("input_shape")[0]
    like = Network.load(_CIFAR if size == 32 else _IMAGENET)
    dataset = _DATASETS.get((size, classes))
    if dataset is None:
        usual = info(like.dataset)
        unnamed = {"name": f"{classes} classes", "source": "", "classes": classes}
        dataset = dataclasses.replace(usual, **unnamed).get_config()
    return dataclasses.replace(
        like,
        name=_name(path),
        about=(f"An MSDNet, imported from {path.name}.",),
        architecture_options=options,
        dataset=dataset,
        checkpoint="",
    )


def _name(path: Path) -> str:
    """The file's name without its endings, in letters and digits."""
    stem = re.sub(r"(\.(pth|tar|pt|npz|safetensors))+$", "", path.name)
    name = re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_") or "msdnet"
    return f"{name}_imported" if name in NETWORKS else name

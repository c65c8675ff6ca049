"""Published checkpoints of other frameworks, turned into weight files of the zoo."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from keras_dynres import files
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.zoo import config, publication
from keras_dynres.zoo import weights as weight_files
from keras_dynres.zoo.importing import checkpoint, faster_rcnn, msdnet
from keras_dynres.zoo.importing.tensors import Wanted
from keras_dynres.zoo.loader import build
from keras_dynres.zoo.network import Network, names

__all__ = ["import_checkpoint"]

# What each architecture's published code calls its weights.
_FAMILIES = {"msdnet": msdnet, "faster_rcnn": faster_rcnn}


def import_checkpoint(
    name: str, path: str | Path, out: str | Path | None = None
) -> Path:
    """Makes a weight file of the zoo from a published PyTorch checkpoint.

    Every name and shape is checked, both ways; nothing is written unless all fit, and
    what was written is read back and compared. Afterwards `zoo.load(name)` finds it.

    Example:

    ```python
    kd.zoo.import_checkpoint("msdnet_imagenet", "msdnet-step=4-block=5.pth.tar")
    model = kd.zoo.load("msdnet_imagenet")
    ```

    Args:
        name: The network's name in the zoo.
        path: A `.pth.tar`, `.pth` or `.pt` file (extra `torch`), a `.safetensors` file
            (extra `safetensors`), or an `.npz` file with the same names.
        out: A `.npz` file to write instead of the cache's, for
            `zoo.load(name, weights=out)`.

    Returns:
        The path of the weight file.
    """
    network = Network.load(name)
    if network.architecture not in _FAMILIES:
        raise DynresError(
            f"No published checkpoints of {network.architecture!r} can be read, only "
            f"of {', '.join(_FAMILIES)}. Received: name={name!r}."
        )
    if out is not None and Path(out).suffix != ".npz":
        raise DynresError(f"Weights go into a .npz file. Received: out={str(out)!r}.")
    tensors = checkpoint.read(path)
    model = build(network)
    fill(model, network, tensors, path)
    if out is not None:
        return weight_files.save(model, out)
    origin = {"file": Path(path).name, "sha256": files.sha256(path)}
    results = {"imported_from": origin}
    card = publication.place(model, network, results, config.cache_dir())
    return config.cache_dir() / name / card.weights.file


def fill(
    model: DynamicModel,
    network: Network,
    tensors: Mapping[str, np.ndarray],
    path: str | Path,
) -> None:
    """Assigns a checkpoint's tensors to a network, if every one fits.

    Args:
        model: The network, built.
        network: What it is.
        tensors: What `checkpoint.read` returns.
        path: The checkpoint, as errors name it.
    """
    family = _FAMILIES[network.architecture]
    wanted = family.wanted(model, **network.options)
    differences = list(_differences(tensors, wanted))
    if differences:
        more = f", and {len(differences) - 1} more differ" if differences[1:] else ""
        fits = _that_fits(family, network, tensors)
        hint = f"; it fits {fits!r}" if fits else ""
        raise DynresError(
            f"{str(path)!r} is no checkpoint of {network.name!r}: {differences[0]}"
            f"{more}{hint}."
        )
    for name, tensor in wanted.items():
        if tensor.assign is not None:
            tensor.assign(tensors[name].astype("float32"))


def _differences(
    tensors: Mapping[str, np.ndarray], wanted: Mapping[str, Wanted]
) -> Iterator[str]:
    """A clause for each tensor that is missing, of another shape or unknown."""
    for name, (shape, assign) in wanted.items():
        if name not in tensors:
            if assign is not None:
                yield f"it lacks tensor {name!r} of shape {shape}"
        elif tensors[name].shape != shape:
            yield (
                f"tensor {name!r} has shape {tensors[name].shape} instead of {shape}"
            )
    for name in tensors:
        if name not in wanted:
            yield f"its tensor {name!r} is unknown there"


def _that_fits(
    family: ModuleType, network: Network, tensors: Mapping[str, np.ndarray]
) -> str | None:
    """The name of another network of the zoo that a checkpoint fits, or None."""
    shape = family.shape_of(tensors)
    for other in map(Network.load, names()):
        if other.architecture != network.architecture or other == network:
            continue
        # Building a network takes seconds, so only one that may fit is tried.
        kwargs = other.options
        if family.shape_of_network(other.method, **kwargs) == shape:
            wanted = family.wanted(build(other), **kwargs)
            if not any(_differences(tensors, wanted)):
                return other.name
    return None

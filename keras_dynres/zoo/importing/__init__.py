"""Published checkpoints of other frameworks, turned into weight files of the zoo."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from keras_dynres import files
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.errors import DynresError
from keras_dynres.zoo import config, publication
from keras_dynres.zoo import weights as weight_files
from keras_dynres.zoo.cards import Card
from keras_dynres.zoo.importing import checkpoint, faster_rcnn, msdnet, msdnet_network
from keras_dynres.zoo.importing.contents import contents, is_msdnet
from keras_dynres.zoo.importing.published import Published, is_address
from keras_dynres.zoo.importing.tensors import Wanted
from keras_dynres.zoo.loader import build
from keras_dynres.zoo.network import NETWORKS, Network, names

__all__ = ["import_checkpoint"]

# What each architecture's published code calls its weights.
_FAMILIES = {"msdnet": msdnet, "faster_rcnn": faster_rcnn}


def import_checkpoint(
    name: str | Path,
    path: str | Path | None = None,
    out: str | Path | None = None,
    verbose: int = 1,
) -> Path:
    """Makes weights of the zoo from a published PyTorch checkpoint.

    Every name and shape is checked, both ways; nothing is written unless all fit, and
    what was written is read back and compared.

    - `import_checkpoint(name)` fetches the checkpoint of a network of the zoo from
      where its authors published it.
    - `import_checkpoint(name, path)` takes the file at a path or an address. Afterwards
      `zoo.load(name)` finds the weights.
    - `import_checkpoint(path)` takes any MSDNet of the published code: what it consists
      of is told by the shapes. Afterwards `zoo.load` opens the folder that is returned.

    Example:

    ```python
    kd.zoo.import_checkpoint("msdnet_imagenet", "msdnet-step=4-block=5.pth.tar")
    model = kd.zoo.load("msdnet_imagenet")
    model = kd.zoo.load(kd.zoo.import_checkpoint("mine.pth.tar"))
    ```

    Args:
        name: The network's name in the zoo; or, alone, what `path` says.
        path: A `.pth.tar`, `.pth` or `.pt` file (extra `torch`), a `.safetensors` file
            (extra `safetensors`), or an `.npz` file with the same names; or its
            address, with `#MEMBER` behind that of a zip archive that it is in, and
            `#sha256=HEX` (`#MEMBER&sha256=HEX`) where its hash is known.
        out: Instead of the cache: with a name a `.npz` file to write, for
            `zoo.load(name, weights=out)`; without one a folder, in which the network's
            own is made.
        verbose: 0 is silent, 1 shows a bar while downloading.

    Returns:
        The path of the weight file; without a name that of the network's folder.
    """
    if path is None and _is_source(name):
        return _import_unnamed(name, out or config.cache_dir(), verbose)
    network = Network.load(name)
    if network.architecture not in _FAMILIES:
        raise DynresError(
            f"No published checkpoints of {network.architecture!r} can be read, only "
            f"of {', '.join(_FAMILIES)}. Received: name={str(name)!r}."
        )
    if out is not None and Path(out).suffix != ".npz":
        raise DynresError(f"Weights go into a .npz file. Received: out={str(out)!r}.")
    if path is None and not is_address(network.checkpoint):
        raise DynresError(
            f"Where a checkpoint of {network.name!r} is published is not known: say "
            f"which file to import. Received: name={str(name)!r} alone."
        )
    source = network.checkpoint if path is None else path
    path = _local(source, verbose)
    tensors = checkpoint.read(path)
    model = build(network)
    fill(model, network, tensors, path)
    if out is not None:
        return weight_files.save(model, out)
    card = _place(model, network, source, path, config.cache_dir())
    return config.cache_dir() / network.name / card.weights.file


def _is_source(name: str | Path) -> bool:
    """Whether a name is a checkpoint's path or address, and no network's name."""
    if name in NETWORKS or str(name).endswith(".json"):
        return False
    return is_address(name) or checkpoint.is_named_so(name)


def _import_unnamed(source: str | Path, out: str | Path, verbose: int) -> Path:
    """The folder of a network that a checkpoint alone tells of."""
    path = _local(source, verbose)
    tensors = checkpoint.read(path)
    if not is_msdnet(tensors):
        raise DynresError(
            f"Without a name an MSDNet can be imported alone, and {str(path)!r} holds "
            f"{contents(tensors)}: say which network of the zoo it is of."
        )
    network = msdnet_network.network_of(tensors, path)
    model = build(network)
    fill(model, network, tensors, path)
    _place(model, network, source, path, out)
    return Path(out) / network.name


def _local(source: str | Path, verbose: int) -> Path:
    """The path of a checkpoint, downloaded where it is an address."""
    if not is_address(source):
        return Path(source).expanduser()
    folder = config.cache_dir() / "checkpoints"
    return Published.parse(str(source)).fetch(folder, verbose)


def _place(
    model: DynamicModel,
    network: Network,
    source: str | Path,
    path: Path,
    out: str | Path,
) -> Card:
    """Writes the card and the weights, with where they are from."""
    origin = {"file": path.name, "sha256": files.sha256(path)}
    if is_address(source):
        origin["address"] = Published.parse(str(source)).url
    # What a network of ours is under says nothing of others' weights.
    network = dataclasses.replace(network, licence="unknown")
    return publication.place(model, network, {"imported_from": origin}, out)


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
        hint = f"; it fits {fits!r}" if fits else f"; it holds {contents(tensors)}"
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

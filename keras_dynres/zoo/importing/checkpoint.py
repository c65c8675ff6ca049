"""Checkpoint files: the tensors in them, by name."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_dynres.errors import DynresError

# Batches seen while training: no weight.
_IGNORED = ".num_batches_tracked"


def read(path: str | Path) -> dict[str, np.ndarray]:
    """The floating-point tensors of a checkpoint, checked to be finite.

    Args:
        path: A `.pth.tar`, `.pth` or `.pt` file of `torch.save`, which holds a state
            dict or a dict with one under `"state_dict"`, for which PyTorch must be
            installed; a `.safetensors` file; or an `.npz` file of such names, with or
            without `state_dict/` before them.

    Returns:
        {name: array}, without the prefix `module.` of parallel training.
    """
    path = Path(path)
    ending = _ending(path)
    if ending is None:
        raise DynresError(
            f"A checkpoint is a {', '.join(_READERS)} file. Received: {str(path)!r}."
        )
    if not path.exists():
        raise DynresError(f"There is no checkpoint {str(path)!r}.")
    try:
        content = _READERS[ending](path)
    except ImportError as error:
        library = "safetensors" if ending == ".safetensors" else "torch"
        raise DynresError(
            f"Reading {ending} needs {library} ({error}): install "
            f"'keras-dynres[{library}]', or bring the tensors as an .npz file, which "
            f"needs nothing. Received: {str(path)!r}."
        ) from error
    except Exception as error:  # The libraries raise whatever the bytes lead them to.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DynresError(
            f"{str(path)!r} is not a whole checkpoint (truncated, changed, or another "
            f"format): {reason[0]}"
        ) from error
    tensors = {
        name.removeprefix("module."): array
        for name, array in content.items()
        if not name.endswith(_IGNORED)
    }
    for name, array in tensors.items():
        if not np.issubdtype(array.dtype, np.floating):
            raise DynresError(
                f"Tensor {name!r} of {str(path)!r} is no weight: it is {array.dtype}."
            )
        if not np.isfinite(array).all():
            raise DynresError(
                f"Tensor {name!r} of {str(path)!r} holds NaN or infinity."
            )
    return tensors


def is_named_so(path: str | Path) -> bool:
    """Whether a file's name ends as a checkpoint's does.

    >>> is_named_so("net.pth.tar"), is_named_so("resnet18_cifar10")
    (True, False)
    """
    return _ending(Path(path)) is not None


def _ending(path: Path) -> str | None:
    return next((e for e in _READERS if path.name.endswith(e)), None)


def _npz(path: Path) -> dict[str, np.ndarray]:
    # NumPy, given a path, leaves the file open when an array cannot be read.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        inside = [name for name in content.files if name.startswith("state_dict/")]
        return {
            name.removeprefix("state_dict/"): content[name]
            for name in inside or content.files
        }


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(path)


def _torch(path: Path) -> dict[str, np.ndarray]:
    import torch

    if torch.__version__ < (2, 6):  # Before, `weights_only` could be got round.
        raise ImportError(f"{torch.__version__} is too old")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # PyTorch's own words advise to load the file as trusted, which runs it.
        raise ValueError("PyTorch finds other things in it than weights") from error
    if isinstance(content, Mapping):
        content = content.get("state_dict", content)
    if not isinstance(content, Mapping) or not content:
        raise ValueError("it holds no state dict")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ValueError(f"it holds no state dict: {name!r} is no tensor")
    return {name: tensor.detach().numpy() for name, tensor in content.items()}


_READERS = {
    ".pth.tar": _torch,
    ".pth": _torch,
    ".pt": _torch,
    ".safetensors": _safetensors,
    ".npz": _npz,
}

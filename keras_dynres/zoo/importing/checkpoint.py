"""Checkpoint files: the tensors in them, by name."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_dynres.errors import DynresError
from keras_dynres.zoo import weights
from keras_dynres.zoo.importing import torch_file

TORCH_FILES = (".pth.tar", ".pth", ".pt")
# Batches seen while training: no weight.
_IGNORED = ".num_batches_tracked"
# Unpickling what is broken or hostile also raises these.
_BROKEN = (
    *weights.BROKEN,
    pickle.UnpicklingError,
    AttributeError,
    ImportError,
    IndexError,
    MemoryError,
    OverflowError,
    RuntimeError,
    TypeError,
)


def read(path: str | Path) -> dict[str, np.ndarray]:
    """The floating-point tensors of a checkpoint, checked to be finite.

    Args:
        path: A `.pth.tar`, `.pth` or `.pt` file of `torch.save`, which holds a state
            dict or a dict with one under `"state_dict"`; or an `.npz` file of such
            names, with or without `state_dict/` before them.

    Returns:
        {name: array}, without the prefix `module.` of parallel training.
    """
    path = Path(path)
    if not path.name.endswith((".npz", *TORCH_FILES)):
        raise DynresError(
            f"A checkpoint is a {', '.join(TORCH_FILES)} or .npz file. "
            f"Received: {str(path)!r}."
        )
    try:
        content = (_npz if path.suffix == ".npz" else _torch)(path)
    except FileNotFoundError as error:
        raise DynresError(f"There is no checkpoint {str(path)!r}.") from error
    except _BROKEN as error:
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


def _npz(path: Path) -> dict[str, np.ndarray]:
    # NumPy, given a path, leaves the file open when an array cannot be read.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        inside = [name for name in content.files if name.startswith("state_dict/")]
        return {
            name.removeprefix("state_dict/"): content[name]
            for name in inside or content.files
        }


def _torch(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError:
        torch = None
    if torch is None:
        return torch_file.read(path, _state_dict)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # PyTorch's own words advise to load the file as trusted, which runs it.
        raise ValueError("PyTorch finds other things in it than weights") from error
    tensors = _state_dict(content, torch.Tensor)
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def _state_dict(content: Any, kind: type = torch_file.Tensor) -> Mapping[str, Any]:
    """The state dict in a checkpoint's content; `kind` is what tensors are."""
    if isinstance(content, Mapping):
        content = content.get("state_dict", content)
    if not isinstance(content, Mapping) or not content:
        raise ValueError("it holds no state dict")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, kind):
            raise ValueError(f"it holds no state dict: {name!r} is no tensor")
    return content

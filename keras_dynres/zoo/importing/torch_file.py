"""What `torch.save` wrote, read without PyTorch and without running what is in it.

Such a file is a pickle with the tensors' bytes beside it. A pickle may name any
function of any module and have it called; here a name stands for one of the few things
tensors are made of, or the file is refused.
"""

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

# How files begin that are no zip archives: PyTorch's before 1.6.
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}


class Storage(NamedTuple):
    """Bytes that stand beside the pickle, under `key`: `count` values of `dtype`."""

    dtype: str
    key: str
    count: int


class Tensor(NamedTuple):
    """A view into a storage, in values."""

    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


def read(
    path: Path, choose: Callable[[Any], Mapping[str, Tensor]]
) -> dict[str, np.ndarray]:
    """The tensors that `choose` takes out of the content, as arrays.

    Args:
        path: The file.
        choose: A function from the pickled content to a dict of `Tensor`s.

    Returns:
        {name: array}. What is wrong with the file is raised as what Python's own
        readers raise.
    """
    with path.open("rb") as file:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                content, read_storage = _archive(archive)
                return _arrays(choose(content), read_storage)
        file.seek(0)
        content, read_storage = _stream(file)
        return _arrays(choose(content), read_storage)


def _archive(archive: zipfile.ZipFile) -> tuple[Any, Callable[[str], bytes]]:
    """The content of a zip file, and a function from a storage's key to its bytes."""
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError("a zip archive that PyTorch did not write")
    folder = pickles[0].removesuffix("data.pkl")
    # Read whole first: its checksum is tested before anything is made of it.
    content = _Reader(io.BytesIO(archive.read(pickles[0]))).load()
    return content, lambda key: archive.read(f"{folder}data/{key}")


def _stream(file: IO[bytes]) -> tuple[Any, Callable[[str], bytes]]:
    """The same of an older file: pickles, then each storage behind its length."""
    if _Reader(file).load() != MAGIC or _Reader(file).load() != PROTOCOL:
        raise ValueError("a pickle that PyTorch did not write")
    _Reader(file).load()  # The machine it was written on.
    reader = _Reader(file)
    content = reader.load()
    places = {}
    for key in _Reader(file).load():
        storage = reader.storages[key]
        if int.from_bytes(file.read(8), "little") != storage.count:
            raise EOFError(f"storage {key} is not where it should be")
        places[key] = file.tell(), storage.count * np.dtype(storage.dtype).itemsize
        file.seek(sum(places[key]))

    def read(key: str) -> bytes:
        place, size = places[key]
        file.seek(place)
        return file.read(size)

    return content, read


# A pickle calls these two with arguments of its own choice, so they trust none.
def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError("it holds a tensor without a storage")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


_KNOWN = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    **{f"torch.{name}": dtype for name, dtype in _STORAGES.items()},
}


class _Reader(pickle.Unpickler):
    """An unpickler that knows what tensors are made of, and no other name."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages = {}

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for."""
        full = f"{module}.{name}"
        if full not in _KNOWN:
            raise pickle.UnpicklingError(f"it holds {full}, which no weights need")
        return _KNOWN[full]

    def persistent_load(self, pid: Any) -> Storage:
        """A storage, whose bytes stand elsewhere in the file."""
        kind, dtype, key, _, count, *view = pid
        known = kind == "storage" and dtype in _STORAGES.values() and not any(view)
        if not known or not isinstance(key, str) or not isinstance(count, int):
            raise pickle.UnpicklingError("it holds a storage of an unknown kind")
        self.storages[key] = Storage(dtype, key, count)
        return self.storages[key]


def _arrays(
    tensors: Mapping[str, Tensor], read: Callable[[str], bytes]
) -> dict[str, np.ndarray]:
    return {name: _array(tensor, read) for name, tensor in tensors.items()}


def _array(tensor: Tensor, read: Callable[[str], bytes]) -> np.ndarray:
    storage, offset, shape, strides = tensor
    flat = np.frombuffer(read(storage.key), storage.dtype)
    steps = zip(shape, strides, strict=True)
    last = offset + sum((size - 1) * step for size, step in steps)
    # Checked, since `as_strided` would read memory that lies beyond the storage.
    if len(flat) != storage.count or last >= len(flat):
        raise EOFError("a tensor reaches beyond its storage")
    if min((offset, *shape, *strides)) < 0 or math.prod(shape) > len(flat):
        raise ValueError("a tensor is larger than its storage")
    strides = [step * flat.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, strides).copy()

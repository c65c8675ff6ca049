"""What a `.tflite` bundle says about itself, and the hash that guards it.

A TFLite file is a FlatBuffer: tables that point forward by relative offsets.
The metadata is therefore put *in front* of the converter's output, which stays
byte for byte what it was, and what was checked::

    | prefix: a new root table, the metadata JSON, a new buffer list | the file |

The new root points at everything the old one pointed at, plus one metadata entry
named `KERAS_DYNRES` whose buffer is a JSON text. The prefix is a multiple of 64
bytes long, so the weights keep their alignment.

The JSON's first keys are `format` and `sha256`. The hash is the SHA-256 of the whole
file, read with the 64 digits of `sha256` itself replaced by `0`: every other byte,
the rest of the metadata included, is covered.

`export` writes these keys:

- `model`: the model's name; `labels`: a list of class names, or null.
- `input`: `{"shape": [height, width, channels], "dtype": "float32"}`; the first
  dimension of every signature's input is the batch, 1 in the file.
- `preprocessing`: `{"mean": [...], "std": [...], "scale": 255}` or null: what turns
  pixels into input, `(pixels / scale - mean) / std`.
- `output`: `{"classes": n, "activation": "logits" | "probabilities"}` where a signature
  gives one row of classes. Where it gives anything else, `outputs` stands instead: it
  maps each output's name to `{"shape": [...], "activation": ...}`, the batch left out
  of the shape; `"values"` are no classes, such as boxes.
- `precision`: `float32`, `float16`, `int8` or `int8-weights`.
- `menu`: a list, cheapest first, of `{"name", "signature", "settings", "macs", "flops",
  "params", "measured"}`, and `average` where costs depend on the image. A signature's
  one input is `images`, its one output `outputs`; several are named as the file's
  `outputs` says. An instance with outputs of other shapes has `outputs` of its own.
- `metric`: the measured figure that instances are chosen by.
- `aliases`: other names of instances, `{alias: name in the menu}`.
- `dynamic`: names of instances, where there are any, whose shapes depend on the image:
  the runtime must know dynamic shapes. Their signatures have a second input, `shift`,
  a number that is added to the scores of points before their threshold.
- `stages`: a list, empty for most models, of `{"name", "signature", "takes", "makes",
  "keeps", "exit", "macs"}`: run in order, each gives `outputs`, the prediction of
  `exit`, and the features it `makes`, from those it `takes`; what it `keeps` is all
  that later stages still need. The first takes `images`. `macs` are its own.
- `policies`: when to stop after which stage: a list of what
  `keras_dynres.exits.Policy.to_json` writes.
- `weight_cache`: `{"allowed": false, "reason": "..."}`: whether XNNPACK's weight cache
  may be used with this file.
- `parity`: per signature, how far the file is from Keras (see `export`).
- `producer`: versions of what made the file.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_dynres import files
from keras_dynres.errors import DynresError
from keras_dynres.tflite import flatbuffer

NAME = "KERAS_DYNRES"
FORMAT = "keras_dynres.tflite/1"
_DIGITS = 64
_MARK = json.dumps({"format": FORMAT, "sha256": ""})[:-2].encode()
_OWN = ("format", "sha256", "prefix")
# Stands where the prefix's length goes: as wide, whatever the length.
_LENGTH = json.dumps("length of it").encode()


class BundleError(DynresError):
    """A `.tflite` file that is damaged, or that this package did not write."""


def write_metadata(
    path_or_bytes: str | Path | bytes, metadata: Mapping[str, Any]
) -> bytes | None:
    """Puts a metadata dictionary into a `.tflite` file, replacing an older one.

    Args:
        path_or_bytes: A path, rewritten atomically, or the file's bytes.
        metadata: A dictionary that `json` can write. The keys `format`, `sha256` and
            `prefix` are filled in here.

    Returns:
        The new file as bytes, when bytes were given, else None.

    Example:

    ```python
    data = write_metadata(data, {"model": "wrn", "menu": []})
    assert read_metadata(data)["model"] == "wrn"
    ```
    """
    plain = _strip(*_load(path_or_bytes))
    own = {"format": FORMAT, "sha256": "0" * _DIGITS, "prefix": json.loads(_LENGTH)}
    fields = {key: value for key, value in metadata.items() if key not in _OWN}
    text = json.dumps(own)
    if fields:
        # Without the spaces: a menu is long, and a network may be small.
        text = text[:-1] + ", " + json.dumps(fields, separators=(",", ":"))[1:]
    data = flatbuffer.extended(plain, NAME, text.encode())
    start = data.index(_MARK) + len(_MARK)
    at = data.index(_LENGTH, start)
    length = str(len(data) - len(plain)).encode()
    data[at : at + len(_LENGTH)] = length.rjust(len(_LENGTH))
    data[start : start + _DIGITS] = _digest(data, start).encode()
    if isinstance(path_or_bytes, (bytes, bytearray)):
        return bytes(data)
    files.write(path_or_bytes, bytes(data))
    return None


def read_metadata(path_or_bytes: str | Path | bytes) -> dict[str, Any]:
    """The metadata of a bundle, after checking that the file is whole.

    Example:

    ```python
    names = [row["name"] for row in read_metadata("net.tflite")["menu"]]
    ```
    """
    return json.loads(_checked(*_load(path_or_bytes))[1])


def verify(path_or_bytes: str | Path | bytes) -> bytes:
    """Raises `BundleError` unless the file is a bundle whose hash is right.

    Only bytes are looked at: the file is never handed to a runtime, which a truncated
    one could crash.

    Returns:
        The file's bytes, so that what was checked is what is then loaded.

    Example:

    ```python
    data = verify("net.tflite")
    ```
    """
    return _checked(*_load(path_or_bytes))[0]


def _load(source: str | Path | bytes) -> tuple[bytes, str]:
    if isinstance(source, (bytes, bytearray)):
        return bytes(source), "The file"
    try:
        return Path(source).read_bytes(), repr(str(source))
    except OSError as error:
        raise BundleError(
            f"The bundle cannot be read: {error.strerror or error}. "
            f"Received: path={str(source)!r}."
        ) from error


def _checked(data: bytes, name: str) -> tuple[bytes, bytes]:
    entry = _find(data, name)
    if entry is None:
        raise BundleError(
            f"{name} is a TFLite file without keras_dynres metadata; "
            "write one with keras_dynres.tflite.export()."
        )
    start, text = entry
    if not text.startswith(_MARK):
        raise BundleError(
            f"{name} has metadata of a format this version cannot read. "
            f"Received: {text[: len(_MARK)]!r}, expected {_MARK!r}."
        )
    start += len(_MARK)
    if _digest(data, start) != data[start : start + _DIGITS].decode("latin-1"):
        raise BundleError(
            f"{name} is damaged: its content does not match the hash inside (cut "
            "short, or changed); export or download it again."
        )
    return data, text


def _digest(data: bytes, start: int) -> str:
    """SHA-256 of the bytes, the digits at `start` zeroed."""
    whole = memoryview(data)
    digest = hashlib.sha256(whole[:start])
    digest.update(b"0" * _DIGITS)
    digest.update(whole[start + _DIGITS :])
    return digest.hexdigest()


def _strip(data: bytes, name: str) -> bytes:
    if _find(data, name) is None:
        return data
    # Checked first: a new hash must not bless an old damage.
    return data[json.loads(_checked(data, name)[1])["prefix"] :]


def _find(data: bytes, name: str) -> tuple[int, bytes] | None:
    """(place, text) of the metadata JSON, or None when there is none."""
    try:
        return flatbuffer.find(data, NAME)
    except (struct.error, IndexError, MemoryError) as error:
        raise BundleError(
            f"{name} is damaged or not a TFLite file ({error}); "
            "export or download it again."
        ) from error

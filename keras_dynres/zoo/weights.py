"""Weight files: small, checked name by name, the same under every backend.

A file is a compressed `.npz` that holds an array for each weight, by its path in the
model, and a header in JSON. An array is stored in float8 or float16 where that loses
nothing, so one passed through `round_to_float16` takes half the space, or a quarter;
it is compressed by deflate or bzip2, whichever makes it smaller.
Optimizer state, metrics and random seeds are not stored.
"""

import bz2
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np

from keras_dynres import files, graph
from keras_dynres.core.copies import settle
from keras_dynres.errors import DynresError, did_you_mean
from keras_dynres.instance import Menu
from keras_dynres.zoo import float8

FORMAT = 2
HEADER = "keras_dynres.json"
# Configuration that changes what the same weights compute. Sizes are left out: a
# convolutional net may take the weights of its twin for other images.
STRUCTURE = (
    "activation",
    "axis",
    "dilation_rate",
    "epsilon",
    "groups",
    "padding",
    "pool_size",
    "strides",
)
BROKEN = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def save(model: keras.Model, path: str | Path) -> Path:
    """Writes the weights of `model` to `path`, a `.npz` file.

    Args:
        model: A `DynamicModel`, or a functional model such as its base.
        path: The file; it appears once it is complete.

    Returns:
        `path`, as a `Path`.

    Example:

    ```python
    kd.zoo.weights.save(model, "net.npz")
    kd.zoo.weights.load(other, "net.npz")
    ```
    """
    arrays, exponents = {}, {}
    for name, variable in _variables(model).items():
        arrays[name], exponent = _smallest(variable)
        if exponent is not None:
            exponents[name] = exponent
    text = json.dumps({**_header(model), "float8": exponents}, indent=1)
    arrays[HEADER] = np.frombuffer(text.encode("utf-8"), np.uint8)
    with files.writing(path, "weight file"), files.appearing(path) as file:
        _write(file, arrays)
    return Path(path)


def load(model: keras.Model, path: str | Path) -> None:
    """Reads a file of `save` into `model`, after checking every name and shape.

    Nothing is assigned unless all of the file fits. A file with the weights of a base
    alone may be loaded into a `DynamicModel`, which is to be calibrated then; the
    figures of the file's menu go into the model's.

    Args:
        model: The model, built like the one the file was made from.
        path: A `.npz` file.
    """
    header, arrays = read(path)
    dynamic = getattr(model, "base", None) is not None
    target = model.base if dynamic and header["part"] == "base" else model
    variables = _variables(target)
    _check(variables, arrays, path)
    _check_structure(target, header, path)
    for name, variable in variables.items():
        variable.assign(arrays[name].astype(_numpy_dtype(variable)))
    settle(target._flatten_layers())
    if not dynamic:
        return
    if target is not model:
        _forget_calibration(model)
        return
    saved = Menu.from_config(header["menu"])
    if saved.metric != model.menu.metric:
        model.menu.metric = saved.metric
    for instance in saved:
        if instance.measured:
            model.menu.record(instance.name, **instance.measured)
        if instance.average:
            model.menu.record_average(instance.name, **instance.average)


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header (a dict) and the arrays (by name) of a weight file."""
    path = Path(path)
    try:
        # NumPy, given a path, leaves the file open when an array cannot be read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        header = json.loads(arrays.pop(HEADER).tobytes())
        newer = header["format"] > FORMAT
        if not header.keys() >= {"part", "structure"}:
            raise KeyError("its header lacks an entry")
        for name, exponent in header.get("float8", {}).items():
            arrays[name] = float8.decoded(arrays[name], exponent)
    except FileNotFoundError as error:
        raise DynresError(f"There is no weight file {str(path)!r}.") from error
    except (*BROKEN, TypeError, AttributeError) as error:
        raise DynresError(
            f"{str(path)!r} is not a whole weight file of keras_dynres (truncated, "
            f"changed, or another format): {error}"
        ) from error
    if newer:
        raise DynresError(
            f"{str(path)!r} was written by a newer keras_dynres. Received: "
            f"format={header['format']}, known up to {FORMAT}"
        )
    return header, arrays


def round_to_float16(model: keras.Model, mantissa_bits: int = 10) -> list[str]:
    """Rounds the weights of `model` to values that float16 holds.

    Then a weight file has half the size and loses nothing. Do it after training and
    before the last `calibrate`, whose statistics make up for the rounding. Weights
    beyond the range of float16 keep their values.

    Args:
        model: The model.
        mantissa_bits: What kernels keep of float16's ten, whose vectors keep all: a
            file is compressed. With three a kernel is float8, a byte for each weight.

    Returns:
        The names of the weights that kept their values.
    """
    kept = []
    for name, variable in _variables(model).items():
        if not keras.backend.is_float_dtype(variable.dtype):
            continue
        values = _array(variable)
        if values.ndim > 1:
            values = _with_mantissa(values, mantissa_bits)
        with np.errstate(over="ignore"):
            rounded = values.astype(np.float16)
        if np.isfinite(rounded).all():
            variable.assign(rounded.astype(_numpy_dtype(variable)))
        else:
            kept.append(name)
    _forget_calibration(model)
    return kept


def _with_mantissa(values: np.ndarray, bits: int) -> np.ndarray:
    """The nearest values with so many bits behind the first; float8 where that fits."""
    mantissa, exponent = np.frexp(values)
    steps = 2.0 ** (bits + 1)
    rounded = np.ldexp(np.round(mantissa * steps) / steps, exponent)
    return float8.rounded(rounded) if bits <= float8.MANTISSA_BITS else rounded


def _forget_calibration(model: keras.Model) -> None:
    """The weights changed, so statistics computed with the old ones are void."""
    if hasattr(model, "calibrated"):
        model.calibrated.assign(np.zeros(model.calibrated.shape, "float32"))


def _write(file: IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    """An `.npz` file. NumPy's own function knows deflate alone; it reads both."""
    packings = {zipfile.ZIP_DEFLATED: zlib.compress, zipfile.ZIP_BZIP2: bz2.compress}
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            text = content.getvalue()
            shortest = min(packings, key=lambda kind: len(packings[kind](text)))
            # A `ZipInfo` has no time of writing: the same weights make the same file.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), text, shortest)


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """The weights by their paths; the model's own name, often counted up, left out."""
    if not model.weights:
        raise DynresError(
            f"Model {model.name!r} has no weights yet: build it, or call it once."
        )
    named = {}
    for variable in model.weights:
        name = variable.path.removeprefix(f"{model.name}/")
        if name in named or name == HEADER:
            raise DynresError(
                f"Two weights of {model.name!r} are named {name!r}: give each layer "
                "a name of its own."
            )
        named[name] = variable
    return named


def _array(variable: keras.Variable) -> np.ndarray:
    array = keras.ops.convert_to_numpy(variable)
    # NumPy knows no bfloat16 of its own; float32 holds all of its values.
    return array.astype(np.float32) if variable.dtype == "bfloat16" else array


def _numpy_dtype(variable: keras.Variable) -> Any:
    return np.float32 if variable.dtype == "bfloat16" else np.dtype(variable.dtype)


def _smallest(variable: keras.Variable) -> tuple[np.ndarray, int | None]:
    """What is stored of a weight, and of float8 the exponent."""
    array = _array(variable)
    if not keras.backend.is_float_dtype(variable.dtype):
        return array, None
    if array.ndim > 1 and (short := float8.coded(array)):
        return short
    with np.errstate(over="ignore"):
        for dtype in (np.float16, np.float32):
            smaller = array.astype(dtype)
            if np.array_equal(smaller.astype(array.dtype), array, equal_nan=True):
                return smaller, None
    return array, None


def _header(model: keras.Model) -> dict[str, Any]:
    base = getattr(model, "base", None)
    header = {
        "format": FORMAT,
        "part": "base" if base is None else "dynamic",
        "model": model.name,
        "structure": _structure(model),
    }
    if base is not None:
        menu = model.menu
        header["calibrated"] = [n for n in menu.names if model.is_calibrated(n)]
        header["menu"] = menu.get_config()
    return header


def _structure(model: keras.Model) -> str:
    """A hash over what the weights' names and shapes do not tell."""
    rows = []
    for call in graph.calls(getattr(model, "base", None) or model):
        layer = call.layer
        config = layer.get_config() if isinstance(layer, keras.layers.Layer) else {}
        rows.append(
            # Not the name: Keras counts up those of layers that were given none.
            [type(layer).__name__]
            + [str(_plain(config[key])) for key in STRUCTURE if key in config]
        )
    rows.append(sorted(getattr(model, "instances", [])))
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _check(
    variables: Mapping[str, keras.Variable],
    arrays: Mapping[str, np.ndarray],
    path: str | Path,
) -> None:
    for name in arrays:
        if name not in variables:
            raise DynresError(
                f"{str(path)!r} holds a weight {name!r} that the model has not."
                f"{did_you_mean(name, variables)}"
            )
    for name, variable in variables.items():
        if name not in arrays:
            raise DynresError(
                f"{str(path)!r} lacks the model's weight {name!r}."
                f"{did_you_mean(name, arrays)}"
            )
        array, shape = arrays[name], tuple(variable.shape)
        if array.shape != shape:
            raise DynresError(
                f"Weight {name!r} has shape {array.shape} in {str(path)!r} and "
                f"{shape} in the model."
            )
        is_float = keras.backend.is_float_dtype(variable.dtype)
        if np.issubdtype(array.dtype, np.floating) != is_float:
            raise DynresError(
                f"Weight {name!r} is {array.dtype} in {str(path)!r} and "
                f"{variable.dtype} in the model."
            )


def _check_structure(model: keras.Model, header: Mapping, path: str | Path) -> None:
    if header["structure"] != _structure(model):
        raise DynresError(
            f"{str(path)!r} fits the model {model.name!r} in every name and shape, but "
            f"was made for another structure, that of {header['model']!r}: strides, "
            "padding, activations or instances differ."
        )

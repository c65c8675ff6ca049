"""What a phone's page sends: checked, and kept beside the bundle."""

import json
import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from keras_dynres.errors import DynresError
from keras_dynres.tflite import read_metadata
from keras_dynres.tflite.store import FORMAT, Setup, Store

_TEXTS = {"device": 60, "cpu": 1000, "runtime": 80}
_COUNTS = ("cores", "threads")
_KEYS = {"format", "sha256", "latency", *_TEXTS, *_COUNTS}
_TIMES = ("min_ms", "median_ms", "max_ms", "iqr_ms")


def parse(body: bytes, menu: Collection[str], sha256: str) -> tuple[Setup, dict]:
    """The `Setup` and the figures in a report.

    Args:
        body: The report, in JSON.
        menu: Names of the bundle's instances.
        sha256: Content hash of the bundle that was to be measured.

    Returns:
        A `Setup` with a device, and a dict from instance name to figures.

    Example:

    ```python
    setup, figures = parse(body, menu=["full"], sha256=metadata["sha256"])
    ```
    """
    report = _json(body)
    _check_keys("report", report, _KEYS)
    if report["format"] != FORMAT:
        raise DynresError(
            f"A report's format is {FORMAT!r}. "
            f"Received: format={_short(report['format'])}."
        )
    if report["sha256"] != sha256:
        raise DynresError(
            "The report is about another bundle: load the page anew. "
            f"Received: sha256={_short(report['sha256'])}."
        )
    texts = {key: _text(key, report[key], most) for key, most in _TEXTS.items()}
    counts = {key: _count(key, report[key], 1024) for key in _COUNTS}
    latency = report["latency"]
    if not isinstance(latency, dict) or not latency:
        raise DynresError(
            "A report holds figures of at least one instance. "
            f"Received: latency={_short(latency)}."
        )
    if unknown := sorted(set(latency) - set(menu)):
        raise DynresError(
            f"The bundle holds no such instance. Received: {_short(unknown[0])}."
        )
    figures = {name: _figures(name, values) for name, values in latency.items()}
    return Setup(**texts, **counts), figures


def keeper(
    bundle: Path, metadata: Mapping[str, Any], tell: Callable[[str], Any] = print
) -> Callable[[bytes], None]:
    """A function that takes reports about a bundle and keeps what they say.

    Args:
        bundle: Path of the `.tflite` file, beside which figures are kept.
        metadata: What it said about itself when it was read.
        tell: Called with a line about each report.
    """
    sha256 = metadata["sha256"]
    names = [row["name"] for row in metadata["menu"]]
    store = Store(bundle, sha256)

    def keep(body: bytes) -> None:
        setup, figures = parse(body, names, sha256)
        # Else figures of the file that has this name now would be thrown away.
        if read_metadata(bundle)["sha256"] != sha256:
            raise DynresError(
                "The bundle was replaced since the server began: start it anew. "
                f"Received: path={str(bundle)!r}."
            )
        store.write(setup, figures)
        tell(line(setup, figures, store.path.name))

    return keep


def line(setup: Setup, figures: Mapping[str, dict], name: str) -> str:
    """A report as a terminal shows it.

    >>> line(Setup("ARM", 8, "wasm", 1, "Pixel"), {"full": {"median_ms": 21.3}}, "f")
    'Pixel: 1 instance, full 21.3 ms (wasm, 1 thread), kept in f'

    Args:
        setup: On what was measured.
        figures: What was measured.
        name: The file they are kept in.
    """
    full = figures.get("full")
    whole = f", full {full['median_ms']:.3g} ms" if full else ""
    return (
        f"{setup.device}: {len(figures)} instance{'s' * (len(figures) != 1)}{whole} "
        f"({setup}), kept in {name}"
    )


def _json(body: bytes) -> dict:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number")

    try:
        report = json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise DynresError(f"The report is no JSON: {error}.") from error
    if not isinstance(report, dict):
        raise DynresError(f"A report is a JSON object. Received: {_short(report)}.")
    return report


def _check_keys(what: str, values: Mapping[str, Any], keys: Collection[str]) -> None:
    if missing := sorted(set(keys) - set(values)):
        raise DynresError(f"The {what} lacks {missing[0]!r}.")
    if unknown := sorted(set(values) - set(keys)):
        raise DynresError(
            f"The {what} says what nobody asked. Received: {_short(unknown[0])}."
        )


def _text(key: str, value: Any, most: int) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text.isprintable() or not 1 <= len(text) <= most:
        raise DynresError(
            f"{key} is a printable text of 1 to {most} characters. "
            f"Received: {key}={_short(value)}."
        )
    return text


def _count(key: str, value: Any, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:
        raise DynresError(
            f"{key} is a whole number from 1 to {most}. "
            f"Received: {key}={_short(value)}."
        )
    return value


def _figures(name: str, values: Any) -> dict[str, float]:
    if not isinstance(values, dict):
        raise DynresError(
            f"The figures of {name!r} are a JSON object. Received: {_short(values)}."
        )
    _check_keys(f"report on {name!r}", values, {*_TIMES, "repeats"})
    times = {key: _time(name, key, values[key]) for key in _TIMES}
    if not times["min_ms"] <= times["median_ms"] <= times["max_ms"]:
        raise DynresError(
            f"The median of {name!r} lies between minimum and maximum. "
            f"Received: median_ms={times['median_ms']:g}."
        )
    return {**times, "repeats": _count("repeats", values["repeats"], 10**9)}


def _time(name: str, key: str, value: Any) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Compared as they are: a whole number may be too large for a float.
    if not is_number or not 0 <= value <= 1e9 or not math.isfinite(value):
        raise DynresError(
            f"A time of {name!r} is a number of milliseconds, not negative. "
            f"Received: {key}={_short(value)}."
        )
    return float(value)


def _short(value: Any) -> str:
    """A value as an error shows it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

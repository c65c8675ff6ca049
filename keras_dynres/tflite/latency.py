"""Timing on this machine, and the file beside a bundle that keeps the figures."""

import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_dynres import files
from keras_dynres.errors import DynresError
from keras_dynres.instance import Instance
from keras_dynres.tflite.export import export

FORMAT = "keras_dynres.bench/1"
_FIGURES = ("median_ms", "min_ms", "max_ms", "iqr_ms")


def latency_ms(
    model: Any,
    instance: str | Instance,
    num_threads: int = 1,
    repeats: int = 20,
    warmup: int = 3,
) -> float:
    """Exports one instance in float32, and times it on this machine.

    For menus too large for one file; `Runner.benchmark` times a bundle's.

    Args:
        model: A `DynamicModel`, calibrated.
        instance: An `Instance` or its name.
        num_threads: Threads of the interpreter.
        repeats: Timed runs, of one image each.
        warmup: Runs before them that are not timed.

    Returns:
        The median, in milliseconds.

    Example:

    ```python
    print(kd.tflite.latency_ms(model, "full", num_threads=2))
    ```
    """
    from keras_dynres.tflite.runner import Runner  # which times by this module

    name = model.menu[instance].name
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "instance.tflite"
        export(model, path, instances=name, verbose=0)
        figures = Runner(path, num_threads).benchmark(
            [name], repeats, warmup, verbose=0
        )
    return figures[name]["median_ms"]


def measure(function: Callable[[], Any], repeats: int, warmup: int) -> dict[str, float]:
    """Median and spread of a function's wall-clock time, in milliseconds.

    Example:

    >>> measure(lambda: sum(range(100)), repeats=3, warmup=1)["repeats"]
    3
    """
    for _ in range(warmup):
        function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(1e3 * (time.perf_counter() - start))
    low, _, high = (
        statistics.quantiles(times, n=4, method="inclusive")
        if repeats > 1
        else times * 3
    )
    return {
        "median_ms": statistics.median(times),
        "min_ms": min(times),
        "max_ms": max(times),
        "iqr_ms": high - low,
        "repeats": repeats,
    }


def progress(names: Sequence[str], verbose: int) -> Iterator[str]:
    """Goes through the names, with a progress bar."""
    import keras

    bar = keras.utils.Progbar(len(names), verbose=verbose, unit_name="instance")
    for done, name in enumerate(names, 1):
        yield name
        bar.update(done)


class Store:
    """The figures of one bundle on one machine, kept in `PATH.bench.json`.

    The file holds a list of records, one per processor, runtime version and number of
    threads, each with the hash of the bundle it was measured on. It can always be
    measured again: one that cannot be read or written costs a warning, no more.

    Args:
        bundle: Path of the `.tflite` file.
        sha256: Its content hash.
        threads: Number of threads.

    Example:

    >>> Store("never_measured.tflite", sha256=64 * "0", threads=1).read()
    {}
    """

    def __init__(self, bundle: str | Path, sha256: str, threads: int):
        from keras_dynres.evaluation.environment import environment

        self.path = Path(f"{bundle}.bench.json")
        machine = environment()
        self._key = {
            "cpu": machine["CPU"],
            "cores": machine["Cores"],
            "runtime": f"ai-edge-litert {machine.get('ai-edge-litert', 'unknown')}",
            "threads": threads,
            "sha256": sha256,
        }

    def read(self) -> dict[str, dict]:
        """The figures measured here, a dict from instance name to figures."""
        for record in self._records():
            if self._same(record):
                return record["latency"]
        return {}

    def write(self, figures: Mapping[str, dict]) -> None:
        """Adds figures to those that are there, replacing an instance's older ones."""
        # Those of an older file under this name can never be asked for again.
        sha256 = self._key["sha256"]
        records = [r for r in self._records() if r["sha256"] == sha256]
        others = [r for r in records if not self._same(r)]
        for record in records:
            if self._same(record):
                figures = {**record["latency"], **figures}
        records = [*others, {**self._key, "latency": figures}]
        text = json.dumps({"format": FORMAT, "records": records}, indent=1)
        try:
            files.write(self.path, text)
        except DynresError as error:
            warnings.warn(f"The latencies are not kept: {error}", stacklevel=3)

    def _same(self, record: Mapping[str, Any]) -> bool:
        return all(record[key] == value for key, value in self._key.items())

    def _records(self) -> list[dict]:
        if not self.path.exists():
            return []
        try:
            content = files.read_json(self.path, "latencies")
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']!r}")
            for record in content["records"]:
                _check(record, self._key)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            warnings.warn(
                f"The latencies in {str(self.path)!r} cannot be read and are ignored; "
                f"benchmark() measures them anew ({error!r}).",
                stacklevel=4,
            )
            return []
        return content["records"]


def _check(record: Mapping[str, Any], key: Mapping[str, Any]) -> None:
    for name in key:
        record[name]
    for figures in record["latency"].values():
        for name in _FIGURES:
            if not figures[name] >= 0:
                raise ValueError(f"{name}={figures[name]!r}")

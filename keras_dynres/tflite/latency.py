"""Timing on this machine."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from keras_dynres.instance import Instance
from keras_dynres.tflite.export import export


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

"""One instance's latency as TFLite runs it."""

import tempfile
from pathlib import Path

from keras_dynres.tflite.export import export
from keras_dynres.tflite.runner import Runner


def latency_ms(model, instance, num_threads=1, repeats=20, warmup=3):
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
    name = model.menu[instance].name
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "instance.tflite"
        export(model, path, instances=name, verbose=0)
        found = Runner(path, num_threads).benchmark([name], repeats, warmup, verbose=0)
    return found[name]["median_ms"]

"""Runs a bundle: one instance at a time, at the price of one."""

import json
import operator
from pathlib import Path

import numpy as np

from keras_dynres.errors import DynresError
from keras_dynres.instance import FULL, Instance, Menu
from keras_dynres.tflite import flatbuffer, inputs, latency, metadata


class Runner:
    """A `.tflite` bundle, ready to run any instance of its menu.

    The file's hash is checked before the runtime sees a byte of it. An instance is
    loaded when it is first run, and costs the memory and the load time of a file
    that holds it alone; `close()` gives them back.

    XNNPACK's weight cache stays off: it returns wrong logits for int8 kernels that
    instances share.

    Args:
        path: A file that `keras_dynres.tflite.export` wrote.
        num_threads: CPU threads each instance runs on.

    Attributes:
        menu: A `Menu`; its `latency_ms` are this machine's, from `benchmark`.
        metadata: What the file says about itself, a dict.
        labels: Names of the classes, or None.

    Example:

    ```python
    runner = keras_dynres.tflite.Runner("net.tflite", num_threads=2)
    images = runner.preprocess(pixels)              # uint8, (batch, 32, 32, 3)
    logits = runner.run(images, instance="p3@0.5")  # (batch, classes)
    runner.benchmark()
    fast = runner.within(latency_ms=5)
    logits = runner.run(images, instance=fast)
    ```
    """

    def __init__(self, path, num_threads=1):
        self.num_threads = _count("num_threads", num_threads)
        self.path = Path(path)
        self.metadata = metadata.read_metadata(self.path)
        self.labels = self.metadata.get("labels")
        self._sessions = {}
        self._signatures = {
            row["name"]: row["signature"] for row in self.metadata["menu"]
        }
        self.menu = _menu(self.metadata)
        self._store = latency.Store(
            self.path, self.metadata["sha256"], self.num_threads
        )
        for name, figures in self._store.read().items():
            if name in self.menu:
                self.menu.record(name, latency_ms=figures["median_ms"])

    def run(self, images, instance=FULL):
        """The network's outputs for one image or a batch.

        Args:
            images: Normalised images, channels last.
            instance: A name of the menu, or an `Instance`.

        Returns:
            A `float32` array, (batch, classes), or (classes,) for a single image.
        """
        batch, single = inputs.as_batch(images, self.metadata)
        name = self.menu[instance].name
        classes = self.metadata["output"]["classes"]
        outputs = np.empty((len(batch), classes), "float32")
        session = self._session(name)
        # One by one: a larger batch would have the runtime plan and pack anew, and
        # on a CPU it is no faster.
        for i in range(len(batch)):
            outputs[i] = session(batch[i : i + 1])[0]
        return outputs[0] if single else outputs

    def preprocess(self, pixels):
        """Input for `run` of `uint8` pixels, by the rule in the metadata."""
        return inputs.preprocess(pixels, self.metadata)

    def benchmark(self, instances=None, repeats=50, warmup=5, verbose=1):
        """Times instances, one image at a time, on this machine.

        The figures go into `menu` and, after each instance, into a file beside the
        bundle (`net.tflite.bench.json`), from which a later `Runner` with as many
        threads on the same machine reads them.

        Args:
            instances: Names; the whole menu by default.
            repeats: Timed runs of each instance.
            warmup: Runs before them that are not timed.
            verbose: 1 shows a progress bar, 0 nothing.

        Returns:
            A dict from name to `{"median_ms", "min_ms", "max_ms", "iqr_ms",
            "repeats"}`.

        Example:

        ```python
        found = runner.benchmark(["full", "p1@0.5"], repeats=100)
        print(found["full"]["median_ms"])
        ```
        """
        repeats, warmup = _count("repeats", repeats), _count("warmup", warmup, 0)
        if isinstance(instances, (str, Instance)):
            instances = [instances]
        asked = self.menu.names if instances is None else instances
        names = [self.menu[name].name for name in asked]
        shape = (1, *self.metadata["input"]["shape"])
        image = np.random.default_rng(0).standard_normal(shape, "float32")
        found = {}
        for name in latency.progress(names, verbose):
            loaded = name in self._sessions
            session = self._session(name)
            found[name] = latency.measure(lambda s=session: s(image), repeats, warmup)
            if not loaded:  # All at once might not fit into memory.
                self.close(name)
            self.menu.record(name, latency_ms=found[name]["median_ms"])
            self._store.write({name: found[name]})
        return found

    def within(self, latency_ms, metric="accuracy"):
        """The most accurate instance that was measured to run in `latency_ms`.

        Args:
            latency_ms: Milliseconds for one image, with this runner's threads.
            metric: The measured figure that decides.

        Returns:
            An `Instance`.
        """
        if all(each.figure("latency_ms") is None for each in self.menu):
            raise DynresError(
                "No latency was measured on this machine with "
                f"num_threads={self.num_threads} yet: call runner.benchmark() first."
            )
        return self.menu.within(latency_ms=latency_ms, metric=metric)

    def close(self, instance=None):
        """Frees what an instance, or every one, holds; running loads it again."""
        if instance is None:
            self._sessions.clear()
        else:
            self._sessions.pop(self.menu[instance].name, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return (
            f"Runner({str(self.path)!r}, num_threads={self.num_threads}, "
            f"instances={self.menu.names})"
        )

    def _session(self, name):
        if name not in self._sessions:
            self._sessions[name] = _session(
                self._read, self._signatures[name], self.num_threads
            )
        return self._sessions[name]

    def _read(self):
        data = metadata.verify(self.path)
        fields = json.loads(flatbuffer.find(data, metadata.NAME)[1])
        if fields["sha256"] != self.metadata["sha256"]:
            raise DynresError(
                "The bundle was replaced since it was opened; make a new Runner. "
                f"Received: path={str(self.path)!r}."
            )
        return data


def _session(read, signature, threads):
    """A function from one image to its outputs.

    Given the whole file, the runtime prepares every signature and packs the weights
    anew for each; given a file of one signature, only that one. A graph with
    branches needs the graphs that hold them, which the runtime says on loading: then
    the whole file it is.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        # Read again for each instance: the bytes kept would count twice.
        interpreter = Interpreter(
            model_content=flatbuffer.select(read(), signature), num_threads=threads
        )
        interpreter.allocate_tensors()
    except RuntimeError:
        interpreter = Interpreter(model_content=read(), num_threads=threads)
        interpreter.allocate_tensors()
    call = interpreter.get_signature_runner(signature)
    (name,) = call.get_input_details()
    return lambda image: next(iter(call(**{name: image}).values()))


def _menu(fields):
    instances = []
    for row in fields["menu"]:
        row = {k: v for k, v in row.items() if k != "signature"}
        # Another machine's milliseconds would mislead here.
        kept = {k: v for k, v in row["measured"].items() if k != "latency_ms"}
        instances.append(Instance(**{**row, "measured": kept}))
    return Menu(instances)


def _count(name, value, least=1):
    try:
        value = operator.index(value)
    except TypeError:
        value = f"{value!r}"
    if isinstance(value, str) or value < least:
        raise DynresError(
            f"{name} must be a whole number of at least {least}. "
            f"Received: {name}={value}."
        )
    return value

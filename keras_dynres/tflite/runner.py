"""Runs a bundle: one instance at a time, at the price of one."""

import json
import operator
from pathlib import Path

import numpy as np

from keras_dynres.errors import DynresError
from keras_dynres.instance import FULL, Instance
from keras_dynres.tflite import (
    flatbuffer,
    inputs,
    latency,
    metadata,
    policies,
    sessions,
    staging,
)


class Runner:
    """A `.tflite` bundle, ready to run any instance of its menu.

    The file's hash is checked before the runtime sees a byte of it. An instance is
    loaded when it is first run, and costs the memory and the load time of a file
    that holds it alone; `close()` gives them back. A bundle with stages can also stop
    at an exit (`anytime`, `predict`); all stages together cost what the whole network
    costs.

    XNNPACK's weight cache stays off: it returns wrong logits for int8 kernels that
    instances share.

    Args:
        path: A file that `keras_dynres.tflite.export` wrote.
        num_threads: CPU threads each instance runs on.

    Attributes:
        menu: A `Menu`; its `latency_ms` are this machine's, from `benchmark`.
        metadata: What the file says about itself, a dict.
        labels: Names of the classes, or None.
        exits: Names of the exits the stages end in, in order.

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
        rows = self.metadata.get("stages", [])
        self._chain = staging.Chain(
            [staging.StageRow.of(row) for row in rows], self._load
        )
        self.exits = self._chain.exits
        self._sessions = {}
        self._signatures = {
            row["name"]: row["signature"] for row in self.metadata["menu"]
        }
        self.menu = metadata.menu(self.metadata)
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
        session = self._session(self._name(instance))
        outputs = self._rows(batch)
        # One by one: a larger batch would have the runtime plan and pack anew, and
        # on a CPU it is no faster.
        for i in range(len(batch)):
            outputs[i] = session(batch[i : i + 1])[0]
        return outputs[0] if single else outputs

    def anytime(self, images):
        """Yields (exit, outputs) as soon as each exit is computed.

        Nothing is computed twice and nothing ahead: what is not asked for is not
        computed.

        Args:
            images: Normalised images, one or a batch.

        Example:

        ```python
        for exit, logits in runner.anytime(image):
            if time_is_up():
                break
        ```
        """
        self._need_stages()
        batch, single = inputs.as_batch(images, self.metadata)

        def each_exit():
            runs = [self._chain.run(batch[i : i + 1]) for i in range(len(batch))]
            for exit in self.exits:
                outputs = self._rows(batch)
                for i, run in enumerate(runs):
                    outputs[i] = next(run)
                yield exit, outputs[0] if single else outputs

        # Not a generator itself: bad images are refused at once.
        return each_exit()

    def predict(self, images, policy, return_exits=False):
        """Outputs of the first exit a policy trusts; later ones are not computed.

        Args:
            images: Normalised images, one or a batch.
            policy: A `keras_dynres.exits.Policy`, its JSON text, the path of such a
                file, or a position in `policies`.
            return_exits: Whether to return the exit each image left at, too.

        Returns:
            A `float32` array, as `run` does; with `return_exits`, also an array of
            positions in `exits`, or one position.
        """
        self._need_stages()
        policy = policies.find(policy, self.metadata, self._chain)
        batch, single = inputs.as_batch(images, self.metadata)
        outputs, left = self._rows(batch), np.zeros(len(batch), "int64")
        for i in range(len(batch)):
            for position, found in enumerate(self._chain.run(batch[i : i + 1])):
                if policy.decide(position, policies.sureness(found, self.metadata)):
                    break
            outputs[i], left[i] = found, position
        if single:
            outputs, left = outputs[0], int(left[0])
        return (outputs, left) if return_exits else outputs

    @property
    def policies(self):
        """The policies the model had when it was exported."""
        return policies.kept(self.metadata)

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
        names = [self._name(each) for each in asked]
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
        """Frees what an instance holds, or all that is held; running loads it again."""
        if instance is None:
            self._sessions.clear()
            self._chain.close()
        else:
            self._sessions.pop(self._name(instance), None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return (
            f"Runner({str(self.path)!r}, num_threads={self.num_threads}, "
            f"instances={self.menu.names})"
        )

    def _name(self, instance):
        name = getattr(instance, "name", instance)
        return self.menu[self.metadata.get("aliases", {}).get(name, name)].name

    def _rows(self, batch):
        return np.empty((len(batch), self.metadata["output"]["classes"]), "float32")

    def _session(self, name):
        """A function from one image to its outputs."""
        if name not in self._sessions:
            key = self._signatures[name]
            call = self._load([key])[key]
            (port,) = call.get_input_details()
            self._sessions[name] = lambda image: next(
                iter(call(**{port: image}).values())
            )
        return self._sessions[name]

    def _load(self, keys):
        return sessions.load(self._read, keys, self.num_threads)

    def _need_stages(self):
        if not self.exits:
            raise DynresError(
                "This bundle holds no stages, and cannot stop at an exit: export a "
                "model of several exits with stages=True. "
                f"Received: path={str(self.path)!r}."
            )

    def _read(self):
        data = metadata.verify(self.path)
        fields = json.loads(flatbuffer.find(data, metadata.NAME)[1])
        if fields["sha256"] != self.metadata["sha256"]:
            raise DynresError(
                "The bundle was replaced since it was opened; make a new Runner. "
                f"Received: path={str(self.path)!r}."
            )
        return data


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

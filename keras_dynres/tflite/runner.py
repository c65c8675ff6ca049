"""Runs a bundle: one instance at a time, at the price of one."""

import json
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_dynres.errors import DynresError
from keras_dynres.exits import Policy
from keras_dynres.instance import FULL, Instance
from keras_dynres.tflite import (
    conditions,
    facts,
    flatbuffer,
    latency,
    metadata,
    stages,
    store,
)
from keras_dynres.tflite.images import as_batch, preprocess


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

    def __init__(self, path: str | Path, num_threads: int = 1):
        self.num_threads = _count("num_threads", num_threads)
        self.path = Path(path)
        self.metadata = metadata.read_metadata(self.path)
        self.labels = self.metadata.get("labels")
        rows = self.metadata.get("stages", [])
        self._chain = stages.Chain(
            [stages.StageRow.of(row) for row in rows], self._load
        )
        self.exits = self._chain.exits
        self._sessions = {}
        self._signatures = {
            row["name"]: row["signature"] for row in self.metadata["menu"]
        }
        self.menu = facts.menu(self.metadata)
        self._store = store.Store(self.path, self.metadata["sha256"])
        self._setup = store.here(self.num_threads)
        for name, figures in self._store.read(self._setup).items():
            if name in self.menu:
                self.menu.record(name, latency_ms=figures["median_ms"])

    def run(
        self, images: Any, instance: str | Instance = FULL, shift: float = 0.0
    ) -> np.ndarray | dict[str, np.ndarray]:
        """The network's outputs for one image or a batch.

        Args:
            images: Normalised images, channels last.
            instance: A name of the menu, or an `Instance`.
            shift: Of an instance that computes as many points as an image needs: what
                is added to the points' scores; above 0 more are computed.

        Returns:
            A `float32` array, (batch, classes) for rows of classes and (batch, height,
            width, classes) for maps, without the batch for a single image. Of a
            network with several outputs, a dict of such arrays by their names.
        """
        batch, single = as_batch(images, self.metadata)
        name = self._name(instance)
        session, outputs = self._session(name), facts.outputs(self.metadata, name)
        more = conditions.more_inputs(self.metadata, name, shift)
        # One by one: a larger batch would have the runtime plan and pack anew, and
        # on a CPU it is no faster.
        runs = [session(batch[i : i + 1], **more) for i in range(len(batch))]
        arrays = {
            key: _stacked([run[key][0] for run in runs], output["shape"], single)
            for key, output in outputs.items()
        }
        return next(iter(arrays.values())) if len(arrays) == 1 else arrays

    def anytime(self, images: Any) -> Iterator[tuple[str, np.ndarray]]:
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
        batch, single = as_batch(images, self.metadata)

        def outputs():
            runs = [self._chain.run(batch[i : i + 1]) for i in range(len(batch))]
            for exit in self.exits:
                yield exit, _stacked([next(run) for run in runs], self._shape, single)

        # Not a generator itself: bad images are refused at once.
        return outputs()

    def predict(
        self, images: Any, policy: Policy | str | Path | int, return_exits: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray | int]:
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
        policy = stages.find_policy(policy, self.metadata, self._chain)
        batch, single = as_batch(images, self.metadata)
        rows, left = [], np.zeros(len(batch), "int64")
        for i in range(len(batch)):
            for position, row in enumerate(self._chain.run(batch[i : i + 1])):
                if policy.decide(position, stages.sureness(row, self.metadata)):
                    break
            rows.append(row)
            left[i] = position
        outputs = _stacked(rows, self._shape, single)
        exits = int(left[0]) if single else left
        return (outputs, exits) if return_exits else outputs

    @property
    def policies(self) -> list[Policy]:
        """The policies the model had when it was exported."""
        return stages.policies(self.metadata)

    def preprocess(self, pixels: Any) -> np.ndarray:
        """Input for `run` of `uint8` pixels, by the rule in the metadata."""
        return preprocess(pixels, self.metadata)

    def benchmark(
        self,
        instances: str | Instance | Sequence[str | Instance] | None = None,
        repeats: int = 50,
        warmup: int = 5,
        verbose: int = 1,
    ) -> dict[str, dict[str, float]]:
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
        figures = runner.benchmark(["full", "p1@0.5"], repeats=100)
        print(figures["full"]["median_ms"])
        ```
        """
        repeats, warmup = _count("repeats", repeats), _count("warmup", warmup, 0)
        if isinstance(instances, (str, Instance)):
            instances = [instances]
        asked = self.menu.names if instances is None else instances
        names = [self._name(instance) for instance in asked]
        shape = (1, *self.metadata["input"]["shape"])
        image = np.random.default_rng(0).standard_normal(shape, "float32")
        figures = {}
        for name in latency.progress(names, verbose):
            loaded = name in self._sessions
            session = self._session(name)
            figures[name] = latency.measure(lambda s=session: s(image), repeats, warmup)
            if not loaded:  # All at once might not fit into memory.
                self.close(name)
            self.menu.record(name, latency_ms=figures[name]["median_ms"])
            store.keep(self._store, self._setup, {name: figures[name]})
        return figures

    def within(self, latency_ms: float, metric: str | None = None) -> Instance:
        """The best instance that was measured to run in `latency_ms`.

        Args:
            latency_ms: Milliseconds for one image, with this runner's threads.
            metric: The measured figure that decides, by default the menu's own, which
                is the accuracy for most.

        Returns:
            An `Instance`.
        """
        if all(known.figure("latency_ms") is None for known in self.menu):
            raise DynresError(
                "No latency was measured on this machine with "
                f"num_threads={self.num_threads} yet: call runner.benchmark() first."
            )
        return self.menu.within(latency_ms=latency_ms, metric=metric)

    def close(self, instance: str | Instance | None = None) -> None:
        """Frees what an instance holds, or all that is held; running loads it again."""
        if instance is None:
            self._sessions.clear()
            self._chain.close()
        else:
            self._sessions.pop(self._name(instance), None)

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"Runner({str(self.path)!r}, num_threads={self.num_threads}, "
            f"instances={self.menu.names})"
        )

    def _name(self, instance: str | Instance) -> str:
        return self.menu[instance].name

    @property
    def _shape(self) -> list[int]:
        """What an exit gives for one image."""
        outputs = facts.outputs(self.metadata, self.menu.names[-1])
        return next(iter(outputs.values()))["shape"]

    def _session(self, name: str) -> Callable[[np.ndarray], Mapping[str, np.ndarray]]:
        """A function from a batch of one image to the outputs by their names."""
        if name not in self._sessions:
            key = self._signatures[name]
            call = self._load([key])[key]
            usual = conditions.more_inputs(self.metadata, name)
            (port,) = set(call.get_input_details()) - set(usual)
            self._sessions[name] = lambda image, **more: call(
                **{port: image, **usual, **more}
            )
        return self._sessions[name]

    def _load(self, keys: list[str]) -> dict[str, Callable]:
        return flatbuffer.load(self._read, keys, self.num_threads)

    def _need_stages(self) -> None:
        if not self.exits:
            raise DynresError(
                "This bundle holds no stages, and cannot stop at an exit: export a "
                "model of several exits with stages=True. "
                f"Received: path={str(self.path)!r}."
            )

    def _read(self) -> bytes:
        data = metadata.verify(self.path)
        fields = json.loads(flatbuffer.find(data, metadata.NAME)[1])
        if fields["sha256"] != self.metadata["sha256"]:
            raise DynresError(
                "The bundle was replaced since it was opened; make a new Runner. "
                f"Received: path={str(self.path)!r}."
            )
        return data


def _stacked(rows: Sequence[np.ndarray], shape: Sequence[int], single: bool) -> Any:
    """What each image gave as one array, which is as long as there are images."""
    if single:
        return rows[0].copy()
    return np.stack(rows) if rows else np.zeros((0, *shape), "float32")


def _count(name: str, value: Any, least: int = 1) -> int:
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

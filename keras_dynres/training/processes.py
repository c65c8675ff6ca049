"""Several processes that train one model, on one machine or on many."""

import contextlib
import dataclasses
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_dynres.errors import DynresError

AUTO = "auto"
# How many seconds the last process has to follow the first that ends.
FAREWELL = 30
# What errors say of that JAX raises where another process is gone.
_LOST = ("Gloo", "NCCL", "coordination", "UNAVAILABLE", "DEADLINE_EXCEEDED")


@dataclasses.dataclass(frozen=True)
class Processes:
    """Who trains together, as one of them is told.

    >>> Processes("10.0.0.1:8476", count=2, index=0)
    Processes(coordinator='10.0.0.1:8476', count=2, index=0, patience=300)

    Args:
        coordinator: Address of the process 0, `"HOST:PORT"`, with a port that is free
            there; or `"auto"`, where the cluster tells each process all three: a TPU
            pod, Slurm, Open MPI.
        count: How many processes there are.
        index: Which of them this one is, counted from 0.
        patience: How many seconds to wait for the others at the beginning.
    """

    coordinator: str
    count: int | None = None
    index: int | None = None
    patience: int = 300

    def __post_init__(self) -> None:
        numbers = (self.count, self.index)
        if self.coordinator == AUTO and numbers == (None, None):
            return
        if not self.coordinator or self.coordinator == AUTO or None in numbers:
            raise DynresError(
                "Processes are told all of coordinator, processes and process, or "
                "coordinator='auto' alone. Received: "
                f"coordinator={self.coordinator!r}, processes={self.count}, "
                f"process={self.index}"
            )
        host, _, port = self.coordinator.rpartition(":")
        if not (host and port.isdecimal() and 0 < int(port) < 2**16):
            raise DynresError(
                "The coordinator is HOST:PORT, with a port below 65536. "
                f"Received: coordinator={self.coordinator!r}"
            )
        if not 0 <= self.index < self.count:
            raise DynresError(
                "Processes are counted from 0, so the last of N is N - 1. "
                f"Received: processes={self.count}, process={self.index}"
            )


@dataclasses.dataclass(frozen=True)
class Team:
    """The processes that are training together.

    Args:
        index: Which of them this one is.
        count: How many there are.
    """

    index: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.index == 0

    @property
    def share(self) -> tuple[int, int]:
        """What `data.load` is told of this process."""
        return self.index, self.count

    def from_first(self, make: Callable[[], bytes]) -> bytes:
        """What the first process makes, in all; what it complains of, all do.

        Args:
            make: Called in the first process alone.
        """
        if self.count == 1:
            return make()
        said = b""
        if self.is_first:
            try:
                said = b"+" + make()
            except DynresError as error:
                said = b"-" + str(error).encode()
        said = _broadcast(said)
        if said.startswith(b"-"):
            raise DynresError(said[1:].decode())
        return said[1:]

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """What `fit` needs where batches are divided."""
        divided = isinstance(keras.distribution.distribution(), _Distribution)
        return [_WholeTests()] if divided else []


@contextlib.contextmanager
def together(
    processes: Processes | None,
    batch_size: int,
    say: Callable[[str], Any] = print,
) -> Iterator[Team]:
    """Within it models are trained by all processes: the same weights in each of them.

    JAX must not have computed anything before.

    Args:
        processes: Those that take part; None means this one alone.
        batch_size: Images a step, those of all processes together.
        say: What is called with what there is to tell.
    """
    if processes is None:
        yield Team()
        return
    team = _joined(processes, say)
    distribution = _Distribution(auto_shard_dataset=False)
    devices = distribution.num_model_replicas
    if batch_size % devices:
        raise DynresError(
            f"A batch is divided among the {devices} devices of {team.count} "
            f"process(es). Received: batch_size={batch_size}"
        )
    keras.distribution.set_distribution(distribution)
    try:
        with _losses_told(team):
            yield team
            _broadcast(b"")  # Whoever is last keeps nobody waiting below.
    finally:
        keras.distribution.set_distribution(None)
    import jax

    # Not after an error: this waits for the others.
    jax.distributed.shutdown()


def _joined(processes: Processes, say: Callable[[str], Any]) -> Team:
    if keras.backend.backend() != "jax":
        raise DynresError(
            "Several processes train with KERAS_BACKEND=jax: Keras' fit does not get "
            "along with TensorFlow's strategy for several machines. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    import jax

    named = {}
    if processes.coordinator != AUTO:
        _find(processes)
        named = {
            "coordinator_address": processes.coordinator,
            "num_processes": processes.count,
            "process_id": processes.index,
        }
    say(f"Waiting for all processes, at most {processes.patience} s.")
    try:
        # It would have JAX take note of SIGTERM, and go on.
        jax.config.update("jax_enable_preemption_service", False)
        jax.distributed.initialize(
            **named,
            initialization_timeout=processes.patience,
            shutdown_timeout_seconds=FAREWELL,
        )
    except (AttributeError, TypeError) as error:
        raise DynresError(
            "Several processes want a newer JAX, such as 0.10. "
            f"Received: JAX {jax.__version__}"
        ) from error
    except (ValueError, RuntimeError) as error:
        raise DynresError(
            f"The processes cannot be joined: {_first_line(error)} "
            f"Received: {processes}"
        ) from error
    return Team(jax.process_index(), jax.process_count())


def _find(processes: Processes) -> None:
    """Says what JAX would end the process for, without a word that helps."""
    host, _, port = processes.coordinator.rpartition(":")
    if processes.index == 0:
        try:
            socket.create_server(("", int(port))).close()
        except OSError as error:
            raise DynresError(
                f"Process 0 cannot listen at port {port}: {error.strerror}. "
                f"Received: coordinator={processes.coordinator!r}"
            ) from error
        return
    end = time.monotonic() + processes.patience
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise DynresError(
                    f"Process 0 did not answer within {processes.patience} s: {error}. "
                    f"Received: coordinator={processes.coordinator!r}"
                ) from error
            time.sleep(0.2)


@contextlib.contextmanager
def _losses_told(team: Team) -> Iterator[None]:
    """Says in a sentence that another process was lost."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        if team.count == 1 or not any(word in str(error) for word in _LOST):
            raise
        raise DynresError(
            f"Process {team.index} of {team.count} has lost the others, so start all "
            f"anew, with --resume: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def _broadcast(content: bytes) -> bytes:
    """The content of process 0."""
    from jax.experimental import multihost_utils

    size = int(multihost_utils.broadcast_one_to_all(np.uint32(len(content))))
    values = np.zeros(size, "uint8")
    if len(content) == size:
        values[:] = np.frombuffer(content, "uint8")
    return np.asarray(multihost_utils.broadcast_one_to_all(values)).tobytes()


class _Distribution(keras.distribution.DataParallel):
    """Each device's own part of training batches, and tests' batches whole.

    Tests end with a batch that cannot be divided.
    """

    is_test = False

    def get_data_layout(self, data_shape):
        layout = super().get_data_layout(data_shape)
        if not self.is_test:
            return layout
        axes = [None] * len(data_shape)
        return keras.distribution.TensorLayout(axes, layout.device_mesh)


class _WholeTests(keras.callbacks.Callback):
    """Tells the distribution when a test begins and ends."""

    def on_test_begin(self, logs=None):
        keras.distribution.distribution().is_test = True

    def on_test_end(self, logs=None):
        keras.distribution.distribution().is_test = False

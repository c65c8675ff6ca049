"""The folder of a run: one process's alone, with what to go on from."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from keras_dynres.errors import DynresError
from keras_dynres.files import writing
from keras_dynres.training.checkpoints import Checkpoints
from keras_dynres.zoo.network import Network


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C in training; the message says what is kept and how to go on."""


class RunFolder:
    """Where a run keeps its checkpoints, logs and results.

    Args:
        out_dir: The folder.
        network: What is trained.

    Attributes:
        path: The folder.
        checkpoints: The `Checkpoints` in it.
    """

    def __init__(self, out_dir: str | Path, network: Network) -> None:
        self.path = Path(out_dir).expanduser()
        self.checkpoints = Checkpoints(self.path, network)
        self._lock = FileLock(self.path / ".lock")

    def begin(self, resume: bool, say: Callable[[str], Any] = print) -> bytes:
        """Makes the folder this process's own, for as long as `kept` lasts.

        Args:
            resume: Whether to go on from the checkpoint in it, if there is one.
            say: What is called with what there is to tell.

        Returns:
            The checkpoint's content, empty without one.
        """
        with writing(self.path, "folder of the run"):
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / ".lock").touch()
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise DynresError(
                "Another process is training in this folder. "
                f"Received: out_dir={str(self.path)!r}"
            ) from None
        if not resume and self.checkpoints.paths():
            raise DynresError(
                f"{str(self.path)!r} holds the checkpoints of a run: go on with "
                "it by --resume, or take another out_dir."
            )
        return self.checkpoints.latest(say)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Gives the folder free in the end; says what is in it after Ctrl-C."""
        try:
            yield
        except KeyboardInterrupt:
            if not self._lock.is_locked:
                raise
            raise TrainingInterrupted(
                f"Interrupted: {self.checkpoints.finished()} finished epoch(s) are "
                f"kept in {str(self.path)!r}, and the same command with --resume goes "
                "on."
            ) from None
        finally:
            self._lock.release()

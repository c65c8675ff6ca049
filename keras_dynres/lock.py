"""One process at a time: a lock that the system drops with whoever held it."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt


@contextlib.contextmanager
def locked(
    path: str | Path, on_wait: Callable[[str], Any] = lambda holder: None
) -> Iterator[None]:
    """Holds the lock at `path`, waiting for whoever has it.

    The lock is the operating system's, on an open file: it ends with its process,
    killed or not, so a lock file that was left behind blocks nobody. The file itself
    stays, since removing it would let two processes hold two locks of one name.

    Args:
        path: The lock file, made when missing.
        on_wait: Called once with the holder's process id, perhaps empty, before
            waiting.
    """
    with Path(path).open("a+b") as file:
        if not _take(file, wait=False):
            file.seek(0)
            on_wait(file.read(20).decode("ascii", "replace").strip())
            _take(file, wait=True)
        try:
            file.truncate(0)
            file.write(str(os.getpid()).encode("ascii"))
            file.flush()
            yield
        finally:
            _drop(file)


def _take(file: BinaryIO, wait: bool) -> bool:
    """Takes the lock; False where another has it and `wait` is not set."""
    if fcntl:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True
    while True:  # msvcrt gives up after ten seconds even when told to wait.
        try:
            file.seek(1 << 30)  # Beyond the content, so that it stays readable.
            msvcrt.locking(
                file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1
            )
            return True
        except OSError:
            if not wait:
                return False


def _drop(file: BinaryIO) -> None:
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_UN)
    else:
        file.seek(1 << 30)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

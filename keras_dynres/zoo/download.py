"""Downloads that are resumed, checked, and safe for two processes at once."""

import contextlib
import dataclasses
import errno
import http.client
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import keras
from filelock import FileLock, Timeout

from keras_dynres import files
from keras_dynres.errors import DynresError
from keras_dynres.zoo import config

BLOCK = 1 << 18
TIMEOUT = 30
# What urllib and http.client raise for an address that cannot be read.
NETWORK = (OSError, http.client.HTTPException)


@dataclasses.dataclass(frozen=True)
class WeightsFile:
    """A file of weights, known by its content."""

    file: str
    sha256: str
    size: int

    def __post_init__(self) -> None:
        # A card from the network may name any file: it must stay inside the folder.
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", str(self.file)):
            raise ValueError(f"no plain file name: {self.file!r}")
        if not re.fullmatch(r"[0-9a-f]{64}", str(self.sha256)):
            raise ValueError(f"no SHA-256: {self.sha256!r}")
        if not isinstance(self.size, int) or self.size <= 0:
            raise ValueError(f"no size in bytes: {self.size!r}")

    def is_at(self, path: str | Path) -> bool:
        """Whether this file, and no other content, stands at `path`."""
        path = Path(path)
        return (
            path.is_file()
            and path.stat().st_size == self.size
            and files.sha256(path) == self.sha256
        )


def fetch(url: str, path: str | Path, weights: WeightsFile, verbose: int = 1) -> Path:
    """Downloads the file `weights` describes to `path`, unless it is there.

    What was read before the connection broke, or before Ctrl-C, stays in a `.part`
    file, and the next call goes on from there. The file takes its name only when
    its SHA-256 is right.

    Args:
        url: Address of the file: http, https or file.
        path: Where it goes; folders are made.
        weights: `WeightsFile` with the SHA-256 and the size to expect.
        verbose: 0 is silent, 1 shows a progress bar.

    Returns:
        `path`, as a `Path`.
    """
    path = Path(path)
    with alone_at(path, verbose):
        if not weights.is_at(path):
            _download(url, path, weights, verbose)
    return path


@contextlib.contextmanager
def alone_at(path: Path, verbose: int) -> Iterator[None]:
    """Makes the folder of `path`, and lets one process at a time write there."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            alone = lock.acquire(timeout=0)
        except Timeout:
            if verbose:
                print(f"Waiting for another process, which downloads {path.name}.")
            alone = lock.acquire()
        with alone:
            yield
    except OSError as error:
        raise DynresError(disk_trouble(path.parent, error)) from error


def read_small(url: str, limit: int = 1 << 22) -> bytes | None:
    """The content of a small file at `url`, None where there is none."""
    try:
        with _open(url) as response:
            content = response.read(limit + 1)
    except NETWORK as error:
        reason = getattr(error, "reason", error)
        missing = getattr(error, "code", None) in (404, 410)
        if missing or isinstance(reason, FileNotFoundError):
            return None
        raise DynresError(_network_trouble(url, error)) from error
    if len(content) > limit:
        raise DynresError(f"{url} is larger than {limit} bytes: not a model card.")
    return content


def disk_trouble(folder: Path, error: OSError) -> str:
    """One sentence for an `OSError` met while writing to the cache."""
    full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))
    what = "is full" if full else f"cannot be written ({error.strerror or error})"
    return (
        f"The cache folder {str(folder)!r} {what}: make room or set "
        f"{config.CACHE_VARIABLE} to a folder with space you may write to."
    )


def _download(url: str, path: Path, weights: WeightsFile, verbose: int) -> None:
    part = path.with_name(f"{path.name}.part")
    for _ in range(2):
        start = part.stat().st_size if part.exists() else 0
        if start > weights.size:
            part.unlink()
            start = 0
        free = shutil.disk_usage(part.parent).free
        if free < weights.size - start:
            raise OSError(errno.ENOSPC, "No space left on device")
        if start < weights.size:
            resumed = _transfer(url, part, start, weights.size, verbose)
        else:
            resumed = True
        if weights.is_at(part):
            part.replace(path)
            return
        part.unlink()
        if not resumed:
            break
        # It went on from the beginning of some other file: once more, from nothing.
    raise DynresError(
        f"{url} is not the file it should be (its SHA-256 differs): it was changed "
        "or belongs to another version of the zoo, and was not kept."
    )


def _transfer(url: str, part: Path, start: int, size: int, verbose: int) -> bool:
    """Appends what is missing to `part`; says whether it went on from `start`."""
    with open_address(url, start) as response:
        start = begin_of(response, start)
        length = response.headers.get("Content-Length")
        if length is not None and int(length) + start != size:
            raise DynresError(
                f"{url} has {int(length) + start} bytes instead of {size}: it is "
                "truncated or another file, and was not downloaded."
            )
        if verbose:
            print(
                f"Going on with {url} at {start} of {size} bytes."
                if start
                else f"Downloading {url}"
            )
        with part.open("r+b" if start else "wb") as out:
            out.seek(start)
            copy(response, out, url, start, size, verbose)
    return start > 0


def copy(
    response: IO[bytes],
    out: IO[bytes],
    url: str,
    done: int,
    size: int | None,
    verbose: int,
    limit: int | None = None,
) -> None:
    """Appends what an open address gives, with a progress bar.

    Args:
        response: The address, open.
        out: The file.
        url: The address, as errors name it.
        done: Bytes that were there before.
        size: Bytes that there shall be; None for as many as come.
        verbose: 0 is silent.
        limit: Bytes above which it stops where the size is not known.
    """
    # In kB: a bar counting bytes would show times of 0 s each.
    kilobytes = None if size is None else -(-size // 1024)
    bar = keras.utils.Progbar(kilobytes, verbose=verbose, unit_name="kB")
    while done != size:
        try:
            block = response.read(BLOCK if size is None else min(BLOCK, size - done))
        except NETWORK as error:
            raise DynresError(_stopped(url, done, size, error)) from error
        if not block and size is None:
            return
        if not block:
            raise DynresError(_stopped(url, done, size, "the connection ended"))
        out.write(block)
        done += len(block)
        if limit is not None and done > limit:
            raise DynresError(too_large(url, done, limit))
        bar.update(-(-done // 1024))


def open_address(url: str, start: int = 0, mark: str = "") -> Any:
    """What stands at an address, open.

    Args:
        url: The address.
        start: Where to begin, if the server can; see `begin_of`.
        mark: Its `ETag` or `Last-Modified` of before: begins there only if it is the
            same file still.
    """
    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and mark:
        headers["If-Range"] = mark
    try:
        return _open(url, headers)
    except urllib.error.HTTPError as error:
        error.close()
        if start and error.code == 416:
            return open_address(url)
        raise DynresError(_network_trouble(url, error)) from error
    except NETWORK as error:
        raise DynresError(_network_trouble(url, error)) from error


def _open(url: str, headers: Mapping[str, str] | None = None) -> Any:
    usual = {"User-Agent": "keras-dynres", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers={**usual, **(headers or {})})
    return urllib.request.urlopen(request, timeout=TIMEOUT)


def begin_of(response: Any, start: int) -> int:
    """Where an open address begins: at `start`, or at 0 all the same."""
    begins = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
    return start if getattr(response, "status", None) == 206 and begins else 0


def too_large(url: str, size: int, limit: int) -> str:
    """One sentence for a file of more bytes than are allowed."""
    return f"{url} has {size} bytes or more, above the {limit} that were allowed."


def _stopped(url: str, done: int, size: int | None, why: Exception) -> str:
    return (
        f"The download of {url} stopped at {done} of {size} bytes ({why}): "
        "call again to go on from there."
    )


def _network_trouble(url: str, error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{url} cannot be read: the server answered {error.code} {error.reason}."
    reason = getattr(error, "reason", error)
    base = config.zoo_url()
    also = f" and {config.URL_VARIABLE}" if base and url.startswith(base) else ""
    return f"{url} cannot be reached ({reason}): check the connection{also}."

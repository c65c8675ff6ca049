"""Files that appear whole or not at all, and the hashes they are checked by."""

import contextlib
import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from keras_dynres.errors import DynresError


@contextlib.contextmanager
def appearing(path: str | Path) -> Iterator[BinaryIO]:
    """A file open for writing that takes the name `path` once it is complete.

    An error, or Ctrl-C, inside the block leaves what stood at `path` as it was.

    Example:

    ```python
    with appearing("card.json") as file:
        file.write(b"{}")
    ```
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        # The drive may be gone, or read-only by now: the first error is the one.
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def write(path: str | Path, content: str | bytes) -> Path:
    """Writes `path`, whole or not at all; a `DynresError` says what hinders it.

    Returns:
        The path.
    """
    content = content.encode("utf-8") if isinstance(content, str) else content
    with writing(path), appearing(path) as file:
        file.write(content)
    return Path(path)


@contextlib.contextmanager
def writing(path: str | Path, what: str = "file") -> Iterator[None]:
    """Says in one sentence what hinders the block from writing to `path`.

    Args:
        path: Where the block writes.
        what: What stands there, as the error says it.
    """
    try:
        yield
    except OSError as error:
        raise DynresError(
            f"The {what} cannot be written: {error.strerror or error}. "
            f"Received: path={str(path)!r}."
        ) from error


def check_writable(path: str | Path) -> None:
    """Refuses a path that no file can be written to, before any work is done."""
    path = Path(path)
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError("it is a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def read_text(path: str | Path, what: str) -> str:
    """The text of a file; what hinders it is said in a `DynresError`.

    Args:
        path: The file.
        what: What it should hold, as the error says it: `"a menu"`.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise DynresError(
            f"Cannot read {what}: {error.strerror or error}. "
            f"Received: path={str(path)!r}."
        ) from error
    except UnicodeDecodeError as error:
        raise DynresError(
            f"Cannot read {what}: the file is not text in UTF-8. "
            f"Received: path={str(path)!r}."
        ) from error


def read_json(source: str | Path, what: str) -> Any:
    """What JSON text, or the JSON file at a path, holds.

    Args:
        source: JSON text of an object, or a path.
        what: What it should hold, as the error says it: `"a menu"`.

    Returns:
        The content. What is no JSON is said in a `DynresError`.
    """
    is_text = isinstance(source, str) and "{" in source
    content = source if is_text else read_text(source, what)
    try:
        return json.loads(content)
    except ValueError as error:
        where = "" if is_text else f" Received: path={str(source)!r}."
        raise DynresError(f"Not {what} in JSON: {error}.{where}") from error


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

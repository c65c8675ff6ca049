"""Files that appear whole or not at all, and the hashes they are checked by."""

import contextlib
import hashlib
import os
import uuid
from pathlib import Path

from keras_dynres.errors import DynresError


@contextlib.contextmanager
def appearing(path):
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


def write(path, content):
    """Writes text or bytes to `path`, whole or not at all.

    Returns:
        The `Path`. What hinders it is said in a `DynresError`.
    """
    content = content.encode("utf-8") if isinstance(content, str) else content
    try:
        with appearing(path) as file:
            file.write(content)
    except OSError as error:
        raise DynresError(
            f"The file cannot be written: {error.strerror or error}. "
            f"Received: path={str(path)!r}."
        ) from error
    return Path(path)


def sha256(path):
    """The SHA-256 of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

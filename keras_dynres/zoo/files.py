"""Files that appear whole or not at all, and the hashes they are checked by."""

import contextlib
import hashlib
import os
import uuid
from pathlib import Path


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
        draft.unlink(missing_ok=True)


def sha256(path):
    """The SHA-256 of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def agrees(path, weights):
    """Whether a file stands at `path` and is the one `weights` describes."""
    path = Path(path)
    return (
        path.is_file()
        and path.stat().st_size == weights.size
        and sha256(path) == weights.sha256
    )

"""Files that appear whole or not at all."""

import os
import tempfile
from pathlib import Path

from keras_dynres.errors import DynresError


def write_bytes(path, content):
    """Writes beside `path`, then renames: a reader never sees half a file."""
    path = Path(path)
    if not path.parent.is_dir():
        raise DynresError(
            f"The folder to write into does not exist. Received: path={str(path)!r}."
        )
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; a report is for others to read as well.
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path

"""Where the zoo looks for weights, and where it keeps them.

Both are set in one place: an environment variable, or else the file
`keras_dynres.json` beside Keras' own `keras.json` (`~/.keras`, or `$KERAS_HOME`):

```json
{"zoo_url": "https://example.org/zoo", "cache": "/data/zoo-cache"}
```
"""

import os
import urllib.parse
from pathlib import Path
from typing import Any

from keras_dynres import files
from keras_dynres.errors import DynresError, one_of

URL_VARIABLE = "KERAS_DYNRES_ZOO_URL"
CACHE_VARIABLE = "KERAS_DYNRES_CACHE"
KEYS = ("zoo_url", "cache")


def config_file() -> Path:
    """The path of the configuration file, which need not exist."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "keras_dynres.json"


def zoo_url() -> str | None:
    """The base address of published weights, None where none is set.

    `KERAS_DYNRES_ZOO_URL` comes before `zoo_url` of the configuration file. Below
    the address stands a folder for each model, as `zoo.publish` writes it.
    """
    url = os.environ.get(URL_VARIABLE) or _configured("zoo_url")
    if not url:
        return None
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in ("http", "https", "file"):
        raise DynresError(
            "The zoo's base address starts with https://, http:// or file://. "
            f"Received: {url!r}. Set it in {URL_VARIABLE} or {config_file()}."
        )
    return url.rstrip("/")


def cache_dir() -> Path:
    """The folder downloads are kept in, which need not exist yet.

    `KERAS_DYNRES_CACHE`, else `cache` of the configuration file, else
    `~/.cache/keras_dynres`.
    """
    chosen = os.environ.get(CACHE_VARIABLE) or _configured("cache")
    return Path(chosen or "~/.cache/keras_dynres").expanduser()


def read_if_there(path: Path, what: str) -> dict[str, Any] | None:
    """The JSON object in the file at `path`, None where there is no file.

    Args:
        path: The file.
        what: What it should hold, as the error says it.
    """
    try:
        content = files.read_json(path, what)
    except DynresError as error:
        if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
            return None
        raise
    if not isinstance(content, dict):
        raise DynresError(f"{str(path)!r} holds no JSON object. Received: {content!r}")
    return content


def _configured(key: str) -> str | None:
    path = config_file()
    content = read_if_there(path, "settings of the zoo") or {}
    for name, value in content.items():
        one_of(f"setting in {str(path)!r}", name, KEYS)
        if not isinstance(value, str):
            raise DynresError(
                f"{name!r} in {str(path)!r} is a string. Received: {value!r}"
            )
    return content.get(key)

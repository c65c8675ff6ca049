"""Networks on the Hugging Face hub: `hf://org/name`, or `hf://org/name@revision`.

The library huggingface_hub does the work, with its own cache, token (`hf auth login` or
`HF_TOKEN`) and address (`HF_ENDPOINT`).
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from keras_dynres import files
from keras_dynres.errors import DynresError
from keras_dynres.zoo.download import WeightsFile
from keras_dynres.zoo.places import CARD, Place

PREFIX = "hf://"
_ADDRESS = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")


class Hub(Place):
    """A network in a repository of the hub.

    Args:
        address: `hf://org/name`, perhaps with `@` and a branch, tag or commit.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._repository, self._revision = parts(address)

    def card(self) -> tuple[str, str] | None:
        """The repository's card."""
        path = self._file(CARD, verbose=0)
        return path and (files.read_text(path, "a card"), self._address)

    def weights(self, file: WeightsFile, verbose: int = 1) -> Path | None:
        """The weights in the hub's cache, downloaded where they are not."""
        path = self._file(file.file, verbose)
        if path and not file.is_at(path):
            # Damaged in the cache, perhaps: the hub compares no hash there.
            path = self._file(file.file, verbose, force_download=True)
        if path and not file.is_at(path):
            raise DynresError(
                f"{file.file!r} at {self._address!r} is not the file that its card "
                "tells of (its SHA-256 differs): it was truncated or changed."
            )
        return path

    def _file(self, name: str, verbose: int, **options: Any) -> Path | None:
        """The path of one of its files, None where it has none of that name."""
        hub = library()
        with sentences(self._address), _bars(hub, verbose):
            try:
                path = hub.hf_hub_download(
                    self._repository,
                    name,
                    revision=self._revision,
                    endpoint=endpoint(),
                    **options,
                )
            except hub.errors.LocalEntryNotFoundError:
                raise
            except hub.errors.EntryNotFoundError:
                return None
        return Path(path)


def parts(address: str) -> tuple[str, str | None]:
    """Repository and revision of an address.

    >>> parts("hf://org/name@main")
    ('org/name', 'main')
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise DynresError(
            "An address of the hub is hf://org/name or hf://org/name@revision. "
            f"Received: {address!r}"
        )
    return match.groups()


def library() -> ModuleType:
    """The library, which is an extra."""
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError as error:
        raise DynresError(
            "Addresses of the hub need the library huggingface_hub: "
            "pip install 'keras-dynres[hub]'."
        ) from error
    return huggingface_hub


def endpoint() -> str | None:
    """The hub's address, for which the library looks once, when it is imported."""
    return os.environ.get("HF_ENDPOINT")


@contextlib.contextmanager
def _bars(hub: ModuleType, verbose: int) -> Iterator[None]:
    quiet = not verbose and not hub.utils.are_progress_bars_disabled()
    if quiet:
        hub.utils.disable_progress_bars()
    try:
        yield
    finally:
        if quiet:
            hub.utils.enable_progress_bars()


@contextlib.contextmanager
def sentences(address: str) -> Iterator[None]:
    """Says in one sentence what hinders the hub."""
    errors = library().errors
    token = "log in by `hf auth login`, or set HF_TOKEN"
    try:
        yield
    except errors.GatedRepoError as error:
        raise DynresError(
            f"{address!r} asks for an agreement on its page first; then {token}."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise DynresError(f"{address!r} has no such revision.") from error
    except errors.RepositoryNotFoundError as error:
        raise DynresError(
            f"There is no {address!r}, or it is private: {token}."
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise DynresError(
            f"{address!r} cannot be reached, and is not in the hub's cache: check the "
            "connection and HF_ENDPOINT."
        ) from error
    except errors.HfHubHTTPError as error:
        code = getattr(error.response, "status_code", None)
        advice = f": {token}" if code in (401, 403) else ""
        raise DynresError(
            f"The hub refused {address!r} with {code or 'an error'}{advice}."
        ) from error
    except (errors.HTTPError, OSError) as error:
        reason = " ".join(str(getattr(error, "strerror", "") or error).split())[:200]
        raise DynresError(
            f"{address!r} cannot be had ({reason}): check the connection and try again."
        ) from error

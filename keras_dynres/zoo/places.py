"""Where published networks are: a folder, the zoo's address with a cache before it.

A place hands out a network's card, as text, and its weights, as the path of a file.
"""

import abc
from pathlib import Path

from keras_dynres import files
from keras_dynres.errors import DynresError
from keras_dynres.zoo import config, download
from keras_dynres.zoo.download import WeightsFile

CARD, PAGE = "card.json", "README.md"
# What ships inside the package: a folder a network, with its card and its weights.
SHIPPED = Path(__file__).parent / "models"


class Place(abc.ABC):
    """A place where one network's card and weights may be found."""

    @abc.abstractmethod
    def card(self) -> tuple[str, str] | None:
        """The card's text and where it was read, None where there is none."""

    @abc.abstractmethod
    def weights(self, file: WeightsFile, verbose: int = 1) -> Path | None:
        """The path of the card's weights, None where they are not."""

    def keep(self, content: str) -> None:
        """Keeps a card's text, read here and found sound, where it was far away."""
        del content


class Folder(Place):
    """A folder as `zoo.publish` fills it.

    Args:
        path: The folder.
        advice: What to do about a file that was damaged.
    """

    def __init__(self, path: str | Path, advice: str) -> None:
        self.path = Path(path)
        self._advice = advice

    def card(self) -> tuple[str, str] | None:
        """The card in the folder."""
        path = self.path / CARD
        if not path.is_file():
            return None
        return files.read_text(path, "a card"), str(path)

    def weights(self, file: WeightsFile, verbose: int = 1) -> Path | None:
        """The weights in the folder, their hash checked."""
        path = self.path / file.file
        if path.is_file() and not file.is_at(path):
            raise DynresError(
                f"{str(path)!r} is truncated or was changed: {self._advice}."
            )
        return path if path.is_file() else None


class Web(Place):
    """The zoo's address, and the cache that what was read there is kept in.

    Args:
        name: The network's name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.path = config.cache_dir() / name

    def card(self) -> tuple[str, str] | None:
        """The card in the cache, else that at the address, which is kept."""
        path = self.path / CARD
        if path.is_file():
            return files.read_text(path, "a card"), str(path)
        url = self._url(CARD)
        content = url and download.read_small(url)
        if not content:
            return None
        try:
            return content.decode("utf-8"), url
        except UnicodeDecodeError as error:
            raise DynresError(f"{url} is no card: it is not text in UTF-8.") from error

    def keep(self, content: str) -> None:
        """Keeps a card that was found to be one, unless it was read in the cache."""
        path = self.path / CARD
        if path.is_file():
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with files.appearing(path) as file:
                file.write(content.encode("utf-8"))
        except OSError as error:
            raise DynresError(download.disk_trouble(path.parent, error)) from error

    def weights(self, file: WeightsFile, verbose: int = 1) -> Path:
        """The weights in the cache, downloaded where they are not."""
        path = self.path / file.file
        if file.is_at(path):
            return path
        url = self._url(file.file)
        if url is None:
            trouble = (
                "is truncated or was changed" if path.is_file() else "does not exist"
            )
            raise DynresError(
                f"{str(path)!r} {trouble}, and no address is set to download the "
                f"weights of {self._name!r} from: set {config.URL_VARIABLE}, or load "
                "it untrained with weights=None."
            )
        return download.fetch(url, path, file, verbose)

    def _url(self, file: str) -> str | None:
        """The address of a file, None where no base address is set."""
        base = config.zoo_url()
        return base and f"{base}/{self._name}/{file}"

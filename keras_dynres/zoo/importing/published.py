"""Checkpoints at the addresses that their authors published."""

import dataclasses
import hashlib
import shutil
import urllib.parse
import zipfile
from pathlib import Path, PurePosixPath

from keras_dynres import files
from keras_dynres.errors import DynresError
from keras_dynres.zoo import download

SCHEMES = ("http", "https", "file")
# Bytes that a file may have whose size nobody wrote down.
LIMIT = 1 << 31


@dataclasses.dataclass(frozen=True)
class Published:
    """Where a checkpoint is, and what is known of it.

    Args:
        url: Address of the file, or of a zip archive that it is in.
        member: Its name in the archive; empty where the address is its own.
        sha256: Its hash; empty where that is not known.
    """

    url: str
    member: str = ""
    sha256: str = ""

    @classmethod
    def parse(cls, address: str) -> "Published":
        """What an address with a fragment tells.

        >>> Published.parse("https://example.org/nets.zip#net.pth").member
        'net.pth'

        Args:
            address: `URL`, or `URL#MEMBER`, `URL#sha256=HEX`, `URL#MEMBER&sha256=HEX`.
        """
        url, fragment = urllib.parse.urldefrag(address)
        words = [word for word in fragment.split("&") if word]
        hashes = [w.removeprefix("sha256=") for w in words if w.startswith("sha256=")]
        members = [w for w in words if not w.startswith("sha256=")]
        member = urllib.parse.unquote(members[0]) if members else ""
        return cls(url, member, *hashes[:1])

    @property
    def name(self) -> str:
        """The checkpoint's file name."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.url).path)
        return self.member or PurePosixPath(path).name

    def fetch(self, folder: Path, verbose: int = 1) -> Path:
        """Downloads the checkpoint, unless it is there.

        Args:
            folder: Where it is kept, in a folder for each address.
            verbose: 0 is silent, 1 shows a progress bar.

        Returns:
            The path of the checkpoint.
        """
        folder /= hashlib.sha256(self.url.encode()).hexdigest()[:16]
        path = folder / (PurePosixPath(self.name).name or "checkpoint")
        if not self.member:
            return _fetch(self.url, path, self.sha256, verbose)
        if path.is_file() and self.sha256 in ("", files.sha256(path)):
            return path
        archive = _fetch(self.url, folder / "archive.zip", "", verbose)
        _extract(archive, self.member, path)
        if self.sha256 and files.sha256(path) != self.sha256:
            path.unlink()
            raise DynresError(_differs(f"{self.member!r} of {self.url}"))
        return path


def is_address(source: str | Path) -> bool:
    """Whether a checkpoint is named by an address, not by a path.

    >>> is_address("https://example.org/net.pth"), is_address("net.pth")
    (True, False)
    """
    return urllib.parse.urlsplit(str(source)).scheme in SCHEMES


def _fetch(url: str, path: Path, sha256: str, verbose: int) -> Path:
    with download.alone_at(path, verbose):
        if path.is_file() and sha256 in ("", files.sha256(path)):
            return path
        part = _received(url, path, verbose)
        if sha256 and files.sha256(part) != sha256:
            part.unlink()
            raise DynresError(_differs(url))
        part.replace(path)
    return path


def _received(url: str, path: Path, verbose: int) -> Path:
    """The `.part` file that holds all there is at an address.

    What broke off goes on where the server says, by its `ETag` or the time of the last
    change, that the file is the same; else it begins anew.
    """
    part, note = (path.with_name(f"{path.name}.{end}") for end in ("part", "mark"))
    mark = note.read_text() if note.is_file() and part.is_file() else ""
    start = part.stat().st_size if mark else 0
    with download.open_address(url, start, mark) as response:
        start, headers = download.begin_of(response, start), response.headers
        if headers.get_content_type() == "text/html":
            raise DynresError(
                f"{url} is a web page and no file: open it in a browser, and import "
                "the file you get there."
            )
        length = headers.get("Content-Length")
        size = None if length is None else int(length) + start
        if size is not None and size > LIMIT:
            raise DynresError(download.too_large(url, size, LIMIT))
        files.write(note, headers.get("ETag") or headers.get("Last-Modified") or "")
        if verbose:
            print(f"Going on with {url}" if start else f"Downloading {url}")
        with part.open("r+b" if start else "wb") as out:
            out.seek(start)
            download.copy(response, out, url, start, size, verbose, LIMIT)
    note.unlink()
    return part


def _extract(archive: Path, member: str, path: Path) -> None:
    """Writes one file of a zip archive, found by its name in whatever folder there."""
    try:
        with zipfile.ZipFile(archive) as content:
            names = content.namelist()
            inside = [n for n in names if f"/{n}".endswith(f"/{member}")]
            if len(inside) != 1:
                raise DynresError(
                    f"The archive {str(archive)!r} has {len(inside)} files of the name "
                    f"{member!r}. Received: {', '.join(names[:12])}."
                )
            size = content.getinfo(inside[0]).file_size
            if size > LIMIT:
                raise DynresError(download.too_large(inside[0], size, LIMIT))
            with files.writing(path), files.appearing(path) as out:
                shutil.copyfileobj(content.open(inside[0]), out)
    except zipfile.BadZipFile as error:
        archive.unlink()
        raise DynresError(
            f"{str(archive)!r} is no whole zip archive ({error}), and was not kept."
        ) from error


def _differs(what: str) -> str:
    return (
        f"{what} is not the file it should be (its SHA-256 differs): it was not kept."
    )

"""The files that a site consists of, in memory, for a server or a folder."""

import gzip
import hashlib
import json
import lzma
import shutil
import tarfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from keras_dynres import files, tflite
from keras_dynres.errors import DynresError

FORMAT = "keras_dynres.site/1"
ABOUT = "site.json"
BUNDLE = "net.tflite"
INDEX = "index.html"
# A site's file is of one of these; what else lies in the folder is not for browsers.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tflite": "application/octet-stream",
    ".wasm": "application/wasm",
    "": "text/plain; charset=utf-8",
}
_PAGE = (".css", ".html", ".js", ".mjs", ".png", ".svg")
_NOTICES = ("LICENSE", "NOTICE")
_ARCHIVE = "litert.tar.xz"


class File:
    """Content of a site's file, and how it is sent.

    Args:
        path: The path in the site.
        content: Its bytes.

    Attributes:
        type: The media type.
        tag: A hash of the content, for browsers that have it already.

    Example:

    >>> File("style.css", b"body {}").type
    'text/css; charset=utf-8'
    """

    def __init__(self, path: str, content: bytes):
        self.content = content
        self.type = TYPES[Path(path).suffix]
        self.tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
        self._smaller: bytes | None = None
        self._lock = threading.Lock()

    def compressed(self) -> bytes:
        """The content in gzip, made when it is first asked for.

        What does not shrink is returned as it is.
        """
        with self._lock:
            if self._smaller is None:
                packed = gzip.compress(self.content, 6, mtime=0)
                smaller = len(packed) < 0.95 * len(self.content)
                self._smaller = packed if smaller else self.content
            return self._smaller


class Site:
    """A checked bundle, and the page that measures it.

    Args:
        bundle: Path of a `.tflite` file that `keras_dynres.tflite.export` wrote.

    Attributes:
        files: Maps paths in the site to `File`s; `site.json` is not among them, since
            it depends on where the site is.
        metadata: What the bundle says about itself.

    Example:

    ```python
    Site("net.tflite").write("site")
    ```
    """

    def __init__(self, bundle: str | Path):
        self.bundle = Path(bundle)
        content = tflite.verify(self.bundle)
        self.metadata = tflite.read_metadata(content)
        page = {**dict(_page(_web())), BUNDLE: content}
        self.files = {path: File(path, data) for path, data in page.items()}

    def about(self, results: str | None = None, secure: str | None = None) -> File:
        """The file `site.json`, which tells the page what it measures.

        Args:
            results: Where the page sends its figures, None where nobody takes them.
            secure: The same site by https, where this is not.
        """
        fields = {
            "format": FORMAT,
            "bundle": BUNDLE,
            "name": self.bundle.name,
            "sha256": self.metadata["sha256"],
            "bytes": len(self.files[BUNDLE].content),
            "results": results,
            "secure": secure,
        }
        return File(ABOUT, json.dumps(fields).encode())

    def write(self, folder: str | Path) -> Path:
        """Writes the site as files that any web server can hand out.

        A new folder appears whole or not at all. In a folder that holds a site the
        files are replaced one by one, others that lie there stay.

        Args:
            folder: A new folder, an empty one, or one that holds a site.

        Returns:
            The folder.
        """
        folder = Path(folder).expanduser().resolve()
        _check_free(folder)
        draft = folder
        if not folder.exists():
            draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}")
        try:
            with files.writing(folder, "site"):
                for path, file in [*self.files.items(), (ABOUT, self.about())]:
                    (draft / path).parent.mkdir(parents=True, exist_ok=True)
                    files.write(draft / path, file.content)
                if draft != folder:
                    draft.replace(folder)
        finally:
            if draft != folder:
                shutil.rmtree(draft, ignore_errors=True)
        return folder


def _check_free(folder: Path) -> None:
    with files.writing(folder, "site"):
        if not folder.exists() or not any(folder.iterdir()):
            return
        try:
            content = files.read_json(folder / ABOUT, "a site")
            known = content["format"] == FORMAT
        except (DynresError, TypeError, KeyError):
            known = False
    if not known:
        raise DynresError(
            "The folder holds other files than a site's: name a new one. "
            f"Received: path={str(folder)!r}."
        )


def _web() -> Path:
    """Where the page's sources lie: in the package, or in a checkout beside it."""
    here = Path(__file__).resolve()
    folders = (here.with_name("web"), here.parents[2] / "tflite" / "web")
    for folder in folders:
        if (folder / INDEX).is_file():
            return folder
    raise DynresError(
        "The page's files are missing: install keras-dynres anew. "
        f"Received: path={str(folders[0])!r}."
    )


def _page(web: Path) -> Iterator[tuple[str, bytes]]:
    """(path in the site, content) of all that a browser needs to measure."""
    for path in sorted(web.iterdir()):
        if path.suffix in _PAGE:
            yield path.name, path.read_bytes()
    runtime = web / "runtime"
    for name in _NOTICES:
        if (runtime / name).is_file():
            yield f"runtime/{name}", (runtime / name).read_bytes()
    try:
        with tarfile.open(runtime / _ARCHIVE, "r:xz") as archive:
            for member in archive:
                if member.isfile() and Path(member.name).suffix in TYPES:
                    path = PurePosixPath("runtime", member.name)
                    yield str(path), archive.extractfile(member).read()
    except (OSError, EOFError, lzma.LZMAError, tarfile.TarError) as error:
        raise DynresError(
            f"The runtime's archive cannot be read: {error}; install keras-dynres "
            f"anew. Received: path={str(runtime / _ARCHIVE)!r}."
        ) from error

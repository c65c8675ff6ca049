"""The server of a site: http and https on one port, for one network at home."""

import contextlib
import errno
import hmac
import http.server
import json
import os
import secrets
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from keras_dynres.errors import DynresError
from keras_dynres_cli.phone import address, certificate
from keras_dynres_cli.phone.site import ABOUT, INDEX, File, Site

RESULTS = "results"
LARGEST = 1 << 20  # bytes of a body
PATIENCE = 20  # seconds that a client may be silent
_HANDSHAKE = b"\x16"  # what TLS begins with, and no request does
_GONE = (ConnectionError, TimeoutError, ssl.SSLError)
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; "
    "script-src 'self' blob: 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "connect-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Server(http.server.ThreadingHTTPServer):
    """Hands out a site below a secret path, and takes what a phone measured.

    Each client has a thread of its own, in which its TLS handshake happens, too: one
    that is silent, or talks garbage, holds up nobody else.

    Args:
        site: A `Site`.
        keep: Called with the body of each report, in the client's thread; what it
            refuses by a `DynresError` is told to the phone.
        port: The port, 0 for one that is free.
        host: The address to listen on, by default all of this computer's.
        patience: Seconds that a client may be silent.

    Attributes:
        address: Where a phone finds the server.
        local: Whether that is this computer alone.

    Example:

    ```python
    with Server(Site("net.tflite"), keep=print) as server:
        print(server.url())
        server.serve_forever()
    ```
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    # On Windows it would let two servers share a port.
    allow_reuse_address = os.name != "nt"

    def __init__(
        self,
        site: Site,
        keep: Callable[[bytes], Any],
        port: int = 8000,
        host: str | None = None,
        patience: float = PATIENCE,
    ):
        self.site = site
        self.keep = keep
        self.patience = patience
        self.token = secrets.token_hex(8)
        self.address = host or address.own() or address.LOOPBACK
        self.local = self.address == "localhost" or self.address.startswith("127.")
        self._context = certificate.context(self.address)
        try:
            super().__init__((host or "", port), Handler)
        except (OSError, OverflowError) as error:
            raise DynresError(_unavailable(error, host, port)) from error

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self.server_address[1]

    def url(self, secure: bool = False, host: str | None = None) -> str:
        """The address of the site.

        Args:
            secure: Whether by https.
            host: Another name of this computer.
        """
        scheme = "https" if secure else "http"
        return f"{scheme}://{host or self.address}:{self.port}/{self.token}/"

    @contextlib.contextmanager
    def background(self) -> Iterator["Server"]:
        """Serves in a thread of its own within a context, at whose end it closes."""
        with self:
            thread = threading.Thread(target=self.serve_forever, args=[0.05])
            thread.start()
            try:
                yield self
            finally:
                self.shutdown()
                thread.join()

    def server_bind(self) -> None:
        """Binds without asking a name server what this computer is called."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request: socket.socket, client_address: Any) -> None:
        """Speaks with one client, by TLS if it begins so."""
        request.settimeout(self.patience)
        if request.recv(1, socket.MSG_PEEK) == _HANDSHAKE:
            # Takes the place of the plain socket, which is closed by it.
            request = self._context.wrap_socket(request, server_side=True)
        with request:
            super().finish_request(request, client_address)

    def handle_error(self, request: socket.socket, client_address: Any) -> None:
        """Says nothing of clients that left, were silent or talked garbage."""
        if not isinstance(sys.exc_info()[1], _GONE):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """One client's requests."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        """Limits how long a client may be silent."""
        self.timeout = self.server.patience
        super().setup()

    def do_GET(self) -> None:
        """Sends a file of the site."""
        name = self._name()
        if name is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        elif name == "/":
            self._answer(HTTPStatus.MOVED_PERMANENTLY, Location=f"{self._root}/")
        else:
            self._file(self._files(name))

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Takes what a phone measured."""
        if self._name() != RESULTS:
            known = self._name() is not None
            status = HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND
            self.send_error(status)
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
        elif len(length) > 9 or int(length) > LARGEST:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif self.headers.get_content_type() != "application/json":
            self.send_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        else:
            self._take(int(length))

    def _take(self, length: int) -> None:
        body = self.rfile.read(length)
        if len(body) < length:  # The phone left in the middle.
            self.close_connection = True
            return
        try:
            self.server.keep(body)
        except DynresError as error:
            self.send_error(HTTPStatus.BAD_REQUEST, str(error))
        else:
            self._answer(HTTPStatus.NO_CONTENT)

    @property
    def _root(self) -> str:
        return f"/{self.server.token}"

    def _name(self) -> str | None:
        """The path within the site, "/" for the site itself; None for all else."""
        path = self.path.partition("?")[0].encode()
        root = self._root.encode()
        if not hmac.compare_digest(path[: len(root)], root):
            return None
        rest = path[len(root) :].decode()
        if not rest:
            return "/"
        name = rest.removeprefix("/") or INDEX
        known = name in self.server.site.files or name in (ABOUT, RESULTS)
        return name if known and rest.startswith("/") else None

    def _files(self, name: str) -> File | None:
        if name != ABOUT:
            return self.server.site.files.get(name)
        is_secure = isinstance(self.connection, ssl.SSLSocket)
        return self.server.site.about(
            results=RESULTS, secure=None if is_secure else self.server.url(secure=True)
        )

    def _file(self, file: File | None) -> None:
        if file is None:
            self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)
            return
        if self.headers.get("If-None-Match") == file.tag:
            self._answer(HTTPStatus.NOT_MODIFIED, ETag=file.tag)
            return
        content = file.content
        headers = {"Content_Type": file.type, "ETag": file.tag}
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            content = file.compressed()
            if content is not file.content:
                headers["Content_Encoding"] = "gzip"
        self._answer(HTTPStatus.OK, content, **headers)

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        """Answers with one sentence, in JSON, and ends the connection."""
        sentence = message or _SENTENCES.get(code) or f"{HTTPStatus(code).phrase}."
        content = json.dumps({"error": sentence}).encode()
        self.close_connection = True
        self._answer(code, content, Content_Type="application/json", Connection="close")
        self._drain()

    def _drain(self) -> None:
        """Reads some of a body that was refused unread.

        Else the system would cut the connection, and the answer with it.
        """
        with contextlib.suppress(OSError, AttributeError):
            self.connection.settimeout(1)
            self.connection.shutdown(socket.SHUT_WR)
            for _ in range(64):
                if not self.rfile.read1(1 << 16):
                    break

    def version_string(self) -> str:
        """What the header `Server` says."""
        return "keras-dynres"

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: a page is many requests, and their paths hold the token."""


_SENTENCES = {
    HTTPStatus.NOT_FOUND: "Nothing is here: open the address that the terminal shows.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address is not asked so.",
    HTTPStatus.LENGTH_REQUIRED: "A report must say its length.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"A report has at most {LARGEST} bytes.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "A report is application/json.",
}


def _unavailable(error: Exception, host: str | None, port: int) -> str:
    """Why the port cannot be listened on."""
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return f"The port is in use: choose another by --port. Received: port={port}."
    if code == errno.EACCES:
        return (
            "The port is not for everybody: choose one above 1023. "
            f"Received: port={port}."
        )
    if isinstance(error, OverflowError):
        return f"A port is a number from 0 to 65535. Received: port={port}."
    return f"This computer has no such address. Received: host={host!r}."

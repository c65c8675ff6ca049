"""The server of `keras-dynres phone`: what it hands out, takes, and survives."""

import contextlib
import http.client
import json
import socket
import struct
import threading

import pytest
from phone_client import ask, connect, raw, trusting

import keras_dynres as kd
from keras_dynres_cli.phone import address, server, site


@pytest.fixture(params=["http", "https"])
def connection(request, running):
    """A client of the server, by either scheme."""
    with contextlib.closing(connect(running, request.param)) as connection:
        yield connection


def test_the_site_is_handed_out(running, connection, web, phone_bundle):
    root = f"/{running.token}/"
    expected = {
        "": (web / "index.html").read_bytes(),
        "index.html?new": (web / "index.html").read_bytes(),
        "page.mjs": (web / "page.mjs").read_bytes(),
        "runtime/core/index.js": b"export {};",
        "runtime/LICENSE": b"a licence",
        "net.tflite": phone_bundle.read_bytes(),
    }
    for path, content in expected.items():
        response, got = ask(connection, root + path)
        assert (response.status, got) == (200, content), path
        assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    about = json.loads(ask(connection, f"{root}site.json")[1])
    is_secure = isinstance(connection, http.client.HTTPSConnection)
    assert about == {
        "format": "keras_dynres.site/1",
        "bundle": "net.tflite",
        "name": "net.tflite",
        "sha256": kd.tflite.read_metadata(phone_bundle)["sha256"],
        "bytes": phone_bundle.stat().st_size,
        "results": "results",
        "secure": None if is_secure else running.url(secure=True),
    }


def test_types_and_gzip_and_what_a_browser_has_already(running):
    with contextlib.closing(connect(running)) as connection:
        path = f"/{running.token}/runtime/wasm/x.wasm"
        response, whole = ask(connection, path)
        assert response.headers["Content-Type"] == "application/wasm"
        assert "Content-Encoding" not in response.headers
        packed = {"Accept-Encoding": "br, gzip"}
        response, content = ask(connection, path, headers=packed)
        assert response.headers["Content-Encoding"] == "gzip"
        assert len(content) < len(whole) / 10
        assert site.gzip.decompress(content) == whole
        has = {"If-None-Match": response.headers["ETag"]}
        response, content = ask(connection, path, headers=has)
        assert (response.status, content) == (304, b"")
        response, content = ask(connection, path, "HEAD")
        assert response.headers["Content-Length"] == str(len(whole))
        for name, kind in {"": "text/html", "page.mjs": "text/javascript"}.items():
            response, _ = ask(connection, f"/{running.token}/{name}")
            assert response.headers.get_content_type() == kind


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/favicon.ico",
        "/index.html",
        "/0123456789abcdef/",
        "/TOKENx",
        "/TOKENindex.html",
        "/TOKEN//",
        "/TOKEN/README.md",
        "/TOKEN/net.tflite.bench.json",
        "/TOKEN/../net.tflite",
        "/TOKEN/runtime/../../net.tflite",
        "/TOKEN/%2e%2e/net.tflite",
        "/TOKEN/runtime/litert.tar.xz",
        "/TOKEN//etc/passwd",
        "/T\u00f6KEN/",
    ],
)
def test_nothing_else_is_handed_out(running, path):
    line = f"GET {path.replace('TOKEN', running.token)} HTTP/1.1\r\n\r\n"
    assert raw(running, line.encode("latin-1")).startswith(b"HTTP/1.1 404 ")


def test_the_site_without_its_slash_is_led_to_it(running):
    with contextlib.closing(connect(running)) as connection:
        response, _ = ask(connection, f"/{running.token}")
        assert response.status == 301
        assert response.headers["Location"] == f"/{running.token}/"


def test_methods_are_limited(running):
    token = running.token
    for line, status in {
        f"POST /{token}/index.html": 405,
        f"GET /{token}/results": 405,
        "POST /results": 404,
        f"DELETE /{token}/": 501,
    }.items():
        answer = raw(running, f"{line} HTTP/1.1\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 %d " % status), line


def test_silence_and_garbage_hold_nobody_up(running):
    at = ("127.0.0.1", running.port)
    garbage = [b"\x16\x03\x01" + bytes(300), b"\x16", bytes(500), b"GET\r\n\r\n"]
    with contextlib.ExitStack() as stack:
        for content in [b"", b"", *garbage]:
            client = stack.enter_context(socket.create_connection(at))
            client.sendall(content)
        with contextlib.closing(connect(running, "https")) as connection:
            assert ask(connection, f"/{running.token}/")[0].status == 200
        with contextlib.closing(connect(running)) as connection:
            assert ask(connection, f"/{running.token}/")[0].status == 200


def test_a_silent_client_is_left_after_a_while(running):
    running.patience = 0.05
    for content in [b"", b"\x16\x03", b"GET / HT"]:
        with socket.create_connection(("127.0.0.1", running.port), 20) as client:
            client.sendall(content)
            with contextlib.suppress(ConnectionResetError):
                assert b" 200 " not in client.makefile("rb").read()


def test_a_phone_that_leaves_in_the_middle_is_no_error(running, lines, monkeypatch):
    """The fixture holds that no error was shown."""
    broken = threading.Event()
    real = server.Handler._answer

    def answer(handler, *args, **headers):
        try:
            real(handler, *args, **headers)
        except OSError:
            broken.set()
            raise

    monkeypatch.setattr(server.Handler, "_answer", answer)
    large = site.File("page.mjs", bytes(50_000_000))
    running.site.files["page.mjs"] = large
    client = socket.create_connection(("127.0.0.1", running.port))
    client.sendall(f"GET /{running.token}/page.mjs HTTP/1.1\r\n\r\n".encode())
    client.recv(100)
    # Closed by a reset, as by a phone out of reach.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert broken.wait(20)
    head = f"POST /{running.token}/results HTTP/1.1\r\nContent-Type: application/json"
    assert raw(running, f"{head}\r\nContent-Length: 99\r\n\r\n{{".encode()) == b""
    assert not lines


def test_the_certificate_names_the_host_and_localhost(running):
    from cryptography import x509

    at = ("127.0.0.1", running.port)
    with (
        socket.create_connection(at, 20) as plain,
        trusting().wrap_socket(plain) as client,
    ):
        certificate = x509.load_der_x509_certificate(client.getpeercert(True))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    (own,) = names.value.get_values_for_type(x509.IPAddress)
    assert str(own) == "127.0.0.1"
    assert certificate.public_key().curve.name == "secp256r1"


def test_ports_and_addresses_that_cannot_be_had(web, phone_bundle, running):
    made = running.site
    for options, says in {
        (running.port, "127.0.0.1"): "in use",
        (99999, None): "0 to 65535",
        (-1, None): "0 to 65535",
        (0, "192.0.2.77"): "no such address",
        (0, "no such name.invalid"): "no such address",
    }.items():
        with pytest.raises(kd.DynresError, match=says):
            server.Server(made, print, *options)


def test_an_address_of_the_network_or_none(monkeypatch):
    class Probe(contextlib.nullcontext):
        failure = None
        name = "192.168.1.7"

        def __enter__(self):
            return self

        def connect(self, where):
            if self.failure:
                raise self.failure

        def getsockname(self):
            return self.name, 5

    monkeypatch.setattr(address.socket, "socket", lambda *args: Probe())
    assert address.own() == "192.168.1.7"
    monkeypatch.setattr(Probe, "name", "127.0.0.1")
    assert address.own() is None
    monkeypatch.setattr(Probe, "failure", OSError(101, "Network is unreachable"))
    assert address.own() is None

"""A client of the server of `keras-dynres phone`."""

import contextlib
import http.client
import json
import socket
import ssl

JSON = {"Content-Type": "application/json"}


def connect(running, scheme="http"):
    at = ("127.0.0.1", running.port)
    if scheme == "http":
        return http.client.HTTPConnection(*at, timeout=20)
    return http.client.HTTPSConnection(*at, timeout=20, context=trusting())


def trusting():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ask(connection, path, method="GET", body=None, headers=None):
    """The response and its body."""
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response, response.read()


def send(running, measured, **changes):
    """Status and body of the answer to a report."""
    body = json.dumps({**measured, **changes})
    with contextlib.closing(connect(running)) as connection:
        path = f"/{running.token}/results"
        response, content = ask(connection, path, "POST", body, JSON)
    return response.status, content


def raw(running, content):
    """All that the server answers to bytes."""
    with socket.create_connection(("127.0.0.1", running.port), 20) as client:
        client.sendall(content)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            return answer.read()

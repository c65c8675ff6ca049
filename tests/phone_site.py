"""The phone's page as a server of ours hands it out, for tests in a browser."""

import contextlib
import functools

import numpy as np
from PIL import Image

from keras_dynres_cli.phone import site
from keras_dynres_cli.phone.report import keeper
from keras_dynres_cli.phone.server import Handler, Server

# The runtime is unpacked and compressed once for all tests.
_unpacked = functools.cache(lambda web, read=site._page: dict(read(web)))
_file = functools.cache(site.File)


@contextlib.contextmanager
def served(path, monkeypatch, content=None, handler=Handler):
    """A server of a bundle; `content` is handed out in its place."""
    monkeypatch.setattr(site, "_page", _unpacked)
    monkeypatch.setattr(site, "File", _file)
    made = site.Site(path)
    if content is not None:
        made.files[site.BUNDLE] = _file(site.BUNDLE, content)
    keep = keeper(path, made.metadata, tell=lambda line: None)
    server = Server(made, keep, port=0, host="127.0.0.1")
    server.RequestHandlerClass = handler
    with server.background():
        yield server


def picture(shape, seed=0):
    """A picture whose pixels are all different."""
    pixels = np.random.default_rng(seed).integers(0, 256, shape, "uint8")
    return Image.fromarray(pixels)


def saved(image, path):
    image.save(path)
    return path

"""A tiny network in the zoo, a cache of its own for each test, a web server."""

import dataclasses
import functools
import http.server
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
from zoo_networks import add_network

from keras_dynres import zoo
from keras_dynres.zoo import cards, places


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    """No test sees this machine's cache, address or configuration."""
    monkeypatch.setenv("KERAS_DYNRES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras_home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("KERAS_DYNRES_ZOO_URL", raising=False)


@pytest.fixture
def no_random_weights(monkeypatch):
    """For nets whose weights come from a file; JAX compiles what draws each shape."""

    def zeros(self, shape, dtype=None):
        return np.zeros(shape, dtype)

    for kind in (keras.initializers.VarianceScaling, keras.initializers.GlorotUniform):
        monkeypatch.setattr(kind, "__call__", zeros)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """The network `tiny`, for this test alone."""
    network = tiny_network()
    add_network(monkeypatch, network, tmp_path)
    return network


def tiny_network():
    return dataclasses.replace(
        zoo.Network.load("sdpoint_wrn16_2_cifar10"),
        name="tiny",
        architecture_options={
            "depth": 10,
            "width": 1,
            "input_shape": (16, 16, 3),
            "classes": 10,
        },
        method_options={"ratios": (0.5,)},
    )


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A folder as `zoo.publish` fills it, with the calibrated model `tiny`."""
    out = tmp_path_factory.mktemp("zoo")
    with pytest.MonkeyPatch.context() as patch:
        add_network(patch, tiny_network(), tmp_path_factory.mktemp("networks"))
        model = zoo.load("tiny", weights=None)
        zoo.round_to_float16(model)
        # Any statistics will do, and these need no data.
        draw = np.random.default_rng(0)
        for slot in model.slots.values():
            slot.moving_mean.assign(draw.normal(size=slot.moving_mean.shape))
        model.calibrated.assign(np.ones(model.calibrated.shape))
        accuracies = np.linspace(0.5, 0.9, len(model.instances))
        results = {
            "instances": {
                name: {"accuracy": accuracy}
                for name, accuracy in zip(model.menu.names, accuracies, strict=True)
            },
            "training": {"epochs": 1},
        }
        zoo.publish(model, "tiny", results, out)
    return out


@pytest.fixture
def tiny_card(tiny, published):
    text = (published / "tiny" / places.CARD).read_text(encoding="utf-8")
    return cards.Card.from_json(text, "the published card")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files; ranges, marks, lengths, and breaking off, as its server says."""

    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get("Range")))
        try:
            content = Path(self.translate_path(self.path)).read_bytes()
        except OSError:
            self.send_error(404)
            return
        start = self.begin(len(content))
        if start is None:
            return
        sent = content[start:]
        if self.server.break_off_after is not None:
            sent = sent[: self.server.break_off_after]
        self.wfile.write(sent)

    def begin(self, size):
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, self.server.etag)
        if wanted is None or not self.server.ranges or not same:
            self.send_response(200)
            if self.server.lengths:
                self.send_header("Content-Length", str(size))
            self.send_marks()
            return 0
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= size:
            self.send_error(416)
            return None
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.send_marks()
        return start

    def send_marks(self):
        self.send_header("Content-Type", self.guess_type(self.path))
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tiny, published, tmp_path, monkeypatch):
    """A web server over a copy of the published folder, which is the zoo's address."""
    root = tmp_path / "served"
    (root / "tiny").mkdir(parents=True)
    for file in (published / "tiny").iterdir():
        (root / "tiny" / file.name).write_bytes(file.read_bytes())
    handler = functools.partial(Handler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.root, running.requests = root, []
        running.ranges, running.break_off_after = True, None
        running.lengths, running.etag = True, None
        running.url = f"http://127.0.0.1:{running.server_port}"
        monkeypatch.setenv("KERAS_DYNRES_ZOO_URL", running.url)
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()

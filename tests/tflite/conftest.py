"""Bundles of two small nets, exported once a precision; a browser for the page."""

import contextlib
import dataclasses
import io
import pathlib
import shutil

import chromium
import keras
import native_build
import numpy as np
import phone_site
import pytest
import staged_net

import keras_dynres as kd
from keras_dynres import cost
from keras_dynres.exits import solve, stages
from keras_dynres.tflite import PRECISIONS

SHAPE = (16, 16, 3)
NAMES = ("p1@0.5", "p2@0.75", "full")
STAGED_LABELS = ["ash", "beech", "elm", "oak"]
PREPROCESSING = {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.25, 0.2], "scale": 255}


@dataclasses.dataclass
class Bundles:
    """A model, and its file in each precision, made when it is first asked for.

    The files are everybody's: who damages one, or writes beside it, takes a copy.
    """

    model: kd.DynamicModel
    folder: pathlib.Path
    names: tuple
    calibration: np.ndarray
    options: dict = dataclasses.field(default_factory=dict)
    made: dict = dataclasses.field(default_factory=dict)

    def __call__(self, precision="float32"):
        """The path of the file, and what `export` reported."""
        if precision not in self.made:
            path = self.folder / precision / "net.tflite"
            path.parent.mkdir()
            report = kd.tflite.export(
                self.model,
                path,
                self.names,
                precision,
                calibration_data=self.calibration,
                verbose=0,
                **self.options,
            )
            self.made[precision] = path, report
        return self.made[precision]


@dataclasses.dataclass
class SmallBundle:
    path: pathlib.Path
    nets: dict  # the Keras model of each instance
    names: tuple = NAMES
    shape: tuple = SHAPE

    def images(self, count):
        """Normalised images."""
        return np.random.default_rng(0).standard_normal((count, *SHAPE), "float32")


@pytest.fixture(scope="session")
def tiny():
    """What converts in a moment, for tests to which the net is all one."""
    x = images = keras.Input(SHAPE, name="images")
    for i in range(3):
        x = keras.layers.Conv2D(4, 3, padding="same", name=f"conv{i}")(x)
        x = keras.layers.BatchNormalization(name=f"bn{i}")(x)
        x = keras.layers.ReLU(name=f"relu{i}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    base = keras.Model(images, keras.layers.Dense(10, name="logits")(x), name="tiny")
    model = kd.SDPoint(base, ratios=(0.5,), points=["relu0", "relu1", "relu2"])
    noise = np.random.default_rng(0).normal(size=(4, *SHAPE)).astype("float32")
    model.calibrate(noise, verbose=0)
    return model


@pytest.fixture(scope="session")
def bundles(tmp_path_factory):
    """Three instances, with statistics as different as training makes them."""
    keras.utils.set_random_seed(0)
    model = kd.SDPoint(kd.architectures.wide_resnet(10, 2, input_shape=SHAPE))
    rng = np.random.default_rng(0)
    for layer in model.base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(rng.uniform(0.5, 1.5, layer.gamma.shape))
            layer.beta.assign(rng.normal(0, 0.2, layer.beta.shape))
    images = rng.normal(0.3, 1.5, (16, *SHAPE)).astype("float32")
    model.calibrate(images, instances=list(NAMES), verbose=0)
    for i, name in enumerate(NAMES):  # made up, to tell them apart
        model.menu.record(name, accuracy=0.9 + i / 100, latency_ms=1e-6)
    options = {"preprocessing": PREPROCESSING, "labels": "abcdefghij"}
    folder = tmp_path_factory.mktemp("bundles")
    return Bundles(model, folder, NAMES, images[:8], options)


@pytest.fixture(scope="session", params=PRECISIONS)
def exported(request, bundles):
    return request.param, *bundles(request.param)


@pytest.fixture(scope="session")
def small(bundles):
    nets = {name: bundles.model.at(name) for name in NAMES}
    return SmallBundle(bundles()[0], nets)


@pytest.fixture
def bundle(small, tmp_path):
    """A copy of its own, for tests that write beside it."""
    return shutil.copy(small.path, tmp_path / "net.tflite")


@pytest.fixture(scope="session")
def staged_bundles(tmp_path_factory):
    """A net of three exits, with two policies."""
    keras.utils.set_random_seed(0)
    model = staged_net.lively(staged_net.Exits(staged_net.base(), name="net"))
    images = staged_net.images(20, seed=2)
    said = np.stack([keras.ops.softmax(logits) for logits in model.base(images)])
    parts = stages.split(model.base)
    costs = np.cumsum([cost.count(stage.model).macs for stage in parts])
    exits = [f"exit{number}" for number in range(1, len(parts) + 1)]
    # Thresholds that let images leave at every exit.
    model.kept = tuple(
        solve(
            said,
            np.zeros(len(images), int),
            costs,
            costs[0] + share * (costs[-1] - costs[0]),
            exits=exits,
            model=model.name,
        )
        for share in (0.5, 0.8)
    )
    images = staged_net.images(24)
    options = {"verify_data": images[:8]}
    folder = tmp_path_factory.mktemp("staged")
    return Bundles(model, folder, ("exit2", "full"), images, options)


def _shared(tmp_path_factory):
    """A folder for all workers of this run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The C++ program, built for this machine."""
    return native_build.for_this_machine(_shared(tmp_path_factory))


@pytest.fixture(scope="session")
def arm(tmp_path_factory):
    """The same for 64-bit ARM, under an emulator."""
    return native_build.for_arm(_shared(tmp_path_factory))


@pytest.fixture(scope="session")
def staged_photos(staged_bundles, tmp_path_factory):
    """The same network's file, which also says what pixels become."""
    path = tmp_path_factory.mktemp("photos") / "net.tflite"
    options = {"labels": STAGED_LABELS, "preprocessing": PREPROCESSING}
    kd.tflite.export(
        staged_bundles.model, path, ["exit2", "full"], verbose=0, **options
    )
    return path


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chromium")
    camera = folder / "camera.mjpeg"
    frame = io.BytesIO()
    phone_site.picture((48, 64, 3)).save(frame, "JPEG")
    camera.write_bytes(2 * frame.getvalue())
    try:
        driver = chromium.start(folder / "profile", camera)
    except chromium.Missing as error:
        pytest.skip(f"{error}")
    yield chromium.Page(driver)
    driver.quit()


@pytest.fixture
def lan(page, monkeypatch):
    """Opens the page of a bundle as by http from another computer."""
    with contextlib.ExitStack() as stack:

        def opened(path, content=None, secure=False, **options):
            served = phone_site.served(path, monkeypatch, content, **options)
            server = stack.enter_context(served)
            page.open(server.url(secure, host=chromium.LAN))
            return server

        yield opened

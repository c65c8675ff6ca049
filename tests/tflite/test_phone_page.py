"""The phone's page in Chromium: figures, choice, pictures, exits, errors."""

import contextlib
import functools
import http.server
import io
import threading

import chromium
import keras
import numpy as np
import pytest
from PIL import Image

import keras_dynres as kd
from keras_dynres.tflite import Runner, export, read_metadata
from keras_dynres_cli.phone import site
from keras_dynres_cli.phone.report import keeper
from keras_dynres_cli.phone.server import Server
from keras_dynres_cli.phone.site import File

pytestmark = pytest.mark.tensorflow
LABELS = ["ash", "beech", "elm", "oak"]
RULE = {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.25, 0.2], "scale": 255}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chromium")
    camera = folder / "camera.mjpeg"
    frame = io.BytesIO()
    picture((48, 64, 3)).save(frame, "JPEG")
    camera.write_bytes(2 * frame.getvalue())
    driver = chromium.start(folder / "profile", camera)
    yield chromium.Page(driver)
    driver.quit()


@pytest.fixture(scope="module", autouse=True)
def _unpacked_once():
    """Unpacks and compresses the runtime once for all tests."""
    unpacked = functools.cache(lambda web, read=site._page: dict(read(web)))
    kept = functools.cache(lambda path, content: File(path, content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "_page", unpacked)
        patch.setattr(site, "File", kept)
        yield


@contextlib.contextmanager
def served(path, content=None):
    """A server of a bundle; `content` is handed out in its place."""
    made = site.Site(path)
    if content is not None:
        made.files[site.BUNDLE] = File(site.BUNDLE, content)
    keep = keeper(path, made.metadata, tell=lambda line: None)
    with Server(made, keep, port=0, host="127.0.0.1") as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def lan(page):
    """Opens the page of a bundle as by http from another computer."""
    with contextlib.ExitStack() as stack:

        def opened(path, content=None, secure=False):
            server = stack.enter_context(served(path, content))
            page.open(server.url(secure, host=chromium.LAN))
            return server

        yield opened


def picture(shape, seed=0):
    """A picture whose pixels are all different."""
    pixels = np.random.default_rng(seed).integers(0, 256, shape, "uint8")
    return Image.fromarray(pixels)


def saved(image, path):
    image.save(path)
    return path


# === Figures, and the choice by them ===


def test_measures_by_http_hands_over_and_is_chosen_from(page, lan, bundle):
    lan(bundle)
    page.measured()
    assert "3 of 3 instances measured on 1 thread" in page.text("measured")
    assert page.script("return keras_dynres.ways.length") == 1
    assert page.text("ways-note").startswith("Several threads and the GPU need https.")
    assert not page.at("camera").is_enabled()
    assert page.text("camera-note") == "The live camera needs https."
    dots = page.at("chart").find_elements("css selector", ".dot")
    assert len(dots) == 3
    page.at("device").clear()
    page.at("device").send_keys("Pixel 8")
    page.click("send")
    page.wait(lambda: page.text("kept") or page.text("keep-error"))
    assert page.text("kept") == "Kept under the name Pixel 8."
    menu = kd.tflite.menu(bundle, device="pixel")
    figures = page.script("return keras_dynres.figures")
    for name in ("p1@0.5", "p2@0.75", "full"):
        values = figures[name]
        assert menu[name].measured["latency_ms"] == values["median_ms"]
        assert 0 < values["min_ms"] <= values["median_ms"] <= values["max_ms"]
        assert values["iqr_ms"] <= values["max_ms"] - values["min_ms"]
    # The page and Python choose alike.
    low, *_, high = sorted(f["median_ms"] for f in figures.values())
    for share in (0, 30, 70, 100):
        page.slide("budget", share)
        budget = high if share == 100 else low + (high - low) * share / 100
        chosen = page.script("return keras_dynres.chosen.name")
        assert chosen == menu.within(latency_ms=budget).name
        assert page.text("chosen").startswith(f"{chosen}: ")
        assert page.text("chosen").endswith(" %")
    # This machine has measured nothing.
    assert "latency_ms" not in kd.tflite.menu(bundle).full.measured
    assert page.complaints() == []


def test_a_page_stops_and_goes_on(page, lan, small):
    lan(small.path)
    page.click("stop")
    page.measured()
    page.click("measure")
    page.measured()
    assert "3 of 3" in page.text("measured")
    assert page.text("measure-error") == ""


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_outputs_are_those_of_python(page, lan, bundles, precision):
    path = bundles(precision)[0]
    lan(path)
    page.stopped()
    (image,) = np.random.default_rng(3).standard_normal((1, 16, 16, 3), "float32")
    runner = Runner(path)
    for name in runner.menu.names:
        (outputs,) = page.run(name, image.ravel().tolist()).values()
        np.testing.assert_allclose(outputs, runner.run(image, name), atol=1e-6)


def test_usable_narrow_by_keyboard_and_by_ear(page, lan, small):
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    lan(small.path)
    page.measured()
    root = "document.documentElement"
    assert page.script(f"return {root}.scrollWidth <= {root}.clientWidth")
    nameless = page.script(
        "return [...document.querySelectorAll('button, input, select, progress')]"
        ".filter((part) => !part.ariaLabel && !part.labels?.length "
        "&& !part.textContent.trim()).map((part) => part.id)"
    )
    assert nameless == []
    page.slide("budget", 50)
    page.at("budget").send_keys(keys().ARROW_LEFT)
    assert page.at("budget").get_attribute("value") == "49"
    heard = page.at("budget").get_attribute("aria-valuetext")
    assert heard == f"{page.text('budget-text')}: {page.text('chosen')}"
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def keys():
    from selenium.webdriver.common.keys import Keys

    return Keys


# === Pictures ===


def test_a_photo_is_named_as_in_python(page, lan, small, tmp_path):
    lan(small.path)
    page.measured()
    image = picture((16, 16, 3))
    runner = Runner(small.path)
    chosen = page.script("return keras_dynres.chosen.name")
    said = page.pick(saved(image, tmp_path / "photo.png"))
    logits = runner.run(runner.preprocess(np.asarray(image)), chosen)
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")[:5]
    wanted = [f"{runner.labels[i]}\n{percent(shares[i])}" for i in order]
    assert page.items("answers") == wanted
    assert said == wanted[0].replace("\n", ", ")
    assert page.text("timing").startswith(f"{chosen}: ")
    # Another instance answers when the budget says so.
    page.answer(lambda: page.slide("budget", 0))
    assert page.text("timing").startswith(page.text("chosen").split(":")[0])


def percent(share):
    return f"{100 * share:.1f} %" if 0.995 < share < 1 else f"{100 * share:.0f} %"


def test_the_middle_of_a_large_picture(page, lan, small, tmp_path):
    """Sides are cut off; what is left is made small."""
    lan(small.path)
    page.stopped()
    wide = np.zeros((160, 480, 3), "uint8")
    wide[:, 160:320] = 200
    page.pick(saved(Image.fromarray(wide), tmp_path / "wide.png"))
    cut = page.items("answers")
    page.pick(saved(Image.fromarray(wide[:, 160:320]), tmp_path / "cut.png"))
    assert page.items("answers") == cut


def test_the_camera_by_https_and_threads(page, lan, small):
    lan(small.path, secure=True)
    assert page.script("return crossOriginIsolated")
    page.measured()
    said = page.answer(lambda: page.click("camera"))
    assert said.endswith(" %") and page.text("try-error") == ""
    page.answer(lambda: None)  # The next frame.
    page.click("camera")
    assert page.text("camera") == "Live camera"
    assert page.script("return document.getElementById('video').srcObject") is None
    if page.script("return navigator.hardwareConcurrency") == 1:
        return
    page.driver.find_element("css selector", "input[value=threads]").click()
    assert page.text("measured").startswith("Nothing is measured on")
    page.click("measure")
    page.measured()
    assert "3 of 3 instances" in page.text("measured")
    assert "threads" in page.text("measured")
    (image,) = np.random.default_rng(3).standard_normal((1, 16, 16, 3), "float32")
    (outputs,) = page.run("full", image.ravel().tolist()).values()
    np.testing.assert_allclose(outputs, Runner(small.path).run(image), atol=1e-5)
    assert page.complaints() == []


# === Exits ===


@pytest.fixture(scope="module")
def staged(staged_bundles, tmp_path_factory):
    path = tmp_path_factory.mktemp("staged") / "net.tflite"
    options = {"labels": LABELS, "preprocessing": RULE}
    export(staged_bundles.model, path, ["exit2", "full"], verbose=0, **options)
    return path


def test_a_network_stops_where_it_is_sure(page, lan, staged, tmp_path):
    lan(staged)
    page.stopped()
    image = picture((12, 12, 3), seed=4)
    page.pick(saved(image, tmp_path / "photo.png"))
    runner = Runner(staged)
    pixels = runner.preprocess(np.asarray(image))
    steps = dict(runner.anytime(pixels))
    sure = [1 / np.exp(row - row.max()).sum() for row in steps.values()]
    for share in (0, 40, 55, 70, 100):
        page.answer(lambda share=share: page.slide("sureness", share))
        stop = next((i for i, s in enumerate(sure) if s >= share / 100), 2)
        lines = page.items("stages")
        assert [line.split(":")[0] for line in lines] == runner.exits
        for i, line in enumerate(lines):
            assert ("stopped here" in line) == (i == stop)
            assert ("spared" in line) == (i > stop)
            assert i > stop or f"{percent(sure[i])} sure" in line
        row = list(steps.values())[stop]
        best = page.items("answers")[0].split("\n")[0]
        assert best == LABELS[row.argmax()]
    # The file's own policies, and none at all.
    for position, _ in enumerate(runner.policies):
        page.answer(lambda p=position: choose(page, "policy", p + 1))
        _, exit = runner.predict(pixels, position, return_exits=True)
        assert "stopped here" in page.items("stages")[exit]
    page.answer(lambda: choose(page, "policy", 3))
    assert page.items("stages") == []
    assert page.complaints() == []


def choose(page, name, position):
    from selenium.webdriver.support.ui import Select

    Select(page.at(name)).select_by_index(position)


# === Maps and boxes ===


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """A map that says where blue is more than red, and two boxes, always the same."""
    layers = keras.layers
    x = images = keras.Input((8, 12, 3))
    segments = layers.Conv2D(2, 1, use_bias=False, name="map")(x)
    mean = layers.GlobalAveragePooling2D(name="mean")(x)
    constants = {
        "boxes": [1, 1, 5, 5, 6, 2, 11, 7],
        "scores": [0.9, 0.1],
        "classes": [1, -1],
        "count": [2],
    }
    outputs = {
        name: layers.Dense(len(values), name=f"{name}_row")(mean)
        for name, values in constants.items()
    }
    outputs["boxes"] = layers.Reshape((2, 4), name="pairs")(outputs["boxes"])
    nets = {
        "map": keras.Model(images, {"map": segments}, name="map"),
        "boxes": keras.Model(images, outputs, name="boxes"),
    }
    nets["map"].get_layer("map").set_weights([np.float32([[[[1, 0], [0, 0], [0, 1]]]])])
    for name, values in constants.items():
        bias = np.float32(values)
        kernel = np.zeros((3, len(values)), "float32")
        nets["boxes"].get_layer(f"{name}_row").set_weights([kernel, bias])
    paths = {}
    for name, net in nets.items():
        paths[name] = tmp_path_factory.mktemp("dense") / f"{name}.tflite"
        export(
            kd.DynamicModel(net),
            paths[name],
            labels=["rust", "sky"],
            preprocessing={"mean": [0], "std": [1], "scale": 255},
            verbose=0,
        )
    return paths


def test_a_map_lies_over_the_picture(page, lan, dense, tmp_path):
    lan(dense["map"])
    page.stopped()
    pixels = np.zeros((8, 12, 3), "uint8")
    pixels[:, :9, 0] = pixels[:, 9:, 2] = 255
    said = page.pick(saved(Image.fromarray(pixels), tmp_path / "photo.png"))
    assert said == "Mostly rust 75 %"
    assert page.items("legend") == ["rust 75 %", "sky 25 %"]
    left, right = (colour_at(page, share, 0.5) for share in (0.3, 0.9))
    # Each side in the colour of its class, the picture below.
    assert left[0] > 128 > right[0] and left != [255, 0, 0, 255]


def colour_at(page, x, y):
    return page.script(
        "const canvas = document.getElementById('picture');"
        "return [...canvas.getContext('2d').getImageData("
        "Math.floor(arguments[0] * canvas.width),"
        "Math.floor(arguments[1] * canvas.height), 1, 1).data]",
        x,
        y,
    )


def test_boxes_lie_around_objects(page, lan, dense, tmp_path):
    lan(dense["boxes"])
    page.stopped()
    black = Image.fromarray(np.zeros((8, 12, 3), "uint8"))
    assert page.pick(saved(black, tmp_path / "photo.png")) == "1 object"
    assert page.items("legend") == ["sky: 1"]
    # On the left edge of the box, within it, and where the less likely one is.
    edge, inside, other = (
        colour_at(page, x / 12, y / 8) for x, y in ((1, 4), (3, 4), (6, 5))
    )
    assert max(edge[:3]) > 100
    assert inside == other == [0, 0, 0, 255]


# === What goes wrong, in a sentence each ===


def changed(content, old, new):
    assert content.count(old) == 1 and len(old) == len(new)
    return content.replace(old, new)


@pytest.mark.parametrize(
    "damage, sentence",
    [
        (lambda data: data[:-100], "damaged: its content does not match the hash"),
        (lambda data: data[:3000], "damaged"),
        (lambda data: b"<html>Sign in to the network</html>" * 99, "not a TFLite file"),
        (
            lambda data: changed(
                data, b"keras_dynres.tflite/1", b"keras_dynres.tflite/9"
            ),
            "The metadata's format is not known",
        ),
        (
            lambda data: changed(data, b"KERAS_DYNRES", b"SOMEBODY_ELS"),
            "no keras_dynres",
        ),
    ],
    ids=["cut", "short", "foreign", "version", "plain"],
)
def test_a_bad_bundle_is_never_handed_to_the_runtime(
    page, lan, small, damage, sentence
):
    lan(small.path, damage(small.path.read_bytes()))
    assert sentence in page.text("error")
    assert not page.shown("main")
    loaded = page.script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert any(name.endswith("net.tflite") for name in loaded)
    assert not any("worker" in name or "runtime/" in name for name in loaded)


def test_another_bundle_than_the_sites(page, lan, small, staged):
    lan(small.path, staged.read_bytes())
    assert page.text("error").startswith("The bundle is another than")


def test_a_photo_that_is_no_picture(page, lan, small, tmp_path):
    lan(small.path)
    page.stopped()
    (tmp_path / "photo.png").write_text("no picture")
    page.pick(tmp_path / "photo.png")
    sentence = "photo.png is no picture that this browser can read."
    assert page.text("try-error") == sentence
    page.pick(saved(picture((16, 16, 3)), tmp_path / "better.png"))
    assert page.text("try-error") == ""


def test_a_camera_that_is_refused(page, lan, small):
    lan(small.path, secure=True)
    page.stopped()
    page.script(
        "navigator.mediaDevices.getUserMedia = () => "
        "Promise.reject(new DOMException('no', 'NotAllowedError'))"
    )
    page.answer(lambda: page.click("camera"))
    assert page.text("try-error").startswith("The camera was refused: allow it")
    assert page.text("camera") == "Live camera"


def test_a_network_that_takes_no_pictures(page, lan, staged_bundles):
    lan(staged_bundles()[0])
    page.stopped()
    assert "does not say how pixels become input" in page.text("try-note")
    assert not page.shown("sources")


def test_a_network_that_has_gone(page, lan, bundle):
    lan(bundle)
    page.measured()
    gone = {"offline": True, "latency": 0, "downloadThroughput": 0}
    gone["uploadThroughput"] = 0
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", gone)
    page.click("send")
    page.wait(lambda: page.text("keep-error"))
    page.driver.execute_cdp_cmd("Network.disable", {})
    assert "cannot be reached: is the command still running" in page.text("keep-error")
    page.complaints()  # The browser's own, of the connection.


def test_results_that_are_refused(page, lan, bundle, staged):
    lan(bundle)
    page.measured()
    bundle.write_bytes(staged.read_bytes())
    page.click("send")
    page.wait(lambda: page.text("keep-error"))
    assert "The bundle was replaced since the server began" in page.text("keep-error")
    page.complaints()


# === Without a server of ours ===


def test_a_static_site_keeps_nothing(page, small, tmp_path):
    folder = site.Site(small.path).write(tmp_path / "site")
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        page.open(f"http://{chromium.LAN}:{server.server_port}/")
        page.measured()
        server.shutdown()
        thread.join()
    assert "3 of 3" in page.text("measured")
    assert not page.shown("keep")


class Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
    }

    def log_message(self, *_):
        pass


def test_read_metadata_agrees(page, lan, small):
    lan(small.path)
    metadata = page.script("return keras_dynres.metadata")
    assert metadata == read_metadata(small.path)

"""The phone's page in Chromium: figures, and the choice by them."""

import functools
import http.server
import threading

import chromium
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.tflite import Runner, read_metadata
from keras_dynres_cli.phone.site import Site

pytestmark = pytest.mark.tensorflow


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


def test_a_static_site_keeps_nothing(page, small, tmp_path):
    folder = Site(small.path).write(tmp_path / "site")
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

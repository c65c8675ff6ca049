"""What goes wrong on the phone's page, in a sentence each."""

import pytest
from phone_site import picture, saved

from keras_dynres_cli.phone.server import Handler
from keras_dynres_cli.phone.site import BUNDLE

pytestmark = pytest.mark.tensorflow


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


def test_another_bundle_than_the_sites(page, lan, small, staged_photos):
    lan(small.path, staged_photos.read_bytes())
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


class Leaving(Handler):
    """Goes away in the middle of the bundle."""

    def _file(self, file):
        if not self.path.endswith(BUNDLE):
            super()._file(file)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(file.content)))
        self.end_headers()
        self.wfile.write(file.content[: len(file.content) // 2])
        self.close_connection = True


def test_a_network_that_goes_while_the_bundle_comes(page, lan, small):
    lan(small.path, handler=Leaving)
    page.wait(lambda: page.text("error"))
    assert page.text("error").startswith("The network went away while the bundle")
    page.complaints()


def test_results_that_are_refused(page, lan, bundle, staged_photos):
    lan(bundle)
    page.measured()
    bundle.write_bytes(staged_photos.read_bytes())
    page.click("send")
    page.wait(lambda: page.text("keep-error"))
    assert "The bundle was replaced since the server began" in page.text("keep-error")
    page.complaints()

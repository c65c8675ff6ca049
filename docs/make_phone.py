"""Makes guides/phone.png: the phone's page with two shipped networks, side by side.

    python docs/make_phone.py --data_dir ~/tensorflow_datasets

Needs Chromium, its driver and selenium, and CIFAR-10 for a picture; on a machine that
does nothing else, or the chart is one of noise.
"""

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

import keras_dynres as kd
from keras_dynres_cli.phone.server import Server
from keras_dynres_cli.phone.site import Site

DOCS = Path(__file__).parent
# A ship that the first exit takes for an airplane, and the third is sure of.
PICTURE = 100
SIZE = {"width": 390, "height": 872, "deviceScaleFactor": 1.5, "mobile": True}
GAP = 24


def exported(name, folder):
    """A bundle of a shipped network's whole menu."""
    entry = kd.zoo.card(name).network
    path = Path(folder) / f"{name}.tflite"
    kd.tflite.export(
        kd.zoo.load(name),
        path,
        instances="all",
        labels=entry.labels,
        preprocessing=entry.preprocessing,
        verbose=0,
    )
    return path


def photo(page, path, scheme, prepare):
    """The screen after the page has measured a bundle."""
    command = page.driver.execute_cdp_cmd
    command("Emulation.setDeviceMetricsOverride", SIZE)
    command("Emulation.setTouchEmulationEnabled", {"enabled": True})
    feature = {"name": "prefers-color-scheme", "value": scheme}
    command("Emulation.setEmulatedMedia", {"features": [feature]})
    server = Server(Site(path), keep=print, port=0, host="127.0.0.1")
    with server.background():
        page.open(server.url())
        page.measured()
        prepare()
        data = page.driver.get_screenshot_as_png()
    return Image.open(io.BytesIO(data)).convert("RGB")


def picture(data_dir, folder):
    """A file of a CIFAR-10 image."""
    import tensorflow_datasets as tfds

    images = tfds.load("cifar10", split="test", data_dir=data_dir)
    (example,) = tfds.as_numpy(images.skip(PICTURE).take(1))
    path = Path(folder) / "ship.png"
    Image.fromarray(example["image"]).save(path)
    return path


def main():
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir")
    args = parser.parse_args()
    sys.path.insert(0, str(DOCS.parent / "tests"))
    import chromium  # what the tests drive the browser by

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        driver = chromium.start(Path(folder) / "profile")
        page = chromium.Page(driver)
        ship = picture(args.data_dir, folder)

        def choose():
            page.slide("budget", 55)
            page.script("scrollTo(0, 0)")

        def leave():
            page.slide("sureness", 90)
            page.pick(ship)
            page.script(
                "document.getElementById('try-title').parentElement.scrollIntoView()"
            )

        try:
            net = exported("sdpoint_wrn16_2_cifar10", folder)
            left = photo(page, net, "light", choose)
            net = exported("msdnet_budget10_cifar10", folder)
            right = photo(page, net, "dark", leave)
        finally:
            driver.quit()
    both = Image.new("RGB", (left.width + GAP + right.width, left.height), "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width + GAP, 0))
    out = DOCS / "guides" / "phone.png"
    both.quantize(128, dither=Image.Dither.NONE).save(out, optimize=True)
    print(f"{out.name}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

"""The phone's page looks at pictures: photos, the camera, exits, maps, boxes."""

import keras
import numpy as np
import pytest
from phone_site import picture, saved
from PIL import Image

import keras_dynres as kd
from keras_dynres.tflite import Runner, export

pytestmark = pytest.mark.tensorflow


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


def test_a_network_stops_where_it_is_sure(page, lan, staged_photos, tmp_path):
    lan(staged_photos)
    page.stopped()
    image = picture((12, 12, 3), seed=4)
    page.pick(saved(image, tmp_path / "photo.png"))
    runner = Runner(staged_photos)
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
        assert best == runner.labels[row.argmax()]
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

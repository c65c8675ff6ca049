"""The operations of AutoAugment are PIL's, and its pairs are drawn from the seed."""

import numpy as np
import pytest
from pictures import collected, pictures
from PIL import Image, ImageEnhance, ImageOps

from keras_dynres import data
from keras_dynres.data.augment import pixels, standardise
from keras_dynres.data.autoaugment import IMAGENET, OPERATIONS, autoaugment

MOVED = ("rotate", "shear_x")
GREYS = (128, 128, 128)


def picture(height=24, width=30):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    ramps = np.stack([5 * y + 3 * x + 20, 180 - 4 * x, 40 + 3 * y], axis=-1)
    return (ramps + rng.integers(0, 30, ramps.shape)).clip(0, 255).astype("uint8")


def pil(name, image, strength):
    image, factor = Image.fromarray(image), 0.1 + 1.8 * strength
    shear = (1, 0.3 * strength, 0, 0, 1, 0)
    kind = Image.Transform.AFFINE
    return np.asarray(
        {
            "rotate": lambda: image.rotate(30 * strength, fillcolor=GREYS),
            "shear_x": lambda: image.transform(
                image.size, kind, shear, fillcolor=GREYS
            ),
            "posterize": lambda: ImageOps.posterize(image, 8 - round(4 * strength)),
            "solarize": lambda: ImageOps.solarize(image, 256 * (1 - strength)),
            "invert": lambda: ImageOps.invert(image),
            "autocontrast": lambda: ImageOps.autocontrast(image),
            "equalize": lambda: ImageOps.equalize(image),
            "color": lambda: ImageEnhance.Color(image).enhance(factor),
            "contrast": lambda: ImageEnhance.Contrast(image).enhance(factor),
            "sharpness": lambda: ImageEnhance.Sharpness(image).enhance(factor),
        }[name]()
    )


@pytest.mark.parametrize("level", [0, 2, 9])
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_operations_are_those_of_pil(name, level):
    image = picture()
    results = autoaugment([image] * 6, [0, 3], [[(name, 1.0, level), (name, 0.0, 9)]])
    signs = (1, -1) if name in MOVED and level else (1,)
    ways = [pil(name, image, sign * level / 9) for sign in signs]
    seen = set()
    for result in results.numpy():
        assert (result == np.round(result)).all()
        same = [(abs(result - way) <= 1).all(axis=-1).mean() for way in ways]
        seen.add(np.argmax(same))
        # What is moved may fall between two pixels: a row of 24, where it is sheared.
        assert max(same) > (0.95 if name in MOVED else 0.9999)
    assert len(seen) == len(ways)


def test_a_single_colour_is_neither_stretched_nor_equalized():
    image = np.full((1, 8, 8, 3), 77, "uint8")
    for name in ("autocontrast", "equalize"):
        result = autoaugment(image, [0, 0], [[(name, 1.0, 5)] * 2])
        np.testing.assert_array_equal(result, image)


@pytest.mark.parametrize("name", [*MOVED, "posterize", "solarize"])
def test_level_0_changes_nothing(name):
    image = picture()[None]
    result = autoaugment(image, [0, 1], [[(name, 1.0, 0)] * 2])
    np.testing.assert_array_equal(result, image)


def test_probability_0_changes_nothing():
    policy = [[(name, 0.0, 9)] * 2 for name in OPERATIONS]
    images = np.stack([picture()] * 16)
    np.testing.assert_array_equal(autoaugment(images, [0, 1], policy), images)


def test_pairs_are_drawn_from_the_seed():
    images = np.stack([picture()] * 64)
    first, again, other = (
        autoaugment(images, [5, number], IMAGENET).numpy() for number in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not (first == other).all()
    assert first.min() >= 0 and first.max() <= 255
    assert len({result.tobytes() for result in first}) > 20


def test_the_policy_is_the_published_one():
    # Cubuk et al. (2019), table 9.
    assert len(IMAGENET) == 25 and all(len(pair) == 2 for pair in IMAGENET)
    assert {name for pair in IMAGENET for name, _, _ in pair} == set(OPERATIONS)


def test_pixels_undo_standardising():
    dataset = data.info("cifar10")
    image = picture()
    again = pixels(standardise(image, dataset), dataset)
    np.testing.assert_allclose(again, image, atol=1e-3)


@pytest.mark.parametrize("in_memory", [True, False])
def test_batches_have_it_in_memory_and_from_files(in_memory, pictures_dir):
    dataset = "synthetic" if in_memory else pictures(in_memory=False)
    kind = {"batch_size": 8, "seed": 3, "data_dir": pictures_dir, "epochs": 2}
    plain = data.load(dataset, augment="none", **kind)
    whole = data.load(dataset, augment="none+autoaugment", **kind)
    later = data.load(dataset, augment="none+autoaugment", start_epoch=1, **kind)
    steps = len(later)
    images, labels = collected(whole.skip(steps).take(5))
    before, labels_before = collected(plain.skip(steps).take(5))
    np.testing.assert_array_equal(labels, labels_before)
    np.testing.assert_array_equal(images, collected(later.take(5))[0])
    info = data.info(dataset)
    same = [
        np.allclose(a, np.round(b), atol=1e-2)
        for a, b in zip(pixels(images, info), pixels(before, info), strict=True)
    ]
    assert 0 < sum(same) < 20

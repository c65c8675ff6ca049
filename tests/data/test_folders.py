"""Folders of pictures as data sets."""

import json

import numpy as np
import pytest
from pictures import collected
from PIL import Image

from keras_dynres import data
from keras_dynres.data import pictures
from keras_dynres.errors import DynresError

COLOURS = {"green": (0, 200, 0), "red": (200, 0, 0)}


def save(path, colour=(9, 9, 9), size=(60, 40), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)


@pytest.fixture
def photos(tmp_path):
    for label, colour in COLOURS.items():
        for number in range(20):
            save(tmp_path / "photos" / label / f"{number}.jpg", colour)
    return tmp_path / "photos"


def names(dataset, split):
    return {row[0] for row in data.folders.rows(dataset, split)}


def test_classes_are_folders_and_each_picture_is_in_one_split(photos):
    (photos / ".git" / "x").mkdir(parents=True)
    (photos / "later").mkdir()
    (photos / "red" / "notes.txt").write_text("no picture")
    dataset = data.folder(photos, size=32)
    assert (dataset.name, dataset.classes) == ("photos", 2)
    assert dataset.class_names == ("green", "red")
    train, test = names(dataset, "train"), names(dataset, "test")
    assert len(train) == dataset.train_images and len(test) == dataset.test_images
    assert not train & test and len(train | test) == 40
    assert 2 <= len(test) <= 16
    assert names(data.folder(photos, seed=1), "test") != test


def test_a_picture_stays_in_its_split_when_others_are_added(photos):
    dataset = data.folder(photos, held_out=0.3)
    before = [names(dataset, split) for split in ("train", "test")]
    for number in range(20, 60):
        save(photos / "red" / f"{number}.jpg")
    assert before[0] < names(dataset, "train")
    assert before[1] < names(dataset, "test")


@pytest.mark.parametrize("second", ["test", "val", "validation"])
def test_splits_of_its_own(tmp_path, second):
    for split, count in (("train", 3), (second, 1)):
        for label in COLOURS:
            for number in range(count):
                save(tmp_path / split / label / f"{number}.png")
    dataset = data.folder(tmp_path)
    assert (dataset.train_images, dataset.test_images) == (6, 2)
    assert names(dataset, "test") == {f"{second}/green/0.png", f"{second}/red/0.png"}
    save(tmp_path / second / "gren" / "0.png")
    with pytest.raises(DynresError, match="'gren'. Did you mean 'green'"):
        data.folder(tmp_path)


def test_batches_hold_the_pictures_with_their_labels(photos):
    dataset = data.folder(photos, size=32)
    kind = {"batch_size": 8, "augment": "scale_aspect"}
    train = data.load(dataset, epochs=2, **kind)
    assert len(train) == 2 * (dataset.train_images // 8)
    images, labels = collected(train)
    assert images.shape[1:] == (32, 32, 3) and images.dtype == "float32"
    np.testing.assert_array_equal(images[..., 0].mean((1, 2)) > 0, labels == 1)
    assert set(labels[:16]) == {0, 1}
    _, tested = collected(data.load(dataset, "test", batch_size=5))
    assert len(tested) == dataset.test_images


def test_a_later_start_sees_what_an_unbroken_run_sees(photos):
    for number in range(20):
        save(photos / "red" / f"{number}.jpg", (number, 200 - number, 5))
    kind = {"batch_size": 8, "augment": "flip", "seed": 1, "epochs": 3}
    dataset = data.folder(photos, size=16)
    whole = data.load(dataset, **kind)
    rest = data.load(dataset, start_epoch=2, **kind)
    steps = len(rest)
    unbroken = collected(whole.skip(2 * steps))
    for expected, got in zip(unbroken, collected(rest), strict=True):
        np.testing.assert_array_equal(expected, got)
    first = collected(whole.take(steps))
    assert not (first[0] == unbroken[0]).all()


def test_held_out_pictures_are_of_all_classes_and_not_trained_on(photos):
    dataset = data.folder(photos, size=16)
    whole = pictures.Pictures(dataset, "train")
    held, kept = whole.last(8), whole.but(8)
    assert (held.count, kept.count) == (8, dataset.train_images - 8)
    assert sorted([*kept.rows, *held.rows]) == sorted(whole.rows)
    assert {label for _, label in held.rows} == {0, 1}
    _, labels = collected(data.load(dataset, "held_out", batch_size=8, held_out=8))
    assert list(labels) == [label for _, label in held.rows]


def test_a_plain_dict_describes_it(photos):
    dataset = data.folder(photos, size=48, held_out=0.25, seed=3)
    config = json.loads(json.dumps(dataset.get_config()))
    assert data.Dataset.from_config(config) == dataset
    with pytest.raises(DynresError, match="Did you mean 'folder'"):
        data.Dataset.from_config({**config, "foldr": ""})
    del config["classes"]
    with pytest.raises(DynresError, match="lacks 'classes'. Received: name"):
        data.Dataset.from_config(config)


def test_other_classes_than_it_was_made_of_are_refused(photos):
    dataset = data.folder(photos)
    save(photos / "blue" / "1.jpg")
    with pytest.raises(DynresError, match="other classes.*Received: blue"):
        data.load(dataset)


def test_provenance_changes_with_the_pictures(photos):
    dataset = data.folder(photos)
    before = data.provenance(dataset)
    assert before["files"] == 40
    assert before["description"].endswith("in the folder 'photos'.")
    assert before == data.provenance(dataset)
    save(photos / "red" / "0.jpg", size=(300, 300))
    assert data.provenance(dataset)["sha256"] != before["sha256"]


# What is between 99 and 101 grey, or as bright.
KINDS = {
    "grey.jpg": lambda: Image.new("L", (50, 30), 100),
    "grey.png": lambda: Image.new("L", (50, 30), 100),
    "cmyk.jpg": lambda: Image.new("CMYK", (50, 30), (155, 155, 155, 0)),
    "palette.png": lambda: Image.new("RGB", (50, 30), (100,) * 3).quantize(),
    "palette.gif": lambda: Image.new("RGB", (50, 30), (100,) * 3).quantize(),
    "alpha.png": lambda: Image.new("RGBA", (50, 30), (100, 100, 100, 255)),
    "alpha_grey.png": lambda: Image.new("LA", (50, 30), (100, 255)),
    "deep.png": lambda: Image.fromarray(np.full((30, 50), 100 * 257, "uint16")),
    "plain.bmp": lambda: Image.new("RGB", (50, 30), (100,) * 3),
    "plain.tif": lambda: Image.new("RGB", (50, 30), (100,) * 3),
    "plain.webp": lambda: Image.new("RGB", (50, 30), (100,) * 3),
    "bits.png": lambda: Image.new("1", (50, 30), 0),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_picture_becomes_three_channels(tmp_path, name):
    KINDS[name]().save(tmp_path / name)
    got = pictures.decode(tmp_path / name, 32)
    assert got.shape == (30, 50, 3) and got.dtype == "uint8"
    expected = 0 if name == "bits.png" else 100
    assert abs(got.astype(int) - expected).max() <= 2


def test_transparent_pixels_are_white(tmp_path):
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (pictures.decode(tmp_path / "clear.png", 4) == 255).all()


def test_a_turned_photo_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was held upright.
    pixels = np.zeros((40, 80, 3), "uint8")
    pixels[:, :40] = 255
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif)
    got = pictures.decode(tmp_path / "turned.jpg", 32)
    assert got.shape == (80, 40, 3)
    assert got[:30].min() > 200 and got[50:].max() < 50


def test_of_a_large_photo_fewer_pixels_are_decoded(tmp_path):
    save(tmp_path / "large.jpg", size=(1600, 1200))
    assert pictures.decode(tmp_path / "large.jpg", 64).shape == (300, 400, 3)
    assert pictures.decode(tmp_path / "large.jpg", 224).shape == (1200, 1600, 3)


def test_a_damaged_picture_is_named(photos):
    (photos / "red" / "3.jpg").write_bytes(b"no picture")
    dataset = data.folder(photos, size=16)
    with (
        pytest.raises(DynresError, match=r"^The picture '.*red/3.jpg' cannot be read"),
        data.clear_errors(dataset.name),
    ):
        for split in ("train", "test"):
            collected(data.load(dataset, split, batch_size=4))


def test_damaged_pictures_are_left_out(photos, capsys):
    whole = (photos / "red" / "3.jpg").read_bytes()
    (photos / "red" / "3.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "green" / "7.jpg").write_bytes(b"")
    dataset = data.folder(photos, size=16)
    labels = []
    for split in ("train", "test"):
        kind = {"batch_size": 1, "shuffle": False, "on_corrupt": "skip"}
        labels += list(collected(data.load(dataset, split, **kind))[1])
    assert len(labels) == 38
    assert "damaged picture(s) of 'photos' left out, the first '" in (
        capsys.readouterr().out
    )


def refused(photos, **options):
    with pytest.raises(DynresError) as error:
        data.folder(photos, **options)
    return str(error.value)


def test_what_is_no_folder_of_classes_is_refused(photos, tmp_path):
    assert "does not exist" in refused(tmp_path / "nowhere")
    assert "is a file" in refused(photos / "red" / "1.jpg")
    assert "size is a whole number" in refused(photos, size=(3, 4))
    assert "held_out is a share" in refused(photos, held_out=1)
    (tmp_path / "one").mkdir()
    assert "two classes at least" in refused(tmp_path / "one")
    save(tmp_path / "one" / "cat" / "1.jpg")
    assert "one' with 'cat'" in refused(tmp_path / "one")


def test_files_out_of_place_are_refused(photos):
    save(photos / "loose.jpg")
    assert "loose.jpg', in none" in refused(photos)
    (photos / "loose.jpg").unlink()
    save(photos / "red" / "deep" / "1.jpg")
    assert "red/deep'" in refused(photos)


def test_a_class_without_pictures_or_with_one_is_refused(photos):
    (photos / "blue").mkdir()
    (photos / "blue" / "notes.txt").write_text("none yet")
    assert "no picture in" in refused(photos)
    save(photos / "blue" / "1.jpg")
    assert "'blue/1.jpg' alone" in refused(photos)


def test_formats_that_are_not_read_are_named(photos):
    (photos / "red" / "1.HEIC").write_bytes(b"")
    assert ".webp: convert the others. Received: '" in refused(photos)

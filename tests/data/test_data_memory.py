"""Pipelines over images in memory."""

import json

import numpy as np
import pytest
from pictures import TRAIN, collected, pictures, write

from keras_dynres import data
from keras_dynres.data import augment
from keras_dynres.errors import DynresError


def test_a_later_start_sees_what_an_unbroken_run_sees():
    kind = {"batch_size": 100, "augment": "pad_crop_flip", "seed": 3}
    whole = data.load("synthetic", epochs=3, **kind)
    rest = data.load("synthetic", epochs=3, start_epoch=1, **kind)
    assert (len(whole), len(rest)) == (15, 10)
    for unbroken, begun in zip(collected(whole.skip(5)), collected(rest), strict=True):
        np.testing.assert_array_equal(unbroken, begun)


def test_each_epoch_has_every_image_once_in_an_order_of_its_own():
    first, second = (
        collected(data.load("synthetic", epochs=n + 1, start_epoch=n, batch_size=64))
        for n in range(2)
    )
    assert not (first[1] == second[1]).all()
    rows = [np.unique(x[0].reshape(512, -1), axis=0) for x in (first, second)]
    assert len(rows[0]) == 512
    np.testing.assert_array_equal(*rows)


def test_seeds_differ():
    one, other = (collected(data.load("synthetic", seed=n))[1] for n in range(2))
    assert not (one == other).all()


def test_evaluation_keeps_all_images_in_order():
    images, labels = collected(data.load("synthetic", "test", batch_size=50))
    assert images.shape == (128, 32, 32, 3) and images.dtype == "float32"
    np.testing.assert_array_equal(labels, np.arange(128) % 10)
    whole = data.load("synthetic", "train", shuffle=False, batch_size=500)
    assert len(collected(whole)[1]) == 512


def test_standardised_by_the_channels_means_and_deviations():
    pixels = np.array([0, 255], "uint8").reshape(2, 1, 1, 1).repeat(3, axis=3)
    dataset = data.info("cifar10")
    got = augment.standardise(pixels, dataset).numpy().reshape(2, 3)
    mean, std = np.array(dataset.mean), np.array(dataset.std)
    np.testing.assert_allclose(got, [-mean / std, (1 - mean) / std], rtol=1e-5)


def test_pad_crop_flip_is_a_crop_of_the_padded_image_or_its_mirror():
    images = np.random.default_rng(0).normal(size=(48, 8, 8, 3)).astype("float32")
    got = augment.pad_crop_flip(images, [1, -7]).numpy()
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    crops = [
        (top, left, step)
        for image, result in zip(padded, got, strict=True)
        for top in range(9)
        for left in range(9)
        for step in (1, -1)
        if (image[top : top + 8, left : left + 8][:, ::step] == result).all()
    ]
    assert len(crops) == 48
    assert {top for top, _, _ in crops} == {left for _, left, _ in crops}
    assert 12 < sum(step == 1 for _, _, step in crops) < 36


def test_reflection_mirrors_the_image_at_its_border():
    images = np.random.default_rng(0).normal(size=(16, 8, 8, 3)).astype("float32")
    got = augment.reflect_crop_flip(images, [1, -7]).numpy()
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)), "reflect")
    for image, result in zip(padded, got, strict=True):
        assert any(
            (image[top : top + 8, left : left + 8][:, ::step] == result).all()
            for top in range(9)
            for left in range(9)
            for step in (1, -1)
        )


def test_cutout_blanks_a_square_of_each_image():
    images = np.ones((64, 8, 12, 3), "float32")
    got = augment.cutout(images, [2, 5]).numpy()
    np.testing.assert_array_equal(got, augment.cutout(images, [2, 5]))
    assert not (got == augment.cutout(images, [2, 6]).numpy()).all()
    areas = []
    for blank in got == 0:
        assert (blank == blank[..., :1]).all()
        rows, columns = (blank[..., 0].any(axis=axis) for axis in (1, 0))
        assert (blank[..., 0] == np.outer(rows, columns)).all()
        for line, whole in ((rows, 4), (columns, 6)):
            places = np.flatnonzero(line)
            assert len(places) == places[-1] - places[0] + 1 <= whole
        areas.append(blank[..., 0].sum())
    assert max(areas) == 24 and min(areas) < 24  # At the border part of it is outside.


def test_mixup_mixes_images_and_labels_alike():
    images = np.eye(16, dtype="float32").reshape(16, 4, 4, 1)
    labels = np.arange(16)
    drawn = set()
    for number in range(20):
        got, shares = (
            x.numpy() for x in augment.mixup(images, labels, [3, number], 16)
        )
        assert shares.shape == (16, 16) and got.shape == images.shape
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
        # Image n is 1 at place n alone: what is in an image says what its label is.
        np.testing.assert_allclose(got.reshape(16, 16), shares, rtol=1e-6)
        drawn.add(round(float(shares.max(axis=1).min()), 4))
    again = augment.mixup(images, labels, [3, 19], 16)[1]
    np.testing.assert_array_equal(again, shares)
    assert len(drawn) > 10 and min(drawn) < 0.9


@pytest.mark.parametrize("augmentation", ["pad_crop_flip+cutout", "none+cutout+mixup"])
def test_additions_follow_the_augmentation(augmentation):
    kind = {"batch_size": 128, "seed": 3}
    plain = collected(
        data.load("synthetic", augment=augmentation.split("+")[0], **kind)
    )
    whole = data.load("synthetic", augment=augmentation, epochs=2, **kind)
    images, labels = collected(whole.take(4))
    if "mixup" in augmentation:
        assert (images == 0).all(axis=3).any()  # Where two squares meet.
        assert (
            labels.shape == (512, 10)
            and (labels.argmax(axis=1) == plain[1]).mean() > 0.5
        )
    else:
        np.testing.assert_array_equal(labels, plain[1])
        assert (images == 0).all(axis=3).mean() > 0.1
        kept = ~(images == 0).all(axis=3)
        np.testing.assert_array_equal(images[kept], plain[0][kept])
    rest = data.load("synthetic", augment=augmentation, epochs=2, start_epoch=1, **kind)
    np.testing.assert_array_equal(collected(whole.skip(4))[0], collected(rest)[0])


def test_flip_mirrors_and_does_not_shift():
    images = np.random.default_rng(0).normal(size=(32, 4, 4, 3)).astype("float32")
    got = augment.flip(images, [0, 0]).numpy()
    mirrored = (got == images[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (got == images).all(axis=(1, 2, 3))
    assert (mirrored ^ same).all() and 4 < mirrored.sum() < 28


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "cifra10"}, "data set.*'cifra10'.*Did you mean 'cifar10'"),
        ({"augment": "scale_aspect"}, "augmentation of 'synthetic'.*'scale_aspect'"),
        ({"augment": "flip+cutut"}, "addition.*'cutut'.*Did you mean 'cutout'"),
        ({"split": "validation"}, "split.*'validation'.*'train', 'test', 'held_out'"),
        ({"split": "held_out"}, "above 0 .* 'held_out'.*held_out=0"),
        ({"held_out": 512}, "512 training images.*held_out=512"),
        ({"held_out": -1}, "held_out=-1"),
        ({"batch_size": 513}, "at most 512.*batch_size=513"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"start_epoch": 1}, "start_epoch=1, epochs=1"),
        ({"on_corrupt": "ignore"}, "on_corrupt.*'ignore'.*'raise', 'skip'"),
    ],
)
def test_wrong_arguments(arguments, sentence):
    with pytest.raises(DynresError, match=sentence):
        data.load(**{"name": "synthetic", **arguments})


def test_held_out_images_are_the_last_and_not_trained_on():
    images, labels = collected(data.load("synthetic", shuffle=False, batch_size=100))
    held, held_labels = collected(
        data.load("synthetic", "held_out", batch_size=50, held_out=100)
    )
    np.testing.assert_array_equal(held, images[-100:])
    np.testing.assert_array_equal(held_labels, labels[-100:])
    train = data.load("synthetic", batch_size=100, held_out=100, epochs=3)
    assert len(train) == 3 * 4
    seen = {image.tobytes() for image in collected(train)[0]}
    assert seen <= {image.tobytes() for image in images[:-100]}
    test = data.load("synthetic", "test", held_out=100)
    assert len(collected(test)[1]) == 128


def test_provenance_is_what_the_folder_says_of_itself(tmp_path):
    write(tmp_path, fixed_size=(32, 32))
    about = tmp_path / "pictures" / "1.0.0" / "dataset_info.json"
    content = json.loads(about.read_text())
    about.write_text(json.dumps({**content, "description": "Encoded\nanew."}))
    got = data.provenance(pictures(in_memory=True), str(tmp_path))
    assert got["version"] == "1.0.0" and got["description"] == "Encoded anew."


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe{}"])
def test_a_broken_description_is_one_sentence(tmp_path, content):
    write(tmp_path, fixed_size=(32, 32))
    (tmp_path / "pictures" / "1.0.0" / "dataset_info.json").write_bytes(content)
    with pytest.raises(DynresError, match="'pictures' could not be had.*data_dir="):
        data.provenance(pictures(in_memory=True), str(tmp_path))


def test_missing_files_are_one_sentence(tmp_path):
    with pytest.raises(DynresError, match="'pictures' could not be had.*data_dir="):
        data.load(pictures(in_memory=True), data_dir=str(tmp_path))


def test_a_damaged_image_is_named_or_left_out(tmp_path, capsys):
    write(tmp_path, broken=[6], fixed_size=(32, 32))
    arguments = {"data_dir": str(tmp_path), "shuffle": False, "batch_size": 7}
    dataset = pictures(in_memory=True)
    with pytest.raises(DynresError, match="Image 3 of 'pictures' cannot be decoded"):
        data.load(dataset, **arguments)
    _, labels = collected(data.load(dataset, on_corrupt="skip", **arguments))
    assert set(range(TRAIN)) - set(labels) == {6}
    assert "1 damaged image(s) of 'pictures'" in capsys.readouterr().out


def test_damaged_files_are_one_sentence(tmp_path):
    write(tmp_path, fixed_size=(32, 32))
    (path,) = tmp_path.glob("**/*train.tfrecord-00000*")
    content = bytearray(path.read_bytes())
    content[2000] ^= 255
    path.write_bytes(content)
    with pytest.raises(DynresError, match="files of 'pictures' are damaged"):
        data.load(pictures(in_memory=True), data_dir=str(tmp_path), batch_size=8)

"""Pictures with a class for each pixel: reading, shapes, moves, order."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from pictures import collected
from scenes import SHAPE, TEST, map_examples, map_features, scenes, write

from keras_dynres import data
from keras_dynres.data import augment, dense, moves
from keras_dynres.errors import DynresError


@pytest.fixture(scope="module")
def maps_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    write(folder, map_features(), map_examples())
    return str(folder)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_map_fits_its_image_and_what_is_no_class_is_ignored(maps_dir, in_memory):
    dataset = scenes("map", in_memory)
    images, maps = collected(data.load(dataset, "test", maps_dir, batch_size=2))
    assert images.shape == (TEST, *SHAPE, 3) and images.dtype == "float32"
    assert maps.shape == (TEST, *SHAPE) and maps.dtype == "int32"
    written = np.round((images[..., 0] * 0.5 + 0.5) * 255 / 60).astype(int)
    expected = np.where(written < 3, written, data.IGNORED)
    np.testing.assert_array_equal(maps, expected)
    assert set(np.unique(maps)) == {0, 1, 2, data.IGNORED}


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("augment", ["none", "scale_crop_flip"])
def test_a_later_start_sees_what_an_unbroken_run_sees(maps_dir, augment, in_memory):
    kind = {"data_dir": maps_dir, "batch_size": 4, "augment": augment, "seed": 5}
    dataset = scenes("map", in_memory)
    whole = data.load(dataset, epochs=3, **kind)
    rest = data.load(dataset, epochs=3, start_epoch=1, **kind)
    assert (len(whole), len(rest)) == (9, 6)
    for unbroken, begun in zip(collected(whole.skip(3)), collected(rest), strict=True):
        np.testing.assert_array_equal(unbroken, begun)
    other = data.load(dataset, epochs=3, **{**kind, "seed": 6})
    assert not np.array_equal(collected(whole)[1], collected(other)[1])


def test_a_wide_picture_is_scaled_to_fit_and_filled_up():
    dataset = scenes("map")
    image = np.full((16, 96, 3), 40, "uint8")
    classes = np.repeat([[0], [1]], 48, axis=0).reshape(1, 96, 1).repeat(16, axis=0)
    image, got = dense.fitted_map(image, classes.astype("uint8"), dataset)
    # Half as large: 8 rows of 48 pixels.
    expected = np.full(SHAPE, data.IGNORED)
    expected[:8, :24], expected[:8, 24:] = 0, 1
    np.testing.assert_array_equal(got, expected)
    assert (image.numpy()[:8] == 40).all() and (image.numpy()[8:] == 128).all()


def test_cityscapes_labels_become_its_classes(tmp_path):
    keys = ("image_left", "segmentation_label")
    labels = np.arange(34, dtype="uint8").reshape(2, 17, 1)
    image = np.zeros((2, 17, 3), "uint8")
    examples = [dict(zip(keys, (image, labels), strict=True))] * 2
    write(tmp_path, map_features(*keys), examples, test=1)
    dataset = dataclasses.replace(
        data.info("cityscapes"), source="scenes", test="test", size=(2, 17)
    )
    _, maps = collected(data.load(dataset, "test", tmp_path, batch_size=1))
    got = maps.ravel()
    assert got[7] == 0 and got[26] == 13 and got[33] == 18  # road, car, bicycle
    assert sorted(got[got != data.IGNORED]) == list(range(19))
    assert (got[[0, 6, 9, 10, 14, 18, 29, 30]] == data.IGNORED).all()


def test_pets_are_counted_from_one(tmp_path):
    image, classes = np.zeros((1, 3, 3), "uint8"), np.array([[[1], [2], [3]]], "uint8")
    examples = [{"image": image, "segmentation_mask": classes}] * 2
    write(tmp_path, map_features(), examples, test=1)
    dataset = dataclasses.replace(data.info("pets"), source="scenes", size=(1, 3))
    _, maps = collected(data.load(dataset, "test", tmp_path, batch_size=1))
    assert maps.tolist() == [[[0, 1, 2]]]


@pytest.mark.parametrize("scales", [(1.0, 1.0), (0.5, 2.0)])
def test_images_and_maps_are_moved_alike(scales):
    # A pixel is as bright as its class is high, in patches whose borders may blend.
    patches = np.random.default_rng(0).integers(1, 9, (16, 4, 6))
    maps = patches.repeat(8, axis=1).repeat(8, axis=2).astype("int32")
    images = np.repeat(maps[..., None], 3, axis=-1).astype("float32")
    images, moved = moves.moved(tf.constant(images), tf.constant(maps), [3, -1], scales)
    images, moved = images.numpy()[..., 0], moved.numpy()
    seen = moved != data.IGNORED
    inner = seen & (abs(images - images.round()) < 1e-4)
    assert (images[inner] == moved[inner]).mean() > 0.97
    assert inner.mean() > 0.5
    mirrored = [not np.array_equal(a, b) for a, b in zip(moved, maps, strict=True)]
    assert 2 < sum(mirrored) <= 16
    assert (scales == (1.0, 1.0)) == seen.all()


def test_scales_are_drawn_from_half_to_double():
    drawn = moves.Moves.drawn(tf.zeros([400, 10, 20, 3]), [0, 0], (0.5, 2.0))
    scale = drawn.scale.numpy()
    assert 0.5 <= scale.min() < 0.55 and 1.8 < scale.max() <= 2.0
    # As many are made smaller as are made larger.
    assert 160 < (scale < 1).sum() < 240
    right = drawn.x.numpy() + 20 * scale
    # A larger one covers the image, a smaller one lies inside.
    assert ((drawn.x.numpy() <= 0) == (scale >= 1)).all()
    assert ((right >= 20 - 1e-4) == (scale >= 1)).all()


def test_color_varies_light_and_contrast_of_images_alone():
    images = np.random.default_rng(0).normal(size=(64, 16, 16, 3)).astype("float32")
    maps = tf.zeros([64, 16, 16], tf.int32)
    got, same = moves.moved(images, maps, [1, -1], change=augment.color)
    np.testing.assert_array_equal(same, maps)
    contrast = got.numpy().std(axis=(1, 2, 3)) / images.std(axis=(1, 2, 3))
    assert 0.75 < contrast.min() < 0.9 and 1.1 < contrast.max() < 1.35
    shift = got.numpy().mean(axis=(1, 2))
    assert shift.max() < 0.45 and abs(shift.mean(axis=0)).max() < 0.1
    assert shift.std() > 0.1


def test_what_comes_into_view_has_the_mean_colour_whatever_the_light():
    images, maps = np.ones((8, 6, 6, 3), "float32"), np.ones((8, 6, 6), "int32")
    smaller = moves.Moves.drawn(images, [0, 0], (0.4, 0.4)).of_maps(tf.constant(maps))
    got, _ = moves.moved(images, tf.constant(maps), [0, 0], (0.4, 0.4), augment.color)
    outside = smaller.numpy() == data.IGNORED
    assert (got.numpy()[outside] == 0).mean() > 0.5


def test_a_map_of_another_size_is_named_or_left_out(tmp_path, capsys):
    examples = list(map_examples())
    examples[3]["segmentation_mask"] = np.zeros((32, 47, 1), "uint8")
    write(tmp_path, map_features(), examples)
    kind = {"data_dir": tmp_path, "batch_size": 4}
    with pytest.raises(DynresError, match="Image 3 of 'scenes' has a map of another"):
        data.load(scenes("map"), **kind)
    images, _ = collected(
        data.load(scenes("map"), shuffle=False, on_corrupt="skip", **kind)
    )
    assert len(images) == 11
    assert "1 damaged image(s) of 'scenes'" in capsys.readouterr().out
    with (
        pytest.raises(
            DynresError, match="cannot be read: it has a map of another size;"
        ),
        data.clear_errors("scenes"),
    ):
        collected(data.load(scenes("map", in_memory=False), **kind))


def test_damaged_scenes_are_left_out(tmp_path, capsys):
    write(tmp_path, map_features(), map_examples(), broken=[2])
    kind = {"data_dir": tmp_path, "batch_size": 11, "shuffle": False}
    with pytest.raises(DynresError, match="Image 2 of 'scenes' cannot be decoded"):
        data.load(scenes("map"), **kind)
    images, maps = collected(data.load(scenes("map"), on_corrupt="skip", **kind))
    assert len(images) == len(maps) == 11
    assert "1 damaged" in capsys.readouterr().out


def test_made_up_maps_tell_their_classes_by_colour():
    images, maps = collected(data.load("synthetic_map", "test", batch_size=16))
    assert maps.dtype == "int32" and set(np.unique(maps)) == {0, 1, 2}
    colours = [images[maps == kind].mean(axis=0) for kind in range(3)]
    nearest = [((images - colour) ** 2).sum(-1) for colour in colours]
    assert (np.argmin(nearest, axis=0) == maps).mean() > 0.98


def test_augmentations_of_maps_are_their_own():
    with pytest.raises(DynresError, match="'pad_crop_flip'.*'scale_crop_flip'"):
        data.load("synthetic_map", augment="pad_crop_flip")


def test_held_out_scenes_are_the_last(maps_dir):
    kind = {"data_dir": maps_dir, "batch_size": 3}
    for in_memory in (True, False):
        dataset = scenes("map", in_memory)
        _, held = collected(data.load(dataset, "held_out", held_out=3, **kind))
        _, whole = collected(data.load(dataset, shuffle=False, **kind))
        np.testing.assert_array_equal(held, whole[-3:])
    both = dataclasses.replace(scenes("map", False), train="test+train")
    _, held = collected(data.load(both, "held_out", held_out=3, **kind))
    np.testing.assert_array_equal(held, whole[-3:])
    with pytest.raises(DynresError, match="too few images.*-11:"):
        data.load(
            dataclasses.replace(both, train="train+test"),
            "held_out",
            held_out=11,
            **kind,
        )

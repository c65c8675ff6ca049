"""Pipelines over pictures in files, as ImageNet's."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from pictures import TEST, TRAIN, collected, pictures, write

from keras_dynres import data
from keras_dynres.data import augment, source
from keras_dynres.data.shares import Share
from keras_dynres.data.stream import Files, training
from keras_dynres.errors import DynresError

KIND = {"batch_size": 8, "augment": "scale_aspect", "seed": 1}


def test_a_later_start_sees_what_an_unbroken_run_sees(pictures_dir):
    dataset = pictures(in_memory=False)
    whole = data.load(dataset, data_dir=pictures_dir, epochs=3, **KIND)
    rest = data.load(dataset, data_dir=pictures_dir, epochs=3, start_epoch=2, **KIND)
    assert (len(whole), len(rest)) == (15, 5)
    for unbroken, begun in zip(collected(whole.skip(10)), collected(rest), strict=True):
        np.testing.assert_array_equal(unbroken, begun)


def test_batches_of_pictures_are_mixed_and_resume(pictures_dir):
    dataset = dataclasses.replace(pictures(in_memory=False), classes=TRAIN)
    kind = {**KIND, "augment": "scale_aspect+cutout+mixup", "data_dir": pictures_dir}
    whole = data.load(dataset, epochs=2, **kind)
    rest = data.load(dataset, epochs=2, start_epoch=1, **kind)
    images, shares = collected(rest)
    assert images.shape == (TRAIN, 32, 32, 3) and shares.shape == (TRAIN, TRAIN)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(
        shares.sum(axis=0), 1, rtol=1e-6
    )  # Mixed within batches.
    for unbroken, begun in zip(collected(whole.skip(5)), (images, shares), strict=True):
        np.testing.assert_array_equal(unbroken, begun)


def test_windows_hold_every_image_once_an_epoch(pictures_dir):
    files = Files(pictures(in_memory=False), "train", pictures_dir)
    _, labels = collected(training(files, Share(0, 1, 8), "none", 0, 2, 0, window=12))
    epochs = labels.reshape(2, TRAIN)
    np.testing.assert_array_equal(np.sort(epochs), [range(TRAIN)] * 2)
    assert not (epochs[0] == epochs[1]).all()


def test_held_out_pictures_are_not_trained_on(pictures_dir):
    dataset = pictures(in_memory=False)
    kind = {"data_dir": pictures_dir, "batch_size": 6, "held_out": 9}
    _, held = collected(data.load(dataset, "held_out", **kind))
    _, kept = collected(data.load(dataset, "train", shuffle=False, **kind))
    # The second of two files holds the odd numbers.
    assert list(held) == list(range(23, 40, 2))
    assert sorted([*kept, *held]) == list(range(TRAIN))
    _, trained = collected(data.load(dataset, "train", epochs=2, **kind))
    assert len(trained) == 60 and not set(trained) & set(held)


def test_evaluation_keeps_all_images(pictures_dir):
    dataset = pictures(in_memory=False)
    images, labels = collected(data.load(dataset, "test", pictures_dir, batch_size=4))
    assert images.shape == (TEST, 32, 32, 3)
    np.testing.assert_array_equal(labels, range(TEST))


def test_centre_is_the_middle_of_the_resized_picture():
    rows = np.broadcast_to(np.arange(512.0)[:, None, None], (512, 1024, 3))
    got = augment.centre(rows.astype("float32"), 224).numpy()
    # 512 rows become 256, of which rows 16 to 239 remain.
    np.testing.assert_allclose(got[:, 0, 0], 2 * np.arange(16, 240) + 0.5, atol=0.1)


def test_scale_aspect_cuts_parts_of_all_sizes_and_mirrors_half():
    # Pixels tell their own place: what is cut can be read from the corners.
    y, x = np.mgrid[0:64, 0:64] * 1.0
    picture = np.stack([y, x, x], axis=-1).astype("float32")
    got = [augment.scale_aspect(picture, 16, [0, -n]).numpy() for n in range(200)]
    heights = np.array([a[-1, 0, 0] - a[0, 0, 0] for a in got]) * 16 / 15
    widths = np.array([a[0, -1, 1] - a[0, 0, 1] for a in got]) * 16 / 15
    area, aspect = heights * abs(widths) / 64**2, abs(widths) / heights
    assert 0.05 < area.min() < 0.2 and 0.7 < area.max() <= 1.05
    assert 0.65 < aspect.min() < 0.85 and 1.15 < aspect.max() < 1.5
    assert 60 < (widths < 0).sum() < 140


def test_damaged_pictures_are_left_out_and_the_epoch_filled_up(tmp_path):
    write(tmp_path, broken=[5, 9])
    dataset = pictures(in_memory=False)
    kind = {"data_dir": str(tmp_path), "batch_size": 20, "augment": "flip"}
    pipeline = data.load(dataset, on_corrupt="skip", **kind)
    _, labels = collected(pipeline)
    assert set(labels) == set(range(TRAIN)) - {5, 9}
    assert len(labels) == TRAIN
    with (
        pytest.raises(DynresError, match="image of 'pictures' cannot be read"),
        data.clear_errors("pictures"),
    ):
        collected(data.load(dataset, **kind))


def test_grey_pictures_have_three_channels():
    grey = tf.fill([9, 7, 1], tf.constant(100, tf.uint8))
    for encoded in (tf.io.encode_jpeg(grey), tf.io.encode_png(grey)):
        pixels = source.decode(encoded).numpy()
        assert pixels.shape == (9, 7, 3) and abs(pixels.astype(int) - 100).max() <= 1


def test_other_errors_pass_through_unchanged():
    with pytest.raises(tf.errors.InvalidArgumentError), data.clear_errors("pictures"):
        tf.reshape(tf.zeros(3), [2])

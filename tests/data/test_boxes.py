"""Pictures with boxes of objects: reading, shapes, moves, order."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from pictures import collected
from scenes import SHAPE, TEST, box, box_examples, box_features, scenes, write

from keras_dynres import data
from keras_dynres.data import dense, moves
from keras_dynres.errors import DynresError

NONE = [0, 0, 0, 0, -1]
GREY = np.full((*SHAPE, 3), 100, "uint8")


@pytest.fixture(scope="module")
def boxes_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boxes")
    write(folder, box_features(), box_examples())
    return str(folder)


def read(folder, objects, crowds=False, **changes):
    """The rows of one picture with these objects."""
    examples = [{"image": GREY, "objects": objects}] * 2
    write(folder, box_features(crowds), examples, test=1)
    dataset = scenes("boxes", **changes)
    return collected(data.load(dataset, "test", folder, batch_size=1))[1][0]


def white(images):
    """Edges x1, y1, x2, y2 of what is white in standardised grey images."""
    for image in images[..., 0] > 0.3:
        y, x = np.nonzero(image)
        yield x.min(), y.min(), x.max() + 1, y.max() + 1


@pytest.mark.parametrize("in_memory", [True, False])
def test_boxes_lie_where_their_objects_are(boxes_dir, in_memory):
    dataset = scenes("boxes", in_memory)
    images, boxes = collected(data.load(dataset, "test", boxes_dir, batch_size=2))
    assert boxes.shape == (TEST, 4, 5) and boxes.dtype == "float32"
    np.testing.assert_allclose(boxes[:, 0, :4], list(white(images)), atol=1e-4)
    assert (boxes[:, 0, 4] == 1).all()
    np.testing.assert_array_equal(boxes[:, 1:], [[NONE] * 3] * TEST)


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("augment", ["none", "flip", "scale_crop_flip"])
def test_a_later_start_sees_what_an_unbroken_run_sees(boxes_dir, augment, in_memory):
    kind = {"data_dir": boxes_dir, "batch_size": 5, "augment": augment, "seed": 2}
    dataset = scenes("boxes", in_memory)
    whole = data.load(dataset, epochs=3, **kind)
    rest = data.load(dataset, epochs=3, start_epoch=1, **kind)
    for unbroken, begun in zip(collected(whole.skip(2)), collected(rest), strict=True):
        np.testing.assert_array_equal(unbroken, begun)


def test_flip_mirrors_boxes_with_their_images(boxes_dir):
    dataset = scenes("boxes")
    kind = {"data_dir": boxes_dir, "batch_size": 12, "augment": "flip"}
    images, boxes = collected(data.load(dataset, epochs=4, **kind))
    np.testing.assert_allclose(boxes[:, 0, :4], list(white(images)), atol=1e-4)
    assert 12 < (boxes[:, 0, 0] < SHAPE[1] / 2 - 8).sum() < 36


def test_scaled_boxes_lie_where_their_objects_are(boxes_dir):
    kind = {"data_dir": boxes_dir, "batch_size": 12, "augment": "scale_crop_flip_third"}
    images, boxes = collected(data.load(scenes("boxes"), epochs=4, **kind))
    there = boxes[:, 0, 4] == 1
    assert there.sum() > 30
    edges = np.array(list(white(images[there])))
    assert abs(boxes[there, 0, :4] - edges).max() < 1.0
    widths = boxes[there, 0, 2] - boxes[there, 0, 0]
    assert widths.min() < 10 and widths.max() > 14


def test_a_box_counts_while_a_quarter_of_it_is_seen():
    rows = [[0, 10, 10, 20, 0], [0, 40, 10, 50, 1], [20, 20, 30, 30, 2], NONE]
    rows = tf.constant([rows], tf.float32)
    one = tf.ones([1])
    moved = moves.Moves(one, -7.4 * one, -30.0 * one, tf.constant([False]))
    # The first lies above now, of the second 26 % are seen, the third is outside.
    got = moved.of_boxes(rows, 40, 60).numpy()[0]
    np.testing.assert_allclose(got, [[0, 10, 2.6, 20, 1], NONE, NONE, NONE], atol=1e-4)
    moved = dataclasses.replace(moved, x=-7.6 * one)
    assert (moved.of_boxes(rows, 40, 60).numpy()[..., 4] == -1).all()


def test_a_tall_picture_is_scaled_to_fit_and_its_boxes_with_it():
    image = tf.zeros([64, 24, 3], tf.uint8)
    rows = tf.constant([[0.25, 0.5, 0.75, 1.0, 2.0]])
    image, rows = dense.fitted_boxes(image, rows, scenes("boxes"))
    assert (image.numpy()[:, :12] == 0).all() and (image.numpy()[:, 12:] == 128).all()
    np.testing.assert_array_equal(rows, [[3, 16, 9, 32, 2], NONE, NONE, NONE])


def test_a_picture_may_have_no_boxes(tmp_path):
    np.testing.assert_array_equal(read(tmp_path, []), [NONE] * 4)


def test_boxes_are_cut_off_at_the_border_and_none_without_an_area_is_kept(tmp_path):
    edges = [(-6, 4, 12, 40), (50, 0, 60, 9), (7, 7, 7, 19), (9, 9, 3, 12)]
    rows = read(tmp_path, [box(edge) for edge in edges])
    np.testing.assert_allclose(rows, [[0, 4, 12, 32, 1], NONE, NONE, NONE], atol=1e-4)


def test_the_largest_of_too_many_boxes_are_kept(tmp_path):
    rows = read(tmp_path, [box((0, 0, 4, 2 + size)) for size in (3, 1, 6, 2, 5, 4)])
    np.testing.assert_allclose(rows[:, 3], [8, 7, 6, 5], atol=1e-4)


def test_crowds_are_no_boxes(tmp_path):
    objects = [box((0, 0, 9, 9), is_crowd=True), box((0, 0, 5, 5), is_crowd=False)]
    rows = read(tmp_path, objects, crowds=True)
    np.testing.assert_allclose(rows[:2], [[0, 0, 5, 5, 1], NONE], atol=1e-4)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (box((0, np.nan, 4, 4)), "a box that is not of numbers"),
        (box((0, 0, 4, 4), label=3), "a box of none of the 3 classes"),
        (box((0, 0, 4, 4), label=-1), "a box of none of the 3 classes"),
    ],
)
def test_wrong_boxes_are_one_sentence(tmp_path, wrong, sentence):
    with pytest.raises(DynresError, match=f"Image 0 of 'scenes' has {sentence}"):
        read(tmp_path, [box((0, 0, 9, 9)), wrong])
    with (
        pytest.raises(DynresError, match=f"cannot be read: it has {sentence}"),
        data.clear_errors("scenes"),
    ):
        streamed = scenes("boxes", in_memory=False)
        collected(data.load(streamed, "test", tmp_path, batch_size=1))


def test_made_up_boxes_hold_the_colour_of_their_class():
    images, boxes = collected(data.load("synthetic_boxes", "test", batch_size=16))
    assert boxes.shape == (32, 8, 5)
    known = boxes[..., 4] >= 0
    assert set(known.sum(axis=1)) == {1, 2, 3}
    # The first row may be covered by later ones: of the last nothing is.
    for image, rows in zip(images, boxes, strict=True):
        x1, y1, x2, y2, kind = rows[rows[:, 4] >= 0][-1].astype(int)
        inside = image[y1:y2, x1:x2].mean(axis=(0, 1))
        assert inside.argmax() == kind


def test_two_epochs_have_the_same_boxes_in_another_order(boxes_dir):
    both = data.load(scenes("boxes"), "train", boxes_dir, batch_size=4, epochs=2)
    first, second = np.split(collected(both)[1][:, 0], 2)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(*(np.unique(x, axis=0) for x in (first, second)))

"""Whatever data comes in, it is walked over in one way."""

import itertools

import keras
import numpy as np
import pytest

from keras_dynres.core.batches import batches, class_indices, count_batches, images_of
from keras_dynres.errors import DynresError

X = np.arange(5 * 4 * 4 * 3, dtype="float32").reshape(5, 4, 4, 3)
Y = np.array([0, 1, 2, 1, 0])
MAPS = np.arange(5 * 16).reshape(5, 4, 4) % 3
TREE = {"boxes": np.ones((5, 2, 4)), "classes": [Y, Y + 1]}


class Pairs(keras.utils.PyDataset):
    """Batches of two, with weights, or none at the end."""

    def __init__(self, endless=False):
        super().__init__()
        self.endless = endless

    @property
    def num_batches(self):
        return None if self.endless else 3

    def __getitem__(self, index):
        start = 2 * index % 6
        part = slice(start, start + 2)
        return X[part], Y[part], np.ones(len(X[part]))


def walked(*args, **options):
    images, labels = zip(*batches(*args, **options), strict=True)
    assert all(isinstance(part, np.ndarray) for part in images)
    if labels[0] is None:
        assert set(labels) == {None}
        return np.concatenate(images), None
    joined = keras.tree.map_structure(lambda *rows: np.concatenate(rows), *labels)
    return np.concatenate(images), joined


def parts(labels=Y):
    """Batches of two, two and one."""
    for start in (0, 2, 4):
        part = slice(start, start + 2)
        yield X[part], keras.tree.map_structure(lambda leaf, p=part: leaf[p], labels)


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        (X, Y.tolist()),
        (X, Y, np.ones(5)),
        list(parts()),
        tuple(parts()),
        parts(),
        Pairs(),
        [[x, y] for x, y in parts()],
        (keras.ops.convert_to_tensor(X), keras.ops.convert_to_tensor(Y)),
    ],
    ids=lambda data: type(data).__name__,
)
def test_labelled_data_of_any_kind_is_the_same(data):
    images, labels = walked(data, batch_size=2)
    np.testing.assert_array_equal(images, X)
    np.testing.assert_array_equal(labels, Y)


@pytest.mark.parametrize(
    "data", [X, (X,), [X[:3], X[3:]], ((x,) for x, _ in parts()), iter([X])]
)
def test_images_alone_have_no_labels(data):
    images, labels = walked(data, batch_size=2)
    np.testing.assert_array_equal(images, X)
    assert labels is None


@pytest.mark.tensorflow
def test_tensorflow_datasets_of_any_labels():
    import tensorflow as tf

    for labels in (Y, MAPS, {"a": Y, "b": MAPS}):
        data = tf.data.Dataset.from_tensor_slices((X, labels)).batch(2)
        images, joined = walked(data)
        np.testing.assert_array_equal(images, X)
        keras.tree.map_structure(np.testing.assert_array_equal, joined, labels)
    boxes = tf.ragged.constant([[1], [], [2, 3], [4], [5, 6, 7]])
    data = tf.data.Dataset.from_tensor_slices((X, {"boxes": boxes})).batch(2)
    rows = [y["boxes"].to_list() for _, y in batches(data, limit=3)]
    assert rows == [[[1], []], [[2, 3]]]
    alone = tf.data.Dataset.from_tensor_slices(X).batch(2)
    assert count_batches(alone) == 3
    assert walked(alone)[1] is None
    with pytest.raises(DynresError, match="Received: limit=None.*'limit=10000'"):
        batches(alone.repeat())
    with pytest.raises(DynresError, match="Received: batches=None.*'batches=100'"):
        images_of(alone.repeat())
    assert len(walked(alone.repeat(), limit=7)[0]) == 7
    with pytest.raises(DynresError, match="forget `.batch"):
        walked(tf.data.Dataset.range(3))


@pytest.mark.parametrize("labels", [MAPS, TREE, [Y, MAPS]], ids=["map", "dict", "list"])
def test_labels_come_as_they_are(labels):
    for data in ((X, labels), parts(labels)):
        images, joined = walked(data, batch_size=2)
        np.testing.assert_array_equal(images, X)
        keras.tree.map_structure(np.testing.assert_array_equal, joined, labels)
    _, joined = walked((X, labels), batch_size=2, limit=3)
    keras.tree.map_structure(
        lambda leaf, whole: np.testing.assert_array_equal(leaf, whole[:3]),
        joined,
        labels,
    )


def test_a_limit_ends_the_walk_and_takes_no_batch_more():
    source = iter(itertools.cycle([(X, Y)]))
    assert [len(x) for x, _ in batches(source, limit=7)] == [5, 2]
    taken = []
    source = (taken.append(1) or (X, Y) for _ in range(9))
    assert [len(x) for x, _ in batches(source, limit=10)] == [5, 5]
    assert len(taken) == 2


@pytest.mark.parametrize("labels", [Y.tolist(), TREE], ids=["list", "dict"])
def test_a_seed_takes_images_of_arrays_at_random(labels):
    places = []
    for seed in range(20):
        images, joined = walked((X, labels), batch_size=2, limit=3, seed=seed)
        rows = [int(image[0, 0, 0]) // X[0].size for image in images]
        assert rows == sorted(set(rows)) and len(rows) == 3
        _, whole = walked((X, labels))
        keras.tree.map_structure(
            lambda leaf, own, r=rows: np.testing.assert_array_equal(leaf, own[r]),
            joined,
            whole,
        )
        again, _ = walked((X, labels), limit=3, seed=seed)
        np.testing.assert_array_equal(images, again)
        places += rows
    assert set(places) == set(range(5))
    np.testing.assert_array_equal(walked(X, limit=9, seed=0)[0], X)
    np.testing.assert_array_equal(walked(parts(), limit=3, seed=0)[0], X[:3])
    with pytest.raises(DynresError, match="one label for each image"):
        walked((X, Y[:4]), limit=3, seed=0)


def test_endless_data_wants_a_limit():
    for walk, near in ((batches, "limit=10000"), (images_of, "batches=100")):
        with pytest.raises(DynresError, match=f"never ends.*{near}"):
            walk(Pairs(endless=True))
    assert count_batches(Pairs(endless=True)) is None
    assert len(walked(Pairs(endless=True), limit=8)[0]) == 8
    assert len(list(images_of(Pairs(endless=True), limit_batches=4))) == 4


def test_images_alone_whatever_the_labels_are():
    data = [(x, "anything", 3) for x, _ in parts()]
    assert [len(x) for x in images_of(data)] == [2, 2, 1]
    assert [len(x) for x in images_of(X, batch_size=2, limit_batches=2)] == [2, 2]
    assert [len(x) for x in images_of((X, Y), batch_size=3)] == [3, 2]


def test_batches_are_counted_where_they_can_be():
    assert count_batches((X, Y), 2) == count_batches(X, 2) == 3
    assert count_batches(X, 2, limit=3) == 2
    assert count_batches(list(parts())) == count_batches(Pairs()) == 3
    assert count_batches(parts()) is None and count_batches(Pairs(), limit=3) is None


@pytest.mark.parametrize("data", [X[:0], (X[:0], Y[:0]), [], iter([]), [X[:0]]])
def test_empty_data_is_refused(data):
    for walk in (batches, images_of):
        with pytest.raises(DynresError, match="holds no images"):
            list(walk(data))


@pytest.mark.parametrize(
    ("data", "received"),
    [
        ("images.npz", "Received: 'images.npz'"),
        (None, "Received: None"),
        (3, "Received: 3"),
        (np.float32(3), "Received: an array of shape"),
        ({"images": X}, "Received: a dict"),
    ],
)
def test_what_is_no_data_is_refused_at_once(data, received):
    for walk in (batches, images_of):
        with pytest.raises(DynresError, match=f"a tf.data.Dataset.*{received}"):
            walk(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (["cat.png", "dog.png"], "Received: 'cat.png'"),
        ([1, 2], "begins with one. Received: 1"),
        (np.zeros(4), r"array of shape \(4,\)"),
        (np.array([["a", "b"]]), "Received: an array"),
        ([{"image": X}], "Received: a dict"),
        ([([X[0], X[0, :2]], Y[:2])], "Received: a list"),
        ((X, Y[:3]), "5 images and 3 labels"),
        ([(X, Y[:3])], "5 images and 3 labels"),
        ((X, {"a": Y, "b": Y[:2]}), "5 images and 2 labels"),
        ([(X[0], np.array(1))], "4 images and a single label"),
    ],
)
def test_batches_that_are_none_are_refused(data, says):
    with pytest.raises(DynresError, match=says):
        list(batches(data))


@pytest.mark.parametrize("value", [0, -1, 1.5, float("nan"), float("inf"), "3"])
def test_amounts_are_whole(value):
    for ask in (
        lambda: batches(X, limit=value),
        lambda: batches(X, batch_size=value),
        lambda: images_of(X, limit_batches=value),
        lambda: count_batches(X, value),
    ):
        with pytest.raises(DynresError, match="whole number of at least 1. Received"):
            ask()


def test_class_indices_from_what_labels_are_kept_as():
    one_hot = np.eye(3, dtype="float32")
    for labels in (Y, Y[:, None], one_hot[Y], Y.astype("float32"), Y.tolist()):
        indices = class_indices(labels)
        assert indices.dtype == "int64"
        np.testing.assert_array_equal(indices, Y)
    for labels in (MAPS, MAPS[..., None], one_hot[MAPS], MAPS.astype("uint8")):
        np.testing.assert_array_equal(class_indices(labels, axes=3), MAPS)
    for labels in (MAPS, {"a": Y}, np.array(["cat"]), np.array(3)):
        with pytest.raises(DynresError, match="class indices or one-hot rows. Rec"):
            class_indices(labels)
    with pytest.raises(DynresError, match="maps of class indices. Received: an array"):
        class_indices(Y, axes=3)

import keras
import numpy as np
import pytest

from keras_dynres import DynresError
from keras_dynres.evaluation import Score, accuracy_table, predictions


@pytest.mark.backends
def test_one_pass_equals_each_instance_on_its_own(dynamic, data):
    images, labels = data
    seen = predictions(dynamic, data, batch_size=8, verbose=0)
    assert seen.names == dynamic.menu.names and len(seen) == 21
    for name in seen.names:
        alone = dynamic.at(name).predict(images, batch_size=21, verbose=0)
        np.testing.assert_allclose(seen.logits[name], alone, atol=1e-6)
        np.testing.assert_array_equal(seen.classes[name], alone.argmax(-1))
        for k in (1, 2, 4):
            top = np.argsort(-alone, axis=-1)[:, :k]
            right = (top == labels[:, None]).any(-1)
            np.testing.assert_array_equal(seen.correct(name, k), right)
            assert seen.accuracy(name, k).value == pytest.approx(right.mean())
    same = seen.classes["pooled"] == seen.classes["full"]
    assert seen.agreement("pooled") == pytest.approx(same.mean())


class Batches(keras.utils.PyDataset):
    def __init__(self, images, labels):
        super().__init__()
        self.parts = [(images[i : i + 6], labels[i : i + 6]) for i in (0, 6, 12, 18)]

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, index):
        return self.parts[index]


@pytest.mark.parametrize(
    "kind", ["PyDataset", "list", "generator", "one-hot", "column"]
)
def test_every_kind_of_data_gives_the_same(dynamic, data, kind):
    images, labels = data
    given = {
        "PyDataset": Batches(images, labels),
        "list": Batches(images, labels).parts,
        "generator": iter(Batches(images, labels).parts),
        "one-hot": (images, np.eye(4)[labels]),
        "column": (images, labels[:, None]),
    }[kind]
    seen = predictions(dynamic, given, ["pooled"], verbose=0)
    expected = predictions(dynamic, data, ["pooled"], verbose=0)
    np.testing.assert_array_equal(seen.labels, labels)
    np.testing.assert_array_equal(seen.ranks["pooled"], expected.ranks["pooled"])


@pytest.mark.tensorflow
def test_tf_data_and_its_endless_form(dynamic, data):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(data).batch(8)
    seen = predictions(dynamic, dataset, ["full"], limit=10, logits=False, verbose=0)
    assert len(seen) == 10 and not seen.logits
    np.testing.assert_array_equal(seen.labels, data[1][:10])
    with pytest.raises(DynresError, match="never ends"):
        predictions(dynamic, dataset.repeat(), verbose=0)
    assert len(predictions(dynamic, dataset.repeat(), limit=30, verbose=0)) == 30


class Fixed:
    """A stand-in that answers each image with its first row of numbers."""

    def predict_on_batch(self, images):
        return images.reshape(len(images), -1)


def test_nan_is_never_right_and_ties_go_as_in_argmax():
    rows = [[np.nan, 1, 2], [1, 1, 0], [1, 1, 0], [0, np.nan, 5]]
    data = np.array(rows, "float32"), np.array([0, 0, 1, 2])
    seen = predictions({"one": Fixed()}, data, verbose=0)
    assert list(seen.correct("one")) == [False, True, False, False]
    assert list(seen.correct("one", 2)) == [False, True, True, False]
    assert not seen.correct("one", 3)[[0, 3]].any()


def test_score_is_binomial_and_tables_show_it(dynamic, data):
    score = Score(0.925, 10000)
    spread = np.random.default_rng(0).binomial(10000, 0.925, 4000).std() / 10000
    assert score.stderr == pytest.approx(spread, rel=0.05)
    seen = predictions(dynamic, data, verbose=0)
    table = accuracy_table(seen, k=(1, 2), style="markdown")
    assert all(str(seen.accuracy(n, 2)) in table for n in seen.names)


def test_bad_input_gets_a_sentence(dynamic, data):
    images, labels = data
    with pytest.raises(DynresError, match="Did you mean 'pooled'"):
        predictions(dynamic, data, ["poled"], verbose=0)
    with pytest.raises(DynresError, match="Did you mean 'full'"):
        predictions(dynamic.base, data, ["ful"], verbose=0)
    with pytest.raises(DynresError, match="21 images and 20 labels"):
        predictions(dynamic, (images, labels[:20]), verbose=0)
    with pytest.raises(DynresError, match="from 0 to 3.*to 7"):
        predictions(dynamic, (images, labels + 4), verbose=0)
    with pytest.raises(DynresError, match="holds no images"):
        predictions(dynamic, [], verbose=0)
    with pytest.raises(DynresError, match="limit=0"):
        predictions(dynamic, data, limit=0, verbose=0)
    with pytest.raises(DynresError, match="without labels"):
        predictions(dynamic, images, verbose=0).accuracy("full")

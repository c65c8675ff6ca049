import dataclasses

import exit_nets
import keras
import numpy as np
import pytest

from keras_dynres import DynresError
from keras_dynres.evaluation import Predictions, Score, accuracy_table, predictions


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
    in_kind = {
        "PyDataset": Batches(images, labels),
        "list": Batches(images, labels).parts,
        "generator": iter(Batches(images, labels).parts),
        "one-hot": (images, np.eye(4)[labels]),
        "column": (images, labels[:, None]),
    }[kind]
    seen = predictions(dynamic, in_kind, ["pooled"], verbose=0)
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


def test_maps_of_logits_have_an_answer_for_each_pixel(map_model, data, map_labels):
    images, labels = data[0], map_labels
    for given_as in (labels, labels[..., None], np.eye(3)[labels]):
        seen = predictions(map_model, (images, given_as), batch_size=8, verbose=0)
        for name in seen.names:
            alone = map_model.at(name).predict(images, verbose=0)
            np.testing.assert_allclose(seen.logits[name], alone, atol=1e-6)
            np.testing.assert_array_equal(seen.classes[name], alone.argmax(-1))
            order = np.argsort(-alone, axis=-1)
            for k in (1, 2):
                right = (order[..., :k] == labels[..., None]).any(-1)
                np.testing.assert_array_equal(seen.correct(name, k), right)
    np.testing.assert_array_equal(seen.labels, labels)
    same = seen.classes["pooled"] == seen.classes["full"]
    assert seen.agreement("pooled") == pytest.approx(same.mean())
    assert 0 < same.mean() < 1


def test_pixels_of_an_image_are_no_independent_trials(map_model, data, map_labels):
    seen = predictions(map_model, (data[0], map_labels), verbose=0)
    right, score = seen.correct("full"), seen.accuracy("full")
    means = right.mean(axis=(1, 2))
    assert score.value == pytest.approx(right.mean()) and score.count == 21
    assert score.stderr == pytest.approx(means.std(ddof=1) / np.sqrt(21))
    assert str(score) in accuracy_table(seen)
    # Images that are right or wrong as a whole are as sure as so many single answers.
    whole = np.repeat([[1, 0, 1, 1]], 9, axis=0).ravel().astype(bool)
    maps = np.broadcast_to(whole[:, None, None], (36, 5, 5))
    seen = Predictions(maps, {"a": ~maps + 0}, {}, {"a": maps})
    assert seen.accuracy("a").stderr == pytest.approx(Score(0.75, 36).stderr, rel=0.02)


def test_one_of_several_outputs_is_named(two_headed, data, map_labels):
    images, labels = data
    answers = {"classes": labels, "pixels": map_labels}
    whole = {n: two_headed.at(n).predict(images, verbose=0) for n in ("full", "pooled")}
    for output, shape in (("classes", (21, 4)), ("pixels", (21, 8, 8, 3))):
        # Labels by the outputs' names, or of the one output alone.
        for known in (answers, answers[output]):
            seen = predictions(two_headed, (images, known), output=output, verbose=0)
            assert seen.logits["full"].shape == shape
            for name, outputs in whole.items():
                np.testing.assert_allclose(
                    seen.logits[name], outputs[output], atol=1e-6
                )
                right = outputs[output].argmax(-1) == answers[output]
                np.testing.assert_array_equal(seen.correct(name), right)
    several = "several outputs.*output=None. Offered: 'classes', 'pixels'"
    with pytest.raises(DynresError, match=several):
        predictions(two_headed, images, verbose=0)
    with pytest.raises(DynresError, match="several labels"):
        predictions(two_headed, (images, answers), verbose=0)
    with pytest.raises(DynresError, match="Unknown output.*Did you mean 'pixels'"):
        predictions(two_headed, images, output="pixel", verbose=0)
    with pytest.raises(DynresError, match="Unknown label. Received: 'pixels'"):
        only = {"classes": labels}
        predictions(two_headed, (images, only), output="pixels", verbose=0)


def test_a_list_of_outputs_is_named_by_position(two_headed, data):
    base = two_headed.base
    net = keras.Model(base.input, [base.output["pixels"], base.output["classes"]])
    seen = predictions(net, data, output=1, verbose=0)
    by_name = predictions(base, data, output="classes", verbose=0)
    np.testing.assert_array_equal(seen.classes["full"], by_name.classes["full"])


def test_instances_are_known_by_all_their_names(dynamic, data):
    seen = predictions(dynamic, data, verbose=0)
    seen = dataclasses.replace(seen, aliases={"half": "pooled"})
    assert seen.accuracy("half") == seen.accuracy("pooled")
    assert seen.accuracy(dynamic.menu["pooled"]) == seen.accuracy("pooled")
    assert seen.agreement("half", "pooled") == 1
    with pytest.raises(DynresError, match="Did you mean 'pooled'"):
        seen.agreement("full", "poled")


def test_exits_are_asked_for_by_the_names_that_at_knows():
    model, data = exit_nets.small(), exit_nets.batches(2)
    seen = predictions(model, data, ["exit1", "exit3"], verbose=0)
    assert seen.names == ["exit1", "full"]
    assert seen.accuracy("exit3") == seen.accuracy("full")


def test_bad_maps_get_a_sentence(map_model, data, map_labels):
    images = data[0]
    with pytest.raises(DynresError, match="maps of class indices. Received"):
        predictions(map_model, data, verbose=0)
    with pytest.raises(DynresError, match=r"as large as.*\(21, 4, 8\)"):
        predictions(map_model, (images, map_labels[:, :4]), verbose=0)
    with pytest.raises(DynresError, match="from 0 to 2.*to 5"):
        predictions(map_model, (images, map_labels + 3), verbose=0)
    with pytest.raises(DynresError, match="one output, which needs no name.*'map'"):
        predictions(map_model, images, output="map", verbose=0)
    free = keras.Input((None, None, 3))
    net = keras.Model(free, keras.layers.Conv2D(2, 1)(free))
    sizes = [images, images[:, :6]]
    with pytest.raises(DynresError, match=r"one size.*\(6, 8, 2\) and \(8, 8, 2\)"):
        predictions(net, sizes, verbose=0)


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

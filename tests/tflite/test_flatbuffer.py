import itertools

import numpy as np
import pytest

from keras_dynres.tflite import flatbuffer, metadata

KEYS = ["p1@0.5", "full", "stage1"]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A file with three signatures over one weight."""
    import tensorflow as tf

    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            self.kernel = tf.Variable(tf.ones([4, 600]))

        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])
        def once(self, images):
            return {"outputs": images @ self.kernel}

        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])
        def twice(self, images):
            return {"outputs": 2.0 * (images @ self.kernel)}

        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])
        def added(self, images):
            return {"outputs": images @ self.kernel, "made": images + 1.0}

    net = Net()
    place = str(tmp_path_factory.mktemp("saved"))
    keys = dict(zip(KEYS, (net.once, net.twice, net.added), strict=True))
    tf.saved_model.save(net, place, signatures=keys)
    converter = tf.lite.TFLiteConverter.from_saved_model(place, list(keys))
    return converter.convert()


def test_signatures_by_name(three):
    assert set(flatbuffer.signatures(three)) == set(KEYS)
    assert sorted(flatbuffer.signatures(three).values()) == [0, 1, 2]


@pytest.mark.parametrize("key", KEYS)
def test_a_selected_signature_is_alone_and_computes_the_same(three, key):
    from ai_edge_litert.interpreter import Interpreter

    data = flatbuffer.select(metadata.write_metadata(three, {"model": "m"}), [key])
    interpreter = Interpreter(model_content=data)
    assert list(interpreter.get_signature_list()) == [key]
    assert interpreter.num_subgraphs() == 1
    run = interpreter.get_signature_runner(key)
    images = np.random.rand(1, 4).astype("float32")
    alone = run(images=images)["outputs"]
    together = Interpreter(model_content=three).get_signature_runner(key)
    np.testing.assert_array_equal(alone, together(images=images)["outputs"])


@pytest.mark.parametrize("keys", list(itertools.permutations(KEYS, 2)))
def test_several_selected_signatures_compute_the_same(three, keys):
    from ai_edge_litert.interpreter import Interpreter

    kept = Interpreter(model_content=flatbuffer.select(three, keys))
    assert set(kept.get_signature_list()) == set(keys)
    assert kept.num_subgraphs() == 2
    together = Interpreter(model_content=three)
    images = np.random.rand(1, 4).astype("float32")
    for key in keys:
        alone = kept.get_signature_runner(key)(images=images)
        wanted = together.get_signature_runner(key)(images=images)
        assert alone.keys() == wanted.keys()
        for name, values in wanted.items():
            np.testing.assert_array_equal(alone[name], values)

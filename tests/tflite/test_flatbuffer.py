import numpy as np
import pytest

from keras_dynres.tflite import flatbuffer, metadata


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A file with two signatures over one weight."""
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

    net = Net()
    place = str(tmp_path_factory.mktemp("saved"))
    keys = {"p1@0.5": net.once, "full": net.twice}
    tf.saved_model.save(net, place, signatures=keys)
    converter = tf.lite.TFLiteConverter.from_saved_model(place, list(keys))
    return converter.convert()


def test_signatures_by_name(two):
    assert set(flatbuffer.signatures(two)) == {"p1@0.5", "full"}
    assert sorted(flatbuffer.signatures(two).values()) == [0, 1]


@pytest.mark.parametrize("key", ["p1@0.5", "full"])
def test_a_selected_signature_is_alone_and_computes_the_same(two, key):
    from ai_edge_litert.interpreter import Interpreter

    data = flatbuffer.select(metadata.write_metadata(two, {"model": "m"}), key)
    interpreter = Interpreter(model_content=data)
    assert list(interpreter.get_signature_list()) == [key]
    assert interpreter.num_subgraphs() == 1
    run = interpreter.get_signature_runner(key)
    images = np.random.rand(1, 4).astype("float32")
    alone = run(images=images)["outputs"]
    together = Interpreter(model_content=two).get_signature_runner(key)
    np.testing.assert_array_equal(alone, together(images=images)["outputs"])

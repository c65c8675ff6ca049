"""What GumbelAnnealing puts into the logs, and which callbacks find it there."""

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.callbacks import GumbelAnnealing

X = np.random.default_rng(0).normal(size=(16, 16, 16, 3)).astype("float32")
Y = np.random.default_rng(1).integers(0, 4, 16)


def model(**options):
    base = kd.architectures.resnet(8, (16, 16, 3), classes=4, channels=(4, 8, 8))
    method = kd.Sampled(base, densities=(0.5,), blocks=["stage3_block1_add"], **options)
    method.compile(
        keras.optimizers.SGD(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=keras.backend.backend() == "jax",
    )
    return method


def fit(method, callbacks=None, epochs=2, **options):
    options = {"batch_size": 8, "epochs": epochs, "verbose": 0, **options}
    return method.fit(X, Y, callbacks=callbacks, **options).history


@pytest.mark.backends
def test_history_holds_temperature_and_densities():
    method = model()
    history = fit(method, validation_data=(X[:8], Y[:8]))
    names = [mask.name for mask in method.masks]
    assert [key for key in history if key.startswith("density/")] == [
        f"density/{name}" for name in names
    ]
    # After steps 2 and 4 of 4, from 1 to 0.01.
    np.testing.assert_allclose(history["temperature"], [0.01 ** (2 / 3), 0.01], 1e-4)
    means = np.mean([history[f"density/{name}"] for name in names], axis=0)
    np.testing.assert_allclose(history["density"], means, 1e-5)
    # At first nearly all points are sampled, but no longer all of them.
    assert 0.7 < history["density"][0] < 1
    assert method.training_densities() == {
        name: history[f"density/{name}"][-1] for name in names
    }


def test_without_masks_there_is_their_mean_alone():
    history = fit(model(), [GumbelAnnealing(masks=False)], epochs=1)
    assert {"temperature", "density"} <= set(history)
    assert not any(key.startswith("density/") for key in history)


class Watcher(keras.callbacks.Callback):
    """Which keys the logs of epochs had when its turn came."""

    def on_epoch_end(self, epoch, logs=None):
        self.keys = set(logs)


def test_callbacks_given_before_it_find_its_logs():
    for annealing in ([], [GumbelAnnealing(end=0.5)], GumbelAnnealing(end=0.5)):
        watcher = Watcher()
        history = fit(model(), [watcher, annealing], epochs=1)
        assert {"temperature", "density"} <= watcher.keys
        assert history["temperature"] == pytest.approx([0.5 if annealing else 0.01])


@pytest.mark.tensorflow
@pytest.mark.parametrize("named", [False, True])
def test_tensorboard_shows_them(tmp_path, named):
    import tensorflow as tf

    method = model()
    # Its files hold what came before it alone; it stands first here.
    callbacks = [keras.callbacks.TensorBoard(tmp_path, write_graph=False)]
    fit(method, callbacks + [GumbelAnnealing()] * named)
    tags = {
        value.tag
        for path in (tmp_path / "train").glob("events.*")
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    wanted = ["temperature", "density"]
    wanted += [f"density/{mask.name}" for mask in method.masks]
    assert {f"epoch_{key}" for key in wanted} <= tags

"""keras-dynres compress: an ordinary network of fewer bits comes out."""

import keras
import numpy as np
import pytest

import keras_dynres as kd


def most_values(path):
    model = keras.saving.load_model(path, compile=False)
    kernels = [
        np.asarray(layer.kernel)
        for layer in model.base.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    rows = [row for kernel in kernels for row in np.moveaxis(kernel, -1, 0)]
    return model, max(len(np.unique(row)) for row in rows)


@pytest.mark.tensorflow
def test_bits_are_trained_for_calibrated_and_saved(run, keras_file, tmp_path):
    out = tmp_path / "small.keras"
    words = ["--dataset", "synthetic", "--batch_size", "64", "--batches", "1"]
    code, _, err = run("compress", keras_file, "-o", out, "--bits", "3", *words)
    assert code == 0, err
    model, values = most_values(out)
    assert values <= 7
    assert all(map(model.is_calibrated, model.instances))
    assert isinstance(model, kd.SDPoint)


@pytest.mark.tensorflow
def test_a_network_that_samples_is_led_back_at_a_temperature_above_its_end(
    run, tmp_path
):
    base = kd.architectures.resnet(8, (32, 32, 3), classes=10, channels=(4, 8, 8))
    model = kd.Sampled(base, densities=[0.5], draw="random")
    model.calibrate(np.zeros((4, 32, 32, 3), "float32"), verbose=0)
    path, out = tmp_path / "net.keras", tmp_path / "small.keras"
    model.save(path)
    words = ["--dataset", "synthetic", "--batch_size", "64", "--batches", "1"]
    code, _, err = run("compress", path, "-o", out, "--bits", "4", *words)
    assert code == 0, err
    small = keras.saving.load_model(out, compile=False)
    assert float(small.temperature.value()) == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ([], 2, "Compress how?"),
        (["--cluster", "8", "--bits", "4"], 2, "neither"),
        (["--bits", "1"], 1, "bits=1"),
        (["--prune", "1.5"], 1, "sparsity=1.5"),
    ],
)
def test_bad_words_get_a_sentence(run, keras_file, tmp_path, words, code, sentence):
    out = tmp_path / "small.keras"
    rest = ["--dataset", "synthetic"]
    got, _, err = run("compress", keras_file, "-o", out, *words, *rest)
    assert (got, sentence in err) == (code, True), err
    assert not out.exists()

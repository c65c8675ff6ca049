"""Kernels of few values: on the grid, and kept there while all instances train."""

import keras
import numpy as np
import pytest
from small_nets import CLASSES, SIZE, row_net

import keras_dynres as kd
from keras_dynres import compress, grid

IMAGES = np.random.default_rng(0).normal(size=(32, SIZE, SIZE, 3)).astype("float32")
LABELS = (np.arange(32) % CLASSES).astype("int32")


def network(compiled=True, rate=0.05):
    keras.utils.set_random_seed(0)
    model = kd.SDPoint(row_net(), ratios=(0.5,))
    if compiled:
        model.compile(
            keras.optimizers.SGD(rate, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
    return model


def kernels(model):
    return {
        layer.name: np.asarray(layer.kernel)
        for layer in model.base.layers
        if isinstance(layer, keras.layers.Conv2D)
    }


def most_values(kernel):
    """How many different values the richest channel has."""
    return max(len(np.unique(channel)) for channel in np.moveaxis(kernel, -1, 0))


def fit(model, epochs=2):
    return model.fit(IMAGES, LABELS, batch_size=8, epochs=epochs, verbose=0)


def to_the_ends(kernel, bits):
    """The nearest points of a grid that ends at the largest value of each channel."""
    step = np.abs(kernel).max((0, 1, 2)) / (2 ** (bits - 1) - 1)
    return np.round(kernel / step) * step


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_a_grid_has_its_points_and_ends_where_the_channel_errs_least(bits):
    kernel = np.random.default_rng(1).normal(size=(3, 3, 64, 4)).astype("float32")
    kernel[0, 0, 0, 0] = 9.0  # One that would spread the points of all others.
    snapped = np.asarray(grid.on_grid(kernel, (0, 1, 2), bits))
    np.testing.assert_allclose(grid.on_grid(snapped, (0, 1, 2), bits), snapped, 1e-6)
    for channel, values in enumerate(np.moveaxis(snapped, -1, 0)):
        end = np.abs(values).max()
        step = end / (2 ** (bits - 1) - 1)
        np.testing.assert_allclose(values, step * np.round(values / step), atol=1e-5)
        inside = np.abs(kernel[..., channel]) <= end
        error = np.abs(values - kernel[..., channel])[inside]
        assert (error <= step / 2 + 1e-5).all()
    error = (np.abs(snapped - kernel) ** 3).sum((0, 1, 2))
    others = (np.abs(to_the_ends(kernel, bits) - kernel) ** 3).sum((0, 1, 2))
    if bits == 8:
        np.testing.assert_allclose(error, others, rtol=1e-3)
    else:
        assert (error < 0.9 * others).all()


def test_a_channel_of_zeros_stays():
    zeros = np.zeros((1, 1, 2, 2), "float32")
    assert not np.asarray(grid.on_grid(zeros, (0, 1, 2), 4)).any()


def test_a_depthwise_kernel_has_a_grid_for_each_of_its_channels():
    x = keras.Input((SIZE, SIZE, 3))
    y = keras.layers.DepthwiseConv2D(3, name="depthwise")(x)
    model = kd.Plain(keras.Model(x, keras.layers.GlobalAveragePooling2D()(y)))
    compress.quantize(model, 2)
    kernel = np.asarray(model.base.get_layer("depthwise").kernel)
    rows = kernel.reshape(9, 3).T
    assert all(set(np.round(row / np.abs(row).max(), 5)) <= {-1, 0, 1} for row in rows)


def test_quantize_demands_calibrating_and_forgets_figures():
    model = network(compiled=False)
    model.calibrate(IMAGES, verbose=0)
    model.evaluate_menu((IMAGES, LABELS), verbose=0)
    classifier = np.asarray(model.base.get_layer("logits").kernel)
    compress.quantize(model, bits=3)
    assert all(most_values(kernel) <= 7 for kernel in kernels(model).values())
    np.testing.assert_array_equal(model.base.get_layer("logits").kernel, classifier)
    assert model.menu["full"].figure("accuracy") is None
    with pytest.raises(kd.NotCalibratedError):
        model.at("p1@0.5")


@pytest.mark.backends
def test_training_moves_kernels_from_point_to_point_of_the_grid():
    model = network(rate=0.2)
    compress.quantize(model, 3)
    before = kernels(model)
    with compress.quantize_aware(model, bits=3):
        losses = fit(model, 4).history["loss"]
    after = kernels(model)
    assert losses[-1] < losses[0]
    for name, kernel in after.items():
        assert most_values(kernel) <= 7
        assert (kernel != before[name]).any()
    # Out of it training is what it was.
    fit(model)
    assert all(most_values(kernel) > 7 for kernel in kernels(model).values())


@pytest.mark.backends
def test_accumulated_gradients_move_kernels_at_every_second_batch():
    model = network(compiled=False)
    model.compile(
        keras.optimizers.SGD(0.2, gradient_accumulation_steps=2),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    with compress.quantize_aware(model, 3):
        states = [kernels(model)]
        for _ in range(2):
            model.fit(IMAGES[:8], LABELS[:8], batch_size=8, verbose=0)
            states.append(kernels(model))
    start, first, second = states
    for name, kernel in start.items():
        np.testing.assert_allclose(first[name], kernel, atol=1e-6)
        assert most_values(second[name]) <= 7
    assert any(np.abs(second[n] - kernel).max() > 1e-3 for n, kernel in start.items())


def test_updates_smaller_than_a_step_add_up():
    """A straight-through estimator moves what rounding would hold for ever."""
    model = network(rate=1e-3)
    twin = network()
    compress.quantize(twin, 2)
    start = kernels(twin)
    with compress.quantize_aware(model, bits=2):
        fit(model, 1)
        early = kernels(model)
        fit(model, 15)
    late = kernels(model)

    def moved(kernels):
        """How many weights stand at another of the three points."""
        return sum((np.sign(start[n]) != np.sign(kernels[n])).sum() for n in start)

    assert moved(late) > moved(early)


def test_the_step_is_the_optimizers_own_at_projected_weights():
    """One step by hand: gradients at the grid, the update on the latent kernel."""
    model = network(rate=0.1)
    layer = model.base.get_layer("a_conv")
    latent = np.asarray(layer.kernel)
    twin = network(rate=0.1)
    compress.quantize(twin, 4)
    snapped = np.asarray(twin.base.get_layer("a_conv").kernel)
    batch = IMAGES[:8], LABELS[:8]
    twin.fit(*batch, batch_size=8, verbose=0)
    update = np.asarray(twin.base.get_layer("a_conv").kernel) - snapped
    with compress.quantize_aware(model, 4):
        model.fit(*batch, batch_size=8, verbose=0)
    expected = grid.on_grid(latent + update, (0, 1, 2), 4)
    np.testing.assert_allclose(layer.kernel, expected, atol=1e-6)


def test_what_is_saved_inside_is_an_ordinary_network(tmp_path):
    model = network()
    with compress.quantize_aware(model, 4):
        fit(model, 1)
        model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert type(loaded.optimizer) is keras.optimizers.SGD
    for name, kernel in kernels(model).items():
        np.testing.assert_array_equal(kernels(loaded)[name], kernel)
    fit(loaded, 1)


def test_zeros_survive_fewer_bits():
    model = network()
    layer = model.base.get_layer("a_conv")
    mask = np.random.default_rng(2).random(layer.kernel.shape) > 0.6
    layer.kernel.assign(np.asarray(layer.kernel) * mask)
    with compress.quantize_aware(model, 4):
        fit(model)
    assert not np.asarray(layer.kernel)[~mask].any()


@pytest.mark.backends
def test_zeros_and_shared_values_are_held():
    model = network()
    pruned, shared = (model.base.get_layer(name) for name in ("a_conv", "b_conv"))
    mask = np.random.default_rng(2).random(pruned.kernel.shape) > 0.6
    pruned.kernel.assign(np.asarray(pruned.kernel) * mask)
    shared.kernel.assign(np.round(np.asarray(shared.kernel), 1))
    before, values = kernels(model), np.unique(np.asarray(shared.kernel))
    with compress.held(model):
        fit(model, 4)
    after = kernels(model)
    np.testing.assert_array_equal(after["a_conv"] != 0, mask)
    assert set(np.unique(after["b_conv"])) <= set(values)
    assert (after["b_conv"] != before["b_conv"]).any()
    assert (after["stem_conv"] != before["stem_conv"]).any()


def test_interrupted_training_leaves_an_ordinary_network():
    model = network()
    optimizer = model.optimizer

    class Interruption(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), compress.quantize_aware(model, 4):
        model.fit(IMAGES, LABELS, batch_size=8, callbacks=[Interruption()], verbose=0)
    assert model.optimizer is optimizer
    assert all(most_values(kernel) <= 15 for kernel in kernels(model).values())
    fit(model, 1)


def enter(context):
    with context:
        pass


def compiled_within():
    model = network()
    with compress.quantize_aware(model, 4):
        model.compile("sgd", "sparse_categorical_crossentropy")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: compress.quantize(network(), 1), "2 to 8.*bits=1"),
        (lambda: compress.quantize(network(), 4.5), "2 to 8.*bits=4.5"),
        (lambda: compress.quantize(row_net(), 4), "DynamicModel.*Functional"),
        (lambda: enter(compress.quantize_aware(network(False))), "call compile before"),
        (lambda: enter(compress.held(network())), "nothing to keep"),
        (compiled_within, "compiled anew within"),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises(kd.DynresError, match=sentence):
        call()

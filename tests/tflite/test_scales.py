"""Scales that int8 graphs of a bundle share."""

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.tflite import compact, convert, norms, scales

pytestmark = pytest.mark.tensorflow
L = keras.layers
_INT8, _INT32 = 9, 2
PAIRS = ("full", "p1@0.5")


@pytest.fixture(scope="module")
def images(bundles):
    return bundles.calibration


@pytest.fixture(scope="module")
def raw(bundles, images):
    """What the converter makes of instances, before anything is shared."""
    files = {}

    def raw(*names):
        if names not in files:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(compact, "compact", lambda data, *_: data)
                graphs = {name: bundles.model.at(name) for name in names}
                files[names] = convert.convert(graphs, "int8", images)
        return files[names]

    return raw


def unpacked(data):
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(data)


def kernels(data):
    """Input, kernel and bias of all convolutions and products of a file."""
    model = unpacked(data)
    for graph in model.subgraphs:
        for operator in graph.operators:
            if len(operator.inputs) == 3 and operator.inputs[2] >= 0:
                yield model, *(graph.tensors[place] for place in operator.inputs)


def content(model, tensor):
    return np.asarray(model.buffers[tensor.buffer].data, "uint8").tobytes()


def run(data, name, images):
    from ai_edge_litert.interpreter import Interpreter

    call = Interpreter(model_content=data).get_signature_runner(name)
    return np.concatenate([call(images=image[None])["outputs"] for image in images])


def test_a_lone_graph_computes_what_it_did(raw, images):
    # Nothing is joined, and what is counted in steps are the same integers.
    before, after = (compact.compact(raw("full"), kind) for kind in (False, True))
    assert before != after
    np.testing.assert_array_equal(*(run(d, "full", images) for d in (before, after)))


def test_joined_graphs_compute_nearly_what_they_did(raw, images):
    before, after = (compact.compact(raw(*PAIRS), kind) for kind in (False, True))
    for name in PAIRS:
        first, second = (run(data, name, images) for data in (before, after))
        far = np.abs(first - second) / np.abs(first).max()
        assert far.mean() < 0.03 and far.max() < 0.1
        assert (first.argmax(-1) == second.argmax(-1)).mean() > 0.8


def test_a_bias_has_the_scales_of_its_input_times_its_kernel(raw):
    held = 0
    for model, images, kernel, bias in kernels(compact.compact(raw(*PAIRS), True)):
        if bias.type == _INT32 and np.any(model.buffers[bias.buffer].data):
            product = images.quantization.scale * kernel.quantization.scale
            np.testing.assert_allclose(bias.quantization.scale, product, rtol=1e-6)
            held += 1
    assert held


def test_norms_differ_in_bytes_and_not_in_scales(raw):
    held = {}
    for model, _, kernel, _ in kernels(compact.compact(raw(*PAIRS), True)):
        if list(kernel.shape[:3]) == [1, 1, 1]:
            facts = (
                kernel.quantization.scale.tobytes(),
                content(model, kernel),
            )
            held.setdefault(kernel.name, []).append(facts)
    shared = [pair for pair in held.values() if len(pair) == len(PAIRS)]
    assert shared
    for pair in shared:
        assert len({stored for stored, _ in pair}) == 1
    assert any(len({integers for _, integers in pair}) == 2 for pair in shared)


def test_a_further_instance_adds_what_its_statistics_say(raw, bundles):
    both, alone = (len(compact.compact(raw(*n), True)) for n in (PAIRS, ("full",)))
    apart = len(compact.compact(raw(*PAIRS))) - len(compact.compact(raw("full")))
    assert both - alone < 0.75 * apart


def test_ranges_too_far_apart_stay_apart():
    """One grid for both would leave the narrow range a sixteenth of the steps."""
    narrow, wide = (0.01, -128), (0.16, -128)
    joint = scales._joint({narrow, wide})
    assert joint == wide
    assert joint[0] > scales._COARSER * narrow[0]


@pytest.mark.parametrize("factor", [1.2, 16])
def test_graphs_of_one_name_and_other_ranges(factor):
    """Whether their ranges are joined or not, both compute what Keras computes."""
    x = images = keras.Input((8, 8, 3))
    conv = L.Conv2D(4, 3, bias_initializer="normal", name="conv")
    last = L.Conv2D(5, 3, bias_initializer="normal", name="last")
    gain = L.Rescaling(factor, name="gain")
    graphs = {
        name: keras.Model(images, last(keras.ops.relu(conv(start))))
        for name, start in (("one", x), ("other", gain(x)))
    }
    noise = np.random.default_rng(0).standard_normal((8, 8, 8, 3), "float32")
    data = convert.convert(graphs, "int8", noise)
    for name, model in graphs.items():
        exact = np.asarray(model(noise))
        error = np.abs(run(data, name, noise) - exact).max() / np.abs(exact).max()
        assert error < 0.05, name
    # The kernel's scales hold those of what it reads, which counts in its own steps.
    stored = {
        kernel.quantization.scale.tobytes()
        for _, _, kernel, _ in kernels(data)
        if kernel.shape[0] == 5
    }
    assert len(stored) == (1 if factor < scales._COARSER else 2)


def test_a_scale_on_a_grid_keeps_what_the_mean_becomes():
    norm = L.BatchNormalization(epsilon=0)
    norm.build((None, 2))
    norm.set_weights(np.array([[1.0, 2.0], [0.5, -0.5], [3.0, 4.0], [1.0, 1.0]]))
    scale, offset = norms.affine(norm, step=np.array([0.03, 0.03]))
    np.testing.assert_allclose(scale, [0.99, 2.01], rtol=1e-6)
    np.testing.assert_allclose(scale * [3, 4] + offset, [0.5, -0.5], rtol=1e-5)
    # A grid as coarse as this would change the first scale by a tenth.
    np.testing.assert_allclose(norms.affine(norm, np.array([0.9, 2.0]))[0], [1, 2])


def test_norms_share_the_grid_of_the_largest():
    model = kd.SDPoint(_two_norms(), ratios=(0.5,), points=["relu"])
    graphs = [model.at(name, uncalibrated=True) for name in PAIRS]
    for size, net in zip((1, 4), graphs, strict=True):
        norm = next(n for n in net.layers if n.name.startswith("bn"))
        norm.moving_variance.assign(np.full(4, size))
        steps = norms.steps([net])
        np.testing.assert_allclose(next(iter(steps.values())) * 127, size**-0.5, 1e-3)


def _two_norms():
    images = keras.Input((8, 8, 4))
    x = L.ReLU(name="relu")(images)
    x = L.BatchNormalization(name="bn")(x)
    return keras.Model(images, L.Dense(3)(L.GlobalAveragePooling2D()(x)))

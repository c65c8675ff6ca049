"""Instances that compute some points of maps, as signatures of a bundle."""

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.layers import rows
from keras_dynres.tflite import flatbuffer

pytestmark = pytest.mark.tensorflow
SHAPE = (32, 32, 3)
NAMES = ("full", "d0.5", "d0.25")
# What holds of one sampled block holds of three, which take longer to convert.
ONE = {"blocks": ["stage2_block1_add"]}
TWO = {"blocks": ["stage2_block1_add", "stage3_block1_add"]}


def net(**options):
    """A model whose masks differ from image to image and whose norms do something."""
    keras.utils.set_random_seed(0)
    base = kd.architectures.resnet(8, SHAPE, classes=4, channels=(8, 16, 16))
    model = kd.Sampled(base, densities=(0.5, 0.25), **options)
    rng = np.random.default_rng(0)
    for head in model.heads:
        head.kernel.assign(rng.normal(0, 0.2, head.kernel.shape))
        head.bias.assign(rng.normal(0, 0.2, head.bias.shape))
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.beta.assign(rng.normal(0, 0.2, layer.beta.shape))
            layer.moving_mean.assign(rng.normal(0, 0.2, layer.beta.shape))
            layer.moving_variance.assign(rng.uniform(0.5, 1.5, layer.beta.shape))
    return model


def images(count=4):
    return np.random.default_rng(1).standard_normal((count, *SHAPE), "float32")


def export(model, path, instances="all", **options):
    return kd.tflite.export(
        model, path, instances, verify_data=images(), verbose=0, **options
    )


@pytest.fixture(scope="module")
def dynamic(tmp_path_factory):
    """A model, the path of a bundle of all its instances, and the report."""
    model, path = net(**TWO), tmp_path_factory.mktemp("sampled") / "net.tflite"
    return model, path, export(model, path, dynamic=True)


@pytest.mark.parametrize("name", NAMES)
def test_densities_compute_what_keras_computes(dynamic, name):
    model, path, report = dynamic
    expected = model.at(name).predict(images(), verbose=0)
    outputs = kd.tflite.Runner(path).run(images(), name)
    assert report.signatures[name].error < 1e-5
    np.testing.assert_allclose(outputs, expected, atol=1e-5 * np.abs(expected).max())


def test_pixels_of_large_maps_are_taken_from_where_they_stand(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "_LARGE", 1)
    check = export(net(**ONE), tmp_path / "net.tflite", "d0.25").signatures["d0.25"]
    assert check.left["GATHER_ND"] > 0
    assert check.error < 1e-5


def test_a_network_of_half_precision_is_exported_in_single(tmp_path):
    exact = net(window=5, **ONE)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = net(window=5, **ONE)
    finally:
        keras.config.set_dtype_policy(before)
    for fill in (*exact.fills, *model.fills):
        fill.width.assign(1.2)
    export(model, tmp_path / "net.tflite", "d0.25")
    expected = exact.at("d0.25").predict(images(), verbose=0)
    outputs = kd.tflite.Runner(tmp_path / "net.tflite").run(images(), "d0.25")
    np.testing.assert_allclose(outputs, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    "options",
    [{"interpolation": "previous"}, {"sampling": "relu"}, {"sampling": "uniform"}],
)
def test_other_ways_of_sampling(options, tmp_path):
    report = export(net(**options, **ONE), tmp_path / "net.tflite", "d0.25")
    assert report.signatures["d0.25"].error < 1e-5


def test_kernels_are_stored_once_whatever_the_statistics(tmp_path):
    from ai_edge_litert import schema_py_generated as schema

    model, path = net(statistics="instance", **ONE), tmp_path / "net.tflite"
    model.calibrate(images(8), verbose=0)
    report = export(model, path, dynamic=True)
    assert max(check.error for check in report.signatures.values()) < 1e-5
    content = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    stored = [len(b.data) for b in content.buffers if b.data is not None]
    kernels = [getattr(layer, "kernel", None) for layer in model.base.layers]
    sizes = [4 * np.prod(k.shape) for k in kernels if k is not None]
    for size in {size for size in sizes if size > 4000}:
        assert stored.count(size) == sizes.count(size)


def test_an_instance_without_known_shapes_is_left_out(tmp_path):
    model = net(**ONE)
    report = export(model, tmp_path / "net.tflite", ["sampled", "full"])
    assert list(report.signatures) == ["full"]
    assert "Left out sampled" in report.notes[-1] and "dynamic=True" in str(report)
    with pytest.raises(kd.DynresError, match="dynamic=True exports them"):
        export(model, tmp_path / "net.tflite", "sampled")


def test_a_bundle_says_which_instances_need_dynamic_shapes(dynamic):
    _, path, report = dynamic
    assert report.signatures["sampled"].error < 1e-5
    assert kd.tflite.read_metadata(path)["dynamic"] == ["sampled"]


@pytest.mark.parametrize("shift", [0.0, -3.0, 2.0, 40.0])
def test_a_shift_is_added_to_scores(dynamic, shift):
    model, path, _ = dynamic
    biases = [head.bias.numpy() for head in model.heads]
    for head, bias in zip(model.heads, biases, strict=True):
        head.bias.assign(bias + shift)
    expected = model.at("sampled")(images(), training=False)
    for head, bias in zip(model.heads, biases, strict=True):
        head.bias.assign(bias)
    outputs = kd.tflite.Runner(path).run(images(), "sampled", shift=shift)
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(outputs, expected, atol=1e-5 * scale)
    if shift == 40:  # All points.
        whole = model.at("full")(images(), training=False)
        np.testing.assert_allclose(outputs, whole, atol=1e-5 * scale)


@pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors")
def test_counts_of_points_follow_the_shift(dynamic):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(
        model_content=flatbuffer.select(dynamic[1].read_bytes(), ["sampled"]),
        experimental_preserve_all_tensors=True,
    )
    run = interpreter.get_signature_runner("sampled")
    graph = interpreter._get_ops_details()
    wheres = [op["outputs"][0] for op in graph if op["op_name"] == "WHERE"]
    counts = []
    for shift in (-2, 0, 2, 40):
        run(images=images(1), shift=np.float32(shift))
        counts.append(sum(len(interpreter.get_tensor(tensor)) for tensor in wheres))
    points = sum(mask.points for mask in dynamic[0].masks)
    assert counts == sorted(set(counts)) and counts[-1] == points


def test_only_dynamic_instances_take_a_shift(dynamic):
    with pytest.raises(kd.DynresError, match="a shift is for sampled"):
        kd.tflite.Runner(dynamic[1]).run(images(1), "d0.25", shift=1.0)


def test_a_dynamic_instance_is_timed(dynamic, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(dynamic[1].read_bytes())
    figures = kd.tflite.Runner(path).benchmark("sampled", 2, 1, verbose=0)
    assert figures["sampled"]["median_ms"] > 0


def test_fresh_noise_is_refused(tmp_path):
    model = net(noise="fresh", **ONE)
    with pytest.raises(kd.DynresError, match=r"fresh noise .*instances=\['d0.25'\]"):
        export(model, tmp_path / "net.tflite", ["d0.25", "full"])
    assert export(model, tmp_path / "net.tflite", "full").signatures


def test_int8_keeps_zeros_and_refuses_interpolation(tmp_path):
    path = tmp_path / "net.tflite"
    options = {"precision": "int8", "calibration_data": images(16)}
    with pytest.raises(kd.DynresError, match='interpolation="zeros"'):
        export(net(**ONE), path, NAMES, **options)
    model = net(interpolation="zeros", **ONE)
    report = export(model, path, NAMES, **options)
    for name in NAMES:
        assert report.signatures[name].error < 0.1
    one = export(model, tmp_path / "one.tflite", "d0.25", **options)
    assert report.size < 3 * one.size


@pytest.mark.parametrize("options", [{}, {"interpolation": "zeros"}])
def test_in_fewer_bits_the_same_points_but_for_ties(options, tmp_path):
    precision = "int8-weights" if options else "float16"
    model, path = net(**options, **ONE), tmp_path / "net.tflite"
    report = export(model, path, "all", precision=precision, dynamic=True)
    assert all(check.error < 0.1 for check in report.signatures.values())


def test_kernels_are_stored_once(tmp_path):
    keras.utils.set_random_seed(0)
    base = kd.architectures.resnet(8, SHAPE, classes=4, channels=(32, 64, 128))
    model = kd.Sampled(base, densities=(0.5, 0.25))
    sizes = {
        names: len(kd.tflite.convert.convert({n: model.at(n) for n in names}))
        for names in (NAMES, ("d0.25",))
    }
    kernels = 4 * sum(np.prod(w.shape) for w in base.weights)
    assert sizes[NAMES] - sizes["d0.25",] < 0.1 * kernels


def test_the_native_program_shifts_as_python_does(dynamic, program, tmp_path):
    path, image = dynamic[1], images(1)[0]
    image.tofile(tmp_path / "image.raw")
    runner, rows_of_classes = kd.tflite.Runner(path), []
    for shift in (0, -1.5, 1.5):
        words = ("run", path, "--image", tmp_path / "image.raw", "--shift", shift)
        outputs = program.answer(*words, "--instance", "sampled")["outputs"]
        expected = runner.run(image, "sampled", shift=shift)
        np.testing.assert_allclose(outputs, expected, atol=1e-6)
        rows_of_classes.append(outputs)
    assert rows_of_classes[0] != rows_of_classes[1] != rows_of_classes[2]

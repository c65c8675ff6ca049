import contract
import keras
import numpy as np
import pytest
from low_nets import tiny

import keras_dynres as kd
from keras_dynres.layers import GaussianDownsample2D, PooledKernelConv2D
from keras_dynres.methods import low_graph


def resnet(depth, size=32, stem="auto"):
    shape = (size, size, 3)
    return kd.architectures.resnet(depth, input_shape=shape, classes=10, stem=stem)


def shapes(model):
    """Each layer's output in this very graph; `layer.output` is the base's."""
    return {c.name: tuple(c.outputs[0].shape) for c in kd.graph.calls(model)}


def found(base):
    return low_graph.convolutions(kd.graph.flatten(base))


@pytest.fixture(scope="module", params=[18, 50])
def papers(request):
    return kd.LowMode(resnet(request.param), statistics="uniform")


def test_both_kernels_of_a_basic_block_and_the_middle_one_of_a_bottleneck(papers):
    counts, pooled = {
        "resnet_18": ((2, 2, 2, 2), (1, 2)),
        "resnet_50": ((3, 4, 6, 3), (2,)),
    }[papers.base.name]
    assert set(found(papers.base)) == {
        f"stage{stage}_block{block}_conv{number}"
        for stage, count in enumerate(counts, 1)
        for block in range(1, count + 1)
        for number in pooled
    }


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (lambda: keras.applications.ResNet50V2(weights=None), 16),
        (lambda: kd.architectures.wide_resnet(depth=10, width=1), 6),
        (lambda: kd.architectures.densenet_bc(depth=22, growth=4), 9),
    ],
)
def test_convolutions_of_other_bases_are_found(build, count):
    assert len(found(build())) == count


def test_the_cost_is_a_quarter_and_a_ninth_of_that(papers):
    pooled = set(found(papers.base))
    expected = 0
    for layer in kd.cost.count(papers.base).layers:
        if layer.name in pooled:
            expected += layer.macs // 36
        else:
            expected += layer.macs if layer.name == "logits" else layer.macs // 4
    assert papers.menu["low"].macs == expected


def test_every_feature_map_has_half_the_size(papers):
    low = shapes(papers.at("low"))
    for name, (_, *size) in shapes(papers.base).items():
        if name.endswith("_add"):
            assert low[name][1:3] == (size[0] // 2, size[1] // 2)


def test_the_stems_pooling_is_dropped_with_its_padding():
    base = resnet(18, size=64, stem="imagenet")
    model = kd.LowMode(base, statistics="uniform")
    low, full = shapes(model.at("low")), shapes(base)
    assert not set(low) & {"stem_pool", "stem_pool_pad"}
    assert low["stem_relu"][1:3] == full["stem_pool"][1:3] == (16, 16)
    assert low["stage4_block2_add"] == full["stage4_block2_add"]
    kept = kd.LowMode(base, statistics="uniform", drop_pool=False)
    assert shapes(kept.at("low"))["stem_pool"][1:3] == (8, 8)


def test_pooling_between_the_stages_of_a_plain_net_stays():
    vgg = kd.architectures.vgg(11, input_shape=(32, 32, 3), classes=4)
    kernels = [x.name for x in vgg.layers if isinstance(x, keras.layers.Conv2D)]
    plain = kd.LowMode(vgg, layers=kernels[2:4], statistics="uniform")
    pools = [
        sum(isinstance(x, keras.layers.MaxPooling2D) for x in plain.at(n).layers)
        for n in plain.instances
    ]
    assert pools[0] == pools[1] > 0


@pytest.mark.parametrize(
    ("kernel", "pooling", "taps", "padding"),
    [
        (3, "floor", 1, None),
        (5, "floor", 2, ((0, 1), (0, 1))),
        (5, "ceil", 3, ((1, 1), (1, 1))),
        (7, "ceil", 4, ((1, 2), (1, 2))),
    ],
)
def test_padding_shrinks_with_the_kernel(kernel, pooling, taps, padding):
    model = kd.LowMode(
        tiny(16, kernel), layers=["conv1"], pooling=pooling, statistics="uniform"
    )
    low = model.at("low")
    layers = {layer.name: layer for layer in low.layers}
    assert layers["conv1_pooled"].kernel_size == (taps, taps)
    assert shapes(low)["conv1_pooled"][1:3] == (4, 4)
    left = layers.get("conv1_pad_pooled")
    assert "conv1_pad" not in layers
    assert (left and left.padding) == padding


@pytest.mark.backends
def test_the_middle_of_a_pooled_kernel_stays_where_it_was():
    """A 3x3 kernel whose taps are equal sees the middle pixel when pooled."""
    model = kd.LowMode(tiny(), layers=["conv1"], statistics="uniform")
    outputs = {c.name: c.outputs[0] for c in kd.graph.calls(model.at("low"))}
    part = keras.Model(outputs["stem"], outputs["conv1_pooled"])
    model.base.get_layer("conv1").kernel.assign(np.ones((3, 3, 4, 4)))
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 4)).astype("float32")
    expected = x[:, ::2, ::2].sum(-1, keepdims=True) * np.ones(4)
    np.testing.assert_allclose(part(x), expected, atol=1e-5)


@pytest.mark.parametrize("base", ["tiny", "mobilenet"])
def test_whole_kernels_go_with_any_base(base):
    if base == "tiny":
        base = tiny()
    else:
        base = keras.applications.MobileNet((96, 96, 3), 0.25, weights=None)
    model = kd.LowMode(base, pooling="none", statistics="uniform")
    low = model.at("low")
    assert not any(isinstance(layer, PooledKernelConv2D) for layer in low.layers)
    convolutions = {c.name for c in kd.graph.calls(base) if "conv" in c.name}
    assert convolutions == {c.name for c in kd.graph.calls(low) if "conv" in c.name}
    assert 0.2 < model.menu["low"].macs / model.menu.full.macs < 0.35
    again = kd.LowMode.from_config(model.get_config())
    assert again.menu["low"].macs == model.menu["low"].macs


def test_options_choose_convolutions_and_blur():
    base = tiny()
    named = kd.LowMode(base, layers=["conv2"], blur="bilinear", statistics="uniform")
    kinds = {layer.name: type(layer) for layer in named.at("low").layers}
    assert kinds["conv2_pooled"] is PooledKernelConv2D
    assert kinds["conv1"] is keras.layers.Conv2D
    assert kinds["images_shrunk"] is keras.layers.Resizing
    chosen = kd.LowMode(base, layers=lambda net: ["conv1"], statistics="uniform")
    kinds = {layer.name: type(layer) for layer in chosen.at("low").layers}
    assert "conv1_pooled" in kinds and "conv2" in kinds
    assert kinds["images_shrunk"] is GaussianDownsample2D


@pytest.mark.backends
@pytest.mark.parametrize("blur", ["gaussian", "bilinear"])
def test_inference_takes_each_image_by_itself(blur):
    """Batch norm behind the shrunken image uses its statistics."""
    low = kd.LowMode(tiny(), blur=blur).at("low", uncalibrated=True)
    x = np.random.default_rng(0).normal(size=(8, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(low(x)[:1], low(x[:1]), atol=1e-5)


@pytest.mark.backends
def test_a_low_step_moves_all_taps_of_a_pooled_kernel_alike():
    model = kd.LowMode(tiny(), probability=1.0)
    model.compile(keras.optimizers.SGD(0.1), contract.loss())
    kernels = {n: model.base.get_layer(n).kernel for n in ("stem", "conv1", "conv2")}
    before = {name: np.asarray(kernel) for name, kernel in kernels.items()}
    x = np.random.default_rng(0).normal(size=(8, 8, 8, 3)).astype("float32")
    model.train_on_batch(x, contract.labels())
    for name, kernel in kernels.items():
        moved = np.asarray(kernel) - before[name]
        assert np.abs(moved).max() > 1e-5
        uneven = np.ptp(moved, axis=(0, 1)).max() > 1e-6
        assert uneven == (name == "stem")


@pytest.mark.backends
def test_copies_and_saved_instances_hold_small_convolutions(tmp_path):
    model = kd.LowMode(tiny())
    x = np.random.default_rng(0).normal(size=(8, 8, 8, 3)).astype("float32")
    model.calibrate(x, verbose=0)
    copy = model.at("low", copy=True)
    assert type(copy.get_layer("conv1")) is keras.layers.Conv2D
    assert copy.get_layer("conv1").kernel.shape == (1, 1, 4, 4)
    expected = model.at("low")(x)
    copy.save(tmp_path / "low.keras")
    loaded = keras.saving.load_model(tmp_path / "low.keras")
    for other in (copy, loaded):
        np.testing.assert_allclose(other(x), expected, atol=1e-5)


@pytest.mark.tensorflow
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_tflite_runs_small_convolutions_whole_on_xnnpack(tmp_path, precision):
    model = kd.LowMode(tiny())
    x = np.random.default_rng(0).normal(size=(8, 8, 8, 3)).astype("float32")
    model.calibrate(x, verbose=0)
    report = kd.tflite.export(
        model, tmp_path / "m.tflite", "all", precision, calibration_data=x, verbose=0
    )
    assert report.signatures["low"].whole
    assert report.signatures["low"].error < (1e-4 if precision == "float32" else 0.2)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: kd.LowMode(tiny(), ratio=3), "divides.*8 and 8. Received: ratio=3"),
        (lambda: kd.LowMode(tiny(), ratio=1), "ratio=1"),
        (lambda: kd.LowMode(tiny(), ratio=2.0), "ratio=2.0"),
        (lambda: kd.LowMode(tiny(size=None)), "must be known"),
        (lambda: kd.LowMode(tiny(), probability=1.5), r"in \[0, 1\].*=1.5"),
        (lambda: kd.LowMode(tiny(), probability=[0.5, -1]), r"=\[0.5, -1\]"),
        (lambda: kd.LowMode(tiny(), probability=[]), r"probability=\[\]"),
        (lambda: kd.LowMode(tiny(), blur="gausian"), "Did you mean 'gaussian'"),
        (lambda: kd.LowMode(tiny(), pooling="round"), "Unknown pooling.*'round'"),
        (lambda: kd.LowMode(tiny(), shrink="hots"), "Did you mean 'host'"),
        (lambda: kd.LowMode(tiny(), layers=["conv3"]), "'conv3'. Did you mean 'conv"),
        (lambda: kd.LowMode(tiny(), layers=["shortcut"]), "one tap.*'shortcut'"),
        (lambda: kd.LowMode(tiny(), layers=["add"]), "Only.*Conv2D.*'add' of class"),
        (lambda: kd.LowMode(tiny(), layers=[]), "at least one"),
        (lambda: kd.LowMode(tiny(), full_after_drop=-1), "full_after_drop=-1"),
        (lambda: kd.LowMode(tiny(), full_at_end=0.5), "full_at_end=0.5"),
        (lambda: kd.LowMode(tiny(head=keras.layers.Flatten())), "flattens"),
        (
            lambda: kd.LowMode(tiny(head=keras.layers.AveragePooling2D(4))).menu,
            "Instance 'low' cannot be built over .*: Computed output size [^\n]*$",
        ),
        (
            lambda: kd.LowMode(kd.architectures.vgg(11, classes=4)),
            r"has none \(depthwise.*such as layers=\['",
        ),
        (
            lambda: kd.LowMode(
                keras.applications.MobileNetV2((32, 32, 3), weights=None, classes=4)
            ),
            r"has none \(depthwise.*such as layers=\['Conv1'\]",
        ),
    ],
)
def test_refusals(build, says):
    with pytest.raises(kd.DynresError, match=says):
        build()

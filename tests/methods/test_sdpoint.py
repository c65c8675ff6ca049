import contract
import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.methods import points


def plain(head=None, size=16, convolutions=6):
    x = y = keras.Input((size, size, 3))
    for i in range(1, convolutions + 1):
        y = keras.layers.Conv2D(4, 3, padding="same", name=f"conv{i}")(y)
        y = keras.layers.BatchNormalization(name=f"bn{i}")(y)
        y = keras.layers.ReLU(name=f"relu{i}")(y)
    y = (head or keras.layers.GlobalAveragePooling2D())(y)
    return keras.Model(x, keras.layers.Dense(4)(y), name="plain")


def application(name, size=96):
    return getattr(keras.applications, name)(
        input_shape=(size, size, 3), weights=None, classes=4
    )


def uniform(base, **options):
    """Without slots, which costs and points do not need."""
    return kd.SDPoint(base, statistics="uniform", **options)


def test_published_costs_of_preresnet_101():
    model = uniform(kd.architectures.preresnet(depth=101))
    assert len(model.points) == 33
    published = {"p1@0.5": 4.556, "p1@0.75": 9.933, "p8@0.5": 7.329, "p21@0.75": 12.937}
    for name, giga in published.items():
        flops = kd.cost.count(model.at(name)).flops
        assert flops / 1e9 == pytest.approx(giga, rel=1e-3), name


def test_published_costs_of_resnext_101_go_down_to_its_stem_s_point():
    """Figure 5 of the paper begins at 4.3 GFLOPs."""
    model = uniform(kd.architectures.resnext(depth=101), stem=True)
    assert len(model.points) == 34
    published = {"stem@0.5": 4.288, "p1@0.5": 4.585, "full": 16.013}
    for name, giga in published.items():
        flops = kd.cost.count(model.at(name)).flops
        assert flops / 1e9 == pytest.approx(giga, rel=1e-3), name


def test_wrn_28_10_has_twelve_points_and_288_slots():
    model = kd.SDPoint(kd.architectures.wide_resnet(depth=28, width=10))
    assert len(model.points) == 12 and len(model.instances) == 25
    # Two batch norms in every later block and the last one, for either ratio.
    assert len(model.slots) == 2 * sum(2 * (12 - p) + 1 for p in range(1, 13)) == 288
    first = model.base.get_layer("stage1_block1_bn1")
    assert model.statistics.slot(first, model.menu["p1@0.5"]) is None


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (lambda: kd.architectures.wide_resnet(depth=40, width=4), 18),
        (lambda: kd.architectures.densenet_bc(depth=40, growth=60), 18),
        (lambda: keras.applications.ResNet50(weights=None), 16),
        (lambda: keras.applications.MobileNetV2(weights=None), 10),
        (lambda: keras.applications.EfficientNetB0(weights=None), 9),
        (lambda: keras.applications.DenseNet121(weights=None), 58),
        (lambda: keras.applications.MobileNet(weights=None), 9),
        (plain, 2),
    ],
)
def test_points_are_found(build, count):
    assert len(points.points(kd.graph.flatten(build()))) == count


def test_pooling_stands_right_after_the_addition():
    base = kd.architectures.resnet(depth=18, input_shape=(64, 64, 3), classes=4)
    model = uniform(base)
    sequence = [c.name for c in kd.graph.calls(model.at("p1@0.5"))]
    point = model.points["p1"]
    assert sequence[sequence.index(point) + 1] == f"{point}_pool"
    kinds = {
        "p1@0.5": keras.layers.AveragePooling2D,
        "p1@0.75": kd.layers.AdaptivePooling2D,
    }
    for name, kind in kinds.items():
        assert type(model.at(name).get_layer(f"{point}_pool")) is kind


def test_full_is_drawn_as_often_as_a_point():
    odds = uniform(contract.base()).probabilities()
    assert odds["full"] == pytest.approx(1 / 4)
    assert odds["p1@0.5"] == odds["p3@0.75"] == pytest.approx(1 / 8)


def test_options_choose_the_points():
    base = kd.architectures.wide_resnet(depth=16, width=1)
    every = list(uniform(base).points.values())
    assert list(uniform(base, points="alternate").points.values()) == every[1::2]
    named = uniform(base, points=every[2:4])
    assert named.points == {"p1": every[2], "p2": every[3]}
    chosen = uniform(base, points=lambda model: [every[0]], ratios=(0.75,))
    assert chosen.instances == ["full", "p1@0.75"]


def test_small_nets_can_be_given_the_papers_twelve_points():
    base = kd.architectures.densenet_bc(depth=40, growth=60)
    model = uniform(base, points=lambda flat: points.points(flat)[5:])
    assert len(model.points) in (12, 13)


def test_the_stem_is_a_point_when_asked_and_pools_by_maximum():
    base = kd.architectures.resnet(depth=18, input_shape=(64, 64, 3), classes=4)
    model = uniform(base, stem=True)
    assert "stem@0.5" in model.instances and "p1@0.5" in model.instances
    half = model.at("stem@0.5", uncalibrated=True)
    pool = half.get_layer("stem_pool_pool")
    assert type(pool) is keras.layers.MaxPooling2D and pool.pool_size == (4, 4)
    names = {layer.name for layer in half.layers}
    assert not names & {"stem_pool_pad", "stem_pool"}
    model = uniform(base, pooling="max")
    pool = model.at("p1@0.75").get_layer(f"{model.points['p1']}_pool")
    assert pool.mode == "max"


def test_the_stem_s_pooling_is_replaced_as_published():
    """As the published code: one adaptive pooling of what the stem's own is given."""
    base = kd.architectures.resnet(depth=10, input_shape=(66, 64, 3), classes=4)
    model = uniform(base, stem=True)
    three_quarters = model.at("stem@0.75", uncalibrated=True)
    pool = three_quarters.get_layer("stem_pool_pool")
    rows, columns = pool.input.shape[1:3]
    assert (rows, columns) == (33, 32)
    assert base.get_layer("stem_pool").output.shape[1:3] == (17, 16)
    part = keras.Model(three_quarters.input, [pool.input, pool.output])
    x = np.random.default_rng(0).normal(size=(1, 66, 64, 3)).astype("float32")
    before, after = (keras.ops.convert_to_numpy(y)[0] for y in part(x))
    assert after.shape[:2] == (13, 12)  # round(17 * 0.75), round(16 * 0.75)
    for i, j in ((0, 0), (6, 5), (12, 11)):
        top, bottom = i * rows // 13, -(-(i + 1) * rows // 13)
        left, right = j * columns // 12, -(-(j + 1) * columns // 12)
        window = before[top:bottom, left:right]
        np.testing.assert_array_equal(after[i, j], window.max(axis=(0, 1)))


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_costs_of_the_menu_are_those_of_the_graphs(pooling):
    base = kd.architectures.resnet(depth=18, input_shape=(64, 64, 3), classes=4)
    models = [
        uniform(base, stem=True, ratios=(0.4, 0.5), pooling=pooling),
        kd.MultiScale(base, sizes=[32, 45], statistics="uniform"),
    ]
    for model in models:
        for instance in model.menu:
            counted = kd.cost.count(model.at(instance))
            assert instance.macs == counted.macs, instance.name
            assert instance.flops == counted.flops, instance.name
            assert instance.params == counted.params, instance.name


def test_slots_are_made_when_the_first_is_needed(monkeypatch):
    made, of = [], kd.layers.StatisticsSlot.of
    monkeypatch.setattr(
        kd.layers.StatisticsSlot, "of", lambda *args: made.append(args[1]) or of(*args)
    )
    base = plain()
    model = kd.SDPoint(base, ratios=(0.5,))
    assert len(model.menu) == 3 and model.at("full").output is base.output
    assert not made
    base.get_layer("bn6").trainable = False  # Slots are as the base was told first.
    model.at("p1@0.5", uncalibrated=True)
    assert len(made) == len(model.slots) == 3
    slot = model.slots["bn6/p1@0.5"]
    assert slot.trainable and slot.gamma is base.get_layer("bn6").gamma
    # The flags of what is calibrated, mean and variance of 3 slots.
    assert len(model.weights) == len(base.weights) + 1 + 2 * 3
    assert len(model.trainable_variables) == len(base.trainable_variables)
    assert len(made) == 3


def test_weight_files_name_slots_as_ever(tmp_path):
    h5py = pytest.importorskip("h5py")
    model = kd.SDPoint(plain(), ratios=(0.5,))
    for number, slot in enumerate(model.slots.values(), 1):
        slot.moving_mean.assign(np.full(4, number))
    model.save_weights(tmp_path / "net.weights.h5")
    with h5py.File(tmp_path / "net.weights.h5") as file:
        for number, name in enumerate(("", "_1", "_2"), 1):
            stored = file[f"layers/statistics_slot{name}/vars"]
            # Scale and offset, which are the base's, mean and variance.
            assert list(stored) == ["0", "1", "2", "3"]
            np.testing.assert_array_equal(stored["2"], np.full(4, number))
    other = kd.SDPoint(plain(), ratios=(0.5,))
    other.load_weights(tmp_path / "net.weights.h5")
    for old, new in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_point_too_small_to_shrink_is_left_out():
    model = uniform(plain(size=2), points=["relu3"])
    assert model.instances == ["full", "p1@0.5"]


def test_plain_weights_from_elsewhere_load():
    source, target = contract.base(), contract.base()
    model = kd.SDPoint(target)
    model.base.set_weights(source.get_weights())
    x = contract.images()
    np.testing.assert_array_equal(source(x), model.at("full")(x))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: kd.SDPoint(plain(), ratios=(0.5, 1.5)), r"\(0, 1\]"),
        (lambda: kd.SDPoint(plain(), ratios=(0,)), r"\(0, 1\]"),
        (lambda: kd.SDPoint(plain(), ratios=()), r"at least one ratio.*ratios=\[\]"),
        (lambda: kd.MultiScale(plain(), sizes=()), r"at least one size.*sizes=\[\]"),
        (lambda: kd.MultiScale(plain(), sizes=(16,)), r"between 1 and 15.*\[16\]"),
        (lambda: kd.SDPoint(plain(), pooling="min"), "'min'"),
        (lambda: kd.SDPoint(plain(), points=["relu9"]), "Unknown layer"),
        (lambda: kd.SDPoint(plain(), statistics="own"), "'own'"),
        (lambda: kd.SDPoint(plain(convolutions=2)), "No point found"),
        (lambda: kd.SDPoint(plain(keras.layers.Flatten())), "flattens"),
        (lambda: kd.MultiScale(plain(keras.layers.Flatten())), "flattens"),
        (
            lambda: kd.SDPoint(plain(keras.layers.AveragePooling2D(16))),
            "too small.*GlobalAverage.*'relu3' at 8 x 8: Computed output size",
        ),
        (
            lambda: kd.MultiScale(plain(keras.layers.AveragePooling2D(16))),
            "too small.*GlobalAverage.* at 8 x 8: Computed output size",
        ),
        (
            lambda: kd.SDPoint(application("InceptionV3")),
            "'inception_v3' .* too small.*'mixed0' at 4 x 4",
        ),
        (lambda: kd.SDPoint(plain(size=None)), "must be known"),
        (lambda: kd.SDPoint(plain(), stem=True), "no max pooling"),
        (lambda: kd.SDPoint(lambda x: x), "functional"),
        (
            lambda: kd.SDPoint(contract.base(), points=["stage1_block1_conv1"]),
            "cannot be a point",
        ),
        (lambda: uniform(plain()).at("p1@0.6"), "Did you mean"),
        (lambda: kd.methods.create("sdpiont", plain()), "sdpoint"),
    ],
)
def test_refusals(build, says):
    with pytest.raises(kd.DynresError, match=says) as error:
        build()
    assert "\n" not in str(error.value)


def test_a_layer_of_unknown_cost_is_refused_by_the_menu_alone():
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    x = keras.Input((16, 16, 3))
    inner = plain()
    base = keras.Model(x, Twice()(inner(x)))
    for kind in (kd.SDPoint, kd.MultiScale):
        model = kind(base)
        assert len(model.instances) > 2
        with pytest.raises(kd.DynresError, match="costs is not known"):
            _ = model.menu

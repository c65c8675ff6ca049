import keras
import pytest

import keras_dynres as kd
from keras_dynres.methods.stage_points import stage_points

# Graphs, costs and draws ask no backend; training is in a file of its own.
pytestmark = pytest.mark.tensorflow

ARCHITECTURES = kd.architectures


def plain(strides=(1, 2, 1, 2, 1), size=16, head=None, norm=False):
    x = y = keras.Input((size, size, 3))
    for number, stride in enumerate(strides, 1):
        y = keras.layers.Conv2D(4, 3, stride, "same", name=f"conv{number}")(y)
        if norm:
            y = keras.layers.BatchNormalization(name=f"bn{number}")(y)
        y = keras.layers.ReLU(name=f"relu{number}")(y)
    y = (head or keras.layers.GlobalAveragePooling2D())(y)
    return keras.Model(x, keras.layers.Dense(4)(y), name="plain")


def two_branches():
    x = keras.Input((16, 16, 3))
    parts = [
        keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(x))
        for _ in range(2)
    ]
    y = keras.layers.Concatenate()(parts)
    return keras.Model(x, keras.layers.Dense(4)(y), name="branches")


def shared(base, **options):
    """Without slots, which costs and stages do not need."""
    return kd.Resizable(base, statistics="uniform", **options)


def sizes(graph):
    return {
        call.name: tuple(call.outputs[0].shape[1:3]) for call in kd.graph.calls(graph)
    }


@pytest.mark.parametrize(
    ("build", "sides"),
    [
        (lambda: ARCHITECTURES.wide_resnet(depth=16, width=1), (32, 16, 8)),
        (lambda: ARCHITECTURES.preresnet(depth=18), (56, 28, 14, 7)),
        (lambda: ARCHITECTURES.densenet_bc(depth=40, growth=4), (32, 16, 8)),
        (lambda: ARCHITECTURES.vgg(), (32, 16, 8, 4, 2)),
        (lambda: ARCHITECTURES.mobilenet_v1(), (112, 56, 28, 14, 7)),
        (lambda: ARCHITECTURES.shufflenet_v2(), (56, 28, 14, 7)),
        (lambda: ARCHITECTURES.efficient_resizable(), (112, 56, 28, 14, 7)),
        (lambda: keras.applications.MobileNetV2(weights=None), (112, 56, 28, 14, 7)),
        (lambda: keras.applications.EfficientNetB0(weights=None), (112, 56, 28, 14, 7)),
        (plain, (16, 8, 4)),
    ],
)
def test_stages_are_found(build, sides):
    base = kd.graph.flatten(build())
    found = [sizes(base)[name] for name in stage_points(base)]
    assert found == [(side, side) for side in sides]


def test_a_layer_that_is_called_twice_begins_no_stage():
    again = keras.layers.ReLU(name="again")
    x = y = keras.Input((16, 16, 3))
    for number, stride in enumerate((1, 2, 1), 1):
        y = keras.layers.Conv2D(4, 3, stride, "same", name=f"conv{number}")(y)
        y = again(y)
    base = keras.Model(x, keras.layers.GlobalAveragePooling2D()(y))
    assert stage_points(base) == ["conv1", "conv2"]


def test_a_stage_is_resized_behind_its_strided_block():
    resnet = kd.graph.flatten(ARCHITECTURES.resnet(depth=18))
    assert stage_points(resnet) == ["stem_pool"] + [
        f"stage{stage}_block1_relu" for stage in (2, 3, 4)
    ]
    mobile = kd.graph.flatten(ARCHITECTURES.mobilenet_v1())
    assert stage_points(mobile)[:2] == ["stem_relu", "stage2_block1_relu2"]
    inverted = kd.graph.flatten(keras.applications.MobileNetV2(weights=None))
    assert stage_points(inverted)[1] == "block_1_project_BN"


@pytest.mark.parametrize(
    ("build", "scales", "published"),
    [
        # Tables 1 and 7, in millions of MACs.
        (ARCHITECTURES.mobilenet_v1, (0.5, 0.7, 1), (569, 462, 391, 291)),
        (
            lambda: ARCHITECTURES.shufflenet_v2(width=1.5),
            (0.45, 0.65, 0.85, 1),
            (299, 251, 199, 147),
        ),
        (
            lambda: ARCHITECTURES.resnet(depth=50),
            (0.45, 0.65, 0.85, 1),
            (4100, 3500, 2800, 2300, 2000, 1100),
        ),
    ],
    ids=["mobilenet_v1", "shufflenet_v2", "resnet50"],
)
def test_the_papers_costs_are_on_the_menu(build, scales, published):
    model = shared(build(), scales=scales)
    macs = [instance.macs / 1e6 for instance in model.menu]
    assert model.menu.full.macs / 1e6 == pytest.approx(published[0], rel=5e-3)
    for wanted in published:
        assert min(abs(each / wanted - 1) for each in macs) < 7e-3, wanted


@pytest.mark.parametrize("mode", ["stages", "input"])
def test_costs_by_stages_are_those_of_the_graphs(mode):
    base = ARCHITECTURES.mobilenet_v1(width=0.25, input_shape=(49, 49, 3), classes=4)
    model = shared(base, scales=(0.45, 0.7, 1), mode=mode)
    names = model.instances[:: 1 if mode == "input" else 41]
    for name in names:
        counted = kd.cost.count(model.at(name))
        listed = model.menu[name]
        assert (listed.macs, listed.flops, listed.params) == (
            counted.macs,
            counted.flops,
            counted.params,
        ), name


def test_a_menu_of_hundreds_builds_no_graph(monkeypatch):
    monkeypatch.setattr(kd.graph, "rewire", lambda *_: pytest.fail("a graph was built"))
    model = kd.Resizable(plain((1, 2, 1, 2, 1, 2, 1), size=32), (0.3, 0.5, 0.7, 1))
    assert len(model.menu) == 256
    assert model.menu.names[0] == "s0.3-0.3-0.3-0.3"
    assert model.menu.names[-1] == "full"


def test_scales_are_of_the_stages_own_size():
    model = shared(plain(), scales=(0.45, 0.5, 1))
    maps = sizes(model.at("s0.45-1-0.5"))
    assert maps["relu1_resized"] == (7, 7)
    assert maps["relu2"] == (4, 4)  # The strided convolution works on what arrives.
    assert maps["relu2_resized"] == maps["relu3"] == (8, 8)
    assert maps["relu4_resized"] == maps["relu5"] == (2, 2)
    # Half of a half arrives in its size.
    resized = [name for name in sizes(model.at("s0.5-0.5-0.5")) if "resized" in name]
    assert resized == ["relu1_resized"]
    assert [n for n in sizes(model.at("s1-1-0.5")) if "resized" in n] == [
        "relu4_resized"
    ]


def test_input_mode_resizes_the_image_alone():
    model = kd.Resizable(plain(norm=True), scales=(0.5, 0.75, 1), mode="input")
    assert model.instances == ["full", "s0.5", "s0.75"]
    assert sizes(model.at("s0.75"))["relu5"] == (3, 3)
    assert len(model.slots) == 2 * 5
    assert sorted(model.instances_at_step(0)) == ["full", "s0.5", "s0.75"]


def test_fair_steps_train_every_scale_once_at_every_stage():
    model = shared(plain(), scales=(0.4, 0.6, 0.8, 1), pool=None)
    drawn = [model.instances_at_step(step) for step in range(200)]
    for names in drawn:
        settings = [model.menu[name].settings for name in names]
        for stage in model.points:
            assert sorted(each[stage] for each in settings) == [0.4, 0.6, 0.8, 1]
    counts = [sum(name in names for names in drawn) for name in model.instances]
    # 800 draws of 64 instances: twelve or thirteen each on average.
    assert min(counts) > 1 and max(counts) < 30


def test_a_pool_limits_what_is_ever_trained():
    model = shared(plain(), scales=(0.4, 0.6, 0.8, 1), pool=12)
    drawn = {tuple(model.instances_at_step(step)) for step in range(100)}
    assert len(drawn) == 3
    assert {"full", "s0.4-0.4-0.4"} <= {name for names in drawn for name in names}
    random = shared(plain(), scales=(0.5, 1), sampling="random", samples=2, pool=None)
    pairs = [random.instances_at_step(step) for step in range(60)]
    assert {len(pair) for pair in pairs} == {2}
    assert {name for pair in pairs for name in pair} == set(random.instances)


@pytest.mark.parametrize("sampling", ["fair", "random", "sandwich"])
@pytest.mark.parametrize("seed", range(3))
def test_the_largest_and_the_smallest_are_in_every_pool(sampling, seed):
    scales = (0.4, 0.6, 0.8, 1)
    model = shared(plain(), scales=scales, sampling=sampling, pool=8, seed=seed)
    odds = model.probabilities()
    assert odds["full"] and odds["s0.4-0.4-0.4"]
    assert sum(share > 0 for share in odds.values()) <= 8


def test_a_pool_of_the_whole_menu_leaves_nothing_out():
    model = shared(plain(), scales=(0.4, 0.6, 0.8, 1), pool=64)
    assert len(model.instances) == 64 and all(model.probabilities().values())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pool": None},
        {"pool": 12},
        {"sampling": "random", "samples": 2},
        {"sampling": "sandwich", "samples": 3, "pool": None},
        {"sampling": "sandwich", "pool": 40},
    ],
    ids=str,
)
def test_probabilities_are_how_often_instances_are_drawn(options):
    model = shared(plain((1, 2, 1)), scales=(0.4, 0.6, 0.8, 1), **options)
    drawn = [name for step in range(2000) for name in model.instances_at_step(step)]
    odds = model.probabilities()
    assert sum(odds.values()) == pytest.approx(1)
    for name, share in odds.items():
        found = drawn.count(name) / len(drawn)
        assert found == pytest.approx(share, abs=0.02), name
        assert (found > 0) == (share > 0), name


def test_stages_can_be_named():
    model = shared(plain(), stages=["relu4", "conv2"], scales=(0.5, 1))
    assert model.points == {"stage1": "conv2", "stage2": "relu4"}
    chosen = shared(plain(), stages=lambda base: ["relu2"], scales=(0.5, 1))
    assert chosen.instances == ["full", "s0.5"]
    assert sizes(model.at("s0.5-1"))["relu3"] == (4, 4)


def application(name, size):
    return getattr(keras.applications, name)(
        input_shape=(size, size, 3), weights=None, classes=4
    )


def valid():
    """A network whose last convolution needs a map of five by five."""
    x = keras.Input((16, 16, 3))
    y = keras.layers.Conv2D(4, 3, strides=2, padding="same")(x)
    y = keras.layers.Conv2D(4, 5)(y)
    return keras.Model(x, keras.layers.GlobalAveragePooling2D()(y))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: shared(plain(), scales=(0.5, 1.5)), r"in \(0, 1\].*0.5, 1.5"),
        (lambda: shared(plain(), scales=(0, 1)), r"in \(0, 1\]"),
        (lambda: shared(plain(), scales=(0.5, 0.7)), "1 .* among them.*0.5, 0.7"),
        (lambda: shared(plain(), scales=(0.5, 0.5, 1)), "different.*0.5, 0.5"),
        (lambda: shared(plain(), scales=(1,)), "at least two"),
        (
            lambda: shared(plain(), scales=(0.4, 0.6, 0.8, 1), samples=3),
            "as many samples as there are scales, 4.*samples=3",
        ),
        (
            lambda: shared(plain(), sampling="random", samples=0),
            "at least 1.*samples=0",
        ),
        (lambda: shared(plain(), sampling="sandwich", samples=1), "at least 2.*=1"),
        (lambda: shared(plain(), pool=3), "at least the instances of one step, 4"),
        (lambda: shared(plain(), mode="inputs"), "Did you mean 'input'"),
        (lambda: shared(plain(), sampling="fare"), "Did you mean 'fair'"),
        (
            lambda: kd.Resizable(plain(), statistics="own"),
            "Offered: 'configuration', 'scale', 'uniform'",
        ),
        (lambda: shared(plain((2,))), r"No stage.*conv1 \(8, 8\), relu1 \(8, 8\)"),
        (
            lambda: shared(two_branches()),
            "No stage .* 'branches'.*no feature map",
        ),
        (lambda: shared(plain(), stages=["relu9"]), "Unknown layer"),
        (lambda: shared(plain(), stages="relu9"), "Unknown layer.*'relu9'"),
        (lambda: shared(plain(head=keras.layers.Flatten())), "flattens"),
        (lambda: shared(plain(size=None)), "must be known|known height"),
        (lambda: shared(plain(), scales=(0.5, 1)).at("s0.5-1"), "Did you mean"),
        (lambda: shared(valid(), scales=(0.4, 1)), "too small.* at 3 x 3: Computed"),
        (
            lambda: shared(plain(head=keras.layers.AveragePooling2D(4))),
            "too small.*GlobalAverage.*'relu4' at 2 x 2: Computed",
        ),
        (
            lambda: shared(application("InceptionV3", 96)),
            "'inception_v3' .* too small.*'mixed3' at 2 x 2",
        ),
        (
            lambda: shared(application("NASNetMobile", 224)),
            r"two that meet become unequal.*'stem_bn1' at 50 x 50.*\(13, 13, 44\)",
        ),
    ],
)
def test_refusals(build, says):
    with pytest.raises(kd.DynresError, match=says) as error:
        build()
    assert "\n" not in str(error.value)

"""Sampling and interpolation: what instances compute, and what training does."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_dynres as kd
from keras_dynres.architectures.resnet import bottleneck
from keras_dynres.core.plan import Plan
from keras_dynres.methods.sampled_blocks import sampled_blocks

SIZE = 32


def net(depth=8, size=SIZE):
    keras.utils.set_random_seed(0)
    channels = (8, 16, 16)
    return kd.architectures.resnet(depth, (size, size, 3), classes=4, channels=channels)


def bottlenecks():
    """Three blocks of three convolutions, the second strided."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(x)
    for number, strides in enumerate((1, 2, 1)):
        x = bottleneck(x, 4, strides, f"block{number}")
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(4)(x))


def sampled(base=None, scores=True, **options):
    """A model whose heads tell points apart, and whose windows are wide."""
    options.setdefault("densities", (0.5, 0.25))
    model = kd.Sampled(base or net(), **options)
    draw = np.random.default_rng(0)
    for head in model.heads if scores else ():
        head.set_weights([draw.normal(0, 0.3, w.shape) for w in head.weights])
    for fill in model.fills:
        for weight in fill.weights:
            weight.assign(draw.uniform(0.5, 1.5, weight.shape))
    return model


def images(count=3, size=SIZE, seed=0):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(count, size, size, 3)).astype("float32")


def outputs(model, name, x, **options):
    graph = model.at(name, uncalibrated=True, **options)
    return ops.convert_to_numpy(graph(x, training=False))


def compiled(model, **options):
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=keras.backend.backend() == "jax",
        **options,
    )
    return model


LABELS = np.random.default_rng(1).integers(0, 4, 32)


# === What instances compute ===

WAYS = [
    {},
    {"interpolation": "zeros"},
    {"interpolation": "average", "noise": "blue"},
    {"interpolation": "convolution", "grid": 0},
    {"interpolation": "previous"},
    {"sampling": "relu"},
    {"sampling": "deterministic", "masks": "shared"},
    {"sampling": "uniform"},
    {"masks": "each", "densities": (1.0, 0.3)},
]


@pytest.mark.backends
@pytest.mark.parametrize("way", [WAYS[0], WAYS[5]], ids=str)
def test_rows_of_points_equal_masked_maps(way):
    model, x = sampled(**way), images()
    for name in model.instances:
        hard = outputs(model, name, x, training=True)
        np.testing.assert_allclose(outputs(model, name, x), hard, atol=2e-5)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_way_computes_in_half_precision(way):
    exact = sampled(blocks=["stage2_block1_add"], **way)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = sampled(blocks=["stage2_block1_add"], **way)
    finally:
        keras.config.set_dtype_policy(before)
    half.set_weights(exact.get_weights())
    for name in exact.instances:
        wanted = outputs(exact, name, images())
        found = outputs(half, name, images())
        # A rounded score may choose another point, and no image is all wrong.
        assert np.median(np.abs(found - wanted)) < 0.1 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("kind", "way"),
    [("bottleneck", way) for way in WAYS] + [("preactivation", w) for w in WAYS[:2]],
    ids=str,
)
def test_rows_of_points_equal_masked_maps_in_every_way(kind, way):
    if kind == "bottleneck":
        base, few = bottlenecks(), "auto"
    else:
        base = kd.architectures.wide_resnet(10, 1, (SIZE, SIZE, 3), classes=4)
        few = ["stage1_block1_add", "stage2_block1_add"]
    model, x = sampled(base, blocks=few, **way), images()
    for name in model.instances:
        hard = outputs(model, name, x, training=True)
        assert np.isfinite(hard).all()
        np.testing.assert_allclose(
            outputs(model, name, x), hard, atol=2e-5 * abs(hard).max()
        )


@pytest.mark.backends
def test_full_computes_what_the_base_does_and_all_points_are_full():
    base, x = net(), images()
    model = sampled(base, densities=(1.0, 0.5))
    np.testing.assert_array_equal(
        outputs(model, "full", x), ops.convert_to_numpy(base(x, training=False))
    )
    np.testing.assert_allclose(
        outputs(model, "d1", x), outputs(model, "full", x), atol=1e-5
    )
    assert abs(outputs(model, "d0.5", x) - outputs(model, "full", x)).max() > 1e-3


def test_images_do_not_see_one_another():
    model, x = sampled(), images(4)
    for name in model.instances:
        alone = np.concatenate([outputs(model, name, x[i : i + 1]) for i in range(4)])
        np.testing.assert_allclose(outputs(model, name, x), alone, atol=2e-5)


def test_smaller_densities_are_nested_and_have_the_grid():
    model, x = sampled(densities=(0.5, 0.25, 0.1), grid=11), images()
    points = {n: model.sampled_points(x, n) for n in ("d0.5", "d0.25", "d0.1")}
    for mask, fewer in points["d0.1"].items():
        if mask.startswith("stage1"):  # Later ones see what was interpolated.
            more, most = points["d0.25"][mask], points["d0.5"][mask]
            assert not (fewer & ~more).any() and not (more & ~most).any()
        assert fewer[:, ::11, ::11].all()
        count = model.counts("d0.1")[mask]
        assert (fewer.sum(axis=(1, 2)) == count).all()
        assert count == round(0.1 * fewer[0].size)


def test_an_even_grid_is_every_other_point():
    model = sampled(sampling="uniform", densities=(0.25,))
    assert model.instances == ["full", "d0.25"] and not model.heads
    for mask in model.sampled_points(images(1), "d0.25").values():
        assert mask[0, ::2, ::2].all() and mask.sum() == mask[0, ::2, ::2].size


def test_noise_is_a_part_of_the_model_or_fresh():
    x = images()
    model = sampled(seed=3)
    first = outputs(model, "d0.25", x)
    np.testing.assert_array_equal(first, outputs(model, "d0.25", x))
    assert abs(first - outputs(sampled(seed=4), "d0.25", x)).max() > 1e-4
    fresh = sampled(noise="fresh")
    first = outputs(fresh, "d0.25", x)
    assert abs(first - outputs(fresh, "d0.25", x)).max() > 1e-4


def test_points_are_sampled_as_likely_as_their_confidence():
    mask = kd.layers.SamplingMask((64, 64), grid=0, seed=1)
    for score in (-1.0, 0.0, 2.0):
        share = float(ops.mean(mask(ops.full((1, 64, 64, 1), score))))
        assert share == pytest.approx(1 / (1 + np.exp(-score)), abs=0.02)


def test_blue_noise_spreads_samples_better_than_white():
    def spread(noise):
        mask = kd.layers.SamplingMask((32, 32), noise=noise, grid=0)
        points = ops.convert_to_numpy(mask(ops.zeros((1, 32, 32, 1)), count=102))
        rows, columns = np.nonzero(points[0, :, :, 0])
        distance = np.hypot(rows[:, None] - rows, columns[:, None] - columns)
        np.fill_diagonal(distance, np.inf)
        return distance.min(axis=0).mean()

    assert spread("blue") > 1.3 * spread("white")


# === Blocks ===


def test_blocks_of_bases_ours_and_not():
    expected = {
        kd.architectures.resnet(18, (64, 64, 3)): 8,
        kd.architectures.preresnet(50, (64, 64, 3)): 16,
        kd.architectures.resnext(50, 32, 4, (64, 64, 3)): 16,
        keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3)): 16,
        keras.applications.ResNet50V2(weights=None, input_shape=(64, 64, 3)): 16,
    }
    for base, count in expected.items():
        assert len(sampled_blocks(base)) == count, base.name
    model = kd.Sampled(next(iter(expected)), first_blocks=False)
    assert len(model.blocks) == 4  # The first of all begins a stage too.
    assert (
        "stage2_block2_add" in model.blocks and "stage2_block1_add" not in model.blocks
    )


def test_blocks_may_be_named():
    model = kd.Sampled(net(), blocks=["stage2_block1_add"])
    assert model.blocks == {
        "stage2_block1_add": [
            "stage2_block1_conv1_mask",
            "stage2_block1_conv2_mask",
        ]
    }
    chosen = kd.Sampled(net(), blocks=lambda base: ["stage3_block1_add"])
    assert list(chosen.blocks) == ["stage3_block1_add"]


# === Cost ===


def test_costs_are_the_published_counters():
    base = kd.architectures.resnet(101, (992, 1664, 3), deformable=(2, 3, 4))
    model = kd.Sampled(base, densities=(0.25,))
    head = 2048 * 1000
    figures = {0.1: 49.82, 0.25: 92.72, 0.5: 162.34, 1.0: 294.51}
    for density, expected in figures.items():
        giga = (model.published_macs(density) - head) / 1e9
        assert giga == pytest.approx(expected, abs=0.005)


def test_what_sampled_costs_is_measured_by_image():
    model, x = sampled(grid=0), images(6)
    menu = compiled(model, metrics=["accuracy"]).evaluate_menu(
        (x, LABELS[:6]), verbose=0
    )
    row = menu["sampled"]
    # By hand: what the masks leave out of the dearest image's cost.
    work = {
        name: w["macs"]
        for name, w in kd.methods.sampled_costs.point_work(model).items()
    }
    costs = [
        row.macs
        - sum((mask.size - mask.sum()) * work[name] for name, mask in by_mask.items())
        for by_mask in (
            {n: m[i] for n, m in model.sampled_points(x).items()} for i in range(6)
        )
    ]
    assert row.average["macs"] == pytest.approx(np.mean(costs), rel=1e-6)
    assert row.average["macs_spread"] == pytest.approx(np.std(costs), rel=1e-4)
    assert row.average["images"] == 6 and row.figure("macs") < row.macs


@pytest.mark.backends
def test_where_sampled_is_masked_it_is_said():
    model = sampled()
    if keras.backend.backend() == "jax":
        with pytest.warns(UserWarning, match="computes all points here"):
            model.at("sampled")
    kinds = {type(layer).__name__ for layer in model.at("sampled").layers}
    assert ("SampledPoints" in kinds) == (keras.backend.backend() == "tensorflow")


def test_instances_may_have_statistics_of_their_own():
    model = sampled(statistics="instance")
    model.calibrate(images(8), verbose=0)
    shared = sampled()
    assert [i.macs for i in model.menu] == [i.macs for i in shared.menu]
    x = images()
    for name in model.instances:
        hard = outputs(model, name, x, training=True)
        np.testing.assert_allclose(outputs(model, name, x), hard, atol=2e-5)


# === Training ===


@pytest.mark.backends
def test_the_temperature_falls_to_its_end_and_resumes_exactly(tmp_path):
    x, steps = images(32), 8

    def fresh():
        few = ["stage2_block1_add"]
        return compiled(sampled(densities=(0.5,), scores=False, blocks=few))

    def train(model, **epochs):
        annealing = kd.callbacks.GumbelAnnealing(1.0, 0.01, steps=steps)
        return model.fit(
            *(x, LABELS),
            **epochs,
            batch_size=8,
            shuffle=False,
            verbose=0,
            callbacks=[annealing],
        )

    unbroken = fresh()
    logs = train(unbroken, epochs=2).history
    factor = 0.01 ** (1 / (steps - 1))
    np.testing.assert_allclose(logs["temperature"], [factor**4, 0.01], rtol=1e-4)
    first = fresh()
    train(first, epochs=1)
    first.save(tmp_path / "first.keras")
    second = keras.saving.load_model(tmp_path / "first.keras")
    assert float(second.temperature.value()) == pytest.approx(factor**4, rel=1e-4)
    train(second, initial_epoch=1, epochs=2)
    for one, other in zip(unbroken.weights, second.weights, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(one), ops.convert_to_numpy(other), atol=1e-5
        )


def test_a_new_training_begins_with_a_high_temperature():
    x, seen = images(32), []
    few = ["stage2_block1_add"]
    model = sampled(densities=(0.5,), scores=False, blocks=few)
    for _ in range(2):
        compiled(model)  # A new optimizer: what was trained before is a start.
        note = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: seen.append(
                float(model.temperature.value())
            )
        )
        options = {"batch_size": 8, "verbose": 0, "callbacks": [note]}
        model.fit(x, LABELS, **options)
    factor = 0.01 ** (1 / 3)
    once = [factor, factor**2, factor**3, factor**3]
    np.testing.assert_allclose(seen, once + once, rtol=1e-4)


def test_the_temperature_falls_in_mixed_precision_too():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = sampled()
        model.anneal(1.0, 0.01, steps=300)
        model.temperature.passes.assign(298.0)
        model(images(1), training=True)
        assert float(model.temperature.passes + 0) == 299
    finally:
        keras.config.set_dtype_policy(before)
    assert float(model.temperature.value()) == pytest.approx(0.01)


@pytest.mark.backends
@pytest.mark.parametrize("score", [40.0, -40.0])
def test_points_that_are_sure_train_on_numbers(score):
    model = compiled(sampled(scores=False))
    for head in model.heads:
        head.bias.assign(score + 0 * head.bias)
    model.fit(images(4), np.arange(4) % 4, batch_size=4, verbose=0)
    for weight in model.trainable_weights:
        assert np.isfinite(ops.convert_to_numpy(weight)).all(), weight.path


@pytest.mark.backends
def test_among_a_count_of_points_no_step_raises_all_scores():
    model = sampled(scores=False, draw="random")
    model.plan = Plan({name: float(name == "d0.5") for name in model.instances})
    before = [ops.convert_to_numpy(head.bias + 0) for head in model.heads]
    compiled(model).fit(images(16), LABELS[:16], batch_size=8, verbose=0)
    for head, bias in zip(model.heads, before, strict=True):
        assert np.abs(ops.convert_to_numpy(head.kernel)).max() > 1e-5
        np.testing.assert_allclose(ops.convert_to_numpy(head.bias), bias, atol=1e-5)


@pytest.mark.backends
def test_the_sparse_loss_empties_masks_and_trains_widths():
    model = compiled(sampled(sparse_loss=20.0, scores=False, densities=(0.5,)))
    before = [float(fill.width + 0) for fill in model.fills]
    history = model.fit(images(32), LABELS, batch_size=8, epochs=4, verbose=0).history
    assert history["density"][-1] < history["density"][0] - 0.1
    names = [mask.name for mask in model.masks]
    assert all(f"density/{name}" in history for name in names)
    assert any(
        float(fill.width + 0) != width
        for fill, width in zip(model.fills, before, strict=True)
    )


def test_heads_learn_by_a_factor_of_their_own():
    moved = {}
    for factor in (1.0, 0.1):
        model = compiled(sampled(rate_factor=factor, seed=0))
        before = ops.convert_to_numpy(model.heads[-1].kernel)
        kernel = ops.convert_to_numpy(model.base.get_layer("stem_conv").kernel)
        model.train_on_batch(images(8), LABELS[:8])
        moved[factor] = ops.convert_to_numpy(model.heads[-1].kernel) - before
        assert abs(model.base.get_layer("stem_conv").kernel - kernel).numpy().max() > 0
    np.testing.assert_allclose(moved[0.1], 0.1 * moved[1.0], rtol=1e-3, atol=1e-7)


def test_frozen_norms_stay():
    model = compiled(sampled(freeze_norms=True))
    norms = [w for w in model.base.weights if "_bn" in w.path]
    before = [ops.convert_to_numpy(w) for w in norms]
    model.fit(images(16), LABELS[:16], batch_size=8, verbose=0)
    for weight, old in zip(norms, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight), old)


@pytest.mark.parametrize(
    ("draw", "names"),
    [
        ("sampled", {"sampled"}),
        ("random", {"full", "sampled", "d0.5", "d0.25"}),
        ("sandwich", {"full", "sampled", "d0.5", "d0.25"}),
    ],
)
def test_a_step_trains_what_draw_says(draw, names):
    model = compiled(sampled(draw=draw))
    steps = [model.plan.names_at(step) for step in range(40)]
    assert {name for step in steps for name in step} == names
    assert len(steps[0]) == (3 if draw == "sandwich" else 1)
    if draw != "sandwich":
        return
    history = model.fit(images(16), LABELS[:16], batch_size=8, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    # The last step has the last temperature, however many instances a step trains.
    assert float(model.temperature.value()) == pytest.approx(0.01, rel=1e-4)


def test_other_statistics_keep_heads():
    model, x = sampled(), images(8)
    other = model.with_statistics("instance")
    other.calibrate(x, verbose=0)
    for name, points in model.sampled_points(x, "sampled").items():
        first = name == model.masks[0].name  # Before any batch norm of its own.
        same = (points == other.sampled_points(x, "sampled")[name]).mean()
        assert same == 1 if first else same > 0.5


def test_a_soft_mask_of_a_count_has_about_that_many_points():
    mask = kd.layers.SamplingMask((16, 16), grid=5, seed=0)
    mask.follow(lambda: 0.01)
    scores = np.random.default_rng(0).normal(size=(4, 16, 16, 1)).astype("float32")
    soft = ops.convert_to_numpy(mask(scores, count=64, training=True))
    np.testing.assert_allclose(soft.sum(axis=(1, 2, 3)), 64, atol=2)
    assert (soft[:, ::5, ::5] == 1).all()


# === Bad input ===


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"densities": (0.5, 0.0)}, r"distinct numbers in \(0, 1\].*0.0"),
        ({"densities": (0.5, 1.5)}, r"in \(0, 1\]"),
        ({"densities": (0.5, 0.5)}, "distinct"),
        ({"densities": ()}, r"in \(0, 1\]"),
        ({"window": 4}, "odd number.*4"),
        ({"window": 65}, "not larger than the largest sampled map, 32.*65"),
        ({"grid": 33}, "not larger than the largest sampled map, 32.*33"),
        ({"grid": 2, "densities": (0.1,)}, "grid of 2 alone samples 0.25"),
        ({"masks": "tow"}, "two"),
        ({"sampling": "stochastik"}, "stochastic"),
        ({"interpolation": "rbv"}, "rbf"),
        ({"noise": "pink"}, "white"),
        ({"draw": "all"}, "sandwich"),
        ({"blocks": ["stage9_add"]}, "stage9_add"),
        ({"blocks": []}, "at least one block"),
        ({"freeze_norms": True, "statistics": "instance"}, "Frozen"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(options, words):
    with pytest.raises(kd.DynresError, match=words):
        kd.Sampled(net(), **options)


def test_bases_without_blocks_are_refused_with_what_they_have():
    with pytest.raises(kd.DynresError, match="no residual block.*Conv2D"):
        kd.Sampled(kd.architectures.vgg(11, (32, 32, 3), classes=4))
    mobile = keras.applications.MobileNetV2(
        weights=None, input_shape=(64, 64, 3), alpha=0.35
    )
    with pytest.raises(kd.DynresError, match="DepthwiseConv2D"):
        kd.Sampled(mobile)


def test_temperatures_that_rise_are_refused():
    for start, end in ((0.1, 1.0), (1.0, 0.0)):
        with pytest.raises(kd.DynresError, match="temperature falls"):
            kd.callbacks.GumbelAnnealing(start, end)
    with pytest.raises(kd.DynresError, match="not both"):
        kd.callbacks.GumbelAnnealing(steps=3, epochs=2)
    plain = compiled(kd.Plain(net()))
    with pytest.raises(kd.DynresError, match="Sampled model.*Plain"):
        plain.fit(
            *(images(8), LABELS[:8]),
            verbose=0,
            callbacks=[kd.callbacks.GumbelAnnealing()],
        )

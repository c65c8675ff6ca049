"""How many points each mask gets: one shift of all scores, under a budget."""

import json

import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.methods import allocation

SIZE = 32


def net():
    keras.utils.set_random_seed(0)
    channels = (8, 16, 16)
    return kd.architectures.resnet(8, (SIZE, SIZE, 3), classes=4, channels=channels)


def sampled(**options):
    """A model whose later blocks find more points worth it."""
    options.setdefault("densities", (0.5, 0.25))
    model = kd.Sampled(net(), **options)
    draw = np.random.default_rng(0)
    for number, head in enumerate(model.heads):
        kernel, bias = head.get_weights()
        values = draw.normal(0, 0.02, kernel.shape)
        head.set_weights([values, np.full_like(bias, number - 1)])
    return model


IMAGES = np.random.default_rng(2).normal(size=(8, SIZE, SIZE, 3)).astype("float32")


def output(model, name, **options):
    graph = model.at(name, uncalibrated=True, **options)
    return keras.ops.convert_to_numpy(graph(IMAGES, training=False))


def dearest_point(model):
    work = kd.methods.sampled_costs.point_work(model)
    return max(row["macs"] for row in work.values())


# === The shift ===


def test_shares_above_a_threshold():
    shares = allocation.RankShares()
    shares.add(np.linspace(0, 1, 1001))
    for threshold in (0.1, 0.5, 0.9):
        assert shares.above(threshold) == pytest.approx(1 - threshold, abs=2e-3)
    shares.add([1e9, -1e9])
    assert 0 < shares.above(2) < shares.above(-2) < 1


def test_equal_ranks_share_what_there_is():
    shares = [allocation.RankShares() for _ in range(2)]
    for row in shares:
        row.add(np.full(100, 3.0))
    assert allocation.solve(shares, [1, 1], [100, 300], [3, 1], 300) == [50, 150]


def test_all_points_where_the_budget_pays_for_them():
    shares = [allocation.RankShares()]
    shares[0].add([0.0, 1.0])
    assert allocation.solve(shares, [1], [10], [2.0], 20) == [10]
    assert allocation.solve(shares, [3], [10], [2.0], 0) == [3]


@pytest.mark.backends
def test_the_same_cost_is_spent_where_scores_are_high():
    model = sampled()
    before, macs = model.counts("d0.25"), model.menu["d0.25"].macs
    instance = model.allocate(IMAGES, "d0.25")
    assert instance is model.menu["d0.25"]
    assert macs - 2 * dearest_point(model) <= instance.macs <= macs
    after = list(model.counts("d0.25").values())
    shares = [n / mask.points for n, mask in zip(after, model.masks, strict=True)]
    assert shares[0] < shares[2] < shares[4] and shares[0] < 0.25 < shares[4]
    assert after != list(before.values())
    # Other instances are as they were.
    assert model.counts("d0.5") == sampled().counts("d0.5")


def test_counts_are_what_one_shift_samples_on_average():
    model = sampled(grid=0)
    shares = allocation.rank_shares(model, IMAGES, "d0.5")
    model.allocate(IMAGES, "d0.5")
    densities = [
        count / mask.points
        for count, mask in zip(model.counts("d0.5").values(), model.masks, strict=True)
    ]
    # The threshold at which the first mask has its density is that of all.
    thresholds = np.linspace(-8, 8, 4001)
    above = {n: [row.above(t) for t in thresholds] for n, row in shares.items()}
    first = np.argmin(np.abs(np.subtract(above[model.masks[0].name], densities[0])))
    for mask, density in zip(model.masks, densities, strict=True):
        assert above[mask.name][first] == pytest.approx(density, abs=0.02)


def test_without_noise_the_share_is_that_of_scores():
    model = sampled(sampling="deterministic", grid=0)
    shares = allocation.rank_shares(model, IMAGES, "d0.5")
    densities = model.densities(IMAGES, "sampled")
    first = model.masks[0].name
    assert shares[first].above(0) == pytest.approx(densities[first].mean(), abs=2e-3)


@pytest.mark.parametrize("budget", [0.85e6, 1.2e6, 2.0e6])
def test_a_budget_is_met_and_not_passed(budget):
    model = sampled()
    instance = model.allocate(IMAGES, "d0.5", macs=budget)
    assert budget - 2 * dearest_point(model) <= instance.macs <= budget
    for mask, count in zip(model.masks, model.counts("d0.5").values(), strict=True):
        assert mask.grid_points <= count <= mask.points
    # Counted from the graph, not by the prices of points.
    counted = kd.cost.count(model.at("d0.5"))
    assert (counted.macs, counted.flops) == (instance.macs, instance.flops)


# === What follows ===


def test_graphs_costs_figures_and_flags_follow():
    model = sampled()
    model.calibrate(IMAGES, verbose=0)
    for name in model.instances:
        model.menu.record(name, accuracy=0.5)
    old, other = model.at("d0.25"), model.at("d0.5")
    model.allocate(IMAGES, "d0.25", macs=2e6)
    assert model.at("d0.25") is not old and model.at("d0.5") is other
    assert not model.is_calibrated("d0.25") and model.is_calibrated("d0.5")
    assert not model.menu["d0.25"].measured and model.menu["d0.5"].measured
    assert model.menu.names == ["d0.5", "d0.25", "full", "sampled"]
    hard = output(model, "d0.25", training=True)
    np.testing.assert_allclose(output(model, "d0.25"), hard, atol=2e-5)


def test_training_takes_the_new_counts():
    model = sampled(draw="random", densities=(0.5,), freeze_norms=True)
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    options = {"x": IMAGES[:2], "y": np.zeros(2, int), "verbose": 0}
    model.fit(**options)
    model.allocate(IMAGES, "d0.5", macs=1.5e6)
    assert model.train_function is None  # Its steps are those of the old graphs.
    assert np.isfinite(model.fit(**options).history["loss"]).all()
    for name, points in model.sampled_points(IMAGES, "d0.5").items():
        assert set(points.sum(axis=(1, 2))) == {model.counts("d0.5")[name]}


@pytest.mark.parametrize("statistics", ["uniform", "instance"])
def test_counts_and_dense_blocks_are_saved(tmp_path, statistics):
    model = sampled(statistics=statistics)
    model.allocate(IMAGES, "d0.25")
    model.compute_whole("d0.25", ["stage2_block1_add"])
    model.compute_whole("d0.5", list(model.blocks))
    model.calibrate(IMAGES[:1], verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for name in ("d0.5", "d0.25"):
        assert again.counts(name) == model.counts(name)
        assert again.menu[name] == model.menu[name]
        np.testing.assert_allclose(output(again, name), output(model, name), atol=1e-5)


def test_counts_and_dense_blocks_in_a_method_s_arguments():
    model = sampled()
    model.allocate(IMAGES, "d0.25")
    model.compute_whole("d0.25", ["stage2_block1_add"])
    config = json.loads(json.dumps({k: model.get_config()[k] for k in ARGUMENTS}))
    again = kd.methods.create("sampled", net(), menu=model.menu.get_config(), **config)
    assert again.counts("d0.25") == model.counts("d0.25")
    assert again.cost_of(again.menu["d0.25"]).macs == model.menu["d0.25"].macs


ARGUMENTS = ("densities", "counts", "dense", "grid")


# === Blocks that are computed whole ===


def test_a_dense_block_costs_and_computes_what_it_does_in_full():
    model = sampled()
    all_blocks = list(model.blocks)
    model.menu.record("d0.25", accuracy=0.5)
    model.compute_whole("d0.25", [])  # What it is.
    assert model.menu["d0.25"].measured
    model.compute_whole("d0.25", all_blocks)
    assert model.counts("d0.25") == {} and not model.menu["d0.25"].measured
    assert model.menu["d0.25"].macs == model.menu.full.macs
    np.testing.assert_array_equal(output(model, "d0.25"), output(model, "full"))
    with pytest.raises(kd.DynresError, match="computed whole: there are no points"):
        model.allocate(IMAGES, "d0.25")
    model.compute_whole("d0.25", all_blocks[:1])
    assert len(model.counts("d0.25")) == 4
    cheap = model.allocate(IMAGES, "d0.25", macs=1.9e6)
    assert 1.9e6 - 2 * dearest_point(model) <= cheap.macs <= 1.9e6


def test_sampled_may_have_dense_blocks_too():
    model = sampled(dense={"sampled": ["stage1_block1_add"]})
    whole = model.menu["sampled"].macs
    assert whole == kd.cost.count(model.at("sampled", training=True)).macs
    assert list(model.densities(IMAGES)) == [mask.name for mask in model.masks[2:]]
    model.evaluate_menu((IMAGES, np.zeros(8)), ["sampled"], verbose=0)
    assert model.menu["sampled"].average["macs"] < whole
    model.compute_whole("sampled", list(model.blocks))
    model.evaluate_menu((IMAGES, np.zeros(8)), ["sampled"], verbose=0)
    assert model.menu["sampled"].figure("macs") == model.menu.full.macs


# === Milliseconds ===


def test_milliseconds_of_points_are_a_budget_too():
    model = sampled()
    with pytest.raises(kd.DynresError, match=r"Nothing was measured .*plan_blocks\("):
        model.allocate(IMAGES, "d0.5", latency_ms=1)
    ways = {"dense": 3.0, "sampled": 2.0, "fewer": 1.0}
    times = {block: dict(ways) for block in model.blocks}
    # Points of the first block cost nothing that could be measured.
    times["stage1_block1_add"]["fewer"] = 2.5
    model.record_block_times("d0.5", times, latency_ms=7.0, full_ms=9.0)
    prices = model.block_times("d0.5").point_ms
    before = model.counts("d0.5")
    assert prices["stage1_block1_conv1_mask"] == 0
    assert sum(prices[name] * count for name, count in before.items()) == pytest.approx(
        4, rel=1e-6
    )
    model.allocate(IMAGES, "d0.5", latency_ms=5.0)
    counts = model.counts("d0.5")
    taken = 7 + sum(prices[name] * (counts[name] - before[name]) for name in counts)
    assert 4.9 < taken <= 5.0
    # What was measured holds for other counts.
    model.allocate(IMAGES, "d0.5", latency_ms=6.0)
    counts = model.counts("d0.5")
    taken = 7 + sum(prices[name] * (counts[name] - before[name]) for name in counts)
    assert 5.9 < taken <= 6.0
    with pytest.raises(kd.DynresError, match="at least latency_ms=3"):
        model.allocate(IMAGES, "d0.5", latency_ms=2.0)
    with pytest.raises(kd.DynresError, match="'full' computes all points for latency"):
        model.allocate(IMAGES, "d0.5", latency_ms=10.0)
    model.compute_whole("d0.5", ["stage2_block1_add"])
    with pytest.raises(kd.DynresError, match="Nothing was measured"):
        model.block_times("d0.5")


# === Bad input ===


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"instance": "full"}, "'full' computes all points.*'d0.5'"),
        ({"instance": "sampled"}, "'sampled' computes as many points as an image has"),
        ({"instance": "d0.26"}, "Unknown instance .*Did you mean 'd0.25'"),
        ({"macs": 1e3}, "costs at least macs=7.*1000"),
        ({"macs": 1e9}, "'full' computes all points for macs=2.6"),
        ({"macs": float("nan")}, "A budget is a number above 0.*nan"),
        ({"macs": -1.0}, "A budget is a number above 0.*-1"),
        ({"macs": "many"}, "A budget is a number above 0.*'many'"),
        ({"macs": 1e6, "latency_ms": 1}, "There is one budget"),
        ({"data": IMAGES[:0]}, "holds no images"),
        ({"data": IMAGES * np.nan}, "scores of .* are not finite"),
    ],
    ids=str,
)
def test_bad_input_is_one_sentence(arguments, sentence):
    model = sampled()
    counts = model.counts("d0.25")
    with pytest.raises(kd.DynresError, match=sentence):
        model.allocate(**{"data": IMAGES, "instance": "d0.25", **arguments})
    assert model.counts("d0.25") == counts


def test_an_even_grid_has_no_scores():
    with pytest.raises(kd.DynresError, match="no scores .*'uniform'"):
        sampled(sampling="uniform").allocate(IMAGES, "d0.5")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"counts": {"full": [1]}}, "instances of a fixed density.*'full'"),
        ({"counts": {"d0.5": [100]}}, "each of 6 masks.*1 counts"),
        ({"counts": {"d0.5": [1, 9, 9, 9, 9, 9]}}, "samples 9 to 1024.*1 of"),
        ({"dense": {"full": []}}, "'full' computes all points"),
        ({"dense": {"d0.5": ["stage1"]}}, "Unknown sampled block.*stage1_block1_add"),
    ],
    ids=str,
)
def test_bad_counts_and_blocks(options, sentence):
    with pytest.raises(kd.DynresError, match=sentence):
        sampled(**options)

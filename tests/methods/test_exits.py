"""Networks with exits: training, stopping early, budgets."""

import contract
import keras
import numpy as np
import pytest
from exit_nets import batches, early_exit, light, policy_for, small

import keras_dynres as kd
from keras_dynres import exits
from keras_dynres.exits import runs

SIZE = contract.SIZE


@pytest.fixture(params=[small, light])
def model(request):
    keras.utils.set_random_seed(1)
    return request.param()


@pytest.mark.backends
def test_instances_are_exits_each_with_what_it_needs_alone(model):
    assert model.instances == ["exit1", "exit2", "full"]
    assert model.exits == ["exit1", "exit2", "exit3"]
    x = contract.images()
    for name, expected in zip(model.instances, model.base(x), strict=True):
        np.testing.assert_allclose(
            contract.logits(model, name, x), np.asarray(expected), atol=1e-5
        )
    for name, output in zip(model.instances, model.base.outputs, strict=True):
        alone = keras.Model(model.base.input, output)
        assert [la.name for la in model.at(name).layers] == [
            la.name for la in alone.layers
        ]
    assert model.at("exit3") is model.at("full")
    assert not model.slots


@pytest.mark.backends
def test_the_loss_is_the_weighted_sum_of_the_exits_losses():
    x, y = contract.images(), contract.labels()
    for weights in ([1, 1, 1], [0.5, 0, 2]):
        model = light(exit_weights=weights)
        outputs = model.base(x, training=True)
        expected = sum(
            w * float(contract.loss()(y, out))
            for w, out in zip(weights, outputs, strict=True)
        )
        contract.compiled(model)
        logs = model.train_on_batch(x, y, return_dict=True)
        assert logs["loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.backends
def test_a_step_trains_every_weight(model):
    contract.compiled(model)
    before = [np.array(w) for w in model.trainable_weights]
    model.train_on_batch(contract.images(), contract.labels())
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert not np.array_equal(np.array(weight), old), weight.path


@pytest.mark.backends
def test_fit_and_evaluate_show_the_metrics_of_each_exit():
    x, y = contract.images(16), contract.labels(16)
    model = contract.compiled(light())
    history = model.fit(x, y, batch_size=8, validation_data=(x, y), verbose=0).history
    assert {f"val_exit{k}_accuracy" for k in (1, 2, 3)} <= set(history)
    figures = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    for name, out in zip(model.exits, model.every_exit(x), strict=True):
        right = float(np.mean(out.argmax(-1) == y))
        assert figures[f"{name}_accuracy"] == pytest.approx(right)


@pytest.mark.backends
def test_sample_weights_count_at_every_exit():
    x, y = contract.images(), contract.labels()
    model = contract.compiled(light())
    weights = np.array([1.0] * 4 + [0.0] * 4)
    outputs = [np.asarray(out)[:4] for out in model.base(x, training=True)]
    expected = sum(float(contract.loss()(y[:4], out)) / 2 for out in outputs)
    logs = model.train_on_batch(x, y, sample_weight=weights, return_dict=True)
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.backends
def test_distillation_adds_the_divergence_from_the_last_exit():
    x, y = contract.images(), contract.labels()
    model = light(distillation=0.5, temperature=2.0)
    outputs = [np.asarray(out, "float64") for out in model.base(x, training=True)]
    plain = sum(float(contract.loss()(y, out)) for out in outputs)
    soft = [np.exp(out / 2) for out in outputs]
    soft = [out / out.sum(-1, keepdims=True) for out in soft]
    gaps = [np.sum(soft[2] * np.log(soft[2] / s), axis=-1).mean() for s in soft[:2]]
    contract.compiled(model)
    logs = model.train_on_batch(x, y, return_dict=True)
    assert logs["loss"] == pytest.approx(plain + 0.5 * 4 * sum(gaps), rel=1e-3)


def test_exit_weights_follow_a_budget_distribution():
    uniform, chosen = small(), small(exit_weights="exponential")
    assert uniform.exit_weights == (1.0, 1.0, 1.0)
    assert sum(chosen.exit_weights) == pytest.approx(3)
    assert max(chosen.exit_weights) != chosen.exit_weights[-1]


def test_a_distribution_of_exit_weights_stands_in_the_config(tmp_path):
    early = {"kind": "exponential", "mean": 0.25}
    model = small(exit_weights=early)
    weights = 3 * kd.exits.budget_distribution(early, model.exit_costs())
    assert model.exit_weights == pytest.approx(tuple(weights))
    assert model.exit_weights[0] > small(exit_weights="exponential").exit_weights[0]
    assert model.get_config()["exit_weights"] == early
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.exit_weights == model.exit_weights
    assert loaded.get_config()["exit_weights"] == early


@pytest.fixture
def ran(monkeypatch):
    """(stage, how many images) of each run."""
    seen, plain = [], runs._forward

    def forward(model, features):
        seen.append((model.name.rpartition("_")[2], len(features[0])))
        return plain(model, features)

    monkeypatch.setattr(runs, "_forward", forward)
    return seen


@pytest.mark.backends
def test_anytime_gives_each_exit_and_computes_nothing_ahead(model, ran):
    x = contract.images()
    answers = model.anytime(x)
    assert not ran
    name, first = next(answers)
    assert ran == [("stage1", 8)] and name == "exit1"
    rest = dict(answers)
    assert ran == [("stage1", 8), ("stage2", 8), ("stage3", 8)]
    whole = model.every_exit(x)
    for got, expected in zip((first, *rest.values()), whole, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_predict_within_returns_what_was_ready(model):
    x = contract.images(2)
    name, outputs = model.predict_within(x, milliseconds=60_000)
    assert name == "exit3"
    np.testing.assert_allclose(outputs, model.predict(x, verbose=0), atol=1e-5)
    with pytest.raises(kd.DynresError, match="not ready in time"):
        model.predict_within(x, milliseconds=1e-9)
    with pytest.raises(kd.DynresError, match="above 0"):
        model.predict_within(x, milliseconds=0)


@pytest.mark.backends
def test_dynamic_prediction_equals_the_simulated_one(model):
    x = contract.images(30)  # An even number: thresholds lie between two images.
    whole = model.every_exit(x)
    said = [exits_probabilities(out) for out in whole]
    sure = np.stack([s.max(-1) for s in said])
    thresholds = (float(np.median(sure[0])), float(np.median(sure[1])), 0.0)
    policy = policy_for(model, thresholds)
    outputs, left = model.predict_dynamic(x, policy, 16, return_exits=True)
    for image in range(len(x)):
        exit = next(k for k in range(3) if sure[k, image] >= thresholds[k])
        assert left[image] == exit
        np.testing.assert_allclose(outputs[image], whole[exit][image], atol=1e-5)
    assert set(left) == {0, 1, 2}


def exits_probabilities(logits):
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


@pytest.mark.backends
@pytest.mark.parametrize("count", [1, 2])
def test_small_batches_pass(count):
    model = small()
    x = contract.images(count)
    for thresholds in ((0.0, 0.0, 0.0), (1.0, 1.0, 0.0)):
        policy = policy_for(model, thresholds)
        outputs, left = model.predict_dynamic(x, policy, return_exits=True)
        assert outputs.shape == (count, 4)
        assert set(left) == {0 if thresholds[0] == 0 else 2}


@pytest.mark.backends
def test_a_stage_runs_for_those_who_are_left_only(ran):
    model, x = small(), contract.images(16)
    sure = exits_probabilities(model.every_exit(x)[0]).max(-1)
    policy = policy_for(model, (float(np.median(sure)), 1.0, 0.0))
    _, left = model.predict_dynamic(x, policy, return_exits=True)
    stay = int((left > 0).sum())
    assert 0 < stay < 16
    # Under JAX batches shrink by eighths of the first.
    most = stay if keras.backend.backend() == "tensorflow" else -(-stay // 2) * 2
    assert ran == [("stage1", 16), ("stage2", most), ("stage3", most)]


def test_policies_of_other_models_and_empty_batches_are_refused():
    model = small()
    other = policy_for(early_exit(), (0.5, 0.5, 0.0))
    with pytest.raises(kd.DynresError, match="Received"):
        model.predict_dynamic(contract.images(), other)
    own = policy_for(model, (0.5, 0.5, 0.0))
    with pytest.raises(kd.DynresError, match="one image or more"):
        model.predict_dynamic(contract.images(0), own)
    with pytest.raises(kd.DynresError, match=r"Received: shape \(8, 8, 8, 3\)"):
        model.predict_dynamic(contract.images()[:, :8, :8], own)


@pytest.mark.parametrize("rule", ["geometric", "searched", "best"])
def test_a_solved_budget_is_met_on_the_held_out_images(rule):
    model = light()
    costs = model.exit_costs()
    budget = 0.5 * (costs[0] + costs[2])
    policy = model.solve_budget(batches(8), macs=budget, rule=rule, verbose=0)
    assert policy.expected_cost <= budget + (costs[2] - costs[0]) / 32
    assert model.policies == [policy]
    x = np.concatenate([images for images, _ in batches(8)])
    _, left = model.predict_dynamic(x, policy, return_exits=True)
    assert np.mean(np.array(costs)[left]) <= budget * 1.05


@pytest.mark.backends
def test_a_budget_in_milliseconds_is_measured_here():
    model = light()
    times = model.exit_times(contract.images(8))
    assert len(times) == 3 and times == sorted(times)
    policy = model.solve_budget(batches(8), latency_ms=1e6, verbose=0)
    assert policy.unit == "latency_ms"


def test_budgets_that_make_no_sense_are_refused():
    model = light()
    with pytest.raises(kd.DynresError, match="one of them"):
        model.solve_budget(batches(), verbose=0)
    with pytest.raises(kd.DynresError, match="Did you mean"):
        model.solve_budget(batches(), macs=1e9, rule="geometrik", verbose=0)
    with pytest.raises(kd.DynresError, match="cost"):
        model.solve_budget(batches(), macs=1, verbose=0)
    with pytest.raises(kd.DynresError, match="no batch"):
        model.solve_budget([], macs=1e9, verbose=0)


def test_other_rooms_ask_by_functions_that_know_models_without_exits(model):
    assert exits.names_of(model) == model.exits
    assert exits.stages_of(model) == model.stages()
    model.solve_budget(batches(), macs=1e9, rule="geometric", verbose=0)
    assert exits.policies_of(model) == model.policies and model.policies
    plain = kd.Plain(contract.base())
    for other in (plain, plain.base):
        assert exits.names_of(other) == exits.stages_of(other) == []
        assert exits.policies_of(other) == []


def test_training_drops_what_was_solved_before(tmp_path):
    model = contract.compiled(small())
    model.fit(contract.images(), contract.labels(), verbose=0)
    model.solve_budget(batches(), macs=1e9, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert [p.to_json() for p in loaded.policies] == [
        p.to_json() for p in model.policies
    ]
    x = contract.images()
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5
    )
    loaded.fit(x, contract.labels(), verbose=0)
    assert loaded.policies == []
    assert "exit1_accuracy" in loaded.evaluate(
        x, contract.labels(), verbose=0, return_dict=True
    )


def test_arguments_are_checked():
    with pytest.raises(kd.DynresError, match="2 ends of blocks.*points=4"):
        kd.EarlyExit(contract.base(), 4)
    with pytest.raises(kd.DynresError, match="has 2 ends of blocks.*points=0"):
        kd.EarlyExit(contract.base(), 0)
    with pytest.raises(kd.DynresError, match="for each of the 3 exits"):
        small(exit_weights=[1, 2])
    with pytest.raises(kd.DynresError, match="distillation"):
        small(distillation=-1)
    with pytest.raises(kd.DynresError, match="Did you mean 'stage1_block1_add'"):
        kd.EarlyExit(contract.base(), ["stage1_block1_ad"])
    with pytest.raises(kd.DynresError, match="in the base's order"):
        kd.EarlyExit(contract.base(), ["stage2_block1_add", "stage1_block1_add"])
    with pytest.raises(kd.DynresError, match="Did you mean 'conv'"):
        kd.EarlyExit(contract.base(), ["stage1_block1_add"], heads="con")
    with pytest.raises(kd.DynresError, match="Did you mean 'exit2'"):
        small().at("exit_2")


@pytest.mark.parametrize("points", [None, 1, 5])
def test_points_divide_the_cost_evenly(points):
    base = keras.applications.MobileNetV2(
        input_shape=(96, 96, 3), weights=None, classes=4
    )
    model = kd.EarlyExit(base, points)
    count = points or 3
    assert len(model.exits) == count + 1
    shares = np.array(model.exit_costs()[:-1]) / model.exit_costs()[-1]
    even = np.arange(1, count + 1) / (count + 1)
    # Its first block with a shortcut ends at a quarter of the cost.
    np.testing.assert_allclose(shares, even, atol=0.1)


def test_exits_give_probabilities_where_the_base_does():
    x = keras.Input((SIZE, SIZE, 3))
    base = keras.Model(x, keras.layers.Softmax()(contract.base()(x)))
    model = kd.EarlyExit(base, ["stage1_block1_add"])
    assert not model.from_logits
    for rows in model.every_exit(contract.images()):
        assert rows.min() >= 0
        np.testing.assert_allclose(rows.sum(axis=-1), 1, rtol=1e-5)


def test_heads_may_be_convolutions_or_the_users_own():
    def head(x, classes, name):
        x = keras.layers.Flatten(name=f"{name}_flat")(x)
        return keras.layers.Dense(classes, name=f"{name}_mine")(x)

    for heads, layer in (("conv", "exit1_2_conv"), (head, "exit1_mine")):
        model = early_exit(heads=heads)
        assert layer in {la.name for la in model.at("exit1").layers}
        assert model.at("exit1").output.shape == (None, 4)


def test_branches_hold_a_block_for_each_later_resolution():
    base = kd.architectures.wide_resnet(depth=10, width=2)
    points = [f"stage{stage}_block1_add" for stage in (1, 2, 3)]
    model = kd.EarlyExit(base, points, heads="branch")
    blocks = [
        [
            call.outputs[0].shape[1:]
            for call in kd.graph.calls(model.at(f"exit{k}"))
            if call.name.startswith("exit") and call.name.endswith("_add")
        ]
        for k in (1, 2, 3)
    ]
    assert blocks == [[(16, 16, 64), (8, 8, 128)], [(8, 8, 128)], [(8, 8, 128)]]

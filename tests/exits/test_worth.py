import numpy as np
import pytest

from keras_dynres import DynresError
from keras_dynres.errors import UnknownNameError
from keras_dynres.exits import (
    accuracy_and_cost,
    budget_distribution,
    budgeted_menu,
    curve,
    ensemble,
    expected_accuracy,
    interpolate,
    simulate,
    solve,
)
from keras_dynres.instance import Menu

COSTS = [15.0, 25.0, 38.0, 52.0, 90.0]


def one_by_one(probabilities, thresholds):
    """Each image alone, exit after exit."""
    outcomes = []
    for image in range(probabilities.shape[1]):
        for k in range(len(probabilities)):
            row = [float(p) for p in probabilities[k, image]]
            if max(row) >= thresholds[k] or k == len(probabilities) - 1:
                outcomes.append((k, row.index(max(row))))
                break
    return outcomes


@pytest.mark.parametrize("thresholds", [None, [0.9] * 5, [0] * 5, [1, 1, 1, 0.5, 1]])
def test_simulated_is_image_by_image(made, thresholds):
    probabilities, labels = made(images=400)
    policy = thresholds or solve(probabilities, labels, COSTS, 40)
    exits, classes = simulate(probabilities, policy)
    slow = one_by_one(probabilities, thresholds or policy.thresholds)
    assert list(zip(exits.tolist(), classes.tolist(), strict=True)) == slow
    right = np.mean([c == y for (_, c), y in zip(slow, labels, strict=True)])
    paid = np.mean([COSTS[k] for k, _ in slow])
    got = accuracy_and_cost(probabilities, labels, COSTS, policy)
    assert got == pytest.approx((right, paid))


def test_simulated_is_what_the_policy_decides(made):
    probabilities, labels = made()
    policy = solve(probabilities, labels, COSTS, 40)
    staying, left = np.arange(len(labels)), np.empty(len(labels), int)
    for k in range(5):
        leave = policy.decide(k, probabilities[k, staying].max(-1))
        left[staying[leave]] = k
        staying = staying[~leave]
    assert not len(staying)
    assert np.array_equal(left, simulate(probabilities, policy)[0])


def test_empty_and_single_batches():
    exits, classes = simulate(np.zeros((2, 0, 3)), [0.5, 0])
    assert len(exits) == len(classes) == 0
    with pytest.raises(DynresError, match="no images"):
        accuracy_and_cost(np.zeros((2, 0, 3)), [], [1, 2], [0.5, 0])
    assert simulate(np.full((2, 1, 2), 0.5), [0.6, 0])[0].tolist() == [1]


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ([0.5, 0], "each of the 5 exits.*2 thresholds"),
        ([2, 0.5, 0.5, 0.5, 0], "lie in"),
    ],
)
def test_thresholds_that_do_not_fit(made, policy, message):
    with pytest.raises(DynresError, match=message):
        simulate(made(images=20)[0], policy)


@pytest.mark.parametrize("rule", ["geometric", "searched"])
def test_a_curve_is_fitted_on_one_set_and_measured_on_the_other(made, rule):
    held_out, test = made(images=1500, seed=1), made(images=1500, seed=2)
    points = curve(held_out, test, COSTS, points=7, rule=rule)
    costs = [p["cost"] for p in points]
    assert len(points) == 7
    assert costs == sorted(costs)
    assert np.allclose(costs, np.linspace(15, 90, 7), rtol=0.06)
    shown = solve(*held_out, COSTS, float(np.linspace(15, 90, 7)[2]))
    if rule == "geometric":
        expected = accuracy_and_cost(*test, COSTS, shown)
        assert (points[2]["accuracy"], points[2]["cost"]) == pytest.approx(expected)
    ends = [accuracy_and_cost(*test, COSTS, t)[0] for t in ([0] * 5, [1] * 4 + [0])]
    assert [points[0]["accuracy"], points[-1]["accuracy"]] == pytest.approx(ends)


def test_curves_refuse_what_they_cannot_draw(made):
    images = made(images=50)
    with pytest.raises(UnknownNameError, match="geometrical.*Did you mean 'geometric'"):
        curve(images, images, COSTS, rule="geometrical")
    with pytest.raises(DynresError, match="points=1"):
        curve(images, images, COSTS, points=1)


def test_a_policys_cost_is_the_dearest_images_and_the_average_beside_it(made):
    probabilities, labels = made(images=400)
    flops = [2 * cost for cost in COSTS]
    policies = [solve(probabilities, labels, COSTS, b) for b in (15, 40, 60)]
    menu = budgeted_menu(policies, probabilities, labels, COSTS, flops, data="made")
    assert menu.names == ["budget1", "budget2", "budget3"]
    assert [(i.macs, i.flops) for i in menu] == [(15, 30), (90, 180), (90, 180)]
    for instance, policy in zip(menu, policies, strict=True):
        exits, _ = simulate(probabilities, policy)
        paid = np.array(COSTS)[exits]
        assert instance.average == pytest.approx(
            {
                "macs": paid.mean(),
                "macs_spread": paid.std(),
                "flops": 2 * paid.mean(),
                "flops_spread": 2 * paid.std(),
                "images": 400,
                "data": "made",
            }
        )
        assert instance.figure("macs") == paid.mean() <= policy.budget
    # The dearest image of each costs 90, yet the average decides.
    assert menu.within(macs=41).name == "budget2"
    again = Menu.from_json(menu.to_json())
    assert again["budget2"].average == menu["budget2"].average


def draws(kind, count=400_000):
    """B as the docstring says it is distributed, where the net can be stopped."""
    if isinstance(kind, str):
        kind = {"kind": kind}
    rng, end = np.random.default_rng(0), 2 * COSTS[-1] - COSTS[-2]
    mean = kind.get("mean", (COSTS[0] / COSTS[-1] + 1) / 2) * COSTS[-1]
    spread = kind.get("deviation", (1 - COSTS[0] / COSTS[-1]) / 4) * COSTS[-1]
    drawn = {
        "uniform": lambda: rng.uniform(0, end, count),
        "exponential": lambda: rng.exponential(mean, count),
        "normal": lambda: rng.normal(mean, spread, count),
    }[kind["kind"]]()
    return drawn[(drawn >= COSTS[0]) & (drawn < end)]


@pytest.mark.parametrize(
    "kind",
    [
        *("uniform", "exponential", "normal"),
        {"kind": "exponential", "mean": 0.2},
        {"kind": "normal", "mean": 0.9, "deviation": 0.5},
    ],
)
def test_budget_distributions_are_those_of_drawn_budgets(kind):
    drawn = draws(kind)
    last = np.searchsorted(COSTS, drawn, side="right") - 1
    shares = np.bincount(last, minlength=5) / len(last)
    weights = budget_distribution(kind, COSTS)
    assert weights.sum() == pytest.approx(1)
    assert np.allclose(weights, shares, atol=0.004)


def test_exponential_stops_fall_by_one_ratio_and_do_not_lump_at_the_last_exit():
    even = [10, 20, 30, 40, 50]
    weights = budget_distribution("exponential", even)
    ratios = weights[1:] / weights[:-1]
    assert np.allclose(ratios, np.exp(-10 / 30))
    early = budget_distribution({"kind": "exponential", "mean": 0.2}, even)
    assert np.allclose(early[1:] / early[:-1], np.exp(-1))
    # Most of so early a Poisson process is over before the first exit.
    late = budget_distribution({"kind": "exponential", "mean": 1e-3}, even)
    assert late == pytest.approx([1, 0, 0, 0, 0])


def test_distributions_refuse_what_they_do_not_have():
    for bad in ({"kind": "uniform", "mean": 1}, {"kind": "normal", "rate": 1}):
        with pytest.raises(DynresError, match="Unknown figure of"):
            budget_distribution(bad, COSTS)
    for bad in (0, -1, float("inf"), "0.5"):
        with pytest.raises(DynresError, match="above 0, in shares of the last exit"):
            budget_distribution({"kind": "exponential", "mean": bad}, COSTS)
    nowhere = {"kind": "normal", "mean": 100, "deviation": 0.1}
    with pytest.raises(DynresError, match="No stop falls among exits"):
        budget_distribution(nowhere, COSTS)
    with pytest.raises(DynresError, match="Unknown distribution of stops"):
        budget_distribution({"mean": 1}, COSTS)


def test_given_budget_distributions_and_one_exit():
    assert budget_distribution([2, 0, 2], [1, 2, 3]).tolist() == [0.5, 0, 0.5]
    assert budget_distribution("normal", [7]).tolist() == [1]
    for bad in ([1, 2], [1, -1, 1], [0, 0, 0], [1, float("nan"), 1]):
        with pytest.raises(DynresError, match="one weight for each of the 3"):
            budget_distribution(bad, [1, 2, 3])
    with pytest.raises(DynresError, match="Unknown.*'poisson'.*'exponential'"):
        budget_distribution("poisson", [1, 2, 3])


def test_expected_accuracy_is_the_mean_over_drawn_stops():
    accuracies = np.array([0.6, 0.7, 0.75, 0.8, 0.82])
    weights = budget_distribution("exponential", COSTS)
    stops = np.random.default_rng(0).choice(5, 400_000, p=weights)
    mean = accuracies[stops].mean()
    assert expected_accuracy(accuracies, weights) == pytest.approx(mean, abs=1e-3)
    for bad in ([0.5, 0.5], [1.0] * 5, [2.0, -1.0, 0, 0, 0]):
        with pytest.raises(DynresError, match="sum to 1"):
            expected_accuracy(accuracies, bad)


def test_interpolation_is_a_random_choice_of_two_nets():
    right = np.random.default_rng(0).random((2, 200_000)) < [[0.7], [0.9]]
    share = 0.25  # of images to the cheaper net
    cheap = np.random.default_rng(1).random(200_000) < share
    drawn = np.where(cheap, right[0], right[1]).mean()
    accuracies = interpolate([10, 30], [0.7, 0.9], [share * 10 + (1 - share) * 30])
    assert accuracies[0] == pytest.approx(drawn, abs=3e-3)
    # A dearer net may be worse; neighbours alone are mixed.
    accuracies = interpolate([1, 2, 3], [0.7, 0.6, 0.9], [1, 1.5, 2, 9])
    assert accuracies == pytest.approx([0.7, 0.65, 0.6, 0.9])
    for budgets in ([0.5, 2], [float("nan")]):
        with pytest.raises(DynresError, match="cheapest net costs 1"):
            interpolate([1, 2], [0.7, 0.9], budgets)
    with pytest.raises(DynresError, match="one accuracy for each of the 2"):
        interpolate([1, 2], [0.7], [1])


def test_an_ensemble_is_the_mean_of_the_nets_so_far(made):
    nets, labels = made(images=200)
    together = ensemble(nets)
    assert together.dtype == nets.dtype
    for k in range(5):
        assert np.allclose(together[k], nets[: k + 1].mean(axis=0), atol=1e-6)
    costs = np.cumsum(COSTS)
    policy = solve(together, labels, costs, 80)
    exits, classes = simulate(together, policy)
    slow = one_by_one(together, policy.thresholds)
    assert list(zip(exits.tolist(), classes.tolist(), strict=True)) == slow

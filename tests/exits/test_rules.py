import functools

import numpy as np
import pytest

from keras_dynres import DynresError
from keras_dynres.exits import needed_exits, simulate, solve

search = functools.partial(solve, rule="searched")
COSTS = np.array([15.0, 25.0, 38.0, 52.0, 90.0])
BUDGETS = [15.0, 15.2, 22.0, 44.0, 60.0, 85.0, 89.9]


def shares(q, count):
    """Equation 2, as it stands in the paper."""
    falling = np.array([(1 - q) ** (k - 1) * q for k in range(1, count + 1)])
    return falling / falling.sum()


@pytest.mark.parametrize("budget", [16.0, 22.0, 43.0, 45.0, 60.0, 85.0])
def test_q_solves_the_papers_equations(made, budget):
    policy = solve(*made(), COSTS, budget)
    assert shares(policy.q, 5) @ COSTS == pytest.approx(budget, rel=1e-9)
    assert (policy.q > 0) == (budget < COSTS.mean())


@pytest.mark.parametrize("fit", [solve, search])
@pytest.mark.parametrize("budget", BUDGETS)
def test_the_budget_is_kept_to_within_one_image(made, fit, budget):
    probabilities, labels = made()
    policy = fit(probabilities, labels, COSTS, budget)
    one_image = (COSTS[-1] - COSTS[0]) / len(labels)
    assert budget - one_image <= policy.expected_cost <= budget * (1 + 1e-9)
    assert sum(policy.fractions) == pytest.approx(1)
    assert np.dot(policy.fractions, COSTS) == pytest.approx(policy.expected_cost)
    assert policy.interval[0] <= policy.expected_cost <= policy.interval[1]


@pytest.mark.parametrize("budget", BUDGETS[1:])
def test_thresholds_let_the_shares_of_all_images_leave(made, budget):
    probabilities, labels = made()
    policy = solve(probabilities, labels, COSTS, budget)
    exits, classes = simulate(probabilities, policy)
    left = np.array([(exits <= k).mean() for k in range(5)])
    assert np.all(np.abs(left - np.cumsum(shares(policy.q, 5))) < 1 / len(labels))
    assert policy.fractions == pytest.approx(np.bincount(exits, minlength=5) / 2000)
    assert policy.accuracy == pytest.approx(np.mean(classes == labels))


def test_at_the_first_exits_cost_all_leave_there(made):
    policy = solve(*made(), COSTS, 15.0)
    assert policy.fractions[0] == 1
    assert policy.q == pytest.approx(1)


@pytest.mark.parametrize("fit", [solve, search])
@pytest.mark.parametrize("budget", [90.0, 1e9])
def test_a_budget_above_the_last_exits_cost_lets_all_run(made, fit, budget):
    policy = fit(*made(), COSTS, budget)
    assert policy.thresholds == (1, 1, 1, 1, 0)
    assert policy.fractions[-1] > 0.99  # The others are as sure as float32 can say.
    assert policy.q is None


@pytest.mark.parametrize("budget", BUDGETS)
def test_ties_leave_together_and_early(tied, budget):
    probabilities, labels = tied
    costs = COSTS[:4]
    policy = solve(probabilities, labels, costs, min(budget, 52))
    assert policy.expected_cost <= policy.budget * (1 + 1e-9)
    assert sum(policy.fractions) == pytest.approx(1)
    exits, _ = simulate(probabilities, policy)
    sure = probabilities.max(-1)
    for k in range(4):
        stay, leave = sure[k][exits > k], sure[k][exits == k]
        assert not len(stay) or not len(leave) or stay.max() < leave.min()


def test_thresholds_lie_midway_between_who_leaves_and_who_stays():
    sure = np.array([[0.9, 0.8, 0.6, 0.5], [0.7, 0.8, 0.9, 0.6], [1, 1, 1, 1]])
    probabilities = np.stack([sure, 1 - sure], axis=-1)
    policy = solve(probabilities, [0] * 4, [1, 2, 3], 2)
    assert policy.thresholds == pytest.approx((0.7, 0.75, 0))
    assert policy.fractions == (0.5, 0.25, 0.25)


def test_softmax_rounded_above_one_is_one():
    sure = np.array([[1.0000002, 1.0000001, 0.6, 0.5], [1, 1, 1, 1]])
    probabilities = np.stack([sure, 1 - np.minimum(sure, 1)], axis=-1)
    policy = solve(probabilities, [0] * 4, [1, 2], 1.75)
    assert policy.thresholds == pytest.approx((0.8, 0))


def test_equal_confidences_all_leave_at_once():
    probabilities = np.full((3, 12, 2), 0.5)
    policy = solve(probabilities, [0] * 12, [1, 2, 3], 2.5)
    assert policy.fractions == (1, 0, 0)


def test_the_curve_rises_in_cost_and_spans_the_exits(made):
    policy = solve(*made(), COSTS, 30.0)
    costs = [point["cost"] for point in policy.curve]
    assert costs == sorted(costs)
    assert costs[0] == 15
    assert costs[-1] > 89
    qs = [point["q"] for point in policy.curve]
    assert qs[-1] is None
    assert qs[:-1] == sorted(qs[:-1], reverse=True)


def test_labels_do_not_move_the_thresholds(made):
    probabilities, labels = made()
    one = solve(probabilities, labels, COSTS, 30)
    other = solve(probabilities, (labels + 1) % 10, COSTS, 30)
    assert one.thresholds == other.thresholds
    assert one.accuracy != other.accuracy


def test_the_interval_holds_the_mean_cost_of_other_images(made):
    probabilities, labels = made(images=8000, exits=4, classes=4)
    costs, rng, hits = COSTS[:4], np.random.default_rng(0), []
    for _ in range(100):
        some = rng.choice(8000, 400, replace=False)
        policy = solve(probabilities[:, some], labels[some], costs, 30)
        exits, _ = simulate(probabilities, policy)
        low, high = policy.interval
        hits.append(low <= costs[exits].mean() <= high)
    assert 0.88 <= np.mean(hits) <= 0.995


def test_names_and_the_split_are_kept(made):
    policy = solve(
        *made(),
        COSTS,
        30,
        unit="latency_ms",
        exits=list("abcde"),
        model="net",
        held_out={"split": "the last 2000 training images"},
    )
    assert policy.exits == tuple("abcde")
    assert policy.held_out == {"split": "the last 2000 training images", "count": 2000}
    assert (policy.model, policy.unit) == ("net", "latency_ms")
    assert solve(*made(), COSTS, 30).exits[-1] == "exit5"


def test_one_exit_is_no_choice():
    policy = solve(np.full((1, 3, 2), 0.5), [0, 1, 1], [7], 8)
    assert policy.thresholds == (0,)
    assert policy.interval == (7, 7)


@pytest.mark.parametrize("fit", [solve, search])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": 14.9}, "before the first exit, which costs 15 macs.*14.9"),
        ({"budget": float("nan")}, "finite number of macs.*nan"),
        ({"budget": float("inf")}, "finite number"),
        ({"budget": "30"}, "finite number"),
        ({"unit": "joules"}, "Unknown unit.*joules.*'macs', 'latency_ms'"),
        ({"exits": ["a", "b"]}, "one name for each of the 5"),
        ({"costs": [1, 2, 3]}, r"one cost for each of the 5 exits.*\(3,\)"),
        ({"costs": [1, 2, 2, 3, 4]}, "each is above the one before"),
        ({"costs": [0, 1, 2, 3, 4]}, "above 0"),
        ({"costs": [1, 2, 3, 4, float("inf")]}, "Costs are"),
        ({"labels": np.zeros(1999, int)}, r"2000 images.*\(1999,\)"),
        ({"labels": np.full(2000, 10)}, "between 0 and 9.*from 10 to 10"),
        ({"labels": np.full(2000, -1)}, "between 0 and 9"),
        ({"labels": np.full(2000, 0.5)}, "whole numbers.*float64"),
        ({"probabilities": np.zeros((5, 10))}, r"\(exits, images, classes\)"),
        ({"probabilities": np.ones((5, 2000, 10))}, "softmax first"),
        ({"probabilities": np.full((5, 2000, 10), np.nan)}, "10000 rows with NaN"),
        ({"held_out": {"split": object()}}, "JSON"),
    ],
)
def test_bad_input_gets_one_sentence(made, fit, change, message):
    probabilities, labels = made()
    arguments = {"probabilities": probabilities, "labels": labels, "costs": COSTS}
    with pytest.raises(DynresError, match=message) as caught:
        fit(**{**arguments, "budget": 30, **change})
    assert "Received: " in str(caught.value)


def test_rules_are_known_by_name(made):
    with pytest.raises(DynresError, match="Unknown rule.*Did you mean 'geometric'"):
        solve(*made(), COSTS, 30, rule="geometrik")
    assert solve(*made(), COSTS, 30) == solve(*made(), COSTS, 30, rule="geometric")


@pytest.mark.parametrize("fit", [solve, search])
def test_fewer_images_than_exits_are_refused(made, fit):
    probabilities, labels = made(images=4)
    with pytest.raises(DynresError, match="5 exits need as many.*4 images"):
        fit(probabilities, labels, COSTS, 30)
    fit(*made(images=5), COSTS, 30)


def test_a_network_is_as_deep_as_a_share_of_the_images_needs():
    costs = np.arange(1.0, 31)
    for budget in (2.0, 5.0):
        # Shares (1 - q)^k of a mean of so many exits, by the sum of a long series.
        ratio = 1 - 1 / budget
        shares = ratio ** np.arange(200) / (ratio ** np.arange(200)).sum()
        wanted = int(np.argmax(shares < 0.02)) + 1
        assert abs(needed_exits(costs, budget, share=0.02) - wanted) <= 1
    assert needed_exits(costs, 2.0) < needed_exits(costs, 5.0)
    assert needed_exits(costs, 29.0) == len(costs)  # Shares rise.
    with pytest.raises(DynresError, match="share=0"):
        needed_exits(costs, 2.0, share=0)

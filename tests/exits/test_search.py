import functools
import itertools

import numpy as np
import pytest

from keras_dynres import DynresError
from keras_dynres.exits import accuracy_and_cost, curve, rules, solve
from keras_dynres.exits import search as searching
from keras_dynres.exits.fitting import Outcomes

search = functools.partial(solve, rule="searched")
best = functools.partial(solve, rule="best")
ABOUT = {"unit": "macs", "exits": None, "model": "model", "held_out": None}
MSDNET = [15.1, 25.5, 37.8, 52.0, 62.1, 74.0, 87.7, 100.0, 110.0, 121.6, 134.6]


def worth(probabilities, labels, costs, price, thresholds):
    accuracy, cost = accuracy_and_cost(probabilities, labels, costs, thresholds)
    return accuracy - price * cost


@pytest.mark.parametrize("seed", [0, 2, 3, "tied"])
def test_no_other_threshold_alone_does_better(made, tied, seed):
    images = tied if seed == "tied" else made(images=200, exits=5, seed=seed)
    count = len(images[0])
    costs, price = [1, 2, 3, 5, 8][:count], 0.03
    start = [0.5] * (count - 1) + [0]
    thresholds = searching.climb(Outcomes.of(*images, costs), price, start)
    reached = worth(*images, costs, price, thresholds)
    assert reached > worth(*images, costs, price, start)
    for k, level in itertools.product(range(count - 1), np.linspace(0, 1, 101)):
        other = [*thresholds]
        other[k] = level
        assert worth(*images, costs, price, other) <= reached + 1e-9


def test_with_two_exits_the_climb_is_to_the_summit(made):
    probabilities, labels = made(images=60, exits=2)
    costs, price = [1, 3], 0.05
    seen = Outcomes.of(probabilities, labels, costs)
    thresholds = searching.climb(seen, price, [1, 0])
    levels = [0, *probabilities[0].max(-1).tolist(), 1]
    every = [worth(probabilities, labels, costs, price, [t, 0]) for t in levels]
    reached = worth(probabilities, labels, costs, price, thresholds)
    assert reached == pytest.approx(max(every), abs=1e-9)


def test_the_same_images_give_the_same_policy(made):
    images = made(images=300)
    first = search(*images, MSDNET[:5], 30)
    assert search(*images, MSDNET[:5], 30) == first
    assert first.rule == "searched"


def test_ties_and_certainty_are_no_trouble(tied):
    for budget in (15.1, 20, 45, 52):
        policy = search(*tied, MSDNET[:4], budget)
        assert policy.expected_cost <= budget * (1 + 1e-9)
    certain = np.zeros((3, 30, 2))
    certain[:, :, 0] = 1
    policy = search(certain, [0] * 30, [1, 2, 3], 2)
    assert policy.fractions == (1, 0, 0)


def halves(images):
    probabilities, labels = images
    middle = len(labels) // 2
    return [
        (probabilities[:, part], labels[part])
        for part in (slice(middle), slice(middle, None))
    ]


def test_the_rules_compared_on_images_apart(made):
    """The search gains where the budget is low, and loses little anywhere."""
    gains = []
    for seed in range(4):
        fitted, apart = halves(made(images=5000, exits=11, classes=20, seed=seed))
        geometric, searched = (
            curve(fitted, apart, MSDNET, points=11, rule=rule)
            for rule in ("geometric", "searched")
        )
        pairs = list(zip(geometric, searched, strict=True))
        gains.append([s["accuracy"] - g["accuracy"] for g, s in pairs])
        assert all(abs(s["cost"] - g["cost"]) < 0.06 * g["cost"] for g, s in pairs)
    gains = np.mean(gains, axis=0)
    print("searched - geometric, by budget:", (100 * gains).round(2))
    assert gains[1] > 0.002
    assert gains.mean() > 0
    assert gains.min() > -0.003


def test_on_a_net_of_useless_exits_the_search_passes_them_by(made):
    """Every other exit guesses: a formula lets images leave there all the same."""
    fitted, apart = halves(made(images=2000, exits=6))
    for probabilities, _ in (fitted, apart):
        probabilities[1::2] = np.roll(probabilities[1::2], 1, axis=-1)
    geometric, searched, better = (
        accuracy_and_cost(*apart, MSDNET[:6], fit(*fitted, MSDNET[:6], 40))
        for fit in (solve, search, best)
    )
    assert searched[0] > geometric[0] + 0.1
    assert better[0] == pytest.approx(searched[0], abs=0.01)


@pytest.fixture
def unlearning(made):
    """Two halves of images; later exits see worse than the third, and are as sure."""

    def unlearning(**options):
        probabilities, labels = made(images=3000, exits=6, **options)
        rng = np.random.default_rng(0)
        for exit, share in ((3, 0.06), (4, 0.12), (5, 0.25)):
            wrong = rng.random(len(labels)) < share
            rolled = np.roll(probabilities[exit, wrong], 1, axis=-1)
            probabilities[exit, wrong] = rolled
        return halves((probabilities, labels))

    return unlearning


BUDGETS = np.linspace(MSDNET[0], MSDNET[5], 43) + 0.013


@pytest.mark.parametrize("seed", range(3))
def test_a_larger_budget_is_never_less_accurate(unlearning, seed):
    images, apart = unlearning(seed=seed)
    policies = rules.solve_each(*images, MSDNET[:6], BUDGETS, "best", **ABOUT)
    accuracies = [policy.accuracy for policy in policies]
    assert accuracies == sorted(accuracies)
    for policy, budget in zip(policies, BUDGETS, strict=True):
        assert policy.budget == budget
        assert policy.expected_cost <= budget
    # Of equals the cheapest: what gains nothing is not spent.
    assert policies[-1].expected_cost < 0.8 * MSDNET[5]
    for rule in rules.SPREADS:
        whole = rules.solve_each(*images, MSDNET[:6], BUDGETS, rule, **ABOUT)
        assert np.diff([policy.accuracy for policy in whole]).min() < -0.002
        (less, cost), (more, dearer) = (
            accuracy_and_cost(*apart, MSDNET[:6], last)
            for last in (whole[-1], policies[-1])
        )
        assert more > less + 0.02
        assert dearer < cost


def test_where_accuracy_rises_the_budget_is_spent(made):
    images = made(images=4000, exits=6)
    policies = rules.solve_each(*images, MSDNET[:6], BUDGETS, "best", **ABOUT)
    spent = [policy.expected_cost / policy.budget for policy in policies]
    assert np.mean(spent[:20]) > 0.97


def test_a_budget_among_others_is_solved_as_alone(made):
    images = made(images=500, exits=4)
    for rule in rules.RULES:
        each = rules.solve_each(*images, MSDNET[:4], [20, 40], rule, **ABOUT)
        alone = [solve(*images, MSDNET[:4], budget, rule=rule) for budget in (20, 40)]
        assert each == alone


def test_best_states_both_and_takes_the_better(made):
    images = made(images=1000, exits=4)
    policy = best(*images, MSDNET[:4], 25, model="net", held_out={"split": "last"})
    rows = {row["rule"]: row for row in policy.alternatives}
    assert set(rows) == {"geometric", "searched"}
    assert policy.rule == max(rows, key=lambda rule: rows[rule]["accuracy"])
    assert policy.held_out == {"split": "last", "count": 1000}
    affordable = [p["accuracy"] for p in policy.curve if p["cost"] <= 25]
    assert policy.accuracy >= max(affordable)
    for row in rows.values():
        assert row["cost"] == pytest.approx(policy.expected_cost, rel=0.1)


def test_alternatives_are_measured_on_images_apart(made):
    """On the images it was fitted to a rule never costs more than its budget."""
    policies = [best(*made(images=60, seed=s), MSDNET[:5], 40) for s in range(8)]
    paid = [
        row["cost"] / policy.expected_cost
        for policy in policies
        for row in policy.alternatives
    ]
    assert max(paid) > 1.01
    assert np.mean(paid) == pytest.approx(1, rel=0.03)


def test_where_the_rules_are_equal_the_papers_is_taken(made):
    probabilities, labels = made(images=200, exits=1)
    same = np.concatenate([probabilities] * 3)
    assert best(same, labels, [1, 2, 3], 2).rule == "geometric"


def test_comparing_needs_two_images_an_exit(made):
    probabilities, labels = made(images=9)
    with pytest.raises(DynresError, match="10 held-out images.*Received: 9"):
        best(probabilities, labels, MSDNET[:5], 30)
    with pytest.raises(DynresError, match="before the first exit"):
        best(*made(images=10), MSDNET[:5], 10)
    best(*made(images=10), MSDNET[:5], 30)

"""Networks with exits: curves, several budgets, expected accuracy."""

import numpy as np
import pytest
from exit_nets import batches, policy_for, small

import keras_dynres as kd


def test_several_budgets_are_solved_on_one_pass():
    model = small()
    costs = model.exit_costs()
    passes = []
    plain = model.every_exit
    model.every_exit = lambda x: (passes.append(len(x)), plain(x))[1]
    about = {"images": "the last ones"}
    asked = {"macs": [costs[0], costs[1]], "rule": "geometric", "held_out": about}
    policies = model.solve_budget(batches(3), **asked, verbose=0)
    assert passes == [8, 8, 8]
    assert [policy.budget for policy in policies] == costs[:2]
    assert policies[0].held_out == {"images": "the last ones", "count": 24}
    assert model.policies == policies


def test_curves_are_what_stopping_costs_and_gets_on_the_test_images(tmp_path):
    model = small()
    costs, test = np.array(model.exit_costs()), batches(2)
    asked = {"points": 3, "rule": "geometric", "verbose": 0}
    curves = model.budget_curve(batches(3), test, **asked)
    x, y = (np.concatenate(parts) for parts in zip(*test, strict=True))
    right = [np.mean(out.argmax(-1) == y) for out in model.every_exit(x)]
    assert [each.macs for each in curves["anytime"]] == costs.tolist()
    assert [each.measured["accuracy"] for each in curves["anytime"]] == right
    assert not model.policies
    budgets = np.linspace(costs[0], costs[-1], 3).tolist()
    policies = model.solve_budget(batches(3), budgets, rule="geometric", verbose=0)
    menu = model.evaluate_policies(test, verbose=0)
    assert menu.to_json() == curves["budgeted"].to_json()
    for each, policy in zip(curves["budgeted"], policies, strict=True):
        outputs, left = model.predict_dynamic(x, policy, return_exits=True)
        assert each.macs == round(costs[left].mean())
        assert each.measured["accuracy"] == np.mean(outputs.argmax(-1) == y)
    assert [each.measured["budget"] for each in curves["budgeted"]] == budgets
    kd.evaluation.plot(curves, tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").stat().st_size
    with pytest.raises(kd.DynresError, match="2 points at least"):
        model.budget_curve(batches(), test, points=1)
    with pytest.raises(kd.DynresError, match="solve a budget first"):
        model.evaluate_policies(test, [])


def test_the_expected_accuracy_weighs_the_exits():
    model, test = small(), batches(2)
    x, y = (np.concatenate(parts) for parts in zip(*test, strict=True))
    right = [np.mean(out.argmax(-1) == y) for out in model.every_exit(x)]
    expected = 0.5 * right[0] + 0.25 * right[1] + 0.25 * right[2]
    assert model.expected_accuracy([2, 1, 1], test, verbose=0) == expected


def test_a_policy_kept_elsewhere_is_taken_back():
    model = small()
    policy = policy_for(model, (0.5, 0.5, 0.0))
    model.add_policy(policy)
    assert model.policies == [policy]
    other = small(growth=4)
    with pytest.raises(kd.DynresError, match="exits cost"):
        other.add_policy(policy)

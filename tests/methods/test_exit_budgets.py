"""Networks with exits: curves, several budgets, expected accuracy."""

import keras
import numpy as np
import pytest
from exit_nets import batches, light, policy_for, remembers

import keras_dynres as kd


def test_several_budgets_are_solved_on_one_pass():
    model = light()
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
    model = light()
    costs, test = np.array(model.exit_costs()), batches(2)
    asked = {"points": 3, "rule": "geometric", "verbose": 0}
    curves = model.budget_curve(batches(3), test, **asked)
    x, y = (np.concatenate(parts) for parts in zip(*test, strict=True))
    right = [np.mean(out.argmax(-1) == y) for out in model.every_exit(x)]
    assert [instance.macs for instance in curves["anytime"]] == costs.tolist()
    assert [instance.measured["accuracy"] for instance in curves["anytime"]] == right
    assert not model.policies
    budgets = np.linspace(costs[0], costs[-1], 3).tolist()
    policies = model.solve_budget(batches(3), budgets, rule="geometric", verbose=0)
    menu = model.evaluate_policies(test, verbose=0)
    assert menu.to_json() == curves["budgeted"].to_json()
    for instance, policy in zip(curves["budgeted"], policies, strict=True):
        outputs, left = model.predict_dynamic(x, policy, return_exits=True)
        assert instance.figure("macs") == pytest.approx(costs[left].mean())
        assert instance.average["macs_spread"] == pytest.approx(costs[left].std())
        assert instance.macs == costs[policy.thresholds.index(0)]
        assert (instance.average["images"], instance.average["data"]) == (
            16,
            "test images",
        )
        assert instance.measured["accuracy"] == np.mean(outputs.argmax(-1) == y)
    assert [instance.measured["budget"] for instance in curves["budgeted"]] == budgets
    kd.evaluation.plot(curves, tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").stat().st_size
    with pytest.raises(kd.DynresError, match="2 points at least"):
        model.budget_curve(batches(), test, points=1)
    with pytest.raises(kd.DynresError, match="solve a budget first"):
        model.evaluate_policies(test, [])


class Sequence(keras.utils.PyDataset):
    """Batches, as Keras' own class gives them."""

    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, position):
        return self.parts[position]


def forms(parts):
    """The same images and labels as arrays, batches and data sets."""
    arrays = tuple(np.concatenate(column) for column in zip(*parts, strict=True))
    images, labels = arrays
    yield from (arrays, iter(parts), Sequence(parts))
    yield [(x, y[:, None], np.ones(len(y))) for x, y in parts]  # Weighted, a column.
    yield images, np.eye(4, dtype="float32")[labels]


def test_data_come_as_arrays_or_batches():
    model, parts = remembers(light()), batches(2)
    asked = {"rule": "geometric", "verbose": 0}
    budget = sum(model.exit_costs()) / 3
    (policy,) = model.solve_budget(parts, [budget], **asked)
    worth = model.evaluate_policies(parts, [policy], verbose=0).to_json()
    curves = model.budget_curve(parts, parts, points=2, **asked)
    accuracy = model.expected_accuracy("uniform", parts, verbose=0)
    for data in forms(parts):
        assert model.solve_budget(data, budget, **asked) == policy
    for data in forms(parts):
        assert model.evaluate_policies(data, [policy], verbose=0).to_json() == worth
    for data in forms(parts):
        assert model.expected_accuracy("uniform", data, verbose=0) == accuracy
    for one, other in zip(forms(parts), forms(parts), strict=True):
        again = model.budget_curve(one, other, points=2, **asked)
        assert [m.to_json() for m in again.values()] == [
            m.to_json() for m in curves.values()
        ]
    with pytest.raises(kd.DynresError, match="labelled images"):
        model.solve_budget(parts[0][0], budget, **asked)


@pytest.mark.tensorflow
def test_data_come_as_tensorflows_data_sets():
    tf = pytest.importorskip("tensorflow")
    model, parts = light(), batches(2)
    arrays = tuple(np.concatenate(column) for column in zip(*parts, strict=True))
    data = tf.data.Dataset.from_tensor_slices(arrays).batch(8)
    asked = {"macs": sum(model.exit_costs()) / 3, "rule": "geometric", "verbose": 0}
    assert model.solve_budget(data, **asked) == model.solve_budget(parts, **asked)


def test_the_expected_accuracy_weighs_the_exits():
    model, test = light(), batches(2)
    x, y = (np.concatenate(parts) for parts in zip(*test, strict=True))
    right = [np.mean(out.argmax(-1) == y) for out in model.every_exit(x)]
    expected = 0.5 * right[0] + 0.25 * right[1] + 0.25 * right[2]
    assert model.expected_accuracy([2, 1, 1], test, verbose=0) == expected


def test_a_policy_kept_elsewhere_is_taken_back():
    model = light()
    policy = policy_for(model, (0.5, 0.5, 0.0))
    model.add_policy(policy)
    assert model.policies == [policy]
    other = light((8, 16, 24))
    with pytest.raises(kd.DynresError, match="exits cost"):
        other.add_policy(policy)

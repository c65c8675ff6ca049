import dataclasses
import json

import numpy as np
import pytest

from keras_dynres import DynresError
from keras_dynres.exits import Policy, solve

COSTS = [15e6, 25e6, 38e6]


@pytest.fixture
def policy(made):
    return solve(*made(exits=3), COSTS, 22e6, model="net")


def test_json_brings_it_back_whole(policy, tmp_path, made):
    compared = solve(*made(exits=3), COSTS, 22e6, rule="best")
    for one in (policy, compared):
        assert Policy.from_json(one.to_json()) == one
    text = policy.to_json(tmp_path / "policy.json")
    assert Policy.from_json(tmp_path / "policy.json") == policy
    assert Policy.from_json(str(tmp_path / "policy.json")) == policy
    assert json.loads(text)["thresholds"] == list(policy.thresholds)


def changed(policy, **changes):
    return json.dumps({**json.loads(policy.to_json()), **changes})


def test_damaged_or_foreign_files_get_one_sentence(policy, tmp_path):
    text = policy.to_json()
    lacking = json.loads(text)
    del lacking["thresholds"]
    damaged = {
        text[: len(text) // 2]: "Not a policy in JSON",
        '{"format": 1, "instances": []}': "lacks 'model'",
        "{}": "not of format 1",
        "[{}]": "not of format 1",
        json.dumps(lacking): "lacks 'thresholds'",
        changed(policy, format=2): "not of format 1",
        changed(policy, colour="red"): "holds 'colour'",
        changed(policy, thresholds=None): "Not a policy",
        changed(policy, thresholds=[0.5, 1.5, 0]): "Not a policy.*lie in",
        changed(policy, costs=["a", "b", "c"]): "Not a policy",
        changed(policy, curve=[{}]): "Not a policy.*curve",
        "nowhere.json": "Cannot read a policy",
        "": "Cannot read a policy",
    }
    for source, message in damaged.items():
        with pytest.raises(DynresError, match=message):
            Policy.from_json(source)
    (tmp_path / "binary").write_bytes(b"\xff\xfe{")
    with pytest.raises(DynresError, match="Cannot read a policy"):
        Policy.from_json(tmp_path / "binary")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": (0.5, 1.1, 0)}, r"lie in \[0, 1\]"),
        ({"thresholds": (-0.1, 0.5, 0)}, r"lie in \[0, 1\]"),
        ({"thresholds": (0.5, float("nan"), 0)}, r"lie in \[0, 1\]"),
        ({"thresholds": (0.5, 0)}, "each of the 3 exits.*2 thresholds"),
        ({"thresholds": (0.5, 0.5, 0.5)}, "the last exit: its threshold is 0"),
        ({"exits": ("a", "b")}, "one name for each"),
        ({"exits": ("a", "b", "b")}, "one name for each"),
        ({"costs": (3, 2, 1)}, "above the one before"),
        ({"unit": "flops"}, "Unknown unit.*'flops'.*'macs', 'latency_ms'"),
        ({"rule": "guessed"}, "Unknown rule.*Offered: 'geometric', 'searched'"),
        ({"rule": "best"}, "Unknown rule"),
        ({"fractions": (0.5, 0.5)}, "fractions of the 3 exits"),
        ({"fractions": (0.5, 0.4, 0.2)}, "sum to 1"),
        ({"fractions": (-0.5, 0.5, 1)}, "not negative"),
        ({"budget": 1}, "before the first exit"),
        ({"expected_cost": 1}, "expected_cost lies between"),
        ({"expected_cost": None}, "expected_cost lies between"),
        ({"interval": (20e6,)}, "a low and a high"),
        ({"interval": (21e6, 20e6)}, "a low and a high"),
        ({"accuracy": 93.0}, "accuracy lies between 0 and 1.*93"),
        ({"q": 1.5}, "q is at most 1"),
        ({"q": float("nan")}, "q is at most 1"),
        ({"held_out": {}}, "holds the count"),
        ({"alternatives": [{"rule": "searched"}]}, "alternatives.*a cost"),
    ],
)
def test_what_no_policy_can_be_is_refused(policy, change, message):
    with pytest.raises(DynresError, match=message) as caught:
        dataclasses.replace(policy, **change)
    assert "Received: " in str(caught.value)


def test_decide_lets_the_sure_leave_and_all_at_the_last(policy):
    exact = dataclasses.replace(policy, thresholds=(0.75, 1, 0))
    sure = np.array([0.5, 0.75, 0.9], "float32")
    assert exact.decide(0, sure).tolist() == [False, True, True]
    assert exact.decide(1, [0.999, 1.0]).tolist() == [False, True]
    assert exact.decide(2, [0.0, 0.1]).tolist() == [True, True]
    assert exact.decide(0, []).tolist() == []
    for k in (-1, 3):
        with pytest.raises(DynresError, match=f"0 to 2.*k={k}"):
            exact.decide(k, sure)


def test_thresholds_are_not_rounded_to_the_confidences_precision(policy):
    low = np.float32(0.9)
    high = np.nextafter(low, np.float32(1))
    between = (float(low) + float(high)) / 2
    exact = dataclasses.replace(policy, thresholds=(between, 1, 0))
    assert exact.decide(0, np.array([low, high])).tolist() == [False, True]


def test_another_models_policy_is_refused(policy):
    names = ["exit1", "exit2", "exit3"]
    policy.check("net", names, COSTS)
    policy.check("net", tuple(names))
    with pytest.raises(DynresError, match="for 'net' with.*Received: 'other'"):
        policy.check("other", names, COSTS)
    with pytest.raises(DynresError, match="exit2, exit3.*Received: .*exit1, full"):
        policy.check("net", ["exit1", "full"], COSTS)
    with pytest.raises(DynresError, match="38.00 M MACs. Received: .*39.00 M"):
        policy.check("net", names, [15e6, 25e6, 39e6])
    timed = dataclasses.replace(policy, unit="latency_ms")
    timed.check("net", names, [1, 2, 3])


def test_it_reads_as_a_table(policy, made):
    text = str(policy)
    assert "net: at most 22.00 M MACs an image (geometric, q = 0." in text
    rows = [line.split() for line in text.splitlines()]
    assert rows[1] == ["exit", "MACs", "threshold", "leave"]
    assert rows[4][:3] == ["exit2", "25.00", "M"]
    assert rows[4][3] == f"{policy.thresholds[1]:.4f}"
    assert "on 2000 held-out images" in text
    compared = str(solve(*made(exits=3), COSTS, 22e6, rule="best"))
    assert "geometric, on images apart" in compared
    assert "searched, on images apart" in compared


def test_it_cannot_be_changed(policy):
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.budget = 3

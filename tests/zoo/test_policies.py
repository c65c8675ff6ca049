"""Policies of a network with exits are published, and loaded with its weights."""

import dataclasses

import numpy as np
from zoo_networks import add_network

from keras_dynres import zoo
from keras_dynres.zoo import places


def test_policies_are_in_the_card_and_in_the_loaded_model(monkeypatch, tmp_path, tiny):
    points = {"points": ["stage1_block1_add", "stage2_block1_add"]}
    network = dataclasses.replace(tiny, method="early_exit", method_options=points)
    add_network(monkeypatch, network, tmp_path)
    monkeypatch.setattr(places, "SHIPPED", tmp_path)
    model = zoo.load("tiny", weights=None)
    zoo.round_to_float16(model)
    draw = np.random.default_rng(0)
    images = draw.normal(size=(24, 16, 16, 3)).astype("float32")
    held_out = [(images, draw.integers(0, 10, 24))]
    costs = model.exit_costs()
    policy = model.solve_budget(held_out, costs[1], rule="geometric", verbose=0)
    results = {"instances": {name: {"accuracy": 0.5} for name in model.instances}}
    page = tmp_path / "tiny.md"
    zoo.publish(model, "tiny", results, tmp_path, page)
    loaded = zoo.load("tiny")
    kept = [p.to_json() for p in model.policies]
    assert kept and [p.to_json() for p in loaded.policies] == kept
    _, one = model.predict_dynamic(images, policy, return_exits=True)
    _, two = loaded.predict_dynamic(images, loaded.policies[0], return_exits=True)
    np.testing.assert_array_equal(one, two)
    assert "## Policy 1" in page.read_text() and str(policy) in page.read_text()

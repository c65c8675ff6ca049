"""Several networks: which of them a budget is given to."""

import numpy as np
import pytest

from keras_dynres import DynresError, Instance, Menu
from keras_dynres.exits import budgeted_menu, envelope, rules

COSTS = {"shallow": [10.0, 20.0, 40.0], "deep": [25.0, 60.0, 120.0]}
ABOUT = {"exits": None, "model": "net", "held_out": None}


@pytest.fixture
def menus(made):
    """Two networks' policies, fitted to some images and measured on others.

    The deep one is the better of the two where there is enough to spend.
    """

    def menus(unit="macs"):
        given = {}
        for name, costs in COSTS.items():
            probabilities, labels = made(images=1600, exits=5)
            exits = slice(0, 3) if name == "shallow" else slice(2, 5)
            fitted, apart = np.split(probabilities[exits], 2, axis=1)
            budgets = np.linspace(costs[0], costs[-1], 12)
            policies = rules.solve_each(
                fitted, labels[:800], costs, budgets, "best", unit=unit, **ABOUT
            )
            given[name] = budgeted_menu(policies, apart, labels[800:], costs, costs)
        return given

    return menus


def test_each_budget_goes_to_the_network_best_on_held_out_images(menus):
    given = menus()
    budgets = [12, 24, 26, 40, 70, 130]
    menu = envelope(given, budgets)
    chosen = [menu[f"budget{number}"] for number in range(1, 7)]
    assert [i.measured["budget"] for i in chosen] == budgets
    nets = [instance.settings["net"] for instance in chosen]
    assert nets[:2] == ["shallow"] * 2
    assert nets[-1] == "deep"
    rows = [row for menu in given.values() for row in menu]
    for instance, budget in zip(chosen, budgets, strict=True):
        affordable = [r for r in rows if r.measured["held_out_cost"] <= budget]
        accuracies = [r.measured["held_out_accuracy"] for r in affordable]
        assert instance.measured["held_out_accuracy"] == max(accuracies)
        assert instance.measured["held_out_cost"] <= budget
    seen = [instance.measured["held_out_accuracy"] for instance in chosen]
    assert seen == sorted(seen)


def test_what_the_test_images_say_has_no_part_in_the_choice(menus):
    given = menus()
    before = envelope(given, [30, 60])
    for menu in given.values():
        for instance in menu:
            menu.record(instance.name, accuracy=1 - instance.measured["accuracy"])
    after = envelope(given, [30, 60])
    assert [i.settings for i in before] == [i.settings for i in after]


def test_an_envelope_refuses_what_it_cannot_compare(menus):
    given = menus()
    with pytest.raises(DynresError, match=r"cheapest policy costs 10 .*budget=9\."):
        envelope(given, [9])
    mixed = {**given, "timed": menus("latency_ms")["deep"]}
    with pytest.raises(DynresError, match="one unit.*latency_ms, macs"):
        envelope(mixed, [50])
    with pytest.raises(DynresError, match="Received: no policy"):
        envelope({}, [50])
    plain = Menu([Instance("exit1", {"exit": 1}, macs=3)])
    with pytest.raises(DynresError, match="instance 'exit1' of 'plain'"):
        envelope({"plain": plain}, [50])

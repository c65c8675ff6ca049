"""evaluate --budgets: a network with exits under budgets, on held-out images."""

import json

import pytest

import keras_dynres as kd

NETWORK = {
    "name": "exits",
    "architecture": "wide_resnet",
    "architecture_options": {"depth": 10, "width": 1},
    "method": "early_exit",
    "method_options": {"points": ["stage1_block1_add"]},
    "dataset": "synthetic",
    "epochs": 1,
    "held_out": 60,
}


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    base = kd.architectures.wide_resnet(depth=10, width=1)
    path = tmp_path_factory.mktemp("exits") / "net.keras"
    kd.EarlyExit(base, ["stage1_block1_add"]).save(path)
    return path


def test_budgets_are_solved_measured_and_drawn(run, net, tmp_path):
    results = net.with_name("results.json")
    results.write_text(json.dumps({"network": NETWORK}))
    table, plot = tmp_path / "budgets.csv", tmp_path / "curves.svg"
    on = ["--batch_size", "60", "--budgets", "3"]
    code, out, err = run("evaluate", net, *on, "-o", table, "--plot", plot)
    results.unlink()
    assert code == 0, err
    assert "last 60 training images" in out and "Training held them out" in out
    menu = kd.Menu.from_csv(table)
    assert len(menu) == 3
    for budget in menu:
        assert budget.measured["held_out_cost"] <= budget.measured["budget"]
        assert len(budget.settings["thresholds"]) == 2
    assert "<svg" in plot.read_text()


def test_what_was_not_held_out_is_said(run, net):
    on = ["--dataset", "synthetic", "--batch_size", "50", "--budgets", "2"]
    code, out, _ = run("evaluate", net, *on, "--held_out", "50")
    assert code == 0
    assert "Nothing says that these were held out" in out
    code, _, err = run("evaluate", net, *on)
    assert code == 2 and "say --held_out" in err
    code, _, err = run("evaluate", net, "--dataset", "synthetic", "--plot", "a.png")
    assert code == 2 and "--budgets" in err


def test_other_networks_are_held_against_it(run, fails, net, keras_file, tmp_path):
    wide = tmp_path / "wide.keras"
    kd.Plain(kd.architectures.wide_resnet(depth=10, width=2)).save(wide)
    plot = tmp_path / "curves.svg"
    on = ["--dataset", "synthetic", "--batch_size", "50", "--budgets", "2"]
    on += ["--held_out", "50"]
    others = [wide, keras_file, net]
    code, out, err = run("evaluate", net, *on, "--plot", plot, "--against", *others)
    assert code == 0, err
    for label in (wide, keras_file, f"{net}, anytime", f"{net}, budgeted"):
        assert f"{label}:" in out and str(label) in plot.read_text()
    # The cheaper net comes first, whatever the order they are named in.
    mixed = out.split("random interpolation:")[1].split("ensemble:")
    assert [part.count("mix") for part in mixed] == [2, 0]
    assert mixed[1].count("budget1") == mixed[1].count("budget2") == 1
    alone = run("evaluate", net, *on, "--against", keras_file)[1]
    assert "ensemble:" not in alone
    assert "does not exist" in fails("evaluate", net, *on, "--against", "none.keras")
    code, _, err = run("evaluate", net, "--dataset", "synthetic", "--against", wide)
    assert code == 2 and "--budgets" in err


def test_budgets_need_exits(fails, keras_file):
    on = ["--dataset", "synthetic", "--budgets", "2", "--held_out", "50"]
    assert "network with exits" in fails("evaluate", keras_file, *on)

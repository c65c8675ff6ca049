import itertools

import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import Instance, Menu


def menu(rows):
    return Menu(
        Instance(name, {"point": name}, macs, 2 * macs, 7, measured)
        for name, macs, measured in rows
    )


def small():
    return menu(
        [
            ("full", 100, {"accuracy": 0.9, "latency_ms": 10}),
            ("a", 40, {"accuracy": 0.7, "latency_ms": 5}),
            ("b", 60, {"accuracy": 0.65, "latency_ms": 4}),
            ("c", 80, {"accuracy": 0.92, "latency_ms": 9}),
        ]
    )


def test_order_names_and_access():
    assert small().names == ["a", "b", "c", "full"]
    assert small().full.macs == 100 and "b" in small() and len(small()) == 4
    assert small()[small()["c"]].name == "c"


def test_within_gives_the_most_accurate_under_every_budget():
    assert small().within(macs=79).name == "a"
    assert small().within(macs=1000).name == "c"
    assert small().within(macs=70, latency_ms=4.5).name == "b"
    assert small().within(flops=120).name == "a"


def test_a_figure_that_is_no_number_counts_as_unknown():
    one = menu([("full", 9, {"accuracy": 0.5}), ("a", 4, {"accuracy": float("nan")})])
    assert one.pareto().names == ["full"]
    assert one.within(macs=9).name == "full"


def test_within_without_accuracies_takes_the_dearest_that_fits():
    plain = menu([("full", 100, {}), ("a", 40, {}), ("b", 60, {})])
    assert plain.within(macs=99).name == "b"


def test_pareto_is_what_brute_force_finds():
    draw = np.random.default_rng(0)
    for _ in range(20):
        rows = [
            (f"i{n}", int(draw.integers(1, 12)), {"accuracy": draw.integers(1, 9) / 10})
            for n in range(10)
        ]
        kept = {i.name for i in menu(rows).pareto()}
        points = {(macs, m["accuracy"]) for _, macs, m in rows}
        best = {
            p
            for p in points
            if not any(
                q != p and q[0] <= p[0] and q[1] >= p[1]
                for q in itertools.chain(points)
            )
        }
        found = {(m, a["accuracy"]) for n, m, a in rows if n in kept}
        assert found == best
        assert len(kept) == len(best)


def test_json_and_csv_bring_everything_back(tmp_path):
    one = small()
    for write, read, path in [
        (one.to_json, Menu.from_json, tmp_path / "m.json"),
        (one.to_csv, Menu.from_csv, tmp_path / "m.csv"),
    ]:
        text = write(path)
        for source in (text, path, str(path)):
            assert list(read(source)) == list(one)


def test_the_table_shows_every_instance_in_readable_units():
    one = menu([("full", 2_500_000, {"accuracy": 0.9123}), ("a", 900, {})])
    lines = str(one).splitlines()
    assert len(lines) == 4 and "2.50 M" in lines[3] and "91.23 %" in lines[3]
    assert lines[2].split()[-1] == "-"


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda m: m["ful"], "Did you mean 'full'"),
        (lambda m: m.within(macs=3), "cheapest is 'a' with macs=40"),
        (lambda m: m.within(), "needs a budget"),
        (lambda m: m.within(macs=50, latency_ms=4.5), "meets all budgets"),
        (lambda m: m.pareto("f1"), "measure it first"),
        (lambda m: Menu([*m, m["a"]]), "one name"),
        (lambda m: Menu.from_json("{}"), "Not a menu"),
        (lambda m: Menu.from_json('{"instances": [3]}'), "Not a menu"),
        (lambda m: m.record_average("a", 5, "few", mac=1), "Did you mean 'macs'"),
        (lambda m: Menu.from_json("missing.json"), "Cannot read"),
        (lambda m: Menu.from_csv("a,b\n1,2\n"), "Not a menu"),
        (lambda m: Menu.from_csv("name,macs\n"), "names no instance"),
    ],
)
def test_refusals(ask, says):
    with pytest.raises(kd.DynresError, match=says):
        ask(small())


def test_every_alias_finds_its_instance(tmp_path):
    one = Menu([Instance("full", macs=9, aliases=("exit2", "last")), Instance("exit1")])
    assert one["exit2"] is one["last"] is one["full"] is one.full
    assert "exit2" in one and one.names == ["exit1", "full"]
    one.record("exit2", accuracy=0.5)
    assert one.full.measured == {"accuracy": 0.5}
    assert Menu.from_json(one.to_json(tmp_path / "m.json"))["last"].name == "full"


def test_the_menu_chooses_by_its_metric(tmp_path):
    one = small()
    assert (one.metric, one.within(macs=100).name) == ("accuracy", "c")
    for figures in zip(one.names, (0.3, 0.6, 0.2, 0.5), strict=True):
        one.record(figures[0], mean_iou=figures[1])
    one.metric = "mean_iou"
    assert one.within(macs=100).name == "b"
    assert one.pareto().names == ["a", "b"]
    assert one.within(macs=100, metric="accuracy").name == "c"
    again = Menu.from_json(one.to_json())
    assert again.metric == again.pareto().metric == "mean_iou"


def test_an_average_cost_is_what_counts(tmp_path):
    one = small()
    one.record_average("full", 500, "held-out images", macs=30, macs_spread=8)
    assert one.full.macs == 100 and one.full.figure("macs") == 30
    assert one.full.average["data"] == "held-out images"
    assert one.within(macs=35).name == "full"
    # Cheaper than all others on average; only the dearer "c" is more accurate.
    assert set(one.pareto().names) == {"full", "c"}
    for write, read in [(one.to_json, Menu.from_json), (one.to_csv, Menu.from_csv)]:
        again = read(write())
        assert again.full.average == one.full.average and again.full.macs == 100
    one.forget()
    assert one.full.figure("macs") == 100


def test_bytes_that_are_no_text_get_one_sentence(tmp_path):
    path = tmp_path / "menu.json"
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(kd.DynresError, match="not text in UTF-8.*menu.json"):
        Menu.from_json(path)
    with pytest.raises(kd.DynresError, match="not text in UTF-8"):
        Menu.from_csv(path)

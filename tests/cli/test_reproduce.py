"""keras-dynres reproduce: rows, runs, files, and what hinders it."""

import csv
import json

import fabricated_runs
import pytest

from keras_dynres.zoo import Network, places, small_table
from keras_dynres.zoo.paper import PAPERS, Exhibit, Row
from keras_dynres.zoo.runs import runs_in
from keras_dynres_cli.evidence import Evidence

BASE, POINTS = "wrn40_4_cifar10", "sdpoint_wrn40_4_cifar10"
SMALL = "sdpoint_resnet14_imagenette_64"
PLAIN = fabricated_runs.menu(("full", 1.3, 0.95))
MENU = fabricated_runs.menu(
    ("p1@0.5", 0.4, 0.9),
    ("p9@0.5", 0.6, 0.94),
    ("p18@0.5", 1.2, 0.96),
    ("full", 1.3, 0.955),
)


@pytest.fixture(autouse=True)
def _nothing_else_was_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(small_table, "RECORD", tmp_path / "none.json")
    monkeypatch.setattr(places, "SHIPPED", tmp_path / "models")


@pytest.fixture
def folder(tmp_path):
    """Runs of a baseline and of SDPoint, one of these with two seeds."""
    folder = tmp_path / "trained"
    fabricated_runs.write(folder / "plain", BASE, PLAIN)
    fabricated_runs.write(folder / "points0", POINTS, MENU)
    fabricated_runs.write(folder / "points1", POINTS, MENU, seed=1)
    fabricated_runs.write(folder / "small", SMALL, MENU)
    return folder


def row_of(page, title, label):
    """The cells of a row, by the heads of its table."""
    section = page.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line.strip("| ") for line in section.splitlines() if line.startswith("|")]
    head, _, *rows = ([c.strip() for c in line.split("|")] for line in lines)
    return next(dict(zip(head, r, strict=False)) for r in rows if r[0] == label)


def test_rows_show_what_was_measured_beside_what_the_paper_says(run, folder):
    code, page, err = run("reproduce", "sdpoint", "--runs", folder)
    assert (code, err) == (0, "")
    plain = row_of(page, "Table 1, CIFAR-10", "WRN-d40-w4")
    assert plain["here"] == "5.00 % at 1.30 GMACs"
    assert (plain["paper: GFLOPs"], plain["paper: error %"]) == ("2.6", "4.29")
    # The best instance, which is not the full one.
    points = row_of(page, "Table 1, CIFAR-10", "WRN-d40-w4 with SDPoint")
    assert points["here"] == "4.00 % at 1.20 GMACs (mean of 2)"
    assert f"`{SMALL}` 4.00 % at 1.20 GMACs" in points["small networks, other images"]
    # Of a figure's curve: the dearest, the best at half of its cost, the cheapest.
    curve = row_of(page, "Figure 2, CIFAR-10", "WRN-d40-w4, SDPoint")
    assert curve["here"].startswith(
        "4.50 % at 1.30 GMACs, 6.00 % at 600 MMACs, 10.00 % at 400 MMACs"
    )
    other = row_of(page, "Table 1, CIFAR-10", "WRN-d28-w10")
    assert other["here"] == "not trained"


def test_a_row_with_a_cost_is_the_best_instance_that_costs_no_more(run, tmp_path):
    menu = fabricated_runs.menu(
        ("s1", 1.14, 0.71), ("s2", 1.9, 0.75), ("s3", 2.04, 0.74), ("full", 4.1, 0.77)
    )
    fabricated_runs.write(tmp_path / "runs" / "x", "resizable_resnet50_imagenet", menu)
    code, page, _ = run("reproduce", "resizable")  # `runs` is where one looks first.
    assert code == 0
    at_two = row_of(page, "Table 1", "RS-ResNet-50, 2 G")
    assert at_two["here"] == "25.00 % at 1.90 GMACs"
    # 1.14 is what is printed as 1.1.
    assert row_of(page, "Table 1", "RS-ResNet-50, 1.1 G")["here"].startswith("29.00 %")


def test_losses_and_times_are_those_beside_the_baseline(run, tmp_path):
    runs = tmp_path / "runs"
    plain = fabricated_runs.menu(("full", 0.5, 0.93))
    fabricated_runs.write(runs / "a", "resnet18_cifar10", plain)
    low = fabricated_runs.menu(("low", 0.1, 0.5), ("full", 0.5, 0.92))
    folder = fabricated_runs.write(runs / "b", "low_mode_resnet18_cifar10", low)
    results = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(
        json.dumps({**results, "training_seconds": 75})
    )
    _, page, _ = run("reproduce", "low_mode")
    said = row_of(page, "Table 1", "ResNet-18, proposed")
    assert said["here"] == "8.00 % at 500 MMACs, time saved % 25"
    assert said["paper: time saved %"] == "18"


def test_a_run_that_was_trained_otherwise_says_so(run, tmp_path):
    fabricated_runs.write(tmp_path / "runs" / "a", BASE, PLAIN, epochs=3)
    _, page, _ = run("reproduce", "sdpoint")
    shown = row_of(page, "Table 1, CIFAR-10", "WRN-d40-w4")["here"]
    assert shown == "5.00 % at 1.30 GMACs, trained otherwise: epochs=3"


def test_runs_with_other_entries_are_not_mixed(tmp_path):
    for number, changes in enumerate(({}, {"epochs": 3}, {"epochs": 3, "seed": 1})):
        menu = fabricated_runs.menu(("full", 1.3, 0.9 - number / 10))
        fabricated_runs.write(tmp_path / str(number), BASE, menu, **changes)
    evidence = Evidence(runs_in(tmp_path)[0])
    said = evidence.row(Row("as it says", BASE))
    other = evidence.row(Row("of three epochs", BASE, changes={"epochs": 3}))
    assert (said.figures["error"], said.source) == (pytest.approx(10), "run")
    assert other.figures["error"] == pytest.approx(25)
    assert (other.source, other.changes) == ("run, mean of 2", {})
    assert evidence.row(Row("of four epochs", BASE, changes={"epochs": 4})) is None


def test_files_hold_the_same_figures(run, folder, tmp_path):
    out = tmp_path / "out"
    argv = ["reproduce", "sdpoint", "--runs", folder, "--out", out, "--plots", "svg"]
    code, said, _ = run(*argv)
    assert code == 0
    assert f"Wrote {out / 'sdpoint.md'}." in said
    assert (out / "sdpoint.md").read_text().startswith("# sdpoint")
    lines = (out / "sdpoint.csv").read_text().splitlines()
    rows = list(csv.DictReader(lines))
    points = {
        (row["source"], row["key"]): float(row["value"])
        for row in rows
        if (row["exhibit"], row["network"]) == ("Table 1, CIFAR-10", POINTS)
    }
    assert points["paper", "error"] == 3.73
    assert points["run, mean of 2", "error"] == pytest.approx(4)
    assert points["run, mean of 2", "gflops"] == pytest.approx(2.4)
    record = json.loads((out / "sdpoint.json").read_text())
    table = next(e for e in record["exhibits"] if e["name"] == "Table 1")
    row = next(row for row in table["rows"] if row["network"] == POINTS)
    assert row["here"]["instance"] == "p18@0.5"
    assert [point["name"] for point in row["here"]["menu"]] == MENU.names
    drawn = (out / "sdpoint_table_1_cifar_10.svg").read_text()
    assert drawn.lstrip().startswith("<?xml")
    small = "sdpoint_table_1_cifar_10_small_networks_imagenette_at_64_pixels.svg"
    assert (out / small).is_file()


def test_without_a_paper_all_are_counted(run, folder):
    code, said, _ = run("reproduce", "--runs", folder)
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines()}
    assert code == 0 and set(PAPERS) <= set(rows)
    assert rows["sdpoint"][3] == "4" and rows["sdpoint"][5] == "1"
    assert rows["low_mode"][3] == "0"


def test_a_broken_run_is_one_sentence_and_the_rest_goes_on(run, folder):
    (folder / "points0" / "results.json").write_text("{")
    code, page, err = run("reproduce", "sdpoint", "--runs", folder)
    assert code == 0
    assert err.startswith("Left out: ") and len(err.splitlines()) == 1
    cell = row_of(page, "Table 1, CIFAR-10", "WRN-d40-w4 with SDPoint")["here"]
    assert cell == "4.00 % at 1.20 GMACs"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["sdpiont"], "Did you mean 'sdpoint'"),
        (["sdpoint", "--runs", "nowhere"], "no folder of runs"),
        (["sdpoint", "--plots", "pngs"], "Did you mean 'png'"),
        (["sdpoint", "--out", "file/below"], "The folder cannot be written"),
    ],
)
def test_what_is_wrong_is_one_sentence(fails, tmp_path, argv, sentence):
    (tmp_path / "file").write_text("")
    assert sentence in fails("reproduce", *argv)


def test_the_package_s_own_figures_need_no_runs(run, monkeypatch):
    monkeypatch.undo()
    code, page, _ = run("reproduce", "sampled", "--runs", PAPERS["sampled"].parent)
    cell = row_of(page, "Table 4", "weight 0.01")["small networks, other images"]
    assert code == 0
    assert "`sampled_resnet14_imagenette` 15.92 % at 180 MMACs" in cell


def test_small_networks_are_taken_at_as_large_a_part_of_their_cost(tmp_path):
    fabricated_runs.write(tmp_path / "a", SMALL, MENU)
    half = {"gflops": Network.load(POINTS).paper["gflops"] / 2}
    row = Row("half", POINTS, figures=half, instance="within", small=(SMALL,))
    exhibit = Exhibit("Table 1", "x", rows=(Row("full", POINTS), row))
    (measured,) = Evidence(runs_in(tmp_path)[0]).small(row, exhibit)
    assert measured.instance.name == "p9@0.5"

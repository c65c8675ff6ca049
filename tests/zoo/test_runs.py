"""Runs are read from their folders, and the small table from its record."""

import dataclasses
import json

import fabricated_runs
import pytest

import keras_dynres as kd
from keras_dynres.errors import DynresError
from keras_dynres.zoo import runs, small_table

PLAIN, POINTS = "resnet14_imagenette_64", "sdpoint_resnet14_imagenette_64"
FIGURES = fabricated_runs.menu(("p1@0.5", 0.25, 0.5), ("full", 1, 0.75))
COARSE = fabricated_runs.menu(("p1@0.5", 0.25, 0.25), ("full", 1, 0.5))


def test_a_run_has_its_network_its_costs_and_its_figures(tmp_path):
    folder = fabricated_runs.write(tmp_path / "a", POINTS, FIGURES, {"uniform": COARSE})
    run = runs.read(folder)
    assert (run.network.name, run.seconds, run.changes) == (POINTS, 100, {})
    assert run.menu.rows() == FIGURES.rows()
    assert run.statistics["uniform"].rows() == COARSE.rows()


@pytest.mark.tensorflow
def test_the_menu_of_a_model_s_own_file_is_read_without_building_it(tmp_path):
    base = kd.architectures.wide_resnet(depth=10, width=1)
    model = kd.EarlyExit(base, points=["stage1_block1_add"])
    folder = fabricated_runs.write(tmp_path / "a", POINTS, FIGURES)
    figures = {name: {"accuracy": 0.5} for name in model.menu.names}
    model.save(folder / "model.keras")
    results = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps({**results, "instances": figures}))
    menu = runs.read(folder).menu
    assert menu.names == model.menu.names
    assert [i.macs for i in menu] == [i.macs for i in model.menu]
    assert [i.aliases for i in menu] == [i.aliases for i in model.menu]


def test_what_was_trained_otherwise_is_told(tmp_path):
    fabricated_runs.write(tmp_path / "a", POINTS, FIGURES, epochs=20, seed=7)
    ((run,), left_out) = runs.runs_in(tmp_path)
    assert (run.changes, left_out) == ({"epochs": 20}, [])


def test_of_a_network_trained_for_one_instance_that_one_counts(tmp_path):
    name = "resizable_individual_resnet14_imagenette_64_050"
    figures = fabricated_runs.menu(("s0.5-0.5-0.5", 0.25, 0.5), ("full", 1, 0.1))
    run = runs.read(fabricated_runs.write(tmp_path / "a", name, figures))
    assert run.menu.names == ["s0.5-0.5-0.5"]


def test_broken_runs_are_left_out_by_a_sentence_each(tmp_path):
    for name in ("good", "no_model", "torn", "strange"):
        fabricated_runs.write(tmp_path / name, PLAIN, FIGURES)
    (tmp_path / "no_model" / "model.keras").unlink()
    (tmp_path / "torn" / "results.json").write_text('{"network": {')
    (tmp_path / "strange" / "results.json").write_text("[]")
    (tmp_path / "going_on").mkdir()
    (tmp_path / "going_on" / "history.json").write_text("[]")
    (tmp_path / "of_something_else").mkdir()
    found, left_out = runs.runs_in(tmp_path)
    assert len(found) == 1
    going_on, no_model, strange, torn = left_out
    assert "not finished" in going_on and "going_on" in going_on
    assert "missing or damaged" in no_model and "no_model" in no_model
    assert "not whole" in strange and "strange" in strange
    assert "torn" in torn
    with pytest.raises(DynresError, match="no folder of runs.*nowhere"):
        runs.runs_in(tmp_path / "nowhere")


def test_the_mean_of_two_seeds(tmp_path):
    other = fabricated_runs.menu(("p1@0.5", 0.25, 0.75), ("full", 1, 0.25))
    for seed, menu in enumerate((FIGURES, other)):
        folder = tmp_path / str(seed)
        fabricated_runs.write(folder, POINTS, menu, {"uniform": COARSE}, seed=seed)
    both, _ = runs.runs_in(tmp_path)
    mean = runs.mean(both)
    assert [i.measured["accuracy"] for i in mean.menu] == [0.625, 0.5]
    assert mean.statistics["uniform"].rows() == COARSE.rows()


def test_the_record_of_the_small_table_is_read_as_it_was_written(tmp_path, monkeypatch):
    for seed in (0, 1):
        folder = tmp_path / f"run{seed}"
        fabricated_runs.write(folder, POINTS, FIGURES, {"uniform": COARSE}, seed=seed)
    before, _ = runs.runs_in(tmp_path)
    path = tmp_path / "small_table.json"
    path.write_text(small_table.record(before))
    monkeypatch.setattr(small_table, "RECORD", path)
    after = small_table.runs()
    assert [run.network for run in after] == [run.network for run in before]
    for run, again in zip(before, after, strict=True):
        assert again.menu.rows() == run.menu.rows()
        assert again.statistics["uniform"].rows() == run.statistics["uniform"].rows()
        assert dataclasses.asdict(again)["seconds"] == run.seconds


def test_the_record_that_ships_is_of_networks_of_the_zoo():
    content = json.loads(small_table.RECORD.read_text("utf-8"))
    assert len(small_table.runs()) == len(content["runs"])

"""publish: from a finished training to a folder that others load."""

import json
from pathlib import Path

import hub_server
import huggingface_hub.constants
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres import zoo
from keras_dynres.zoo import places

RESULTS = {
    "data": {"name": "synthetic"},
    "training_seconds": 7200,
    "environment": {"keras": "3"},
}


def written(folder, model, network, **results):
    """A folder as `train` leaves it."""
    folder.mkdir(parents=True)
    model.save(folder / "model.keras")
    figures = {i.name: {"accuracy": 0.5 + i.macs / 1e9} for i in model.menu}
    content = {"network": network, "instances": figures, **RESULTS, **results}
    (folder / "results.json").write_text(json.dumps(content))
    (folder / "history.json").write_text('[{"loss": 0.5, "val_loss": 1, "epoch": 1}]')
    return folder


@pytest.fixture
def finished(tmp_path, model, network):
    described = zoo.Network.load(network).get_config()
    coarser = {name: {"accuracy": 0.25} for name in model.instances}
    return written(tmp_path / "run", model, described, uniform=coarser)


def test_a_published_folder_is_loaded_and_used_like_a_name(
    run, finished, model, tmp_path
):
    out, more = tmp_path / "out", tmp_path / "more.json"
    more.write_text('{"baseline": {"accuracy": 0.1}}')
    code, said, err = run("publish", finished, "--out", out, "--sections", more)
    assert code == 0, err
    place = out / "small"
    assert f"Next: keras_dynres.zoo.load({str(place)!r})" in said
    card, loaded = zoo.card(str(place)), zoo.load(str(place))
    images = np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype("float32")
    for name in model.instances:
        one, two = (net.at(name)(images, training=False) for net in (model, loaded))
        np.testing.assert_allclose(one, two, atol=1e-4)
    assert card.results["training"]["hours"] == 2
    epochs = card.network.epochs
    assert card.results["training"]["seconds an epoch"] == 7200 / epochs
    assert card.results["training"]["final_loss"] == 0.5
    assert card.results["baseline"] == {"accuracy": 0.1}
    page = (place / "README.md").read_text("utf-8")
    assert page == card.to_markdown()
    assert "error %, uniform bn" in page
    assert "what `keras-dynres train small.json` takes" in page
    recipe = json.loads(page.split("```json\n")[1].split("```")[0])
    assert zoo.Network.from_config(recipe) == card.network
    code, table, err = run("evaluate", place, "--instances", "full")
    assert code == 0, err
    assert "full" in table


def test_pages_may_stand_elsewhere(run, finished, tmp_path):
    out, pages = tmp_path / "out", tmp_path / "pages"
    assert run("publish", finished, "--out", out, "--pages", pages)[0] == 0
    assert [path.name for path in (pages / "small").iterdir()] == ["README.md"]
    weights = zoo.card(str(out / "small")).weights.file
    kept = {path.name for path in (out / "small").iterdir()}
    assert kept == {places.CARD, weights}


def test_a_network_with_exits_is_drawn_and_timed(run, tmp_path):
    network = {
        "name": "leaving",
        "architecture": "wide_resnet",
        "architecture_options": {"depth": 10, "width": 1},
        "method": "early_exit",
        "method_options": {"points": ["stage1_block1_add"]},
        "dataset": "synthetic",
        "epochs": 1,
        "held_out": 128,
    }
    model = zoo.loader.build(zoo.Network.from_config(network))
    draw = np.random.default_rng(0)
    images = draw.normal(size=(64, 32, 32, 3)).astype("float32")
    budget = sum(model.exit_costs()) / 2
    model.solve_budget((images, draw.integers(0, 10, 64)), budget, verbose=0)
    row = {key: 1.0 for key in ("budget", "held_out_cost", "held_out_accuracy")}
    solved = [{**row, "macs": 1e6, "accuracy": 0.5}]
    budgets = {"images": "the last 128", "solved": solved}
    finished = written(tmp_path / "run", model, network, budgets=budgets)
    out = tmp_path / "out"
    code, _, err = run("publish", finished, "--out", out)
    assert code == 0, err
    card = zoo.card(str(out / "leaving"))
    assert len(zoo.load(str(out / "leaving")).policies) == 1
    assert 0 < card.results["stopping"][0]["share of MACs"] < 1
    assert {"curves.svg", "sheet.png"} <= {p.name for p in (out / "leaving").iterdir()}


def test_paths_of_this_machine_are_not_published(run, model, network, tmp_path):
    config = zoo.Network.load(network).get_config()
    photos = {
        **kd.data.info("synthetic").get_config(),
        "name": "photos",
        "labels": [f"class {i}" for i in range(10)],
        "folder": str(tmp_path / "private" / "photos"),
    }
    start = str(tmp_path / "private" / "start.keras")
    config |= {"dataset": photos, "starts_from": start}
    finished = written(tmp_path / "run", model, config)
    assert run("publish", finished, "--out", tmp_path / "out")[0] == 0
    card = zoo.card(str(tmp_path / "out" / "small"))
    assert card.network.dataset["folder"] == "photos"
    assert card.network.starts_from == "start.keras"
    assert "private" not in card.to_json()
    assert card.network.labels[3] == "class 3"


def test_it_is_uploaded_and_taken_by_commands(run, finished, tmp_path, monkeypatch):
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
    address, out = "hf://org/small", ["--out", tmp_path / "out"]
    with hub_server.hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        code, said, err = run("publish", finished, *out, "--push", address)
        assert code == 0, err
        assert f"Next: keras_dynres.zoo.load({address!r})" in said
        again = tmp_path / "out" / "small"
        code, said, _ = run("publish", again, "--push", address, "--private")
        assert code == 0 and hub.url in said
        assert run("info", address)[1].startswith("# small")
        assert "full" in run("info", again, "--json")[1]
        assert run("evaluate", address, "--instances", "full")[0] == 0


def test_a_network_over_a_file_of_one_s_own_is_refused(fails, model, network, tmp_path):
    config = {**zoo.Network.load(network).get_config(), "architecture": "mine.keras"}
    finished = written(tmp_path / "run", model, config)
    said = fails("publish", finished, "--out", tmp_path / "out")
    assert "hand on its model.keras" in said


def test_it_refuses(fails, finished, uncalibrated, tmp_path):
    out = ["--out", tmp_path / "out"]
    said = fails("publish", finished, *out, "--push", "org/net")
    assert "is hf://org/name" in said
    assert "does not exist" in fails("publish", tmp_path / "none", *out)
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[1]")
    said = fails("publish", finished, *out, "--sections", wrong)
    assert "Sections are a JSON object" in said
    (tmp_path / "file").write_text("")
    said = fails("publish", finished, "--out", tmp_path / "file" / "out")
    assert "cannot be written" in said
    (finished / "model.keras").write_bytes(Path(uncalibrated).read_bytes())
    assert "calibrate" in fails("publish", finished, *out)
    (finished / "history.json").write_text("[]")
    assert "an epoch of history" in fails("publish", finished, *out)
    (finished / "history.json").unlink()
    assert "history of a training" in fails("publish", finished, *out)
    (finished / "history.json").write_text("[]")
    (finished / "results.json").write_text("{}")
    assert "tells of no training" in fails("publish", finished, *out)
    assert not (tmp_path / "out" / "small" / places.CARD).exists()


def test_a_folder_without_a_card_is_said(fails, tmp_path):
    assert "There is no card.json at" in fails("evaluate", tmp_path)

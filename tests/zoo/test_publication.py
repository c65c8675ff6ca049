import dataclasses
import json

import numpy as np
import pytest
from zoo_networks import add_network

from keras_dynres import text, zoo
from keras_dynres.errors import DynresError, NotCalibratedError
from keras_dynres.zoo import cards, places


@pytest.fixture
def model(tiny, published, monkeypatch):
    monkeypatch.setattr(places, "SHIPPED", published)
    return zoo.load("tiny")


def test_a_published_folder_holds_what_its_card_says(published, tiny_card):
    folder = published / "tiny"
    assert {path.name for path in folder.iterdir()} == {
        places.CARD,
        tiny_card.weights.file,
    }
    assert tiny_card.weights.is_at(folder / tiny_card.weights.file)
    assert tiny_card.results == {"training": {"epochs": 1}}
    content = json.loads((folder / places.CARD).read_text())
    assert content["labels"][0] == "airplane"
    assert content["preprocessing"]["scale"] == 255


def test_publishing_again_changes_nothing_and_new_weights_replace_the_old(
    model, published, tiny_card, tmp_path
):
    first = zoo.publish(model, "tiny", {}, tmp_path)
    assert first.weights == tiny_card.weights
    bias = model.base.get_layer("logits").bias
    bias.assign(np.ones(bias.shape))
    second = zoo.publish(model, "tiny", {}, tmp_path)
    assert second.weights.sha256 != first.weights.sha256
    assert {path.name for path in (tmp_path / "tiny").iterdir()} == {
        places.CARD,
        second.weights.file,
    }


def test_results_come_from_a_file_and_the_page_shows_them(model, tmp_path):
    rated = {name: {"accuracy": 0.125} for name in model.instances}
    results = {"instances": rated, "uniform_bn": rated, "training": {"hours": 3}}
    results["budgets"] = [{"budget": 1e6, "name": "half"}, {"name": "all"}]
    (tmp_path / "results.json").write_text(json.dumps(results))
    page = tmp_path / "page.md"
    zoo.publish(model, "tiny", tmp_path / "results.json", tmp_path, page)
    lines = page.read_text().splitlines()
    (row,) = [line for line in lines if line.startswith("| p1@0.5 ")]
    assert row.count("87.50") == 2
    cost = model.menu["p1@0.5"]
    assert f" {text.amount(cost.macs)} |" in row
    assert f" {text.amount(cost.flops)} |" in row
    (head,) = [line for line in lines if line.startswith("| instance ")]
    columns = [column.strip() for column in head.strip("|").split("|")]
    assert columns[:4] == ["instance", "settings", "MACs", "FLOPs"]
    assert columns[4:] == ["error %", "error %, uniform bn"]
    assert "| pooled to 0.5 after stage 1, block 1 |" in row
    assert "- hours: 3" in lines
    table = lines.index("| budget | name |")
    assert lines[table + 1 : table + 4] == [
        "| ------ | ---: |",
        "| 1e+06  | half |",
        "|        |  all |",
    ]
    assert "## Uniform bn" not in lines


def test_an_uncalibrated_or_unmeasured_model_is_refused(model, tiny, tmp_path):
    with pytest.raises(DynresError, match="'p1@0.5' needs .*Received: accuracy=91"):
        zoo.publish(
            model, "tiny", {"instances": {"p1@0.5": {"accuracy": 91}}}, tmp_path
        )
    with pytest.raises(DynresError, match="Did you mean 'p1@0.5'"):
        zoo.publish(model, "tiny", {"instances": {"p1@0.6": {"accuracy": 1}}}, tmp_path)
    fresh = zoo.load("tiny", weights=None)
    with pytest.raises(NotCalibratedError, match="'p1@0.5'"):
        zoo.publish(fresh, "tiny", {}, tmp_path)
    assert not (tmp_path / "tiny").exists()


def test_weights_that_are_not_finite_are_refused(model, tmp_path):
    bias = model.base.get_layer("logits").bias
    bias.assign(np.full(bias.shape, np.nan))
    with pytest.raises(DynresError, match="'logits/bias' holds NaN or infinity"):
        zoo.publish(model, "tiny", {}, tmp_path)


def test_another_network_s_model_is_refused(model, tiny, monkeypatch, tmp_path):
    kwargs = {**tiny.architecture_options, "width": 2}
    other = dataclasses.replace(tiny, architecture_options=kwargs)
    add_network(monkeypatch, other, tmp_path)
    with pytest.raises(DynresError, match="has shape"):
        zoo.publish(model, "tiny", {}, tmp_path)
    assert list((tmp_path / "tiny").iterdir()) == []


def test_results_that_are_no_json_get_one_sentence(model, tmp_path):
    path = tmp_path / "results.json"
    for content, says in {
        b"[1]": "results is a dict or the path.*results.json",
        b"{": "Not results in JSON: .*results.json",
        b"\xff{}": "Cannot read results: .* not text in UTF-8.*results.json",
    }.items():
        path.write_bytes(content)
        with pytest.raises(DynresError, match=says):
            zoo.publish(model, "tiny", path, tmp_path)
    with pytest.raises(DynresError, match="Cannot read results: No such.*none.json"):
        zoo.publish(model, "tiny", tmp_path / "none.json", tmp_path)
    with pytest.raises(DynresError, match="results is a dict or the path.*'3'"):
        zoo.publish(model, "tiny", 3, tmp_path)


def test_where_nothing_can_be_written_is_said(model, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(DynresError, match="The folder cannot be written: Not a"):
        zoo.publish(model, "tiny", {}, blocked)
    page = blocked / "page.md"
    with pytest.raises(DynresError, match="The file cannot be written: .*page.md"):
        zoo.publish(model, "tiny", {}, tmp_path, page)


def test_a_card_of_what_was_never_published_is_still_a_page():
    page = zoo.card("sdpoint_wrn28_10_cifar10").to_markdown()
    assert "none published" in page
    assert "error 3.35" in page


SHIPPED = sorted(path.parent.name for path in places.SHIPPED.glob(f"*/{places.CARD}"))


@pytest.mark.backends
@pytest.mark.usefixtures("no_random_weights")
@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_computes_what_its_card_says(name):
    """On every backend: the logits were stored when the network was published."""
    model, card = zoo.load(name), zoo.card(name)
    assert card.weights.size < 3e6
    assert list(card.check) == card.menu.names
    # Of a large menu every fifth instance: the graph of each takes a while.
    some = card.menu.names[:: 5 if len(card.menu) > 20 else 1]
    calibrates = model.slots and not model.statistics.trained
    for instance in ["full", *some]:
        logits = card.check[instance]
        assert model.is_calibrated(instance) or not calibrates
        computed = cards.sample_logits(model, instance)
        np.testing.assert_allclose(computed, logits, atol=1e-3, rtol=1e-3)
    content = json.loads((places.SHIPPED / name / places.CARD).read_text("utf-8"))
    assert content["network"] == json.loads(json.dumps(card.network.get_config()))

"""Networks whose output is a map, or several outputs, rated by mean IoU."""

import dataclasses

import keras
import numpy as np
import pytest
from zoo_networks import add_network

import keras_dynres as kd
from keras_dynres import architectures, zoo
from keras_dynres.errors import DynresError
from keras_dynres.zoo import cards, places


def segmenter(input_shape, classes, named=False, name="segmenter"):
    """A fully convolutional network: logits for each pixel, or a dict with them."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(6, 3, padding="same", name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.ReLU(name="relu")(x)
    outputs = keras.layers.Conv2D(classes, 1, name="logits")(x)
    if named:
        edges = keras.layers.Conv2D(1, 1, name="edge_logits")(x)
        outputs = {"classes": outputs, "edges": edges}
    return keras.Model(inputs, outputs, name=name)


METHODS = {
    "plain": {},
    "sdpoint": {"ratios": (0.5,), "points": ("relu",)},
}


@pytest.fixture
def dense(monkeypatch, tmp_path, tiny):
    """Puts the network `tiny` of an architecture of this test into the zoo."""
    monkeypatch.setitem(architectures._ARCHITECTURES, "segmenter", segmenter)
    monkeypatch.setattr(places, "SHIPPED", tmp_path)

    def dense(method, **kwargs):
        network = dataclasses.replace(
            tiny,
            architecture="segmenter",
            architecture_options={"input_shape": (16, 16, 3), "classes": 4, **kwargs},
            method=method,
            method_options=METHODS[method],
        )
        add_network(monkeypatch, network, tmp_path)
        model = zoo.load("tiny", weights=None)
        model.calibrated.assign(np.ones(model.calibrated.shape))
        model.menu.metric = "mean_iou"
        return model

    return dense


def rated(model):
    """Results of a training: figures that no two instances share."""
    values = np.linspace(0.25, 0.75, len(model.instances))
    return {
        "instances": {
            name: {"mean_iou": float(value), "accuracy": 0.875}
            for name, value in zip(model.menu.names, values, strict=True)
        }
    }


def columns(page):
    """The header and the rows of the page's table of instances."""
    table = page.split("## Instances\n\n")[1].split("\n\n")[0].splitlines()
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return lines[0], lines[2:]


@pytest.mark.parametrize("method", METHODS)
def test_a_network_rated_by_mean_iou_is_published_and_loaded(dense, tmp_path, method):
    model = dense(method)
    page = tmp_path / "tiny.md"
    card = zoo.publish(model, "tiny", rated(model), tmp_path, page)
    loaded = zoo.load("tiny")
    assert loaded.menu.names == model.menu.names == list(card.check)
    for name, outputs in card.check.items():
        assert loaded.menu[name].measured == model.menu[name].measured
        assert len(outputs) == 10
        computed = cards.sample_logits(loaded, name)
        np.testing.assert_allclose(computed, outputs, atol=1e-4)
    header, rows = columns(page.read_text("utf-8"))
    settings = ["settings"] * (len(rows) > 1)
    assert header == ["instance", *settings, "MACs", "FLOPs", "Mean IoU", "error %"]
    measured = [i.measured["mean_iou"] for i in model.menu]
    assert [row[-2:] for row in rows] == [
        [f"{100 * v:.2f} %", "12.50"] for v in measured
    ]


def test_the_card_and_the_weights_keep_what_the_menu_chooses_by(dense, tmp_path):
    model = dense("sdpoint")
    zoo.publish(model, "tiny", rated(model), tmp_path)
    loaded, card = zoo.load("tiny"), zoo.card("tiny")
    for menu in (loaded.menu, card.menu):
        assert menu.metric == "mean_iou"
    assert "Mean IoU" in card.to_markdown()
    path = zoo.weights.save(model, tmp_path / "net.npz")
    fresh = zoo.load("tiny", weights=path)
    assert fresh.menu.within(macs=1e12).name == loaded.menu.within(macs=1e12).name
    assert fresh.menu.metric == "mean_iou"


def test_results_that_rate_every_instance_stand_in_the_table(dense, tmp_path):
    model = dense("sdpoint")
    results = rated(model)
    results["uniform_bn"] = {n: {"mean_iou": 0.125} for n in model.instances}
    # Accuracies alone are no ratings here, so this is a section of its own.
    results["other"] = {n: {"accuracy": 0.5} for n in model.instances}
    page = tmp_path / "tiny.md"
    zoo.publish(model, "tiny", results, tmp_path, page)
    header, rows = columns(page.read_text("utf-8"))
    assert header[-1] == "Mean IoU, uniform bn"
    assert {row[-1] for row in rows} == {"12.50 %"}
    assert "## Other" in page.read_text("utf-8")


def test_the_figure_the_menu_chooses_by_must_be_measured(dense, tmp_path):
    model = dense("plain")
    says = "'full' needs a measured mean_iou. Received: mean_iou="
    with pytest.raises(DynresError, match=f"{says}None"):
        zoo.publish(model, "tiny", {"instances": {"full": {"accuracy": 1}}}, tmp_path)
    figure = {"full": {"mean_iou": float("nan")}}
    with pytest.raises(DynresError, match=f"{says}nan"):
        zoo.publish(model, "tiny", {"instances": figure}, tmp_path)
    assert not list(tmp_path.glob("tiny*"))


def test_of_a_dict_of_outputs_every_one_is_checked(dense, tmp_path):
    model = dense("plain", named=True)
    card = zoo.publish(model, "tiny", rated(model), tmp_path)
    assert len(card.check["full"]) == 20
    sample = cards.sample_logits(zoo.load("tiny"), "full")
    np.testing.assert_allclose(sample, card.check["full"], atol=1e-4)


def test_average_costs_stand_beside_those_of_the_dearest_image(tiny):
    average = {"macs": 5e5, "macs_spread": 2e5, "images": 100, "data": "test"}
    menu = kd.Menu(
        [
            kd.Instance("full", macs=3_000_000, flops=6_000_000),
            kd.Instance("half", macs=1_000_000, flops=2_000_000, average=average),
        ]
    )
    header, rows = columns(zoo.Card(tiny, menu=menu).to_markdown())
    assert header == ["instance", "MACs", "FLOPs", "MACs, average", "error %"]
    assert rows == [
        ["half", "1.00 M", "2.00 M", "500.00 k ± 200.00 k", "–"],
        ["full", "3.00 M", "6.00 M", "–", "–"],
    ]

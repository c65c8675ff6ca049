"""Every method over a map of logits, and over two outputs by name, room by room."""

import keras
import numpy as np
import pytest
import small_nets

import keras_dynres as kd
from keras_dynres.exits.model import names_of

# Keras' MeanIoU counts in int64, which JAX has none of unless it is told to.
pytestmark = pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64")
X, MAPS, ROWS = small_nets.pictures(), small_nets.maps(), small_nets.rows()
BOTH = {"row": ROWS, "map": MAPS}
METHODS = {
    "sdpoint": {"ratios": [0.5]},
    "multi_scale": {"sizes": [8]},
    "low_mode": {"drop_pool": False},
    "sampled": {"densities": [0.5]},
    "resizable": {"scales": [0.5, 1.0], "stages": ["a_relu", "b_relu"]},
    "early_exit": {},
    "plain": {},
}
# One of each is enough to say what a backend makes of it: JAX compiles long.
ON_ALL = {"map": "sdpoint", "dict": "resizable"}
# Exits are a list of outputs: a dict is no order to leave in.
NAMED = {name: options for name, options in METHODS.items() if name != "early_exit"}


def rows(names, kind):
    """The methods' names, that of the kind's `ON_ALL` for all backends."""
    return [
        pytest.param(name, marks=pytest.mark.backends if name == ON_ALL[kind] else [])
        for name in names
    ]


def trained(model, labels):
    history = model.fit(X, labels, batch_size=4, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    model.calibrate((X, labels), verbose=0)
    return model


def outputs(model, name):
    return keras.tree.map_structure(np.asarray, model.at(name)(X, training=False))


def flat(tree):
    return keras.tree.flatten(tree)


def same(one, other, **tolerance):
    for a, b in zip(flat(one), flat(other), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize("method", rows(METHODS, "map"))
def test_a_map_of_logits(method, tmp_path):
    model = trained(small_nets.map_method(method, **METHODS[method]), MAPS)
    menu = model.evaluate_menu((X, MAPS), verbose=0)
    assert menu.metric == "mean_iou"
    for name in model.instances:
        logits = outputs(model, name)
        assert logits.shape == (8, 16, 16, 4)
        metric = small_nets.iou()
        metric.update_state(MAPS, logits)
        expected = float(metric.result())
        assert menu[name].measured["mean_iou"] == pytest.approx(expected, abs=1e-5)
    best = max(menu, key=lambda i: i.measured["mean_iou"])
    assert menu.within(macs=menu.full.macs).figure("mean_iou") == best.figure(
        "mean_iou"
    )
    seen = kd.evaluation.predictions(model, (X, MAPS), verbose=0)
    for name in model.instances:
        right = outputs(model, name).argmax(-1) == MAPS
        np.testing.assert_array_equal(seen.correct(name), right)
        assert seen.accuracy(name).value == pytest.approx(right.mean())
    same(outputs(reloaded(model, tmp_path), "full"), outputs(model, "full"), atol=1e-5)


@pytest.mark.parametrize("method", rows(NAMED, "dict"))
def test_two_outputs_by_name(method, tmp_path):
    model = trained(small_nets.dict_method(method, **NAMED[method]), BOTH)
    menu = model.evaluate_menu((X, BOTH), verbose=0)
    for name in model.instances:
        logits = outputs(model, name)
        assert {k: v.shape for k, v in logits.items()} == {
            "row": (8, 4),
            "map": (8, 16, 16, 4),
        }
        right = (logits["row"].argmax(-1) == ROWS).mean()
        assert menu[name].measured["row_accuracy"] == pytest.approx(right)
        assert 0 <= menu[name].measured["map_mean_iou"] <= 1
    menu.metric = "map_mean_iou"
    assert menu.pareto().metric == "map_mean_iou"
    seen = kd.evaluation.predictions(model, (X, BOTH), output="map", verbose=0)
    right = outputs(model, "full")["map"].argmax(-1) == MAPS
    np.testing.assert_array_equal(seen.correct("full"), right)
    with pytest.raises(kd.DynresError, match="row"):
        kd.evaluation.predictions(model, (X, BOTH), verbose=0)
    same(outputs(reloaded(model, tmp_path), "full"), outputs(model, "full"), atol=1e-5)


def reloaded(model, folder):
    model.save(folder / "m.keras")
    loaded = keras.saving.load_model(folder / "m.keras")
    assert loaded.menu.metric == model.menu.metric
    return loaded


@pytest.mark.parametrize("kind", ["map", "dict"])
@pytest.mark.parametrize("method", METHODS)
def test_one_file_and_one_report(method, kind, tmp_path):
    if kind == "dict" and method not in NAMED:
        pytest.skip("exits are a list")
    make = small_nets.map_method if kind == "map" else small_nets.dict_method
    labels = MAPS if kind == "map" else BOTH
    model = make(method, **METHODS[method])
    model.calibrate(X, verbose=0)
    model.evaluate_menu((X, labels), verbose=0)
    names = [model.menu.names[0], "full"]
    path = tmp_path / "net.tflite"
    report = kd.tflite.export(model, path, names, verify_data=X, verbose=0)
    assert all(check.error < 1e-4 for check in report.signatures.values())
    with kd.tflite.Runner(path) as runner:
        for name in names:
            same(runner.run(X[:3], name), first(outputs(model, name), 3), atol=1e-3)
    page = tmp_path / "report.html"
    kd.evaluation.report(model.menu, page)
    word = "mean iou" if kind == "map" else "row accuracy"
    assert word in page.read_text("utf-8").lower()


def first(tree, count):
    return keras.tree.map_structure(lambda x: x[:count], tree)


@pytest.mark.backends
def test_a_sandwich_teaches_every_output():
    model = small_nets.dict_method(
        "resizable",
        scales=[0.5, 1.0],
        stages=["a_relu", "b_relu"],
        sampling="sandwich",
        samples=2,
    )
    before = [np.array(w) for w in model.trainable_weights]
    history = model.fit(X, BOTH, batch_size=8, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all() and "row_accuracy" in history
    moved = [
        not np.array_equal(np.array(w), old)
        for w, old in zip(model.trainable_weights, before, strict=True)
    ]
    assert any(moved)


def test_exits_of_maps_refuse_what_asks_for_one_answer_an_image():
    model = trained(small_nets.map_method("early_exit"), MAPS)
    assert names_of(model) == ["exit1", "exit2"]
    last = [logits for _, logits in model.anytime(X[:2])][-1]
    same(last, first(outputs(model, "exit2"), 2), atol=1e-5)
    with pytest.raises(kd.DynresError):
        model.solve_budget((X, MAPS), macs=model.menu.full.macs, verbose=0)

import json

import contract
import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.evaluation import guess, lookup_table

X, Y = contract.images(16), contract.labels(16)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return X, Y


def model():
    keras.utils.set_random_seed(0)
    x = y = keras.Input((16, 16, 3))
    for number, stride in enumerate((1, 2, 1), 1):
        y = keras.layers.Conv2D(4, 3, stride, "same", name=f"conv{number}")(y)
        y = keras.layers.ReLU(name=f"relu{number}")(y)
    y = keras.layers.GlobalAveragePooling2D()(y)
    return kd.Resizable(keras.Model(x, keras.layers.Dense(4)(y)), scales=(0.5, 1))


def table(net, path, **options):
    return lookup_table(net, Batches(), path, verbose=0, **options)


def test_a_table_is_a_menu_of_what_was_measured(tmp_path):
    net, asked = model(), []

    def latency(of, name):
        assert of is net
        asked.append(name)
        return 10.0 * len(asked)

    menu = table(net, tmp_path / "t.json", latency=latency)
    for name in net.instances:
        right = np.argmax(contract.logits(net, name, X), -1) == Y
        assert menu[name].measured["accuracy"] == pytest.approx(right.mean())
    assert asked == menu.names
    for copy in (
        kd.Menu.from_json(tmp_path / "t.json"),
        kd.Menu.from_csv(tmp_path / "t.csv"),
    ):
        assert copy.to_json() == menu.to_json()
    chosen = menu.within(macs=menu.full.macs - 1, latency_ms=25)
    fitting = menu.names[:2]
    assert chosen.name in fitting
    assert chosen.measured["accuracy"] == max(
        menu[name].measured["accuracy"] for name in fitting
    )


def test_a_broken_off_table_goes_on(tmp_path, monkeypatch):
    net, path = model(), tmp_path / "t.json"
    evaluate, asked, broken = kd.Resizable.evaluate_menu, [], [net.menu.names[2]]

    def noted(self, data, names, *args, **kwargs):
        asked.extend(names)
        if names == broken:
            raise KeyboardInterrupt
        return evaluate(self, data, names, *args, **kwargs)

    monkeypatch.setattr(kd.Resizable, "evaluate_menu", noted)
    with pytest.raises(KeyboardInterrupt):
        table(net, path)
    first = kd.Menu.from_json(path)
    assert [i.name for i in first if i.measured] == net.menu.names[:2]
    asked.clear(), broken.clear()
    menu = table(model(), path)
    assert asked == net.menu.names[2:]
    assert all("accuracy" in i.measured for i in menu)
    asked.clear()
    table(model(), path)
    assert not asked


def test_a_table_of_other_weights_is_refused(tmp_path):
    net, path = model(), tmp_path / "t.json"
    table(net, path)
    net.base.get_layer("conv1").bias.assign(np.ones(4))
    with pytest.raises(kd.DynresError, match="other weights.*t.json"):
        table(net, path)


def test_the_figure_is_what_the_metrics_say(tmp_path, monkeypatch):
    net, path = model(), tmp_path / "t.json"
    top = [keras.metrics.SparseTopKCategoricalAccuracy(2)]
    menu = table(net, path, metrics=top)
    assert menu.metric == "top5_accuracy"
    assert all(set(i.measured) == {"top5_accuracy"} for i in menu)
    monkeypatch.setattr(kd.Resizable, "evaluate_menu", None)  # All is known.
    again = table(model(), path, metrics=top)
    assert again.metric == "top5_accuracy" and again.to_json() == menu.to_json()


def test_a_file_that_is_no_table_is_refused(tmp_path):
    net, path = model(), tmp_path / "t.json"
    table(net, path, instances=["full"])
    whole = path.read_bytes()
    for content, says in (
        (whole[: len(whole) // 2], "Not a lookup table in JSON.*t.json"),
        (b"\xff\xfe" + whole, "not text in UTF-8.*t.json"),
        (b"[1, 2]", "Not a menu"),
        (b"{}", "Not a menu"),
    ):
        path.write_bytes(content)
        with pytest.raises(kd.DynresError, match=says):
            table(net, path, instances=["full"])
        assert path.read_bytes() == content


def planted(scales=(0.45, 0.65, 0.85, 1.0), stages=3, noise=0.0, count=None):
    """A menu whose accuracies are known functions of the scales, some left out."""
    draw = np.random.default_rng(0)
    grid = np.array(np.meshgrid(*[scales] * stages)).reshape(stages, -1).T
    menu = kd.Menu(
        kd.Instance(str(row), {f"stage{i}": float(s) for i, s in enumerate(row)})
        for row in grid
    )
    truth = {}
    for instance in menu:
        logs = np.log(list(instance.settings.values()))
        truth[instance.name] = 0.7 + 0.1 * logs.sum() - 0.05 * (logs[0] - logs[-1]) ** 2
    for name in draw.permutation(menu.names)[:count]:
        menu.record(name, accuracy=truth[name] + noise * draw.normal())
    return menu, truth


def test_guesses_are_right_where_the_truth_is_quadratic():
    menu, truth = planted(count=20)
    quality = guess(menu)
    assert quality.measured == 20 and quality.error < 2e-3 < quality.spread
    assert str(quality).startswith("Guessed from 20 instances: off by 0.")
    for instance in menu:
        guessed = instance.measured["predicted_accuracy"]
        assert guessed == pytest.approx(truth[instance.name], abs=3e-3)


def test_what_is_guessed_is_the_menus_own_figure():
    menu, _ = planted()
    for instance in list(menu):
        menu.record(instance.name, loss=3.0 + instance.settings["stage0"])
    menu.metric = "loss"
    quality = guess(menu)
    assert quality.metric == "loss" and "%" not in str(quality)
    assert all("predicted_loss" in instance.measured for instance in menu)


def test_the_stated_error_is_that_of_each_left_out():
    menu, _ = planted(noise=0.01, count=24)
    stated = guess(menu).error
    measured = [instance for instance in menu if "accuracy" in instance.measured]
    misses = []
    for left in measured:
        rest = kd.Menu(kd.Instance(i.name, i.settings) for i in menu)
        for instance in measured:
            if instance is not left:
                rest.record(instance.name, accuracy=instance.measured["accuracy"])
        guess(rest)
        guessed = rest[left.name].measured["predicted_accuracy"]
        misses.append(guessed - left.measured["accuracy"])
    assert stated == pytest.approx(np.sqrt(np.mean(np.square(misses))), rel=1e-6)
    assert 0.005 < stated < 0.03


def test_a_sample_stands_for_the_rest(tmp_path):
    keras.utils.set_random_seed(0)
    net = model()
    options = {"scales": (0.4, 0.6, 0.8, 1), "sampling": "random"}
    net = kd.Resizable(net.base, **options)
    menu = table(net, tmp_path / "t.json", sample=8)
    measured = [i.name for i in menu if "accuracy" in i.measured]
    assert len(measured) == 8 and {menu.names[0], "full"} <= set(measured)
    assert all("predicted_accuracy" in i.measured for i in menu)
    limit = 0.8 * menu.full.macs
    chosen = menu.within(macs=limit, metric="predicted_accuracy")
    assert chosen.macs <= limit
    assert chosen.measured["predicted_accuracy"] == max(
        i.measured["predicted_accuracy"] for i in menu if i.macs <= limit
    )
    kept = json.loads((tmp_path / "t.json").read_text())
    assert sum("accuracy" in row["measured"] for row in kept["instances"]) == 8


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda p: table(model(), p / "t.csv"), "a .json file.*t.csv"),
        (lambda p: table(model(), p / "t.json", sample=1), "between 2 and .* 4.*=1"),
        (lambda p: table(model(), p / "t.json", sample=5), "between 2 and .* 4.*=5"),
        (lambda p: table(model(), p / "t.json", instances=["fool"]), "'full'"),
        (lambda p: guess(planted(count=5)[0]), "at least 10 measured.*5 with"),
        (lambda p: guess(kd.Menu([kd.Instance("full")])), "positive numbers.*'full'"),
    ],
)
def test_refusals(ask, says, tmp_path):
    with pytest.raises(kd.DynresError, match=says):
        ask(tmp_path)

import contract
import keras
import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.adapt.controller import cheapest_right

NAMES = ["s0.25", "s0.5", "full"]


def model():
    """Three sizes of the image, whose answers differ."""
    keras.utils.set_random_seed(3)
    x = y = keras.Input((16, 16, 3))
    for number, stride in enumerate((1, 2), 1):
        y = keras.layers.Conv2D(8, 3, stride, "same", name=f"conv{number}")(y)
        y = keras.layers.ReLU(name=f"relu{number}")(y)
    y = keras.layers.GlobalAveragePooling2D()(y)
    base = keras.Model(x, keras.layers.Dense(4)(y))
    for layer in base.layers[-1:]:  # Answers of all classes.
        layer.kernel.assign(20 * np.random.default_rng(1).normal(size=(8, 4)))
    return kd.Resizable(base, scales=(0.25, 0.5, 1), mode="input")


def fitted(net, images, labels, **options):
    adapt = kd.ResizableAdapt(net, net.instances, **options)
    adapt.fit((images, labels), epochs=1, batch_size=8, verbose=0)
    return adapt


def test_the_label_is_the_cheapest_instance_that_is_right():
    right = np.array([[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]], bool)
    assert cheapest_right(right).tolist() == [0, 1, 2, 0]


def test_of_sorted_arrays_it_learns_from_images_all_over(monkeypatch):
    net, x = model(), contract.images(40)
    adapt, seen = kd.ResizableAdapt(net, ["s0.25", "full"]), []
    original = kd.adapt.adaptive.predict_padded

    def run(graph, images, size):
        if graph is adapt._first:
            seen.extend(np.flatnonzero((x == i).all((1, 2, 3)))[0] for i in images)
        return original(graph, images, size)

    monkeypatch.setattr(kd.adapt.adaptive, "predict_padded", run)
    for seed in (0, 1):
        adapt.fit((x, np.arange(40) // 10), 12, 1, 8, verbose=0, seed=seed)
    assert len(seen) == 24 and seen[:12] != seen[12:]
    for half in (seen[:12], seen[12:]):
        assert len(set(half)) == 12 and {i // 10 for i in half} == {0, 1, 2, 3}


@pytest.mark.backends
def test_answers_are_the_chosen_instances_in_the_images_order():
    net, x, y = model(), contract.images(21), contract.labels(21)
    adapt = fitted(net, x, y)
    # A controller that gives every instance something to do.
    turns = np.resize([0, 2, 1, 2], 21)
    shares = iter(np.eye(3)[turns])
    adapt.controller.predict_on_batch = lambda features: np.stack(
        [next(shares, np.eye(3)[0]) for _ in features]
    )
    with pytest.MonkeyPatch.context() as patch:
        # Rows that pad the last batch take no turn.
        patch.setattr(kd.adapt.adaptive, "predict_padded", _counted(adapt))
        logits = adapt.predict(x, batch_size=8)
    for place, number in enumerate(turns):
        alone = contract.logits(net, adapt.names[number], x[place : place + 1])[0]
        np.testing.assert_allclose(logits[place], alone, atol=1e-4)


def _counted(adapt):
    original = kd.adapt.adaptive.predict_padded

    def run(graph, images, size):
        if graph is adapt.controller:
            return graph.predict_on_batch(images)
        assert len(images) <= size == 8
        return original(graph, images, size)

    return run


@pytest.mark.backends
def test_the_controller_learns_whom_to_ask():
    net = model()
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 16, 16, 3)).astype("float32")
    x[::2] += 1.5  # Bright ones
    answers = {n: contract.logits(net, n, x).argmax(-1) for n in net.instances}
    bright = np.arange(len(x)) % 2 == 0
    y = np.where(bright, answers["full"], answers["s0.25"])
    telling = answers["full"] != answers["s0.25"]
    x, y = x[telling], y[telling]
    adapt = kd.ResizableAdapt(net, ["full", "s0.25"], width=16)
    half = len(x) // 2
    adapt.fit((x[:half], y[:half]), epochs=30, learning_rate=1e-2, verbose=0)
    result = adapt.evaluate((x[half:], y[half:]))
    single = [
        (contract.logits(net, name, x[half:]).argmax(-1) == y[half:]).mean()
        for name in adapt.names
    ]
    assert result["accuracy"] > 0.95 > max(single) + 0.05
    assert result["macs"] < net.menu.full.macs


def test_the_first_instance_and_the_controller_are_in_the_cost():
    net, x, y = model(), contract.images(24), contract.labels(24)
    adapt = fitted(net, x, y)
    result = adapt.evaluate([(x[:10], y[:10]), (x[10:], y[10:])], batch_size=10)
    chosen = adapt.choose(x)
    dear = sum(net.menu[name].macs for name in chosen if name != "s0.25") / len(x)
    small = 4 * 4 // 4 * (8 * 64 + 9 * 64 * 64 + 64 * 3)
    assert adapt.controller_macs == small
    assert result["macs"] == pytest.approx(net.menu["s0.25"].macs + small + dear)
    assert sum(result["shares"].values()) == pytest.approx(1)
    right = adapt.predict(x).argmax(-1) == y
    assert result["accuracy"] == pytest.approx(right.mean())


def test_a_budget_is_spent_where_it_helps_most():
    net, x, y = model(), contract.images(40), contract.labels(40)
    adapt = kd.ResizableAdapt(net, ["s0.25", "full"])
    adapt.fit((x, y), epochs=1, batch_size=8, verbose=0)
    dear = net.menu.full.macs
    least = net.menu["s0.25"].macs + adapt.controller_macs
    shares = adapt._shares(x, 8)[1]
    assert adapt.set_budget(x, macs=least) == least
    assert set(adapt.choose(x)) == {"s0.25"}
    assert adapt.set_budget(x, macs=least + dear) <= least + dear
    for part in (0.21, 0.51):
        budget = least + part * dear
        spent = adapt.set_budget(x, macs=budget, batch_size=8)
        # Less than an image's worth is left over.
        assert budget - dear / len(x) < spent <= budget
        assert adapt.evaluate((x, y))["macs"] == pytest.approx(spent)
        full = np.array(adapt.choose(x)) == "full"
        assert shares[full, 1].min() >= shares[~full, 1].max()
    adapt.fit((x, y), epochs=1, batch_size=8, verbose=0)
    assert adapt.price is None


def test_only_instances_up_to_the_target_are_chosen_from():
    net = model()
    for name, accuracy in zip(NAMES, (0.5, 0.7, 0.6), strict=True):
        net.menu.record(name, accuracy=accuracy)
    assert kd.ResizableAdapt(net).names == ["s0.25", "s0.5"]
    every = kd.ResizableAdapt(net, net.instances, target="s0.5")
    assert every.names == ["s0.25", "s0.5"]
    assert kd.ResizableAdapt(net, net.instances).names == NAMES


def named():
    """The same network with its logits, and a map, under names."""
    plain = model().base
    last = plain.get_layer("relu2").output
    maps = keras.layers.Conv2D(3, 1, name="pixels")(last)
    outputs = {"classes": plain.output, "pixels": maps}
    return kd.Resizable(
        keras.Model(plain.input, outputs), scales=(0.25, 0.5, 1), mode="input"
    )


def test_one_of_several_outputs_is_the_answer(tmp_path):
    net, x, y = named(), contract.images(24), contract.labels(24)
    answers = {"classes": y, "pixels": np.zeros((24, 8, 8), int)}
    adapt = kd.ResizableAdapt(net, NAMES, output="classes")
    adapt.fit((x, answers), epochs=1, batch_size=8, verbose=0)
    adapt.save(tmp_path / "a.npz")
    adapt = kd.ResizableAdapt.load(tmp_path / "a.npz", net)
    chosen, logits = adapt.choose(x), adapt.predict(x, batch_size=8)
    assert logits.shape == (24, 4)
    whole = {n: net.at(n).predict(x, verbose=0)["classes"] for n in NAMES}
    for place, name in enumerate(chosen):
        np.testing.assert_allclose(logits[place], whole[name][place], atol=1e-4)
    right = (logits.argmax(-1) == y).mean()
    assert adapt.evaluate((x, answers))["accuracy"] == pytest.approx(right)
    assert adapt.evaluate((x, y))["accuracy"] == pytest.approx(right)
    with pytest.raises(kd.DynresError, match="several outputs.*'classes', 'pixels'"):
        kd.ResizableAdapt(net, NAMES)
    with pytest.raises(kd.DynresError, match="needs one answer an image.*None, 2, 2"):
        kd.ResizableAdapt(net, NAMES, output="pixels")


def test_a_controller_of_another_model_is_refused(tmp_path):
    net, x, y = model(), contract.images(16), contract.labels(16)
    fitted(net, x, y).save(tmp_path / "a.npz")
    images = keras.Input((16, 16, 3))
    other = keras.layers.Conv2D(2, 3, name="conv")(images)
    other = keras.layers.ReLU(name="relu")(other)
    other = keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(other))
    other = kd.Resizable(
        keras.Model(images, other), scales=(0.25, 0.5, 1), mode="input"
    )
    with pytest.raises(kd.DynresError, match="made for another model"):
        kd.ResizableAdapt.load(tmp_path / "a.npz", other)
    with pytest.raises(kd.DynresError, match="controller cannot be written"):
        fitted(net, x, y).save(tmp_path / "no" / "a.npz")


@pytest.mark.backends
def test_a_saved_controller_chooses_the_same(tmp_path):
    net, x, y = model(), contract.images(16), contract.labels(16)
    adapt = fitted(net, x, y, width=8)
    adapt.set_budget(x, macs=net.menu["s0.25"].macs + net.menu["s0.5"].macs)
    adapt.save(tmp_path / "adapt.npz")
    again = kd.ResizableAdapt.load(tmp_path / "adapt.npz", net)
    assert again.names == adapt.names and again.price == adapt.price
    assert again.choose(x) == adapt.choose(x)
    np.testing.assert_array_equal(again.predict(x), adapt.predict(x))


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda p: kd.ResizableAdapt(model()), "figure 'accuracy'"),
        (lambda p: kd.ResizableAdapt(model(), ["full"]), r"two instances.*\['full'\]"),
        (lambda p: kd.ResizableAdapt(model(), NAMES, "s0.25"), "target='s0.25'"),
        (lambda p: kd.ResizableAdapt(model(), NAMES, "s0.75"), "Did you mean"),
        (
            lambda p: kd.ResizableAdapt(model(), NAMES).predict(contract.images()),
            "not trained yet",
        ),
        (
            lambda p: kd.ResizableAdapt(model(), NAMES).fit(contract.images()),
            "need labels",
        ),
        (
            lambda p: fitted(model(), contract.images(), contract.labels()).set_budget(
                contract.images(), macs=10
            ),
            "Every image costs the first instance.*macs=10",
        ),
        (
            lambda p: fitted(model(), contract.images(), contract.labels()).set_budget(
                contract.images(), macs=float("nan")
            ),
            "macs=nan",
        ),
        (
            lambda p: fitted(model(), contract.images(), contract.labels()).set_budget(
                contract.images(0), macs=1e9
            ),
            "no images|no batch",
        ),
        (
            lambda p: kd.ResizableAdapt(model(), NAMES).set_budget(
                contract.images(), macs=1e9
            ),
            "not trained yet",
        ),
        (lambda p: kd.ResizableAdapt.load(p / "a.npz", model()), "Not a controller"),
    ],
)
def test_refusals(ask, says, tmp_path):
    with pytest.raises(kd.DynresError, match=says):
        ask(tmp_path)

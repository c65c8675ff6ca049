"""The contract of `contract.py`, for every method."""

import dataclasses

import contract
import exit_nets
import keras
import numpy as np
import pytest
import small_nets

import keras_dynres as kd
from keras_dynres import exits

# What the methods of the table are made with.
OPTIONS = {
    "sdpoint": {"points": ["a_add"]},
    "multi_scale": {"sizes": [8]},
    "low_mode": {},
    "resizable": {"scales": [0.5, 1.0], "stages": ["stem_relu", "a_relu"]},
    # Without noise: what is drawn anew is no one's to compare.
    "sampled": {
        "densities": [0.5],
        "sampling": "deterministic",
        "draw": "random",
        "sparse_loss": 0.0,
    },
    "early_exit": {"points": ["stem_relu", "a_relu"]},
    "msdnet": {},
    "plain": {},
}
# How statistics are kept asks no backend: once will do, and JAX compiles long.
STATISTICS = {"sdpoint": "uniform", "resizable": "configuration"}

SIZE = small_nets.SIZE

assert set(OPTIONS) == set(kd.methods.METHODS), (
    "Every method of METHODS has a row in OPTIONS. Received: "
    f"{set(OPTIONS) ^ set(kd.methods.METHODS)}"
)


@dataclasses.dataclass
class Row:
    """A method, and what it is made with."""

    name: str
    options: dict

    def base(self):
        if self.name == "msdnet":
            return exit_nets.small(steps=(1, 1)).base
        return small_nets.row_net(small_nets.block_of(self.name))

    def __call__(self, base, **more):
        model = kd.methods.create(self.name, base, **self.options, **more)
        if self.name == "sampled":
            draw = np.random.default_rng(0)
            for head in model.heads:  # They begin with zeros and sample everything.
                head.set_weights([draw.normal(0, 0.3, w.shape) for w in head.weights])
        return model


@pytest.fixture(
    params=[pytest.param(Row(name, OPTIONS[name]), id=name) for name in OPTIONS]
    + [
        pytest.param(
            Row(name, {**OPTIONS[name], "statistics": kind}),
            id=f"{name}_{kind}",
            marks=pytest.mark.tensorflow,
        )
        for name, kind in STATISTICS.items()
    ]
)
def method(request):
    return request.param


@pytest.fixture
def model(method):
    return method(method.base())


@pytest.fixture(scope="module")
def statistics():
    """The weights of each method's calibrated model, for models of the same seed."""
    return {}


@pytest.fixture
def calibrated(method, model, statistics):
    key = repr(method)
    if key not in statistics:
        model.calibrate(contract.images(), verbose=0)
        statistics[key] = model.get_weights()
    model.set_weights(statistics[key])
    return model


@pytest.mark.backends
def test_every_instance_runs_eager_as_predict(calibrated):
    model = calibrated
    x = contract.images(seed=5)  # Other ones, whose own statistics would show.
    for name in model.instances:
        eager = np.asarray(model.at(name)(x))
        assert eager.shape == (8, 4) and np.isfinite(eager).all()
        np.testing.assert_array_equal(eager, contract.logits(model, name, x))
        predicted = model.at(name).predict(x, verbose=0)
        np.testing.assert_allclose(eager, predicted, atol=2e-5)


@pytest.mark.backends
def test_full_is_the_base_and_the_base_is_untouched(method):
    base, x = method.base(), contract.images()
    last = np.asarray(keras.tree.flatten(base(x))[-1])
    before = base.to_json(), contract.values(base)
    model = method(base)
    for name in model.instances:
        model.at(name, uncalibrated=True)
    assert base.to_json() == before[0]
    # The very same calls.
    assert model.at("full").output is keras.tree.flatten(base.output)[-1]
    for other in (base, model, model.at("full")):
        outputs = keras.tree.flatten(other(x))
        np.testing.assert_allclose(np.asarray(outputs[-1]), last, atol=1e-5)
    contract.same(contract.values(base), before[1])


def test_weights_are_the_bases_own_and_slots_come_once(model):
    own = {id(w) for w in model.base.weights}
    slots = {id(w) for slot in model.slots.values() for w in slot.weights} - own
    # Mean and variance each, and scale and offset for each key that is not the base's.
    norms = [layer for layer in model.base.layers if "moving_mean" in dir(layer)]
    affine = {
        (layer.name, model.statistics.affine_slot(layer, instance))
        for layer in norms
        for instance in model.menu
    } - {(layer.name, None) for layer in norms}
    assert len(slots) == 2 * (len(model.slots) + len(affine))
    # What says how far the model is, and computes nothing.
    bookkeeping = [w for w in model.weights if w.path.startswith(f"{model.name}/")]
    assert not any(w.trainable for w in bookkeeping)
    # What the method adds to the base.
    added = {id(w) for w in model.weights} - own - slots - {id(w) for w in bookkeeping}
    assert bool(added) == isinstance(model, kd.Sampled)
    assert len(model.weights) == len(own | added) + len(slots) + len(bookkeeping)
    used = {key for name in model.instances for key in model.owned_slots(name)}
    assert used == set(model.slots)
    for name in model.instances:
        trained = model.at(name, uncalibrated=True).trainable_weights
        trained = [w for w in trained if id(w) not in added]
        part = contract.part(model, name)
        kinds = [(w.name, w.shape) for w in part.trainable_weights]
        assert [(w.name, w.shape) for w in trained] == kinds
        strange = {id(w) for w in trained} - own
        assert strange <= slots and bool(strange) == any(
            model.statistics.affine_slot(layer, model.menu[name]) for layer in norms
        )


@pytest.mark.backends
def test_a_step_computes_the_instances_it_is_to_train(method):
    x, y = contract.images(), contract.labels()
    model = contract.compiled(method(method.base()))
    start = contract.values(model)
    losses, expected, seen = {}, {}, {}
    for name in model.instances:
        graph = model.at(name, uncalibrated=True, training=True)
        losses[name] = float(contract.loss()(y, graph(x, training=True)))
    for name in contract.drawn(model):
        for weight, value in zip(model.weights, start, strict=True):
            weight.assign(value)
        model.optimizer.build(model.trainable_variables)
        step = contract.step_of(model, name)
        expected[name] = contract.step_loss(model, losses, step)
        model.optimizer.iterations.assign(step)
        seen[name] = model.train_on_batch(x, y, return_dict=True)["loss"]
        model.reset_metrics()
        assert int(model.optimizer.iterations) == step + 1
    assert len({round(v, 5) for v in losses.values()}) == len(losses)
    for name, value in expected.items():
        assert seen[name] == pytest.approx(value, abs=1e-4), name


@pytest.mark.backends
def test_a_step_moves_shared_weights_and_leaves_other_statistics(model):
    contract.compiled(model)
    name = contract.drawn(model)[:2][-1]
    model.optimizer.build(model.trainable_variables)
    step = contract.step_of(model, name)
    model.optimizer.iterations.assign(step)
    # What is called in training mode: of exits all of them.
    names = model.plan.names_at(step)
    graphs = [model.at(n, uncalibrated=True, training=True) for n in names]
    graphs += [model.base] if exits.names_of(model) else []
    mine = {id(w) for graph in graphs for w in graph.weights}
    mine |= {id(w) for w in model.plan.weights(model, name)}
    before = contract.values(model)
    model.train_on_batch(contract.images(), contract.labels())
    for weight, old in zip(model.weights, before, strict=True):
        moved = not np.array_equal(np.array(weight), old)
        if id(weight) in mine and weight.trainable and len(weight.shape) == 4:
            assert moved, weight.path
        if id(weight) not in mine and "temperature" not in weight.path:
            assert not moved, weight.path


@pytest.mark.backends
def test_an_instance_without_statistics_is_refused_until_calibrated(model):
    owning = [
        name
        for name in model.instances
        if model.owned_slots(name) and not model.statistics.trained
    ]
    for name in owning:
        with pytest.raises(kd.NotCalibratedError, match="calibrate"):
            model.at(name)
    model.calibrate(contract.images(), verbose=0)
    for name in model.instances:
        assert model.is_calibrated(name)
    contract.compiled(model).fit(
        contract.images(), contract.labels(), batch_size=8, verbose=0
    )
    assert not any(model.is_calibrated(name) for name in model.instances)
    for name in model.instances:
        if name in owning:
            with pytest.raises(kd.NotCalibratedError):
                model.at(name)
        else:
            model.at(name)


@pytest.mark.parametrize("name", ["early_exit", "plain", "resizable", "sdpoint"])
def test_channels_come_last(name):
    pictures = keras.Input((3, SIZE, SIZE))
    layers, first = keras.layers, {"data_format": "channels_first"}
    x = layers.Conv2D(4, 3, padding="same", name="conv", **first)(pictures)
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.ReLU(name="a_relu")(x)
    x = layers.Identity(name="a_add")(x)
    outputs = layers.Dense(4)(layers.GlobalAveragePooling2D(**first)(x))
    with pytest.raises(kd.DynresError, match="channels come last.*'conv'"):
        kd.methods.create(name, keras.Model(pictures, outputs), **OPTIONS[name])


@pytest.mark.backends
def test_saved_models_give_the_same_logits(calibrated, method, tmp_path):
    model = calibrated
    x = contract.images()
    model.menu.record("full", accuracy=0.5)
    expected = contract.every_logits(model, x)
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.menu.to_json() == model.menu.to_json()
    settings, kept = model.get_config(), loaded.get_config()
    assert {k: v for k, v in kept.items() if k != "base"} == {
        k: v for k, v in settings.items() if k != "base"
    }
    fresh = method(method.base())
    fresh.load_weights(tmp_path / "m.weights.h5")
    for other in (loaded, fresh):
        for name, value in contract.every_logits(other, x).items():
            np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)


def test_the_graph_of_an_instance_is_saved_by_itself(calibrated, tmp_path):
    x = contract.images(seed=5)
    for number, name in enumerate(calibrated.instances):
        path = tmp_path / f"{number}.keras"
        calibrated.at(name).save(path)
        loaded = keras.saving.load_model(path)
        expected = contract.logits(calibrated, name, x)
        np.testing.assert_allclose(loaded(x, training=False), expected, atol=1e-6)


def test_the_menu_is_ordered_by_the_graphs_own_costs(model):
    macs = [instance.macs for instance in model.menu]
    assert macs == sorted(macs)
    if isinstance(model, kd.Sampled):
        # Its dearest image costs more than `full`, and no fixed graph.
        assert model.menu.names[-2:] == ["full", "sampled"]
        return
    assert model.menu.full.macs == macs[-1]
    for instance in model.menu:
        graph = model.at(instance.name, uncalibrated=True)
        assert instance.macs == kd.cost.count(graph).macs
        assert instance.params == sum(
            int(np.prod(w.shape))
            for w in contract.part(model, instance.name).trainable_weights
        )


def test_cost_tables_show_every_instance_and_every_layer(model, capsys):
    model.cost_table()
    printed = capsys.readouterr().out
    assert all(name in printed for name in model.instances)
    model.cost_table("full")
    printed = capsys.readouterr().out
    layers = contract.part(model, "full").layers
    assert all(layer.name in printed for layer in layers[1:])


@pytest.mark.backends
def test_the_menu_is_evaluated_as_each_instance_predicts(calibrated):
    model = calibrated
    x, y = contract.images(), contract.labels()
    expected = {
        name: float(np.mean(contract.logits(model, name, x).argmax(-1) == y))
        for name in model.instances
    }
    # Not compiled, it is rated by accuracy alone.
    data = _Batches(x, y)
    first = model.evaluate_menu(data, model.instances[-1:], verbose=0)
    assert set(first[model.instances[-1]].measured) == {"accuracy"}
    menu = contract.compiled(model).evaluate_menu(data, verbose=0)
    for name, value in expected.items():
        assert menu[name].measured["accuracy"] == pytest.approx(value)
    assert "loss" in menu["full"].measured


class _Batches(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self._both = x, y

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self._both


@pytest.mark.backends
def test_copies_are_plain_and_independent(calibrated):
    model = calibrated
    x = contract.images()
    for name in model.instances:
        copy = model.at(name, copy=True)
        np.testing.assert_allclose(
            np.asarray(copy(x)), contract.logits(model, name, x), atol=1e-5
        )
        assert not {id(w) for w in copy.weights} & {id(w) for w in model.weights}
        kinds = {type(layer).__module__.split(".")[0] for layer in copy.layers}
        assert kinds <= {"keras", "keras_dynres"}
        assert kd.layers.StatisticsSlot not in map(type, copy.layers)


@pytest.mark.parametrize("policy", ["bfloat16", "float16"])
def test_pure_half_precision_is_calibrated(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        base = small_nets.row_net(small_nets.block_of("sdpoint"))
        model = kd.SDPoint(base, points=["a_add"])
        model.calibrate(contract.images(), verbose=0)
    finally:
        keras.config.set_dtype_policy(before)
    for name in model.instances:
        assert np.isfinite(contract.logits(model, name, contract.images())).all()


@pytest.mark.backends
def test_mixed_precision_gives_float32_logits_that_agree(method):
    x, y = contract.images(), contract.labels()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = contract.compiled(method(method.base()))
        model.optimizer.build(model.trainable_variables)
        names = list(dict.fromkeys(["full", contract.drawn(model)[-1]]))
        step = contract.step_of(model, names[-1])
        model.optimizer.iterations.assign(step)
        model.train_on_batch(x, y)
        model.calibrate(x, instances=names, verbose=0)
        half = {name: contract.logits(model, name, x) for name in names}
    finally:
        keras.config.set_dtype_policy(before)
    single = method(method.base())
    single.set_weights(model.get_weights())
    for name, value in half.items():
        assert value.dtype == np.float32
        exact = contract.logits(single, name, x)
        # A rounded score may put another point in a mask.
        atol = 0.3 if isinstance(model, kd.Sampled) else 0.15
        np.testing.assert_allclose(value, exact, atol=atol, rtol=0.1)


def test_the_sequence_depends_on_seed_and_step_alone(method):
    one, two = method(method.base()), method(method.base())
    other = method(method.base(), seed=1)
    drawn = [one.plan.names_at(s) for s in range(60)]
    assert drawn == [two.plan.names_at(s) for s in range(60)]
    alike = drawn == [other.plan.names_at(s) for s in range(60)]
    assert alike == (len(contract.drawn(one)) == 1)
    assert [one.instances_at_step(s) for s in range(60)] == drawn
    assert sum(one.plan.odds.values()) == pytest.approx(1)
    assert {name for names in drawn for name in names} == set(contract.drawn(one))


@pytest.fixture(scope="module")
def full_alone(tmp_path_factory):
    """The size of a file that holds `full` alone, by the base."""
    sizes = {}

    def size(model):
        key = model.base.name, model.base.count_params()
        if key not in sizes:
            path = tmp_path_factory.mktemp("alone") / "full.tflite"
            report = kd.tflite.export(
                model, path, "full", verify_data=contract.images(), verbose=0
            )
            sizes[key] = report.size
        return sizes[key]

    return size


@pytest.mark.tensorflow
def test_one_file_holds_every_instance_and_the_weights_once(
    calibrated, full_alone, tmp_path
):
    model = calibrated
    x = contract.images()
    path = tmp_path / "all.tflite"
    # All of them: those too whose shapes depend on the image.
    report = kd.tflite.export(
        model, path, "all", verify_data=x, verbose=0, dynamic=True
    )
    stages = [stage.name for stage in exits.stages_of(model)]
    assert list(report.signatures) == [*model.menu.names, *stages]
    assert all(check.error < 1e-4 for check in report.signatures.values())
    # What an instance adds is its graph, never a copy of a kernel.
    weights = 4 * model.base.count_params()
    # The graphs of two instances that gather points are larger than such a small net.
    graphs = 0.75 if isinstance(model, kd.Sampled) else 0.5
    assert report.size < full_alone(model) + graphs * weights
    runner = kd.tflite.Runner(path)
    for name in model.instances:
        found = runner.run(x, name)
        np.testing.assert_allclose(found, contract.logits(model, name, x), atol=1e-3)

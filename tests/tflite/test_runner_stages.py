"""A runner stops at an exit for good: what is not asked for is not computed."""

import dataclasses

import keras
import numpy as np
import pytest
import staged_net

import keras_dynres as kd
from keras_dynres.tflite import Runner, export, flatbuffer

pytestmark = pytest.mark.tensorflow

IMAGES = staged_net.images(20, seed=2)


@pytest.fixture(scope="module")
def model(staged_bundles):
    return staged_bundles.model


@pytest.fixture(scope="module")
def path(staged_bundles):
    return staged_bundles()[0]


def softmax(logits):
    return np.asarray(keras.ops.softmax(logits))


@pytest.fixture
def ran(monkeypatch):
    """Signatures in the order in which they were run."""
    from ai_edge_litert import interpreter

    names, real = [], interpreter.SignatureRunner.__call__

    def noted(self, **features):
        names.append(self._signature_key)
        return real(self, **features)

    monkeypatch.setattr(interpreter.SignatureRunner, "__call__", noted)
    return names


def test_anytime_gives_each_exit_as_keras_does(model, path):
    runner = Runner(path)
    wanted = dict(zip(model.exits, model.base(IMAGES[:3]), strict=True))
    batch = dict(runner.anytime(IMAGES[:3]))
    assert list(batch) == runner.exits == ["exit1", "exit2", "exit3"]
    for name, outputs in batch.items():
        np.testing.assert_allclose(outputs, wanted[name], atol=1e-4)
    for name, outputs in runner.anytime(IMAGES[0]):
        np.testing.assert_array_equal(outputs, batch[name][0])


def test_anytime_computes_nothing_ahead(path, ran):
    steps = Runner(path).anytime(IMAGES[0])
    assert ran == []
    next(steps)
    assert ran == ["stage1"]
    next(steps)
    assert ran == ["stage1", "stage2"]
    steps.close()
    assert ran == ["stage1", "stage2"]


def test_predict_leaves_where_the_policy_says_and_stops(model, path, ran):
    chosen = model.kept[0]
    logits = np.stack([np.asarray(logits) for logits in model.base(IMAGES)])
    sure = softmax(logits).max(axis=-1) >= np.array(chosen.thresholds)[:, None]
    wanted = sure.argmax(axis=0)
    assert set(wanted) == {0, 1, 2}
    outputs, exits = Runner(path).predict(IMAGES, chosen, return_exits=True)
    np.testing.assert_array_equal(exits, wanted)
    rows = np.arange(len(IMAGES))
    np.testing.assert_allclose(outputs, logits[wanted, rows], atol=1e-4)
    numbers = [n for last in wanted for n in range(1, last + 2)]
    assert ran == [f"stage{n}" for n in numbers]


def test_a_solved_policy_stops_where_it_does_in_keras(tmp_path):
    net = {"steps": (1, 1), "channels": 4, "growth": 2, "head": 4}
    model = kd.MSDNet("cifar_budget10", input_shape=(16, 16, 3), classes=4, **net)
    staged_net.lively(model)
    images = np.random.default_rng(0).normal(size=(24, 16, 16, 3)).astype("float32")
    data = [(images, np.arange(24) % 4)]
    half = sum(model.exit_costs()) / 2
    solved = model.solve_budget(data, macs=half, rule="geometric", verbose=0)
    export(model, tmp_path / "net.tflite", "full", verbose=0)
    wanted, left = model.predict_dynamic(images, solved, return_exits=True)
    runner = Runner(tmp_path / "net.tflite")
    outputs, exits = runner.predict(images, 0, return_exits=True)
    np.testing.assert_array_equal(exits, left)
    assert set(exits) == {0, 1}
    np.testing.assert_allclose(outputs, wanted, atol=1e-4)


def test_one_image_and_none(path):
    runner = Runner(path, num_threads=2)
    outputs, exits = runner.predict(IMAGES, 0, return_exits=True)
    one, exit = runner.predict(IMAGES[1], 0, return_exits=True)
    np.testing.assert_array_equal(one, outputs[1])
    assert exit == exits[1] and isinstance(exit, int)
    np.testing.assert_array_equal(runner.predict(IMAGES[1], 0), one)
    assert runner.predict(IMAGES[:0], 0).shape == (0, 4)
    assert [outputs.shape for _, outputs in runner.anytime(IMAGES[:0])] == 3 * [(0, 4)]


def test_policies_come_with_the_bundle_or_from_a_file(model, path, tmp_path):
    runner = Runner(path)
    assert runner.policies == list(model.kept)
    second = model.kept[1]
    second.to_json(tmp_path / "policy.json")
    forms = [1, second, second.to_json(), tmp_path / "policy.json"]
    exits = [runner.predict(IMAGES, form, return_exits=True)[1] for form in forms]
    for left in exits:
        np.testing.assert_array_equal(left, exits[0])
    first = runner.predict(IMAGES, 0, return_exits=True)[1]
    assert first.sum() < exits[0].sum()


def test_probabilities_need_no_softmax(path, tmp_path):
    """The sureness of outputs that already are probabilities is read off them."""
    net = staged_net.base()
    heads = [keras.layers.Softmax(name=f"s{i}")(t) for i, t in enumerate(net.outputs)]
    model = staged_net.Exits(keras.Model(net.input, heads), name="net")
    export(staged_net.lively(model), tmp_path / "p.tflite", "full", verbose=0)
    said = np.stack([np.asarray(logits) for logits in model.base(IMAGES)])
    sure = said.max(axis=-1)
    middle = float(np.sort(sure[0])[9:11].mean())
    (kept, *_) = Runner(path).policies
    chosen = dataclasses.replace(kept, thresholds=(middle, 0.0, 0.0))
    left = Runner(tmp_path / "p.tflite").predict(IMAGES, chosen, return_exits=True)[1]
    np.testing.assert_array_equal(left, sure[0] < middle)


def test_the_last_exit_has_two_names(path):
    runner = Runner(path)
    assert runner.menu.full.aliases == ("exit3",)
    np.testing.assert_array_equal(
        runner.run(IMAGES[:2], "exit3"), runner.run(IMAGES[:2])
    )
    assert list(runner._sessions) == ["full"]
    runner.close("exit3")
    assert not runner._sessions


def test_stages_load_together_when_first_run_and_go_when_closed(path, monkeypatch):
    """Apart, each would hold the bytes of the whole file."""
    from ai_edge_litert import interpreter

    handed, real = [], interpreter.Interpreter

    def spy(model_content, **kwargs):
        handed.append(sorted(flatbuffer.signatures(model_content)))
        return real(model_content=model_content, **kwargs)

    monkeypatch.setattr(interpreter, "Interpreter", spy)
    with Runner(path) as runner:
        steps = runner.anytime(IMAGES[0])
        assert handed == []
        next(steps)
        runner.predict(IMAGES[:2], 0)
        assert handed == [["stage1", "stage2", "stage3"]]
    runner.predict(IMAGES[:1], 0)
    assert len(handed) == 2


# Bad input: one sentence each.


def test_a_bundle_without_stages(small):
    runner = Runner(small.path)
    assert runner.exits == runner.policies == []
    for call in (runner.anytime, lambda images: runner.predict(images, 0)):
        with pytest.raises(kd.DynresError, match="holds no stages.*net.tflite"):
            call(small.images(1))


def test_policies_of_other_models_and_none(model, path, tmp_path):
    runner = Runner(path)
    other = dataclasses.replace(model.kept[0], model="other")
    dearer = dataclasses.replace(
        model.kept[0], costs=[macs + 1e4 for macs in model.kept[0].costs]
    )
    for received, match in (
        (other, "policy is for 'other'.*Received: 'net'"),
        (dearer, "exits cost"),
        (2, "holds 2 policies.*Received: policy=2"),
        (-1, "Received: policy=-1"),
        (tmp_path / "none.json", "none.json"),
        ("{}", "Not a policy"),
    ):
        with pytest.raises(kd.DynresError, match=match) as caught:
            runner.predict(IMAGES[:1], received)
        assert "\n" not in str(caught.value)


def test_wrong_images_are_refused_at_once(path):
    runner = Runner(path)
    with pytest.raises(kd.DynresError, match=r"Received: shape=\(2, 5, 12, 3\)"):
        runner.anytime(IMAGES[:2, :5])
    with pytest.raises(kd.DynresError, match="uint8"):
        runner.predict(IMAGES[0].astype("uint8"), 0)


def test_stages_that_were_changed_are_refused(path, tmp_path):
    data, changed = path.read_bytes(), tmp_path / "net.tflite"
    changed.write_bytes(data.replace(b'"signature":"stage2"', b'"signature":"stage3"'))
    assert changed.read_bytes() != data
    with pytest.raises(kd.DynresError, match="damaged"):
        Runner(changed)

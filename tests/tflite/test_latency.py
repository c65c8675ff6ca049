import json

import pytest

import keras_dynres as kd
from keras_dynres.tflite import latency, metadata
from keras_dynres.tflite.runner import Runner

pytestmark = pytest.mark.tensorflow


def _quick(runner, instances=None):
    return runner.benchmark(instances, repeats=3, warmup=0, verbose=0)


def test_figures_enter_the_menu_and_the_next_runner(bundle):
    runner = Runner(bundle)
    timed = _quick(runner)
    assert list(timed) == runner.menu.names
    for name, figures in timed.items():
        assert 0 < figures["min_ms"] <= figures["median_ms"] <= figures["max_ms"]
        assert runner.menu[name].measured["latency_ms"] == figures["median_ms"]
    assert not runner._sessions  # what it loaded to measure is given back
    again = Runner(bundle)
    assert again.menu.rows() == runner.menu.rows()


def test_other_threads_and_other_files_are_measured_anew(bundle):
    _quick(Runner(bundle))
    assert "latency_ms" not in Runner(bundle, num_threads=2).menu.full.measured
    _quick(Runner(bundle, num_threads=2), ["full"])
    assert "latency_ms" in Runner(bundle).menu["p1@0.5"].measured  # both are kept
    metadata.write_metadata(bundle, {**metadata.read_metadata(bundle), "model": "m"})
    assert "latency_ms" not in Runner(bundle).menu.full.measured
    _quick(Runner(bundle), "full")
    store = json.loads((bundle.parent / "net.tflite.bench.json").read_text())
    assert len(store["records"]) == 1  # those of the old file are dropped


def test_within_picks_the_most_accurate_that_is_fast_enough(bundle):
    runner = Runner(bundle)
    with pytest.raises(kd.DynresError, match="call runner.benchmark"):
        runner.within(latency_ms=5)
    for i, name in enumerate(runner.menu.names):
        runner.menu.record(name, latency_ms=1.0 + i)
    assert runner.within(latency_ms=100).name == "full"
    assert runner.within(latency_ms=1.5).name == runner.menu.names[0]
    with pytest.raises(kd.DynresError, match=r"latency_ms=0.5; the cheapest is"):
        runner.within(latency_ms=0.5)


def test_an_interrupted_benchmark_keeps_what_was_measured(bundle, monkeypatch):
    runner, real = Runner(bundle), latency.measure
    calls = []

    def measure(*args):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(latency, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        _quick(runner)
    kept = [i.name for i in Runner(bundle).menu if "latency_ms" in i.measured]
    assert kept == runner.menu.names[:2]


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"format": "other"}', '{"format": "keras_dynres.bench/1"}']
)
def test_an_unreadable_store_is_ignored_aloud_and_replaced(bundle, content):
    store = bundle.parent / "net.tflite.bench.json"
    store.write_text(content)
    with pytest.warns(UserWarning, match="bench.json.*ignored"):
        runner = Runner(bundle)
    assert "latency_ms" not in runner.menu.full.measured
    with pytest.warns(UserWarning, match="ignored"):
        _quick(runner, ["full"])
    assert "latency_ms" in Runner(bundle).menu.full.measured


def test_a_store_that_cannot_be_written_costs_a_warning(bundle):
    (bundle.parent / "net.tflite.bench.json").mkdir()
    with pytest.warns(UserWarning, match="ignored"):
        runner = Runner(bundle)
    with (
        pytest.warns(UserWarning, match="ignored"),
        pytest.warns(UserWarning, match="not kept"),
    ):
        figures = _quick(runner, ["full"])["full"]
    assert runner.menu.full.measured["latency_ms"] == figures["median_ms"]


@pytest.mark.parametrize("bad", [{"repeats": 0}, {"warmup": -1}, {"repeats": "5"}])
def test_wrong_counts(small, bad):
    with pytest.raises(kd.DynresError, match=f"{next(iter(bad))} must be a whole"):
        Runner(small.path).benchmark(verbose=0, **bad)


def test_spread_of_known_times(monkeypatch):
    ticks = iter([0, 1, 0, 3, 0, 2, 0, 4, 0, 5])
    monkeypatch.setattr(latency.time, "perf_counter", lambda: next(ticks) / 1e3)
    got = latency.measure(lambda: None, repeats=5, warmup=2)
    expected = {"median_ms": 3, "min_ms": 1, "max_ms": 5, "iqr_ms": 2, "repeats": 5}
    assert got == pytest.approx(expected)


def test_the_bar_counts_instances(bundle, capsys):
    Runner(bundle).benchmark(["full", "p1@0.5"], repeats=1, warmup=0)
    assert "2/2" in capsys.readouterr().out


def test_one_instance_is_timed_without_a_bundle(monkeypatch):
    base = kd.architectures.wide_resnet(depth=10, width=1, input_shape=(8, 8, 3))
    model, timed = kd.Resizable(base, scales=(0.5, 1)), []

    def benchmark(runner, names, *args, **kwargs):
        assert runner.menu.names == names  # The file holds nothing else.
        timed.extend(names)
        return original(runner, names, *args, **kwargs)

    original = Runner.benchmark
    monkeypatch.setattr(Runner, "benchmark", benchmark)
    name = model.instances[1]
    median = kd.tflite.latency_ms(model, name, repeats=3, warmup=0)
    assert median > 0 and timed == [name]

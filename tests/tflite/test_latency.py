import dataclasses
import json
import subprocess
import sys

import pytest

import keras_dynres as kd
from keras_dynres.tflite import latency, metadata
from keras_dynres.tflite import store as store_module
from keras_dynres.tflite.runner import Runner
from keras_dynres.tflite.store import Setup, Store

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


def _times(median):
    values = {"min_ms": median, "median_ms": median, "max_ms": median, "iqr_ms": 0}
    return {**values, "repeats": 9}


def _store(path):
    return Store(path, metadata.read_metadata(path)["sha256"])


def _phone(device="Pixel 8", runtime="LiteRT.js 2.5.3 wasm", threads=1):
    return Setup("ARM", 8, runtime, threads, device)


def test_phones_and_this_machine_keep_to_themselves(bundle):
    store = _store(bundle)
    here = store_module.here(threads=1)
    # A phone that says of itself all that this machine is, but has a name.
    twin = dataclasses.replace(here, device="Pixel 8")
    store.write(twin, {"full": _times(7)})
    assert "latency_ms" not in Runner(bundle).menu.full.measured
    assert "latency_ms" not in kd.tflite.menu(bundle).full.measured
    _quick(Runner(bundle), ["full"])
    own = kd.tflite.menu(bundle)
    assert own.full.measured == Runner(bundle).menu.full.measured
    assert kd.tflite.menu(bundle, "Pixel 8").full.measured["latency_ms"] == 7
    assert "latency_ms" not in kd.tflite.menu(bundle, threads=2).full.measured


def test_a_menu_of_a_phone_chooses_by_its_times(bundle):
    names = Runner(bundle).menu.names
    figures = {name: _times(10.0 + i) for i, name in enumerate(names)}
    _store(bundle).write(_phone(), {**figures, "no longer there": _times(1)})
    menu = kd.tflite.menu(bundle, device="pixel")
    assert menu.within(latency_ms=11.5).name == names[1]
    assert [i.measured["accuracy"] for i in menu] == pytest.approx([0.9, 0.91, 0.92])


def test_of_several_setups_the_newest_or_the_one_asked_for(bundle):
    store = _store(bundle)
    setups = {
        _phone(): 1,
        _phone(runtime="LiteRT.js 2.5.3 wasm threads", threads=4): 2,
        _phone(runtime="LiteRT.js 2.5.3 wasm threads", threads=2): 3,
        _phone(runtime="LiteRT.js 2.5.3 webgpu"): 4,
        _phone("Pixel 8 Pro"): 5,
    }
    for setup, median in setups.items():
        store.write(setup, {"full": _times(median)})

    def latency_ms(*choice):
        return kd.tflite.menu(bundle, *choice).full.measured["latency_ms"]

    assert latency_ms("pixel 8") == 4  # The whole name of one, a part of the other.
    assert latency_ms("PRO") == 5
    assert latency_ms("Pixel 8", "WASM") == 1
    assert latency_ms("Pixel 8", "wasm threads") == 3
    assert latency_ms("Pixel 8", "litert") == 4
    assert latency_ms("Pixel 8", None, 1) == 4
    assert latency_ms("Pixel 8", "threads", 4) == 2
    store.write(_phone(), {"full": _times(6)})
    assert latency_ms("Pixel 8") == 6


def test_devices_that_are_not_known(bundle):
    with pytest.raises(kd.DynresError, match="keras-dynres phone .*net.tflite"):
        kd.tflite.menu(bundle, "pixel")
    store = _store(bundle)
    store.write(_phone(), {"full": _times(1)})
    store.write(_phone("Pixel 9"), {"full": _times(1)})
    for choice, says in {
        ("nokia",): "Offered: 'Pixel 8', 'Pixel 9'",
        ("pixel",): "Several devices are called so: 'Pixel 8', 'Pixel 9'",
        ("Pixel 8", "webgpu"): "runtime.*'LiteRT.js 2.5.3 wasm'",
        ("Pixel 8", None, 4): "number of threads.*'1'",
        (None, "wasm"): "name one by device=",
    }.items():
        with pytest.raises(kd.DynresError, match=says):
            kd.tflite.menu(bundle, *choice)


def test_a_file_of_before_there_were_phones_is_read_and_kept(bundle):
    setup = store_module.here(threads=1)
    record = {
        "cpu": setup.cpu,
        "cores": setup.cores,
        "runtime": setup.runtime,
        "threads": 1,
        "sha256": metadata.read_metadata(bundle)["sha256"],
        "latency": {"full": _times(3)},
    }
    content = {"format": "keras_dynres.bench/1", "records": [record]}
    path = bundle.parent / "net.tflite.bench.json"
    path.write_text(json.dumps(content))
    assert Runner(bundle).menu.full.measured["latency_ms"] == 3
    _store(bundle).write(_phone(), {"full": _times(5)})
    assert json.loads(path.read_text())["records"][0] == record
    assert Runner(bundle).menu.full.measured["latency_ms"] == 3


def test_processes_that_write_at_once_lose_nothing(bundle):
    script = (
        "import sys\n"
        "from keras_dynres.tflite.store import Setup, Store\n"
        f"store = Store({str(bundle)!r}, {_store(bundle).sha256!r})\n"
        "for i in range(20):\n"
        "    setup = Setup('ARM', 8, 'wasm', i + 1, sys.argv[1])\n"
        f"    store.write(setup, {{'full': {_times(1)}}})\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, f"Phone {number}"])
        for number in range(2)
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(_store(bundle).phones()) == 40

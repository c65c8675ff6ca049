"""What the phone's page computes is what Python computes, asked by Node."""

import hashlib
import json
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

import keras_dynres as kd
from keras_dynres.tflite import flatbuffer, latency

WEB = pathlib.Path(__file__).parents[2] / "tflite" / "web"


@pytest.fixture
def node(tmp_path):
    """A function that runs lines of JavaScript, which print JSON."""
    if not shutil.which("node"):
        pytest.skip("Node is not installed")

    def node(module, names, code):
        file = tmp_path / "run.mjs"
        address = json.dumps((WEB / module).as_uri())
        file.write_text(
            f"import {{{names}}} from {address};\n"
            "import {readFileSync, writeFileSync} from 'node:fs';\n"
            f"const told = (value) => console.log(JSON.stringify(value));\n{code}"
        )
        done = subprocess.run(["node", file], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return node


def test_the_digest_is_sha256(node):
    """At all lengths where the last block is another, and of published vectors."""
    lengths = [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 100_003]
    code = "told(%s.map((n) => sha256(Uint8Array.from({length: n}, (_, i) => i * 7))));"
    digests = node("sha256.mjs", "sha256", code % lengths)
    for length, digest in zip(lengths, digests, strict=True):
        content = (np.arange(length) * 7 % 256).astype("uint8").tobytes()
        assert digest == hashlib.sha256(content).hexdigest()
    code = "told(sha256(new TextEncoder().encode('abc')));"
    published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert node("sha256.mjs", "sha256", code) == published


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "keys", [["stage1", "stage2", "stage3"], ["stage3", "stage1"], ["full"]]
)
def test_several_signatures_are_selected(node, staged_bundles, tmp_path, keys):
    """The file of those runs them as the whole file does."""
    from ai_edge_litert.interpreter import Interpreter

    path, out = staged_bundles()[0], tmp_path / "out.tflite"
    code = (
        f"const bytes = new Uint8Array(readFileSync({json.dumps(str(path))}));"
        f"writeFileSync({json.dumps(str(out))}, select(bytes, {json.dumps(keys)}));"
        "told(bytes.length);"
    )
    assert node("bundle.mjs", "select", code) == out.stat().st_size
    content = out.read_bytes()
    assert sorted(flatbuffer.signatures(content)) == sorted(keys)
    rng = np.random.default_rng(0)
    whole = Interpreter(model_content=path.read_bytes())
    part = Interpreter(model_content=content)
    for key in keys:
        runners = [model.get_signature_runner(key) for model in (whole, part)]
        inputs = {
            name: rng.standard_normal(details["shape"], "float32")
            for name, details in runners[0].get_input_details().items()
        }
        wanted, outputs = (runner(**inputs) for runner in runners)
        assert outputs.keys() == wanted.keys()
        for name, values in wanted.items():
            np.testing.assert_array_equal(outputs[name], values)


def test_times_are_summed_up_alike(node, monkeypatch):
    times = [3.5, 1.25, 9.0, 2.0, 4.75, 2.5]
    clock = iter(np.cumsum([0, *(x for t in times for x in (t, 1))]) / 1e3)
    monkeypatch.setattr(latency.time, "perf_counter", lambda: next(clock))
    wanted = latency.measure(lambda: None, len(times), 0)
    summed = node("timing.mjs", "summary", f"told(summary({times}));")
    assert summed.keys() == wanted.keys()
    for name, value in wanted.items():
        assert summed[name] == pytest.approx(value)


def test_runs_are_timed_in_batches(node):
    """By a clock that ticks 0.1 ms a run of 0.3 ms is timed right."""
    code = (
        "let [time, runs] = [0, 0];"
        "const clock = () => Math.floor(time / 0.1) * 0.1;"
        "const run = async () => { time += 0.3; runs++; };"
        "told([await measure(run, clock), runs]);"
    )
    figures, runs = node("timing.mjs", "measure", code)
    assert figures["repeats"] == 20
    for name in ("median_ms", "min_ms", "max_ms"):
        assert figures[name] == pytest.approx(0.3, abs=0.004)
    # 300 ms to warm up, then batches of 10 ms.
    assert runs == pytest.approx((300 + 20 * 10.2) / 0.3, rel=0.03)


@pytest.mark.parametrize("rated", [True, False])
def test_the_choice_is_that_of_a_menu(node, rated):
    """With ties, and where nothing but the costs is known."""
    rng = np.random.default_rng(0)
    menu = kd.Menu([kd.Instance(f"i{n}", macs=int(n % 5 + 1)) for n in range(8)])
    figures = {}
    for instance in menu:
        figures[instance.name] = {"median_ms": int(rng.integers(1, 6))}
        menu.record(instance, latency_ms=figures[instance.name]["median_ms"])
        if rated:
            menu.record(instance, accuracy=int(rng.integers(5, 9)) / 10)
    rows = [
        {"name": i.name, "macs": i.macs, "measured": dict(i.measured)} for i in menu
    ]
    code = (
        f"const rows = instances({json.dumps({'menu': rows})});"
        f"told([1, 2, 3, 4, 5].map((budget) => within(rows, {json.dumps(figures)}, "
        "budget)?.name ?? null));"
    )
    names = node("menu.mjs", "instances, within", code)
    fastest = min(figure["median_ms"] for figure in figures.values())
    for budget, name in zip(range(1, 6), names, strict=True):
        fits = budget >= fastest
        assert name == (menu.within(latency_ms=budget).name if fits else None)


def test_pixels_become_input_to_the_same_bits(node):
    rule = {"mean": [0.4914, 0.4822, 0.4465], "std": [0.247, 0.2435, 0.2616]}
    metadata = {
        "input": {"shape": [4, 64, 3]},
        "preprocessing": {**rule, "scale": 255},
    }
    pixels = np.arange(256).reshape(4, 64)[..., None].repeat(3, -1).astype("uint8")
    flat = np.concatenate([pixels, pixels[..., :1]], axis=-1).ravel().tolist()
    code = (
        f"told([...normalised(Uint8ClampedArray.from({flat}), "
        f"{json.dumps(metadata)})]);"
    )
    wanted = kd.tflite.images.preprocess(pixels, metadata)
    got = np.float32(node("picture.mjs", "normalised", code))
    np.testing.assert_array_equal(got, wanted.ravel())

"""The command `keras-dynres phone`, the site it writes, and who reads its figures."""

import contextlib
import http.client
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import keras_dynres as kd
from keras_dynres import zoo
from keras_dynres.tflite.store import Setup, Store
from keras_dynres_cli.commands import demo, phone
from keras_dynres_cli.phone import address, server, site

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).parents[2]
FULL = {"median_ms": 20, "min_ms": 19, "max_ms": 30, "iqr_ms": 0.5, "repeats": 40}


def served(monkeypatch, visit):
    """Has the command serve in this thread until `visit(server)` has returned."""
    real = server.Server.serve_forever

    def serve(running):
        thread = threading.Thread(target=real, args=[running, 0.01])
        thread.start()
        try:
            visit(running)
        finally:
            running.shutdown()
            thread.join()
        raise KeyboardInterrupt

    monkeypatch.setattr(server.Server, "serve_forever", serve)


def test_it_serves_until_ctrl_c(run, monkeypatch, web, phone_bundle, measured):
    def visit(running):
        at = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
        with contextlib.closing(at):
            at.request("GET", f"/{running.token}/")
            assert at.getresponse().read() == (web / "index.html").read_bytes()
            head = {"Content-Type": "application/json"}
            body = json.dumps(measured)
            at.request("POST", f"/{running.token}/results", body, head)
            assert at.getresponse().status == 204

    served(monkeypatch, visit)
    monkeypatch.setattr(address, "own", lambda: "127.0.0.9")
    code, out, err = run("phone", phone_bundle, "--port", "0", "--no-qr")
    assert (code, err) == (0, "")
    assert "Pixel 8: 2 instances, full 21.2 ms" in out
    assert "adb reverse tcp:" in out
    assert out.endswith("\nEnded.\n")
    assert "Pixel 8 (LiteRT.js 2.5.3 wasm, 1 thread)" in run("info", phone_bundle)[1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_address_is_shown_and_as_a_code(
    run, monkeypatch, web, phone_bundle, scheme
):
    addresses = []
    served(monkeypatch, lambda running: addresses.append(running.url(scheme != "http")))
    monkeypatch.setattr(address, "own", lambda: "192.168.1.7")
    options = ["--https"] if scheme == "https" else []
    _, out, _ = run("phone", phone_bundle, "--port", "0", *options)
    assert re.match(rf"{scheme}://192\.168\.1\.7:\d+/[0-9a-f]{{16}}/", addresses[0])
    assert f"in the same network: {addresses[0]}\n" in out
    assert address.code(addresses[0]) in out


def test_without_a_network_it_says_so(run, monkeypatch, web, phone_bundle):
    served(monkeypatch, lambda running: None)
    monkeypatch.setattr(address, "own", lambda: None)
    _, out, _ = run("phone", phone_bundle, "--port", "0", "--no-qr")
    assert "On this computer alone: http://127.0.0.1:" in out
    assert "No network was found" in out


def test_the_static_site(run, web, phone_bundle, tmp_path):
    out = tmp_path / "new" / "site"
    out.parent.mkdir()
    assert run("phone", phone_bundle, "--out", out)[0] == 0
    files = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }
    assert sorted(files) == [
        "index.html",
        "net.tflite",
        "page.mjs",
        "runtime/LICENSE",
        "runtime/core/index.js",
        "runtime/wasm/x.wasm",
        "site.json",
    ]
    assert files["net.tflite"] == phone_bundle.read_bytes()
    about = json.loads(files["site.json"])
    assert (about["results"], about["secure"]) == (None, None)
    assert [path.name for path in out.parent.iterdir()] == ["site"]
    # Once more, over what is there; what is not of the site stays.
    (out / ".htaccess").write_text("")
    (web / "page.mjs").write_text("new")
    assert run("phone", phone_bundle, "--out", out)[0] == 0
    assert (out / "page.mjs").read_text() == "new"
    assert (out / ".htaccess").exists()


@pytest.mark.parametrize("name", ["thesis.tex", "site.json"])
def test_a_folder_of_other_files_is_no_site(fails, web, phone_bundle, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("[]")
    assert "other files than a site's" in fails("phone", phone_bundle, "--out", out)
    assert [path.name for path in out.iterdir()] == [name]
    for file in (out / name, out / name / "site"):
        assert "cannot be written" in fails("phone", phone_bundle, "--out", file)


def test_a_site_appears_whole_or_not_at_all(web, phone_bundle, tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    made = site.Site(phone_bundle)
    monkeypatch.setattr(made, "about", interrupted)
    (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        made.write(tmp_path / "out" / "site")
    assert list((tmp_path / "out").iterdir()) == []


def test_bad_bundles_are_refused_before_anything_is_served(
    fails, monkeypatch, web, phone_bundle, tmp_path
):
    monkeypatch.setattr(server, "Server", None)
    content = phone_bundle.read_bytes()
    for changed, says in {
        content[:-10]: "damaged",
        content[:20]: "damaged",
        b"": "damaged",
        bytes(1000): "damaged",
        content.replace(b"keras_dynres.tflite/1", b"keras_dynres.tflite/9"): "format",
    }.items():
        phone_bundle.write_bytes(changed)
        for options in ([], ["--out", tmp_path / "site"]):
            assert says in fails("phone", phone_bundle, *options)
    assert not (tmp_path / "site").exists()
    assert "does not exist" in fails("phone", tmp_path / "none.tflite")


def test_what_is_missing_is_said(fails, monkeypatch, web, phone_bundle, tmp_path):
    options = ["--port", "0"]
    served(monkeypatch, lambda running: None)
    for name in ("segno", "cryptography"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            said = fails("phone", phone_bundle, *options)
            assert "pip install keras-dynres[phone]" in said
    archive = web / "runtime" / "litert.tar.xz"
    whole = archive.read_bytes()
    for content in (whole[: len(whole) // 2], b"no archive"):
        archive.write_bytes(content)
        assert "archive cannot be read" in fails("phone", phone_bundle, *options)
    archive.unlink()
    assert "archive cannot be read" in fails("phone", phone_bundle, *options)


def test_a_page_that_was_not_installed_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(site, "__file__", str(tmp_path / "a" / "b" / "site.py"))
    with pytest.raises(kd.DynresError, match="page's files are missing"):
        site._web()


def test_a_network_of_the_zoo_is_exported_once(run, monkeypatch, web, tmp_path, model):
    card = zoo.Card(zoo.Network.load(demo.SHIPPED), menu=model.menu)
    monkeypatch.setattr(zoo, "card", lambda name: card)
    monkeypatch.setattr(zoo, "load", lambda name: model)
    monkeypatch.chdir(tmp_path)
    served(monkeypatch, lambda running: None)
    options = ["phone", demo.SHIPPED, "--port", "0", "--no-qr"]
    code, out, _ = run(*options)
    path = tmp_path / phone.FOLDER / f"{demo.SHIPPED}.tflite"
    assert code == 0
    assert "Exporting" in out
    assert kd.tflite.menu(path).names == model.menu.names
    before = path.stat().st_mtime_ns
    assert "remove it to export" in run(*options)[1]
    assert path.stat().st_mtime_ns == before


def test_an_unknown_network_leaves_no_folder(fails, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert f"'{demo.SHIPPED}'" in fails("phone", demo.SHIPPED[1:])
    assert not list(tmp_path.iterdir())


def test_what_a_checkout_shows_is_installed_with_the_package(tmp_path):
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    shown = dict(site._page(ROOT / "tflite" / "web"))
    assert {"index.html", "page.mjs", "runtime/LICENSE", "runtime/NOTICE"} <= set(shown)
    assert any(path.endswith(".wasm") for path in shown)
    assert dict(site._page(tmp_path / "keras_dynres_cli" / "phone" / "web")) == shown


@pytest.fixture
def known(phone_bundle):
    """A bundle that two phones have measured."""
    store = Store(phone_bundle, kd.tflite.read_metadata(phone_bundle)["sha256"])
    fast = {"exit1": {**FULL, "median_ms": 2}, "full": {**FULL, "median_ms": 9}}
    store.write(Setup("ARM", 8, "LiteRT.js 2.5.3 wasm", 1, "Pixel 8"), {"full": FULL})
    store.write(Setup("Apple", 6, "LiteRT.js 2.5.3 webgpu", 1, "iPhone 15"), fast)
    return phone_bundle


def test_bench_tells_a_phones_times_and_chooses(run, known):
    code, out, _ = run("bench", known, "--device", "IPHONE", "--budget_ms", "5")
    assert code == 0
    assert "that iPhone 15 measured (LiteRT.js 2.5.3 webgpu, 1 thread)" in out
    assert "Within 5 ms: exit1, 2 ms." in out
    assert "spread_ms" in out
    info = run("info", known)[1]
    assert "Pixel 8 (LiteRT.js 2.5.3 wasm, 1 thread); iPhone 15 (LiteRT.js" in info
    assert "latency_ms" not in info


def test_bench_refuses_phones_it_does_not_know(run, fails, known):
    assert "'Pixel 8', 'iPhone 15'" in fails("bench", known, "--device", "nokia")
    said = fails("bench", known, "--device", "pixel", "--runtime", "webgpu")
    assert "'LiteRT.js 2.5.3 wasm'" in said
    said = fails("bench", known, "--device", "pixel", "--num_threads", "4")
    assert "number of threads" in said
    said = fails("bench", known, "--device", "pixel", "--budget_ms", "1")
    assert "the cheapest is 'full'" in said
    assert run("bench", known, "--runtime", "wasm")[0] == 2
    assert run("bench", known, "--device", "pixel", "--instances", "full")[0] == 2

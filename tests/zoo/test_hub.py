"""Networks on the hub: uploaded, loaded, resumed, tampered with, private, cut off."""

import sys

import hub_server
import huggingface_hub.constants
import huggingface_hub.utils
import numpy as np
import pytest
import yaml

from keras_dynres import zoo
from keras_dynres.errors import DynresError
from keras_dynres.zoo import cards, places

ADDRESS = "hf://org/net"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub with nothing in it, and a cache of this test's own."""
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    # Between attempts the library waits.
    monkeypatch.setattr(huggingface_hub.utils._http.time, "sleep", lambda _: None)
    with hub_server.hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def held(hub, published):
    """The hub with the network `tiny` at the address."""
    folder = published / "tiny"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.repositories["org/net"] = files
    return files


def test_a_network_is_loaded_and_then_found_in_the_cache(hub, held, tiny_card):
    model = zoo.load(ADDRESS, verbose=0)
    for name, logits in tiny_card.check.items():
        np.testing.assert_allclose(cards.sample_logits(model, name), logits, atol=1e-4)
    assert zoo.card(ADDRESS).to_json() == tiny_card.to_json()
    got = [request for request in hub.requests if request.startswith("GET")]
    zoo.load(f"{ADDRESS}@main", verbose=0)
    assert [r for r in hub.requests if r.startswith("GET")] == got
    assert zoo.load(ADDRESS, weights=None).instances == model.instances


def test_without_a_network_the_cache_serves(hub, held, monkeypatch):
    zoo.load(ADDRESS, verbose=0)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert zoo.load(ADDRESS, verbose=0).is_calibrated("p1@0.5")
    with pytest.raises(DynresError, match="cannot be reached.*check the connection"):
        zoo.load("hf://org/other", verbose=0)


def test_a_download_goes_on_where_it_broke_off(hub, held, tiny_card, monkeypatch):
    zoo.card(ADDRESS)
    # The library counts what came in pieces of this size.
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.break_off_after = 100_000
    assert zoo.load(ADDRESS, verbose=0).is_calibrated("p1@0.5")
    file = tiny_card.weights.file
    got = [r for r in hub.requests if r.startswith("GET") and file in r]
    assert [request.split()[2:] for request in got] == [[], ["bytes=100000-"]]
    hub.repositories["org/new"] = held
    hub.break_off_after = 0
    with pytest.raises(DynresError, match="cannot be had.*try again"):
        zoo.card("hf://org/new")


def test_what_was_damaged_in_the_cache_is_fetched_anew(hub, held, tiny_card, tmp_path):
    zoo.load(ADDRESS, verbose=0)
    (kept,) = (tmp_path / "hub").rglob(tiny_card.weights.file)
    kept.resolve().write_bytes(b"damaged")
    assert zoo.load(ADDRESS, verbose=0).is_calibrated("p1@0.5")


def test_a_tampered_file_is_refused(hub, held, tiny_card):
    content = bytearray(held[tiny_card.weights.file])
    content[len(content) // 2] ^= 1
    held[tiny_card.weights.file] = bytes(content)
    with pytest.raises(DynresError, match="SHA-256 differs"):
        zoo.load(ADDRESS, verbose=0)


def test_a_private_network_asks_for_the_token(hub, held, monkeypatch):
    hub.hidden.add("org/net")
    says = "There is no 'hf://org/net', or it is private: log in .* or set HF_TOKEN"
    with pytest.raises(DynresError, match=says):
        zoo.card(ADDRESS)
    monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
    assert zoo.card(ADDRESS).network.name == "tiny"


def test_wrong_addresses_get_one_sentence(hub, held):
    for address in ("hf://net", "hf://a/b/c", "hf://", "hf://org/net@", "hf://org/n t"):
        with pytest.raises(DynresError, match="is hf://org/name or hf://"):
            zoo.load(address)
    with pytest.raises(DynresError, match="no such revision"):
        zoo.card(f"{ADDRESS}@v9")
    with pytest.raises(DynresError, match="There is no 'hf://org/nat'"):
        zoo.card("hf://org/nat")
    hub.repositories["org/empty"] = {"README.md": b"nothing"}
    with pytest.raises(DynresError, match="no card.json at 'hf://org/empty'"):
        zoo.load("hf://org/empty")


def test_an_upload_is_what_others_load(hub, published, tiny_card, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
    stale = {"tiny-00000000.npz": b"of before", "notes.txt": b"the owner's"}
    hub.repositories["org/net"] = stale
    page = zoo.push(published / "tiny", ADDRESS, private=True)
    assert page == f"{hub.url}/org/net"
    files = hub.repositories["org/net"]
    assert set(files) == {
        *("notes.txt", "README.md"),
        *(places.CARD, tiny_card.weights.file),
    }
    assert hub.private["org/net"]["visibility"] == "private"
    assert zoo.load(ADDRESS, verbose=0).is_calibrated("p1@0.5")
    _, head, text = files["README.md"].decode().split("---\n", 2)
    told = yaml.safe_load(head)
    assert told["library_name"] == "keras-dynres"
    assert told["license"] == "apache-2.0"
    assert told["pipeline_tag"] == "image-classification"
    (entry,) = told["model-index"]
    rows = [row for result in entry["results"] for row in result["metrics"]]
    shown = {row["name"]: row["value"] for row in rows}
    best = tiny_card.menu["full"].measured["accuracy"]
    assert shown["Accuracy, full"] == pytest.approx(best)
    assert "kd.zoo.load('hf://org/net')" in text and "## Recipe" in text


def test_an_upload_is_refused_with_one_sentence(hub, published, tmp_path, tiny_card):
    with pytest.raises(DynresError, match="log in by|HF_TOKEN"):
        zoo.push(published / "tiny", ADDRESS)
    with pytest.raises(DynresError, match="Cannot read a card"):
        zoo.push(tmp_path, ADDRESS)
    (tmp_path / places.CARD).write_text(tiny_card.to_json())
    with pytest.raises(DynresError, match="lacks the weights"):
        zoo.push(tmp_path, ADDRESS)


def test_without_the_library_an_address_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DynresError, match=r"pip install 'keras-dynres\[hub\]'"):
        zoo.card(ADDRESS)

import errno
import json

import keras
import numpy as np
import pytest

from keras_dynres import files, zoo
from keras_dynres.errors import DynresError
from keras_dynres.zoo import cards, places


@pytest.mark.backends
def test_a_published_network_is_loaded_ready_to_use(server, tiny_card):
    model = zoo.load("tiny", verbose=0)
    assert model.menu["full"].measured["accuracy"] == pytest.approx(
        tiny_card.menu["full"].measured["accuracy"]
    )
    for name, logits in tiny_card.check.items():
        np.testing.assert_allclose(cards.sample_logits(model, name), logits, atol=1e-4)


def test_a_cached_network_needs_no_network(server, monkeypatch):
    zoo.load("tiny", verbose=0)
    asked = len(server.requests)
    monkeypatch.setenv("KERAS_DYNRES_ZOO_URL", "http://127.0.0.1:1")
    zoo.load("tiny", verbose=0)
    monkeypatch.delenv("KERAS_DYNRES_ZOO_URL")
    assert zoo.load("tiny", verbose=0).is_calibrated("p1@0.5")
    assert len(server.requests) == asked


def test_a_shipped_network_needs_neither_cache_nor_address(
    tiny, published, monkeypatch, tmp_path
):
    monkeypatch.setattr(places, "SHIPPED", published)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_DYNRES_CACHE", str(tmp_path / "file" / "cache"))
    assert zoo.load("tiny").is_calibrated("p1@0.5")


def test_a_changed_shipped_file_is_not_loaded(tiny, tiny_card, monkeypatch, tmp_path):
    folder = tmp_path / "shipped" / "tiny"
    folder.mkdir(parents=True)
    (folder / places.CARD).write_text(tiny_card.to_json())
    (folder / tiny_card.weights.file).write_bytes(b"changed")
    monkeypatch.setattr(places, "SHIPPED", folder.parent)
    with pytest.raises(DynresError, match="truncated or was changed: reinstall"):
        zoo.load("tiny")


def test_a_file_of_a_network_is_built_and_says_how_it_is_trained(tmp_path):
    path = tmp_path / "small.json"
    path.write_text('{"extends": "sdpoint_wrn16_2_cifar10", "method": "plain"}')
    with pytest.raises(DynresError, match="published for 'small': train .*small.json"):
        zoo.load(str(path))
    with pytest.raises(DynresError, match="no folder of that name.*'published/net'"):
        zoo.load("published/net")


def test_a_name_without_weights_says_what_to_do(server, monkeypatch):
    said = "No weights are published for 'sdpoint_wrn40_4_cifar100': train them with "
    said += "`keras-dynres train sdpoint_wrn40_4_cifar100`, .* weights=None"
    with pytest.raises(DynresError, match=said):
        zoo.load("sdpoint_wrn40_4_cifar100")
    monkeypatch.delenv("KERAS_DYNRES_ZOO_URL")
    with pytest.raises(DynresError, match=said):
        zoo.load("sdpoint_wrn40_4_cifar100")


def test_a_cached_card_without_weights_or_address_names_the_variable(
    server, tiny_card, monkeypatch
):
    zoo.card("tiny")
    monkeypatch.delenv("KERAS_DYNRES_ZOO_URL")
    with pytest.raises(DynresError, match="does not exist.*KERAS_DYNRES_ZOO_URL"):
        zoo.load("tiny")
    path = zoo.config.cache_dir() / "tiny" / tiny_card.weights.file
    path.write_bytes(b"changed")
    with pytest.raises(DynresError, match="was changed.*set KERAS_DYNRES_ZOO_URL"):
        zoo.load("tiny")


def test_a_foreign_card_at_the_address_gets_one_sentence(server):
    path = server.root / "tiny" / places.CARD
    content = path.read_text()
    other = content.replace('"tiny"', '"other"')
    for text in (b"[1]", b"<html>", other.encode(), b"{}", b"\xff{}"):
        path.write_bytes(text)
        says = "not a whole card|is no card: it is not text|a card of 'other', not of"
        with pytest.raises(DynresError, match=says):
            zoo.card("tiny")


def test_a_kept_card_that_is_none_gets_one_sentence(server, tiny_card):
    zoo.card("tiny")
    path = zoo.config.cache_dir() / "tiny" / places.CARD
    for content, says in {
        b"\xff{}": "Cannot read a card: the file is not text in UTF-8",
        b"<html>": "is not a whole card",
        b"[1]": "is not a whole card",
        b"{}": "is not a whole card",
    }.items():
        path.write_bytes(content)
        with pytest.raises(DynresError, match=says) as caught:
            zoo.card("tiny")
        assert str(path) in str(caught.value)


def test_a_card_cannot_write_outside_its_folder(server, tiny_card):
    path = server.root / "tiny" / places.CARD
    path.write_text(path.read_text().replace(tiny_card.weights.file, "../../evil.npz"))
    with pytest.raises(DynresError, match="no plain file name"):
        zoo.load("tiny")


def test_a_read_only_cache_gets_one_sentence(server, monkeypatch):
    def refuse(path):
        raise OSError(errno.EROFS, "Read-only file system")

    appearing = files.appearing
    monkeypatch.setattr(files, "appearing", refuse)
    with pytest.raises(DynresError, match="cannot be written .Read-only file system"):
        zoo.card("tiny")
    monkeypatch.setattr(files, "appearing", appearing)
    zoo.card("tiny")
    monkeypatch.setattr(files, "appearing", refuse)
    assert zoo.card("tiny").network.name == "tiny"


def test_a_card_of_another_version_is_refused(server):
    path = server.root / "tiny" / places.CARD
    content = json.loads(path.read_text())
    content["network"]["method_options"] = {"ratios": [0.75]}
    path.write_text(json.dumps(content))
    with pytest.raises(DynresError, match="another version of the package.*p1@0.5"):
        zoo.load("tiny", verbose=0)


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_keras_files_are_taken(tiny, tmp_path, ending):
    first = zoo.load("tiny", weights=None)
    path = tmp_path / f"net{ending}"
    if ending == ".keras":
        first.save(path)
    else:
        first.save_weights(path)
    second = zoo.load("tiny", weights=str(path))
    for written, read in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(written), np.asarray(read))


@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".npz"])
def test_a_broken_file_gets_one_sentence(tiny, tmp_path, ending):
    path = tmp_path / f"net{ending}"
    path.write_bytes(b"PK\x03\x04 neither a zip nor anything else")
    with pytest.raises(DynresError, match="truncated, changed") as caught:
        zoo.load("tiny", weights=path)
    assert "\n" not in str(caught.value)


def test_another_network_s_keras_file_gets_one_sentence(tiny, tmp_path):
    layers = [keras.Input((3,)), keras.layers.Dense(2)]
    keras.Sequential(layers).save_weights(tmp_path / "net.weights.h5")
    with pytest.raises(DynresError, match="holds no weights for 'tiny'"):
        zoo.load("tiny", weights=tmp_path / "net.weights.h5")


def test_what_is_no_weights_gets_one_sentence(tiny, tmp_path):
    with pytest.raises(DynresError, match=r"Received: weights='\w+.pth'"):
        zoo.load("tiny", weights="net.pth")
    with pytest.raises(DynresError, match="There is no weight file"):
        zoo.load("tiny", weights=tmp_path / "net.npz")
    with pytest.raises(DynresError, match="Received: weights=True"):
        zoo.load("tiny", weights=True)

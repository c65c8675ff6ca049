from pathlib import Path

import pytest

from keras_dynres.errors import DynresError
from keras_dynres.zoo import config


def write(text):
    path = config.config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_nothing_set_is_no_address_and_a_folder_in_the_home(monkeypatch):
    monkeypatch.delenv("KERAS_DYNRES_CACHE")
    assert config.zoo_url() is None
    assert config.cache_dir() == Path.home() / ".cache" / "keras_dynres"


def test_the_environment_comes_before_the_file(monkeypatch, tmp_path):
    write('{"zoo_url": "https://example.org/file/", "cache": "/somewhere"}')
    assert config.zoo_url() == "https://example.org/file"
    assert config.cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("KERAS_DYNRES_CACHE")
    assert config.cache_dir() == Path("/somewhere")
    monkeypatch.setenv("KERAS_DYNRES_ZOO_URL", "file:///zoo")
    assert config.zoo_url() == "file:///zoo"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"zoo_ulr": "https://example.org"}', "Did you mean 'zoo_url'"),
        ('{"zoo_url": 3}', "'zoo_url' .* is a string. Received: 3"),
        ('{"zoo_url": "example.org"}', "starts with https.*Received: 'example.org'"),
        ("[]", "holds no JSON object"),
        ("null", "holds no JSON object. Received: None"),
        ("{", "Not settings of the zoo in JSON: .*keras_dynres.json"),
        (b"\xff{}", "Cannot read settings of the zoo: .* not text.*keras_dynres.json"),
    ],
)
def test_a_wrong_file_gets_one_sentence(text, said):
    write(text)
    with pytest.raises(DynresError, match=said):
        config.zoo_url()

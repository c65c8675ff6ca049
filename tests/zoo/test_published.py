"""Checkpoints at their authors' addresses: fetched, resumed, bounded, unpacked."""

import hashlib
import os
import zipfile

import pytest

from keras_dynres.errors import DynresError
from keras_dynres.zoo import download
from keras_dynres.zoo.importing import published
from keras_dynres.zoo.importing.published import Published


@pytest.fixture
def content(server):
    """A file on the server, `nets/net.pth`."""
    content = os.urandom(3 * download.BLOCK + 17)
    (server.root / "nets").mkdir()
    (server.root / "nets" / "net.pth").write_bytes(content)
    return content


@pytest.fixture
def fetch(server, tmp_path):
    def fetch(address):
        address = f"{server.url}/nets/{address}"
        return Published.parse(address).fetch(tmp_path / "kept", verbose=0)

    return fetch


@pytest.fixture
def refused(fetch):
    def refused(address, says):
        with pytest.raises(DynresError, match=says) as caught:
            fetch(address)
        assert "\n" not in str(caught.value)

    return refused


def test_an_address_tells_the_file_the_member_and_the_hash():
    address = "https://example.org/a/nets.zip?dl=1#step=4%20net.pth&sha256=abc"
    parsed = Published.parse(address)
    assert parsed.url == "https://example.org/a/nets.zip?dl=1"
    assert (parsed.member, parsed.sha256) == ("step=4 net.pth", "abc")
    assert parsed.name == "step=4 net.pth"
    assert Published.parse("https://example.org/a/b%20c.pth").name == "b c.pth"
    assert Published.parse("https://example.org/n.pth#sha256=ab").sha256 == "ab"


@pytest.mark.parametrize("lengths", [True, False])
def test_a_file_arrives_whole_and_is_not_asked_for_again(
    fetch, server, content, lengths
):
    server.lengths = lengths
    path = fetch("net.pth")
    assert path.name == "net.pth"
    assert path.read_bytes() == content
    assert {p.name for p in path.parent.iterdir()} <= {"net.pth", ".net.pth.lock"}
    server.requests.clear()
    assert fetch("net.pth") == path
    assert not server.requests


def test_a_broken_download_goes_on_where_the_file_is_the_same(
    fetch, refused, server, content
):
    server.etag, server.break_off_after = '"one"', download.BLOCK
    refused("net.pth", "call again to go on from there")
    server.break_off_after = None
    assert fetch("net.pth").read_bytes() == content
    assert server.requests[-1][1] == f"bytes={download.BLOCK}-"


@pytest.mark.parametrize("etag", [None, '"two"'])
def test_and_begins_anew_where_it_may_be_another(fetch, refused, server, content, etag):
    server.etag, server.break_off_after = etag and '"one"', download.BLOCK
    refused("net.pth", "call again to go on from there")
    other = bytes(reversed(content))
    (server.root / "nets" / "net.pth").write_bytes(other)
    server.etag, server.break_off_after = etag, None
    path = fetch("net.pth")
    assert path.read_bytes() == other
    assert not list(path.parent.glob("*.part"))


def test_the_hash_is_checked_where_it_is_known(fetch, refused, content, tmp_path):
    right = hashlib.sha256(content).hexdigest()
    refused(f"net.pth#sha256={'0' * 64}", "its SHA-256 differs")
    assert not [path for path in tmp_path.rglob("kept/*/net*") if path.is_file()]
    path = fetch(f"net.pth#sha256={right}")
    path.write_bytes(b"changed")
    assert fetch(f"net.pth#sha256={right}").read_bytes() == content


@pytest.mark.parametrize("lengths", [True, False])
def test_what_is_too_large_is_not_read_on(
    refused, server, content, monkeypatch, lengths
):
    monkeypatch.setattr(published, "LIMIT", download.BLOCK + 5)
    server.lengths = lengths
    refused("net.pth", r"has \d+ bytes or more, above the \d+ that were allowed")


def test_pages_and_nothing_are_no_files(refused, server, content):
    (server.root / "nets" / "net.html").write_bytes(b"<html>")
    refused("net.html", "is a web page and no file: open it in a browser")
    refused("none.pth", "answered 404")


def test_a_file_inside_an_archive(fetch, refused, server, content):
    with zipfile.ZipFile(server.root / "nets" / "all.zip", "w") as archive:
        archive.writestr("step=4/net-4.pth.tar", content)
        archive.writestr("step=7/net-7.pth.tar", b"seven")
        archive.writestr("a/twice", b"")
        archive.writestr("b/twice", b"")
    path = fetch("all.zip#net-4.pth.tar")
    assert path.name == "net-4.pth.tar"
    assert path.read_bytes() == content
    server.requests.clear()
    assert fetch("all.zip#step=7/net-7.pth.tar").read_bytes() == b"seven"
    assert fetch("all.zip#net-4.pth.tar") == path
    assert not server.requests
    refused("all.zip#net-6.pth.tar", "has 0 files of the name 'net-6.pth.tar'")
    refused("all.zip#twice", "has 2 files")
    refused(f"all.zip#net-7.pth.tar&sha256={'0' * 64}", "SHA-256 differs")
    refused("net.pth#net-4.pth.tar", "no whole zip archive")

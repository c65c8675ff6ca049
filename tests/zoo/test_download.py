"""Downloads: resumed, checked, shared by processes, and what goes wrong."""

import errno
import os
import subprocess
import sys
import textwrap

import pytest

from keras_dynres import files
from keras_dynres.errors import DynresError
from keras_dynres.zoo import download
from keras_dynres.zoo.cards import WeightsFile


@pytest.fixture
def content():
    return os.urandom(3 * download.BLOCK + 17)


@pytest.fixture
def remote(server, content):
    """A file on the server: its address and what it should be."""
    path = server.root / "net.npz"
    path.write_bytes(content)
    weights = WeightsFile("net.npz", files.sha256(path), len(content))
    return f"{server.url}/net.npz", weights


def fetch(remote, path):
    return download.fetch(remote[0], path, remote[1], verbose=0)


def test_a_file_arrives_whole_and_leaves_no_part(remote, content, tmp_path):
    path = fetch(remote, tmp_path / "new" / "folder" / "net.npz")
    assert path.read_bytes() == content
    assert {p.name for p in path.parent.iterdir()} <= {"net.npz", ".net.npz.lock"}


def test_what_is_there_is_not_asked_for_again(remote, server, tmp_path):
    fetch(remote, tmp_path / "net.npz")
    server.requests.clear()
    fetch(remote, tmp_path / "net.npz")
    assert server.requests == []


def test_a_file_address_works(remote, server, content, tmp_path):
    url = (server.root / "net.npz").as_uri()
    (tmp_path / "net.npz.part").write_bytes(content[:10])
    assert fetch((url, remote[1]), tmp_path / "net.npz").read_bytes() == content


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on(remote, server, content, tmp_path, ranges, capsys):
    server.break_off_after = half = len(content) // 2
    with pytest.raises(DynresError, match="call again to go on from there"):
        fetch(remote, tmp_path / "net.npz")
    assert not (tmp_path / "net.npz").exists()
    server.break_off_after, server.ranges = None, ranges
    url, weights = remote
    path = download.fetch(url, tmp_path / "net.npz", weights, verbose=1)
    assert path.read_bytes() == content
    assert server.requests[-1] == ("/net.npz", f"bytes={half}-")
    went_on = f"Going on with {url} at {half} of {len(content)} bytes."
    assert (went_on in capsys.readouterr().out) == ranges


def test_ctrl_c_keeps_what_was_read(remote, server, content, tmp_path, monkeypatch):
    class Interrupting:
        def __init__(self, *args, **kwargs):
            pass

        def update(self, done):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download.keras.utils, "Progbar", Interrupting)
        with pytest.raises(KeyboardInterrupt):
            fetch(remote, tmp_path / "net.npz")
    kept = (tmp_path / "net.npz.part").stat().st_size
    assert kept == download.BLOCK
    assert fetch(remote, tmp_path / "net.npz").read_bytes() == content
    assert server.requests[-1][1] == f"bytes={kept}-"


def test_the_part_of_another_file_is_started_over(remote, content, tmp_path):
    (tmp_path / "net.npz.part").write_bytes(b"x" * 1000)
    assert fetch(remote, tmp_path / "net.npz").read_bytes() == content


@pytest.mark.parametrize("extra", [0, 5])
def test_a_full_part_is_checked_too(remote, content, tmp_path, extra):
    (tmp_path / "net.npz.part").write_bytes(b"x" * (len(content) + extra))
    assert fetch(remote, tmp_path / "net.npz").read_bytes() == content


def test_a_tampered_file_is_not_kept(remote, server, content, tmp_path):
    (server.root / "net.npz").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DynresError, match="its SHA-256 differs"):
        fetch(remote, tmp_path / "net.npz")
    assert [path.name for path in tmp_path.glob("net*")] == []


@pytest.mark.parametrize("start", [0, 100, -1])
def test_a_truncated_file_on_the_server_says_so(
    remote, server, content, tmp_path, start
):
    (server.root / "net.npz").write_bytes(content[:-10])
    (tmp_path / "net.npz.part").write_bytes(content[:start] if start else b"")
    with pytest.raises(DynresError, match=f"instead of {len(content)}: it is trunc"):
        fetch(remote, tmp_path / "net.npz")


def test_a_changed_file_in_the_cache_is_downloaded_anew(remote, content, tmp_path):
    fetch(remote, tmp_path / "net.npz").write_bytes(b"changed")
    assert fetch(remote, tmp_path / "net.npz").read_bytes() == content


def test_a_missing_file_and_a_closed_port_get_one_sentence(
    remote, server, tmp_path, monkeypatch
):
    with pytest.raises(DynresError, match="the server answered 404"):
        fetch((f"{server.url}/other.npz", remote[1]), tmp_path / "net.npz")
    with pytest.raises(DynresError, match=r"cannot be reached .*connection\.$"):
        fetch(("http://127.0.0.1:1/net.npz", remote[1]), tmp_path / "net.npz")
    monkeypatch.setenv("KERAS_DYNRES_ZOO_URL", "http://127.0.0.1:1")
    with pytest.raises(DynresError, match="cannot be reached .*KERAS_DYNRES_ZOO_URL"):
        fetch(("http://127.0.0.1:1/net.npz", remote[1]), tmp_path / "net.npz")


def test_a_read_only_cache_gets_one_sentence(remote, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DynresError, match="cannot be written .*KERAS_DYNRES_CACHE"):
        fetch(remote, tmp_path / "file" / "net.npz")


def test_a_disk_without_room_gets_one_sentence(remote, tmp_path, monkeypatch):
    usage = download.shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DynresError, match="is full: make room or set KERAS_DYNRES_CAC"):
        fetch(remote, tmp_path / "net.npz")


def test_a_disk_that_fills_up_gets_one_sentence(remote, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "copy", full)
    with pytest.raises(DynresError, match="is full"):
        fetch(remote, tmp_path / "net.npz")


HOLDER = """
    import sys
    from filelock import FileLock
    with FileLock(sys.argv[1]):
        print("holds", flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of `net.npz` until it reads a line."""
    command = [sys.executable, "-c", textwrap.dedent(HOLDER)]
    command.append(str(tmp_path / ".net.npz.lock"))
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "holds\n"
    yield process
    process.kill()
    process.communicate()


def test_who_waits_is_told_for_what(holder, remote, content, tmp_path, monkeypatch):
    url, weights = remote
    told = []

    def release(sentence):
        told.append(sentence)
        if len(told) == 1:
            holder.communicate("\n")

    monkeypatch.setattr(download, "print", release, raising=False)
    path = download.fetch(url, tmp_path / "net.npz", weights)
    assert told[0] == "Waiting for another process, which downloads net.npz."
    assert path.read_bytes() == content


def test_the_lock_of_a_killed_process_holds_nobody_up(
    holder, remote, content, tmp_path, capsys
):
    url, weights = remote
    holder.kill()
    holder.wait()
    path = download.fetch(url, tmp_path / "net.npz", weights)
    assert path.read_bytes() == content
    assert "Waiting" not in capsys.readouterr().out


def test_two_processes_download_once(remote, server, content, tmp_path):
    code = textwrap.dedent("""
        import sys
        from keras_dynres.zoo import download
        from keras_dynres.zoo.cards import WeightsFile
        url, path, sha256, size = sys.argv[1:]
        weights = WeightsFile("net.npz", sha256, int(size))
        print("ready", flush=True)
        download.fetch(url, path, weights, verbose=0)
    """)
    url, weights = remote
    path = tmp_path / "net.npz"
    command = [sys.executable, "-c", code, url, str(path), weights.sha256]
    command.append(str(weights.size))
    # NumPy is the backend that is imported fastest; none is used.
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"ready\n"
        # This process is the second.
        download.fetch(url, path, weights, verbose=0)
        assert other.wait() == 0
    assert path.read_bytes() == content
    assert server.requests == [("/net.npz", None)]

"""What the server of `keras-dynres phone` takes, keeps and refuses."""

import contextlib
import json
import threading

import pytest
from phone_client import JSON, ask, connect, raw, send

import keras_dynres as kd
from keras_dynres.tflite.store import Store


def test_results_are_kept_under_the_phones_name(running, measured, lines, phone_bundle):
    assert send(running, measured) == (204, b"")
    assert lines == [
        "Pixel 8: 2 instances, full 21.2 ms (LiteRT.js 2.5.3 wasm, 1 thread), kept in "
        "net.tflite.bench.json"
    ]
    menu = kd.tflite.menu(phone_bundle, device="pixel")
    assert menu.full.measured["latency_ms"] == 21.25
    assert menu.within(latency_ms=10).name == "exit1"
    assert "latency_ms" not in kd.tflite.menu(phone_bundle).full.measured
    # Once more by https; the newer figures take the place of the older.
    measured["latency"]["full"]["median_ms"] = 22
    with contextlib.closing(connect(running, "https")) as connection:
        body = json.dumps(measured)
        response, _ = ask(connection, f"/{running.token}/results", "POST", body, JSON)
    assert response.status == 204
    assert kd.tflite.menu(phone_bundle, "pixel").full.measured["latency_ms"] == 22


TIMES = {"min_ms": 1, "median_ms": 2, "max_ms": 3, "iqr_ms": 0, "repeats": 9}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "keras_dynres.bench/2"}, "format"),
        ({"sha256": "0" * 64}, "another bundle"),
        ({"sha256": None}, "another bundle"),
        ({"device": ""}, "1 to 60 characters"),
        ({"device": "x" * 61}, "1 to 60 characters"),
        ({"device": "Pixel\x1b[2J"}, "printable"),
        ({"device": 8}, "printable"),
        ({"runtime": ["wasm"]}, "printable"),
        ({"cpu": "x" * 5000}, "1 to 1000"),
        ({"cores": 0}, "cores"),
        ({"cores": True}, "cores"),
        ({"threads": 1.5}, "threads"),
        ({"more": 1}, "'more'"),
        ({"latency": {}}, "at least one"),
        ({"latency": [1]}, "at least one"),
        ({"latency": {"exit2": TIMES}}, "'exit2'"),
        ({"latency": {"full": None}}, "JSON object"),
        ({"latency": {"full": {"median_ms": 1}}}, "lacks"),
        ({"latency": {"full": {**TIMES, "min_ms": -1}}}, "min_ms=-1"),
        ({"latency": {"full": {**TIMES, "iqr_ms": "0"}}}, "iqr_ms='0'"),
        ({"latency": {"full": {**TIMES, "iqr_ms": float("nan")}}}, "NaN"),
        ({"latency": {"full": {**TIMES, "max_ms": float("inf")}}}, "Infinity"),
        ({"latency": {"full": {**TIMES, "max_ms": 10**400}}}, "max_ms=1000"),
        ({"latency": {"full": {**TIMES, "median_ms": 4}}}, "between"),
        ({"latency": {"full": {**TIMES, "repeats": 0}}}, "repeats"),
    ],
)
def test_wrong_results_are_refused_in_a_sentence(
    running, measured, lines, phone_bundle, changes, says
):
    status, content = send(running, measured, **changes)
    said = json.loads(content)["error"]
    assert status == 400
    assert says in said
    assert len(said) < 250
    assert not lines
    assert not phone_bundle.with_name("net.tflite.bench.json").exists()


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("Content-Length: 3\r\nContent-Type: application/json", b"{]}", 400),
        ("Content-Length: 2\r\nContent-Type: application/json", b"[]", 400),
        ("Content-Length: 2\r\nContent-Type: application/json", b"\xff\xfe", 400),
        ("Content-Length: 2\r\nContent-Type: text/plain", b"{}", 415),
        ("Content-Type: application/json", b"", 411),
        ("Transfer-Encoding: chunked\r\nContent-Type: application/json", b"0\r\n", 411),
        ("Content-Length: -1\r\nContent-Type: application/json", b"", 411),
        ("Content-Length: 1048577\r\nContent-Type: application/json", b"{", 413),
        (f"Content-Length: {'9' * 5000}\r\nContent-Type: application/json", b"{", 413),
    ],
)
def test_bodies_are_limited_and_json(running, head, body, status):
    line = f"POST /{running.token}/results HTTP/1.1\r\n{head}\r\n\r\n"
    answer = raw(running, line.encode() + body)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"].endswith(".")


def test_deep_json_and_a_large_body_are_answered(running):
    with contextlib.closing(connect(running)) as connection:
        path = f"/{running.token}/results"
        response, content = ask(connection, path, "POST", b"[" * 100_000, JSON)
        assert response.status == 400
        response, content = ask(connection, path, "POST", b" " * (2 << 20), JSON)
        assert response.status == 413


def test_a_bundle_that_was_replaced_takes_no_results(running, measured, phone_bundle):
    fields = kd.tflite.read_metadata(phone_bundle)
    kd.tflite.metadata.write_metadata(phone_bundle, {**fields, "model": "other"})
    status, content = send(running, measured)
    assert status == 400
    assert "replaced" in json.loads(content)["error"]


def test_results_that_cannot_be_kept_are_told_to_the_phone(
    running, measured, monkeypatch
):
    def full(*args):
        raise kd.DynresError("The file cannot be written: No space left on device.")

    monkeypatch.setattr(Store, "write", full)
    status, content = send(running, measured)
    assert (status, b"No space left" in content) == (400, True)


def test_many_phones_at_once_lose_nothing(running, measured, lines, phone_bundle):
    names = [f"Phone {number}" for number in range(12)]
    threads = [
        threading.Thread(target=send, args=(running, {**measured, "device": name}))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    phones = Store(phone_bundle, measured["sha256"]).phones()
    assert sorted(setup.device for setup, _ in phones) == sorted(names)
    assert len(lines) == len(names)

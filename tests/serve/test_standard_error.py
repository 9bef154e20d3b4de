"""What a service writes on standard error beside its calls: lines of JSON, and nothing because a stranger wants it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from support.service_processes import process

STRANGERS = {
    "what is no HTTP": b"GARBAGE\r\n\r\n",
    "another protocol": b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a tunnel": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": b"POST /v1/decisions HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "no end of a head": b"GET /livez HTTP/1.1\r\nA: " + b"a" * 70_000,
}


def test_a_stranger_is_answered_and_writes_nothing(tmp_path: Path) -> None:
    with process(str(tmp_path / "x.db"), "--no-settle", "--no-hooks") as one:
        before = len(one.told)
        for sent in STRANGERS.values():
            with socket.create_connection(("127.0.0.1", one.port), timeout=60) as connection:
                connection.sendall(sent)
                assert connection.recv(9) == b"HTTP/1.1 "
        assert one.stop() == 0
        assert one.told[before:] == []


def test_what_a_library_warns_of_is_a_line_of_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", nobody)
    with process(str(tmp_path / "x.db"), "--no-settle", "--no-hooks") as one:
        before = len(one.told)
        with socket.create_connection(("127.0.0.1", one.port), timeout=60) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert one.stop() == 0
        told = [json.loads(line) for line in one.told[before:]]
    assert {line["event"] for line in told} == {"library"}
    assert all(line["library"].startswith("opentelemetry.") for line in told)

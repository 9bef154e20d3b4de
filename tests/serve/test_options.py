"""`overspill serve` as it is told where it is and by which rules a gateway asks: what is wrong is said before it serves."""

from __future__ import annotations

import json
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli.test_commands import run
from support.service_processes import Connection, key_for, process

RULES = (
    "rules: [{path: /v1, account: {user: {header: x-user-id}}, fields: {product: sora}, meters: {generations: 1}}]\n"
)
WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "no file": (("--gateway", "none.yaml"), "none.yaml: No such file or directory"),
    "a file that says what is not known": (("--gateway", "rule.yaml"), "rule.yaml:1:10: there is no `path_` here"),
    "a file that the policy does not understand": (
        ("--gateway", "meter.yaml"),
        "meter.yaml:1:9: the policy declares no meter `generation`",
    ),
    "a host that is not this one": (("--host", "203.0.113.7"), "name an address of this machine with --host"),
    "a host that nobody knows": (("--host", "nowhere.invalid"), "name an address of this machine with --host"),
    "an address without TLS": (("--url", "http://pdp.example.com"), "the service's address is no plain https URL"),
    "an address with a slash behind": (("--url", "https://pdp.example.com/"), "no plain https URL"),
    "an address with a query": (("--url", "https://pdp.example.com?a=1"), "no plain https URL"),
}


@pytest.mark.parametrize("options, message", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_and_nothing_is_served(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    (tmp_path / "rule.yaml").write_text(RULES.replace("path:", "path_:"))
    (tmp_path / "meter.yaml").write_text(RULES.replace("generations", "generation"))
    done = run("serve", "--db", "x.db", "--port", "0", *options, cwd=tmp_path)
    assert done.code == 2
    assert message in done.err
    assert "serving on" not in done.err


def test_it_serves_by_both(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(RULES)
    db = str(tmp_path / "x.db")
    key = key_for(db)
    with (
        process(db, "--gateway", str(tmp_path / "gateway.yaml"), "--url", "https://pdp.example.com") as one,
        ExitStack() as stack,
    ):
        connection = Connection(one.port, key)
        stack.callback(connection.close)
        told = connection.ask("GET", "/.well-known/authzen-configuration").json
        assert told["policy_decision_point"] == "https://pdp.example.com"
        assert connection.ask("PUT", "/envoy/v1/a").json["code"] == "missing_idempotency_key"


def test_who_takes_no_spans_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
        db = str(tmp_path / "x.db")
        with process(db) as one, ExitStack() as stack:
            connection = Connection(one.port, key_for(db))
            stack.callback(connection.close)
            assert connection.ask("GET", "/livez").status == 200
            taken, _ = silent.accept()  # its span comes, and is not answered
            stack.enter_context(taken)
            one.process.send_signal(signal.SIGTERM)
            code = one.process.wait(20)  # the SDK's own end would take 30 seconds
            assert (code, one.stop()) == (0, 0)


def test_what_a_library_says_is_a_line_of_json(tmp_path: Path) -> None:
    with process(str(tmp_path / "x.db")) as one:
        with socket.create_connection(("127.0.0.1", one.port)) as odd:
            odd.sendall(b"canary\r\n\r\n")
            assert odd.recv(12) == b"HTTP/1.1 400"
        assert one.stop() == 0
        [line] = [line for line in one.told if not line.startswith("serving on")]
        assert json.loads(line)["message"] == "Invalid HTTP request received."

"""What can be wrong with a server is one clear error, in which there is no password; docs/streaming.md's permissions suffice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from stream.scenes import all_acknowledged, decided, messages, relayed, run, to_settle
from support.nats import Server

SECRET = "p%ss w@rd"
QUOTED = "p%25ss%20w%40rd"
RELAY = ["overspill.>", "$JS.API.STREAM.INFO.overspill", "$JS.API.STREAM.CREATE.overspill"]
SETTLER = [
    "$JS.API.STREAM.INFO.overspill",
    "$JS.API.CONSUMER.INFO.overspill.settler",
    "$JS.API.CONSUMER.CREATE.overspill.settler",
    "$JS.API.CONSUMER.MSG.NEXT.overspill.settler",
    "$JS.ACK.overspill.settler.>",
]
USERS = {
    "relay": RELAY,
    "settler": SETTLER,
    "no_info": RELAY[:1],
    "no_publish": RELAY[1:],
    "no_pull": SETTLER[:3],
    "all": [">"],
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One journal for all of them."""
    path = str(tmp_path_factory.mktemp("failures") / "x.db")
    decided(path)
    return path


def _user(name: str, publish: list[str]) -> str:
    permissions = f'{{ publish: {json.dumps(publish)}, subscribe: "_INBOX.>" }}'
    return f"{{ user: {name}, password: {json.dumps(SECRET)}, permissions: {permissions} }}"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    """A server that asks who is there."""
    users = ", ".join(_user(name, publish) for name, publish in USERS.items())
    with Server(f"authorization {{ users = [{users}] }}") as server:
        yield server


def overspill(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "overspill", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


def test_the_permissions_of_the_manual_suffice_for_a_relay(guarded: Server, file: str) -> None:
    done = overspill("relay", "--db", file, "--once", OVERSPILL_NATS_URL=guarded.url(f"relay:{QUOTED}"))
    assert (done.stdout, done.returncode) == ("25 messages published\n", 0)
    assert f"into the stream overspill of nats://127.0.0.1:{guarded.port}" in done.stderr
    relayed = ("relay", "--db", file, "--once", "--format", "json")
    again = overspill(*relayed, OVERSPILL_NATS_URL=guarded.url(f"relay:{QUOTED}"))
    assert again.stdout == '{"published":0}\n'


def test_the_permissions_of_the_manual_suffice_for_a_worker(guarded: Server, file: str, tmp_path: Path) -> None:
    overspill("relay", "--db", file, "--once", OVERSPILL_NATS_URL=guarded.url(f"relay:{QUOTED}"))
    db = shutil.copy(file, tmp_path / "copy.db")
    done = overspill("worker", "--db", db, "--once", OVERSPILL_NATS_URL=guarded.url(f"settler:{QUOTED}"))
    assert (done.stdout, done.returncode) == ("25 records settled, through 25\n", 0)
    run(lambda: all_acknowledged(guarded, "overspill", f"all:{QUOTED}"))


def test_a_worker_that_may_not_pull_says_so(guarded: Server, file: str, tmp_path: Path) -> None:
    overspill("relay", "--db", file, "--once", OVERSPILL_NATS_URL=guarded.url(f"relay:{QUOTED}"))
    db = shutil.copy(file, tmp_path / "copy.db")
    done = overspill("worker", "--db", db, "--nats", guarded.url(f"no_pull:{QUOTED}"))
    _said(done, "stream_not_allowed", "$JS.API.CONSUMER.MSG.NEXT.overspill.settler")


class Wrong(NamedTuple):
    """`secret` stands before the @ of the URL."""

    name: str
    secret: str
    code: str
    said: str
    exit: int = 3
    more: tuple[str, ...] = ()


WRONG = [
    Wrong("password", f"relay:{QUOTED}x", "stream_refused", "refuses these credentials"),
    Wrong("no password", "", "stream_refused", "refuses these credentials"),
    Wrong("may not look", f"no_info:{QUOTED}", "stream_not_allowed", "$JS.API.STREAM.INFO.overspill"),
    Wrong("may not publish", f"no_publish:{QUOTED}", "stream_not_allowed", "overspill.default.", 3, ("--from", "1")),
    Wrong("a name with a dot", f"relay:{QUOTED}", "invalid_stream", "`a.b`", 2, ("--stream", "a.b")),
    Wrong("a stream with no subject", f"relay:{QUOTED}", "stream_not_allowed", "STREAM.INFO.b", 3, ("--stream", "b")),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_what_is_wrong_is_said_once(guarded: Server, file: str, wrong: Wrong) -> None:
    done = overspill("relay", "--db", file, "--nats", guarded.url(wrong.secret), *wrong.more)
    _said(done, wrong.code, wrong.said, wrong.exit)


def _said(done: subprocess.CompletedProcess[str], code: str, said: str, exit: int = 3) -> None:
    assert f"error[{code}]" in done.stderr
    assert said.lower() in done.stderr.lower()
    assert "  = help: " in done.stderr
    assert done.returncode == exit
    assert "Traceback" not in done.stderr
    for secret in (SECRET, QUOTED, "w@rd", "w%40rd"):
        assert secret not in done.stdout + done.stderr


def test_a_server_that_is_not_there(file: str) -> None:
    with Server() as server:
        port = server.port
    done = overspill("relay", "--db", file, "--nats", f"nats://u:{QUOTED}@127.0.0.1:{port}")
    _said(done, "stream_unreachable", f"nats://127.0.0.1:{port} cannot be reached")


@pytest.mark.parametrize(
    "url", [f"http://u:{QUOTED}@h:1", f"nats://u:{QUOTED}@h:x", f"nats://u:{QUOTED}@", "nats://[", " "]
)
def test_what_is_no_url(file: str, url: str) -> None:
    _said(overspill("relay", "--db", file, "--nats", url), "invalid_url", "no URL", 2)


def test_a_server_without_jetstream(file: str) -> None:
    with Server(jetstream=False) as server:
        _said(overspill("relay", "--db", file, "--nats", server.url()), "no_jetstream", "does not serve JetStream")


def test_nats_is_an_extra(file: str) -> None:
    script = f"import sys; sys.modules['nats'] = None; from overspill.cli.main import run; sys.exit(run({['relay', '--db', file, '--nats', 'nats://h']!r}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    _said(done, "missing_extra", 'pip install "overspill[nats]"')


def test_a_stream_of_another_journal(nats: Server, file: str, stream: str) -> None:
    """Two databases must not tell of each other's records by mistake."""
    other = f"{file}2"
    decided(other, rounds=1, name="z")
    run(lambda: _relayed(nats, other, stream))
    done = overspill("relay", "--db", file, "--nats", nats.url(), "--stream", stream)
    _said(done, "foreign_stream", "of another journal")


async def _relayed(server: Server, db: str, stream: str) -> None:
    assert await relayed(server, db, stream) == 10


def test_a_record_that_is_larger_than_a_message_may_be_goes_without_its_line(file: str) -> None:

    async def test() -> None:
        with Server("max_payload: 1KB") as server:
            assert await relayed(server, file, "s") == 25
            bodies = [json.loads(one.data) for one in await messages(server, "s")]
        assert [(body["seq"], body["id"]) for body in bodies] == to_settle(file)
        assert any(body["record"] is None for body in bodies)

    run(test)

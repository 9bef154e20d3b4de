"""Relays and workers as processes of their own, two of each, killed and told to stop, with a server that is killed beside
them: each record is posted once, and the stream has been told of all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import pytest
from nats.js.errors import NotFoundError

from overspill import Engine, Request
from store.places import POLICY
from stream.scenes import NAMES, decided, holds, messages, run, to_settle
from support.nats import Server

SECONDS = 60
pytestmark = pytest.mark.rule("S6")


class Processes:
    """Commands of `overspill` that run until they are told to stop; one that is killed is replaced."""

    def __init__(self, db: str, url: str, log: IO[str]) -> None:
        self._db, self._log = db, log
        self._environment = {**os.environ, "OVERSPILL_NATS_URL": url}
        self.started = 0
        self.running = [self._start(command) for command in ("relay", "relay", "worker", "worker")]

    def until_ready(self) -> None:
        """All that were started have said so, or are gone."""
        deadline = time.monotonic() + SECONDS
        while sum(self._text().count(word) for word in (" into the stream ", " woken by the stream ")) < self.started:
            assert time.monotonic() < deadline, self._text()

    def _text(self) -> str:
        with open(self._log.name) as log:
            return log.read()

    def _start(self, command: str) -> subprocess.Popen[str]:
        self.started += 1
        arguments = [sys.executable, "-m", "overspill", command, "--db", self._db]
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=self._log, text=True, env=self._environment)

    def kill(self, number: int) -> None:
        self.until_ready()
        process = self.running[number]
        process.kill()
        process.communicate()
        self.running[number] = self._start("relay" if number < 2 else "worker")

    def stop(self) -> list[str]:
        self.until_ready()
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        told = [process.communicate(timeout=SECONDS)[0] for process in self.running]
        assert [process.returncode for process in self.running] == [0, 0, 0, 0], self._text()
        return told

    def end(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate()


@contextmanager
def processes(db: str, url: str, log: IO[str]) -> Iterator[Processes]:
    both = Processes(db, url, log)
    try:
        yield both
    finally:
        both.end()


def _until_settled(engine: Engine) -> None:
    deadline = time.monotonic() + SECONDS
    while engine.settlement().waiting:
        assert time.monotonic() < deadline, engine.settlement()


def _until_told(server: Server, db: str) -> None:
    """The stream has every record."""
    wanted = {id for _, id in to_settle(db)}

    async def test() -> None:
        told: set[str] = set()
        while not wanted <= told:
            with suppress(NotFoundError):
                told = {one.headers["Nats-Msg-Id"] for one in await messages(server, "overspill")}

    run(test)


def test_whoever_is_killed_each_record_is_posted_once(db: str, tmp_path: object) -> None:
    decided(db)
    with Server() as server, open(f"{tmp_path}/log", "w+") as log, processes(db, server.url(), log) as others:
        with Engine.open(POLICY, db=db, settle=False) as engine:
            for round in range(6):
                for name in NAMES:
                    for number in range(4):
                        id = f"p{round}_{number}"
                        engine.decide(Request(id=id, account={"user": name}, meters={"credits": 1}))
                others.kill(round % 4)
                if round % 3 == 1:
                    others.until_ready()
                    server.kill()
                    server.start()
            _until_settled(engine)
        _until_told(server, db)
        told = others.stop()
        log.seek(0)
        said = log.read()
    holds(db)
    assert [out.split()[1] for out in told] == ["messages", "messages", "records", "records"]
    assert "Traceback" not in said
    assert "record_parked" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_has_nothing_to_do_ends_at_once(file: str, number: signal.Signals, nats: Server, stream: str) -> None:
    decided(file)
    for command, waits in (("relay", "relaying"), ("worker", "settling")):
        arguments = [sys.executable, "-m", "overspill", command, "--db", file, "--nats", nats.url(), "--stream", stream]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert process.stderr.readline().startswith(waits)
        process.send_signal(number)
        process.communicate(timeout=SECONDS)
        assert process.returncode == 0

"""`overspill serve` as a process of its own, and callers that keep asking it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from overspill.cli.keys import put_key
from overspill.runtime.clock import SystemClock
from overspill.store.opened import opened
from overspill.store.registry import opened_registry

SECONDS = 60


def key_for(db: str, tenant: str = "acme", *scopes: str) -> str:
    """A new key of the tenant, for a database that is made where it is not there."""
    opened(db).close()
    registry = opened_registry(db)
    try:
        now = SystemClock().now()
        return put_key(registry, tenant, "test", scopes or ("decide", "operate", "author", "audit"), now, None)[0]
    finally:
        registry.close()


class Process:
    """One that serves; `port` is what it listens on, and keeps when it is started again."""

    def __init__(self, db: str, *options: str, policy: str = "codex_sora") -> None:
        self._db, self._options, self._policy = db, options, policy
        self.port = 0
        self.process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "overspill", "serve", "--db", self._db, "--port", str(self.port)]
        process = subprocess.Popen(
            [*command, "-p", self._policy, *self._options], stderr=subprocess.PIPE, text=True, env={**os.environ}
        )
        assert process.stderr is not None
        told: list[str] = []
        for line in process.stderr:
            told.append(line)
            if line.startswith("serving on "):
                self.port = int(line.rsplit(":", 1)[1])
                break
        else:
            process.wait(SECONDS)
            process.stderr.close()
            raise AssertionError("".join(told))
        self.told = told
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()
        return process

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with suppress(ValueError):
            for line in process.stderr:
                self.told.append(line)

    def kill(self) -> None:
        self.process.kill()
        self._over()

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self._over()

    def _over(self) -> int:
        code = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code

    def start_again(self) -> None:
        self.process = self._started()

    @property
    def memory(self) -> int:
        """Bytes that are resident now."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def memory_peak(self) -> int:
        """Bytes that were resident at most."""
        with open(f"/proc/{self.process.pid}/status") as file:
            [kilobytes] = [line.split()[1] for line in file if line.startswith("VmHWM:")]
        return int(kilobytes) * 1024


@contextmanager
def process(db: str, *options: str, policy: str = "codex_sora") -> Iterator[Process]:
    one = Process(db, *options, policy=policy)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.kill()


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One connection of one caller. Raises OSError and HTTPException where the other side goes away."""

    def __init__(self, port: int, key: str) -> None:
        self._http, self._key = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS), key

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Got:
        headers = {"Authorization": f"Bearer {self._key}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        self._http.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._http.getresponse()
        return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def close(self) -> None:
        self._http.close()


class Callers:
    """Threads that decide one request after the other, each under a key of its own, until they are told to stop. What was
    answered is `acknowledged`: key → bytes; a call whose answer nobody heard is asked again with its key."""

    def __init__(self, port: int, key: str, body: Any, count: int, name: str) -> None:
        self.acknowledged: dict[str, bytes] = {}
        self.odd: list[Got] = []
        """Answers that are neither a decision nor `503`."""
        self.sent_away = 0
        """Answers that are `503`."""
        self._over = threading.Event()
        self._moved = threading.Condition()
        self._threads = [
            threading.Thread(target=self._ask, args=(port, key, body, f"{name}-{number}"), daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, port: int, key: str, body: Any, name: str) -> None:
        connection, number = Connection(port, key), 0
        while not self._over.is_set():
            own = f"{name}-{number}"
            try:
                got = connection.ask("POST", "/v1/decisions", body, own)
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = Connection(port, key)
                continue
            if got.status == 200:
                with self._moved:
                    self.acknowledged[own] = got.body
                    self._moved.notify_all()
                number += 1
            elif got.status == 503:
                with self._moved:
                    self.sent_away += 1
            else:
                self.odd.append(got)
        connection.close()

    def until(self, count: int) -> None:
        """So many are acknowledged."""
        with self._moved:
            assert self._moved.wait_for(lambda: len(self.acknowledged) >= count, SECONDS), len(self.acknowledged)

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(SECONDS)

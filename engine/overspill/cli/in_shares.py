"""An export's folder → its verdict by several processes (`audit/shares.py`), or none where one process must say it.

This process audits one share; each other share has a process of its own, which runs `main`. It is told its share on stdin
and answers on stdout, in MessagePack: what it has found in order, or nil where it has found anything. It ends with stdin: it
outlasts nobody, however that one ends.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from overspill.audit.auditing import Bounds, Verdict
from overspill.audit.findings import Findings, Found
from overspill.audit.folder import Blocks, given_of, segments_of
from overspill.audit.shares import Share, divided, only, read_share, share_of, verdict_of
from overspill.records.checkpoints import Checkpoint
from overspill.records.export import JOURNAL, MANIFEST
from overspill.words.codec import JsonFault, Struct, packed_bytes, packed_decoder
from overspill.words.failures import Failure

BLOCK = 1 << 20
"""Bytes that are read at once."""
LARGE = 16 << 20
"""For a journal of fewer bytes a second process is not worth its start."""
JOBS_MAX = 8
"""Each reads the whole journal: more gain nothing."""


SIZE = 8
"""Bytes in front of a job that say how many it has."""


class Job(Struct, frozen=True):
    folder: bytes
    """A path, which may be no text."""
    bounds: Bounds
    accounts: Sequence[str]


def told(job: Job) -> bytes:
    """What a process reads of its stdin, which then stays open for as long as it is to work."""
    data = packed_bytes(job)
    return len(data).to_bytes(SIZE, "big") + data


_job = packed_decoder(Job).decode
_share = packed_decoder(Share | None).decode  # type: ignore[arg-type]


def jobs_for(folder: Path) -> int:
    """As many processes as are of use for it here."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        is_large = (folder / JOURNAL).stat().st_size >= LARGE
    except OSError:  # whoever reads it says so
        is_large = False
    return min(cores, JOBS_MAX) if is_large else 1


def in_shares(
    folder: Path, data: bytes, names: Sequence[str], bounds: Bounds, checkpoints: Sequence[Checkpoint], jobs: int
) -> Verdict | None:
    """`data` and `names` as for `given_of`. None where anything is found, or its accounts cannot be divided. Raises Failure where
    a process comes to no end."""
    blocks = blocks_of(folder)
    others: list[_Other] = []
    try:
        for _ in range(1, jobs):
            others.append(_Other())  # begins while the accounts are divided
        accounts = divided(segments_of(data, blocks, names), jobs)
        if accounts is None:
            return None
        asked = others[: len(accounts) - 1]
        for other, own_accounts in zip(asked, accounts[1:], strict=True):
            other.tell(Job(os.fsencode(folder), bounds, [*own_accounts]))
        found = Findings(stops=True)
        given = given_of(data, blocks, names, found, bounds=bounds, checkpoints=checkpoints, is_own=only(accounts[0]))
        own = read_share(given, found)
        return verdict_of(own, [one.share() for one in asked])
    except (Found, JsonFault, UnicodeDecodeError):
        return None
    finally:
        for other in others:
            other.end()


class _Other:
    """A process at its share, in a session of its own: who interrupts this one by the keyboard does not interrupt both."""

    def __init__(self) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import main; main()"
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=pipe, stdout=pipe, start_new_session=True
            )
        except OSError as error:
            raise _not_audited(f"cannot be begun: {error.strerror}") from None

    def tell(self, job: Job) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # one that has ended is told of by `share`
            self._process.stdin.write(told(job))
            self._process.stdin.flush()

    def share(self) -> Share:
        """Raises `Found`, or Failure for one that has not come to its end."""
        assert self._process.stdout is not None
        told = self._process.stdout.read()
        if self._process.wait() != 0:
            raise _not_audited(f"has ended with {self._process.returncode}")
        share: Share | None = _share(told)
        if share is None:
            raise Found("by another process")
        return share

    def end(self) -> None:
        with suppress(BrokenPipeError), self._process:  # what it was told may never have reached it
            self._process.kill()


def _not_audited(why: str) -> Failure:
    what = f"a process that audits a share of the accounts {why}"
    return Failure("share_not_audited", what, help="run it again, or with --jobs 1")


def main() -> None:
    """One share, as stdin tells it."""
    gc.disable()  # nothing here stands in a cycle
    stdin = sys.stdin.buffer
    try:
        job = _job(stdin.read(int.from_bytes(stdin.read(SIZE), "big")))
    except JsonFault:  # whoever began it has ended, or needs it no more
        sys.exit(1)
    threading.Thread(target=_end_with, args=(stdin.fileno(),), daemon=True).start()
    folder = Path(os.fsdecode(job.folder))
    found = Findings(stops=True)
    try:
        given = given_of(
            (folder / MANIFEST).read_bytes(),
            blocks_of(folder),
            names_in(folder),
            found,
            bounds=job.bounds,
            is_own=only(frozenset(job.accounts)),
            is_first=False,
        )
        share = share_of(read_share(given, found))
    except (Found, JsonFault, UnicodeDecodeError, Failure, OSError):  # of what cannot be read the one process tells
        share = None
    sys.stdout.buffer.write(packed_bytes(share))


def _end_with(stdin: int) -> None:
    """Nobody is left who reads what this comes to."""
    os.read(stdin, 1)
    os._exit(1)


# ---- files


def names_in(folder: Path) -> list[str]:
    """Raises OSError."""
    return [path.name for path in folder.iterdir() if path.is_file()]


def blocks_of(folder: Path) -> Blocks:
    return lambda name: _blocks(folder / name)


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
    except OSError as error:
        raise Failure("unreadable", f"{path}: {error.strerror}", help="check its permissions") from None

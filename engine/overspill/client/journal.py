"""A journal of holds: a file of entries, one line of JSON each, that a process only adds to, and the next one reads.

One file belongs to one process, which locks it: several workers have one each (`HoldJournal.in_folder`). What a crash tore at
the end is cut off; what is damaged before the end is a Failure, because it may have been a capture. Once all holds in it have
ended it begins anew, and where some never stop it is written anew with these alone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType

from overspill.client.entries import Asked, Ended, Entry, Left, entry_of, left_of
from overspill.words.codec import JsonFault, json_bytes
from overspill.words.failures import Failure

try:
    import fcntl
except ImportError:  # a system without it: nothing keeps a second process out
    fcntl = None  # type: ignore[assignment]

ANEW_BYTES = 1 << 20
"""A file of so many bytes is written anew."""
WORKERS_MAX = 1024


class HoldJournal:
    """Opened with a path, made where it is not there. May be used by many threads; not across a fork."""

    def __init__(self, path: str | os.PathLike[str], *, anew_bytes: int = ANEW_BYTES) -> None:
        self.path = Path(path)
        self._lock = Lock()
        self._process = os.getpid()
        self._least = self._anew = anew_bytes
        self._open: dict[str, list[bytes]] = {}
        """Lines of each hold that is not ended."""
        self._live: set[str] = set()
        """Those of this process."""
        self._failed = False
        self._file = _locked(self.path)
        try:
            self._size = self._read()
            if not self._open:
                self._cut(0)
        except BaseException:
            os.close(self._file)
            raise

    @classmethod
    def in_folder(cls, folder: str | os.PathLike[str]) -> HoldJournal:
        """The first journal in the folder that no other process has: each worker takes one, and the next that starts takes on
        what a dead one has left."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        for number in range(WORKERS_MAX):
            try:
                return cls(Path(folder) / f"holds-{number}.jsonl")
            except Failure as failure:
                if failure.code != "journal_in_use":
                    raise
        raise Failure(
            "journal_in_use", f"{WORKERS_MAX} processes have a journal in {folder}", help="name another folder"
        )

    def __enter__(self) -> HoldJournal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets the file go. Holds that are not ended stay in it."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    # ---- adding

    def append(self, entry: Entry, durable: bool) -> None:
        """Writes the entry; with `durable` it is on the disk when this returns. Raises Failure."""
        line = json_bytes(entry) + b"\n"
        with self._lock:
            self._expect_usable(entry)
            self._write(line)
            self._note(entry, line)
            if self._size > self._anew:
                self._write_anew()
            file = os.dup(self._file) if durable else -1
        if durable:  # nobody else waits for the disk meanwhile
            self._sync(file)

    def _expect_usable(self, entry: Entry) -> None:
        if self._process != os.getpid():
            raise Failure("journal_in_use", f"{self.path} belongs to another process", help="open one behind the fork")
        if self._file < 0 or self._failed:
            what = "is closed" if self._file < 0 else "could not be written before, and what is in it is not certain"
            raise Failure("journal_failed", f"the journal {self.path} {what}", help="open it again")
        if isinstance(entry, Asked) and entry.of in self._open:
            what = f"the hold {entry.of} is not ended"
            help = "use an id of its own for each, and `recover` what an earlier process has left"
            raise Failure("hold_open", what, help=help)

    def _write(self, line: bytes) -> None:
        try:
            _write_all(self._file, line)
        except OSError as error:
            self._failed = not self._is_cut_back()
            raise _failed(self.path, error) from None
        self._size += len(line)

    def _sync(self, file: int) -> None:
        """Closes the file too."""
        try:
            os.fsync(file)
        except OSError as error:  # nobody can tell any more what the disk has of it
            self._failed = True
            raise _failed(self.path, error) from None
        finally:
            os.close(file)

    def _is_cut_back(self) -> bool:
        """Behind a line that was not written whole."""
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            return False
        return True

    def _note(self, entry: Entry, line: bytes) -> None:
        if isinstance(entry, Asked):
            self._open[entry.of] = [line]
            self._live.add(entry.of)
        elif isinstance(entry, Ended):
            self._open.pop(entry.of, None)
            self._live.discard(entry.of)
        elif entry.of in self._open:
            self._open[entry.of].append(line)

    def _write_anew(self) -> None:
        """The lines of open holds alone, in a file of its own that then has the name."""
        lines = b"".join([line for one in self._open.values() for line in one])
        try:
            file = _replaced(self.path, lines)
        except (OSError, Failure):
            self._anew *= 2  # it goes on as it is
            return
        os.close(self._file)
        self._file, self._size = file, len(lines)
        self._anew = max(self._least, 2 * self._size)

    # ---- reading

    def left(self) -> list[Left]:
        """The holds that are not ended and that nobody in this process is busy with, the oldest first."""
        with self._lock:
            entries = [entry_of(line) for of, lines in self._open.items() if of not in self._live for line in lines]
        return list(left_of(entries).values())

    def quit(self, of: str) -> None:
        """Nobody in this process is busy with the hold any more, whether it has ended or not."""
        with self._lock:
            self._live.discard(of)

    def _read(self) -> int:
        """How many bytes are good; what is torn behind them is cut off. Raises Failure."""
        data, good = self.path.read_bytes(), 0
        bad: int | None = None
        for number, line in enumerate(_lines(data), 1):
            entry = _entry(line)
            if entry is None:
                bad = bad or number
                continue
            if bad is not None:
                what = f"line {bad} of the journal {self.path} is damaged"
                raise Failure("journal_damaged", what, help="move the file away, and look what its captures were")
            good += len(line)
            self._note(entry, line)
        self._live.clear()
        if good < len(data):
            self._cut(good)
        return good

    def _cut(self, size: int) -> None:
        os.ftruncate(self._file, size)
        os.fsync(self._file)
        self._size = size


def _lines(data: bytes) -> list[bytes]:
    """The last may have no end."""
    *whole, rest = data.split(b"\n")
    return [*[line + b"\n" for line in whole], *([rest] if rest else [])]


def _entry(line: bytes) -> Entry | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return entry_of(line)
    except JsonFault:
        return None


def _locked(path: Path) -> int:
    """The file, opened for this process alone. Raises Failure."""
    try:
        while True:
            is_new = not path.exists()
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600)
            try:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(file), os.stat(path)):
                    if is_new:
                        _sync_folder(path)
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)  # while it was opened another file got the name
    except BlockingIOError:
        raise Failure("journal_in_use", f"another process has the journal {path}", help="use one for each") from None
    except OSError as error:
        raise _failed(path, error) from None


def _replaced(path: Path, data: bytes) -> int:
    """A file of these bytes alone gets the name, durably: itself, opened. Raises OSError, Failure; then the old one has it."""
    beside = path.with_name(path.name + ".new")
    file = _locked(beside)
    try:
        os.ftruncate(file, 0)
        _write_all(file, data)
        os.fsync(file)
        os.rename(beside, path)
    except BaseException:
        os.close(file)
        raise
    with suppress(OSError):  # it has the name; whether for ever, the next look at the disk will tell
        _sync_folder(path)
    return file


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _sync_folder(path: Path) -> None:
    """The file's name is durable too."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _failed(path: Path, error: OSError) -> Failure:
    return Failure("journal_failed", f"the journal {path} cannot be written: {error.strerror}", help="see the disk")

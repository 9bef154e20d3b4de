"""Files that a disk has damaged: torn where they were written last, or with a bit otherwise where nobody has written for long.

Torn writes are cut off at the last whole transaction, and what somebody was told is not among them, or its loss is known. A bit
of an old record is found by whoever reads the record (a repeated command, a settler) and by whoever reads the chain (a start what
it folds; `reconcile`, `export` and `db backup` all of it). One of a state, of a text of answers or of a policy is found by whoever
needs it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import psycopg
import pytest

from overspill import Decision, Engine, ManualClock, Request
from overspill.cli.main import run
from overspill.runtime.settler import Settler
from overspill.store.sqlite import SqliteStore
from overspill.words.codec import replace
from overspill.words.failures import StoreFailure
from overspill.words.instants import instant_from_text
from store.places import ANA, POLICY, Place, chain

NOW = instant_from_text("2026-10-05T10:00:00Z")
LAST = 40


def _open(db: Path) -> Engine:
    return Engine.open(POLICY, db=db, clock=ManualClock(NOW), settle=False)


def _asked(engine: Engine, number: int) -> bool:
    """Whether it was decided before."""
    return engine.decide(Request(id=f"r{number}", account=ANA, meters={"credits": 1})).replayed


def _left(engine: Engine) -> int:
    return sum(lot[1] for lot in engine.account(ANA).pools["money"])


# ---- torn where it was written last


class Written(NamedTuple):
    """A database as a process leaves it that is killed: all in its log. `told` is what stood beside it when `LAST` was asked and
    not answered yet, `known` when it was; the log's last transaction begins at `begin`."""

    db: Path
    told: bytes
    known: bytes
    begin: int

    @property
    def log(self) -> Path:
        return Path(f"{self.db}-wal")

    def torn(self, to: Path, log: bytes, anchor: bytes) -> Path:
        """A copy of it with another log."""
        shutil.copy(self.db, to)
        Path(f"{to}-wal").write_bytes(log)
        Path(f"{to}-anchor").write_bytes(anchor)
        return to


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    db = tmp_path_factory.mktemp("torn") / "x.db"
    engine = _open(db)
    engine.grant(ANA, "money", "100", id="C1")
    for number in range(1, LAST):
        _asked(engine, number)
    told, begin = Path(f"{db}-anchor").read_bytes(), Path(f"{db}-wal").stat().st_size
    _asked(engine, LAST)
    yield Written(db, told, Path(f"{db}-anchor").read_bytes(), begin)
    engine.close()


def _torn(log: bytes, begin: int) -> Iterator[tuple[str, bytes]]:
    """What a disk may have of the last transaction that was writing it when the power went."""
    chance = Random(34)
    whole = len(log) - begin
    assert whole > 8192
    for length in (0, 1, 24, 4096, whole // 2, whole - 8192, whole - 1):
        yield f"its first {length} bytes", log[: begin + length]
        yield f"its first {length} bytes, then zeros", log[: begin + length].ljust(len(log), b"\0")
        yield f"its first {length} bytes, then noise", log[: begin + length] + chance.randbytes(whole - length)
    for _ in range(12):
        at = begin + chance.randrange(whole)
        yield f"byte {at - begin} otherwise", log[:at] + bytes([log[at] ^ 1 << chance.randrange(8)]) + log[at + 1 :]


def test_a_torn_write_of_what_nobody_was_told_is_cut_off(written: Written, tmp_path: Path) -> None:
    """All before it is there, and what was torn is decided afresh; that its process was killed before it knew of it, the file
    beside the database shows."""
    log = written.log.read_bytes()
    for number, (what, torn) in enumerate(_torn(log, written.begin)):
        with _open(written.torn(tmp_path / f"{number}.db", torn, written.told)) as engine:
            assert chain(engine._store)[-1] == LAST, what
            assert _left(engine) == 101 - LAST
            assert all(_asked(engine, number) for number in range(1, LAST))
            assert not _asked(engine, LAST)
            assert (_left(engine), chain(engine._store)[-1]) == (100 - LAST, LAST + 1)


def test_a_torn_write_of_what_somebody_was_told_is_no_journal_to_decide_on(written: Written, tmp_path: Path) -> None:
    """As after a disk that said it had written and had not: the loss is known beside the file, and refused until somebody takes
    it upon himself."""
    log = written.log.read_bytes()
    for number, (what, torn) in enumerate(_torn(log, written.begin)):
        db = written.torn(tmp_path / f"{number}.db", torn, written.known)
        with pytest.raises(StoreFailure) as failure:
            _open(db)
        assert failure.value.code == "records_missing", what
    assert run(["db", "accept", "--db", str(db), "--missing", f"{LAST + 1}..{LAST + 1}"]) == 0
    with _open(db) as engine:
        assert not _asked(engine, LAST)


def test_a_whole_write_is_there(written: Written, tmp_path: Path) -> None:
    """The canary of the above: what is not torn is not cut off."""
    for anchor in (written.told, written.known):
        with _open(written.torn(tmp_path / f"{len(anchor)}.db", written.log.read_bytes(), anchor)) as engine:
            assert chain(engine._store)[-1] == LAST + 1
            assert _asked(engine, LAST)


# ---- a bit of an old record


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settled and closed: no start has to read its records again."""
    folder = tmp_path_factory.mktemp("old")
    policy = folder / "p.spill"
    policy.write_bytes(POLICY["p.spill"])
    db = folder / "x.db"
    with _open(db) as engine:
        engine.grant(ANA, "money", "100", id="C1")
        for number in range(1, LAST):
            _asked(engine, number)
        engine.settle()
    return db


def _bits(old: Path, folder: Path) -> Iterator[tuple[int, Path]]:
    """(record, a copy of the file in which one bit of its text is otherwise)."""
    chance, data = Random(35), old.read_bytes()
    with closing(sqlite3.connect(old)) as file:
        bodies = list(file.execute("SELECT first_seq, body FROM segments"))
    for seq, body in bodies:
        at = data.index(body[:200]) + chance.randrange(200)
        copy = folder / f"{seq}.db"
        copy.write_bytes(data[:at] + bytes([data[at] ^ 1 << chance.randrange(7)]) + data[at + 1 :])
        yield seq, copy


def test_a_start_is_served_and_nobody_is_answered_from_an_old_record_that_was_damaged(
    old: Path, tmp_path: Path
) -> None:
    """A start reads the last record alone where all is in snapshots; whoever asks for another one again is told that it was
    damaged, and what is new is decided. It is never decided again, as if it had not been."""
    for seq, copy in _bits(old, tmp_path):
        if seq == LAST:
            with pytest.raises(StoreFailure, match=f"breaks at record {LAST}"):
                _open(copy)
            continue
        with _open(copy) as engine:
            if seq > 1:
                with pytest.raises(StoreFailure) as failure:
                    _asked(engine, seq - 1)
                assert (failure.value.code, bool(failure.value.help)) == ("chain_broken", True)
            assert not _asked(engine, LAST)
            assert (_left(engine), engine._store.head().seq) == (100 - LAST, LAST + 1)


def test_an_id_that_the_index_has_lost_is_found_as_two_records(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The index is no part of the chain: nobody is kept from deciding it again, and reconcile tells."""
    db = tmp_path / "x.db"
    shutil.copy(old, db)
    with closing(sqlite3.connect(db, isolation_level=None)) as file:
        file.execute("DELETE FROM ids")
    with _open(db) as engine:
        assert not _asked(engine, 1)
        engine.settle()
    assert run(["reconcile", "--db", str(db)]) == 1
    assert "is there 2 times" in capsys.readouterr().out


def test_a_damaged_record_is_not_settled(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    with _open(db) as engine:
        engine.grant(ANA, "money", "100", id="C1")
        for number in range(1, LAST):
            _asked(engine, number)
    for seq, copy in _bits(db, tmp_path):
        with closing(SqliteStore(copy)) as store:
            with pytest.raises(StoreFailure, match=f"breaks at record {seq}") as failure:
                Settler(store, lambda: NOW).run()
            assert (failure.value.code, store.ledger.settled().through) == ("chain_broken", 0)
            assert list(store.ledger.postings(0)) == []


CODES: dict[str, tuple[list[str], int]] = {
    "reconcile": (["reconcile", "--db", "DB"], 1),
    "export": (["export", "--db", "DB", "--out", "OUT"], 3),
    "backup": (["db", "backup", "--db", "DB", "--out", "OUT"], 3),
}
"""What reads the whole chain → (how it is asked, its exit code)."""


@pytest.mark.parametrize("what", CODES)
def test_a_bit_of_an_old_record_is_found_by_whoever_reads_the_chain(
    old: Path, tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, code = CODES[what]
    assert run(_named(arguments, old, tmp_path / "good")) == 0
    for seq, copy in _bits(old, tmp_path):
        capsys.readouterr()
        assert run(_named(arguments, copy, tmp_path / f"out{seq}")) == code
        said = "".join(capsys.readouterr())
        assert "Traceback" not in said
        assert any(word in said for word in ("chain", "hash", "corrupt")), said


# ---- a bit of what is read for answers, in a file and on a server

NEW = Request(
    id="new",
    account=ANA,
    fields={"product": "codex", "model": "gpt-5.5"},
    meters={"input_tokens": 80_000, "cached_input_tokens": 0, "output_tokens": 100},
)
ASKED = [replace(NEW, id=f"r{number}") for number in range(8)]


def _engine(place: Place) -> Engine:
    return Engine.open("codex_sora", db=place.db, clock=ManualClock(NOW), settle=False)


@pytest.fixture
def lived(shared: Place) -> Place:
    """Settled, and closed: its state is a snapshot, its answers are texts and values."""
    with _engine(shared) as engine:
        engine.set_attributes(ANA, {"plan": "plus"}, id="signup")
        engine.grant(ANA, "credits", "50", id="C1")
        for request in ASKED:
            engine.decide(request)
        engine.settle()
    return shared


def _told(place: Place) -> dict[str, str]:
    """What is answered to what was asked before and to something new, and codes of failures; it changes nothing."""

    def told(ask: Callable[[], Decision]) -> str:
        try:
            return ask().json.decode()
        except StoreFailure as failure:
            return failure.code

    try:
        with _engine(place) as engine:
            again = {request.id: told(partial(engine.decide, request)) for request in ASKED}
            return {**again, "new": told(partial(engine.preview, NEW))}
    except StoreFailure as failure:
        return {"open": failure.code}


def _sql(place: Place, statement: str, *values: object) -> list[tuple[Any, ...]]:
    assert place.db is not None
    if place.kind == "sqlite":
        with closing(sqlite3.connect(place.db, isolation_level=None)) as file:
            return file.execute(statement.replace("%s", "?").replace("overspill.", ""), values).fetchall()
    with psycopg.connect(place.db, autocommit=True) as server:
        cursor = server.execute(statement, values)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []


# (table, its key, what is otherwise in it, the failure)
BYTES = [
    ("segments", "first_seq", "body", "chain_broken"),
    ("accounts", "key", "state", "corrupt"),
    ("forms", "id", "body", "missing_form"),
]


@pytest.mark.parametrize(("table", "key", "column", "code"), BYTES)
def test_of_damaged_bytes_nobody_is_told_anything_else(
    lived: Place, table: str, key: str, column: str, code: str
) -> None:
    chance, expected, seen = Random(37), _told(lived), set()
    assert code not in expected.values() and len(expected) == len(ASKED) + 1
    rows = _sql(lived, f"SELECT {key}, {column} FROM overspill.{table} ORDER BY {key}")
    for number, data in rows * (1 if table == "segments" else 8):
        at = chance.randrange(len(data))
        otherwise = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        change = f"UPDATE overspill.{table} SET {column} = %s WHERE {key} = %s"
        _sql(lived, change, otherwise, number)
        told = _told(lived)
        assert all(answer in (expected.get(id), code) for id, answer in told.items()), (number, at)
        seen.update(told.values())
        _sql(lived, change, data, number)
    assert code in seen
    assert _told(lived) == expected


@pytest.mark.parametrize("change", ["seq = seq - 1", "due_at = due_at + 1", "state = decode('00', 'hex')"])
def test_a_state_that_was_damaged_is_decided_on_by_nobody(
    lived: Place, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where a book would not show it later: a counter of a window is in none."""
    expected = _told(lived)
    assert run(["reconcile", "--db", str(lived.db)]) == 0
    if lived.kind == "sqlite":
        change = change.replace("decode('00', 'hex')", "X'00'")
    _sql(lived, f"UPDATE overspill.accounts SET {change}")
    assert _told(lived) == {**expected, "new": "corrupt"}
    capsys.readouterr()
    assert run(["reconcile", "--db", str(lived.db)]) == 1
    assert "LED15" in capsys.readouterr().out


def test_a_state_that_is_gone_is_missed(lived: Place, capsys: pytest.CaptureFixture[str]) -> None:
    _sql(lived, "DELETE FROM overspill.accounts")
    assert run(["reconcile", "--db", str(lived.db)]) == 1
    assert "default/user/u_ana has no snapshot" in capsys.readouterr().out


def test_a_policy_that_cannot_be_read_is_told(lived: Place) -> None:
    _sql(lived, "UPDATE overspill.policies SET sources = %s", "{")
    assert _told(lived) == {"open": "changed_policy"}


def _named(arguments: list[str], db: Path, out: Path) -> list[str]:
    return [{"DB": str(db), "OUT": str(out)}.get(one, one) for one in arguments]

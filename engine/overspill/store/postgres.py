"""A PostgreSQL database: one writer at a time, any number of processes on any number of machines.

The journal is one chain, so whoever writes holds its end: `begin` locks the row of `head`, waits a bounded time for
another writer, and the transaction of a batch ends with that lock. In it everything is read as of the last commit.

Three things keep a writer from adding to a journal that it has not read to its end. The row's lock; the statement that
appends, which moves the head only from the very record and hash that the batch was decided on, and else changes
nothing; and the chain itself, a foreign key from each segment to the one before it.

Every opened store has an epoch, every connection of it a session, and the statement that appends asks for both. A
session is over as soon as the store has made another connection, so that a statement which comes late over the old one
(from a proxy, from a network that was down) finds itself fenced. An epoch is ended from outside: when a host is given
up that cannot be asked to stop, `UPDATE overspill.writers SET fenced = true WHERE epoch = …` makes sure that it appends
nothing more, however late it comes back; its store says `fenced` until it is opened again.

A connection that is lost before COMMIT was sent: the server rolls back, nothing has happened. After that, what became
of the commit is not known from here, and is found out: on a new connection the old one is ended, the row's lock is
taken (so that nothing of the old one is under way any more), and the segment's hash is read at its first record. Is it
there, then the commit has succeeded. Can nobody be asked, the failure is `commit_unknown`: the same id again gives the
answer that was stored, or decides anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from overspill.ports.store import Head, Snapshot, StoredPolicy
from overspill.records.build import Build
from overspill.records.journal import GENESIS, Record, Segment, record_of
from overspill.records.written import Form, form_of
from overspill.store import postgres_schema
from overspill.store.anchor import Anchor
from overspill.store.attempt import Attempt
from overspill.store.migrations import Migration
from overspill.store.postgres_ledger import PostgresLedger
from overspill.store.postgres_session import Session
from overspill.store.restores import Restores
from overspill.words.codec import json_bytes, json_decoder
from overspill.words.failures import StoreFailure
from overspill.words.instants import NEVER

T = TypeVar("T")

FIRST_SECONDS, AGAIN_SECONDS = 5.0, 0.5
"""So long a new connection is waited for when one was lost, and when the last attempt has failed: whoever asks while an
attempt is under way is told at once that there is none yet, so that what a policy grants meanwhile is granted."""
ASKED_MAX, ASKED_EVERY = 10, 0.5
"""So often, and in such a distance (seconds), a lost commit is asked about before it is called unknown."""
PAGE, ROWS = 32, 512
"""Segments, and rows of the outbox, that are read at once."""
_decode_form = json_decoder(Form).decode
_decode_sources = json_decoder(dict[str, str]).decode

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT seq, hash FROM overspill.head FOR UPDATE"
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT seq, hash FROM overspill.head"
_BEGIN_SETTLING = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT through FROM overspill.settlement FOR UPDATE"
_HEAD = """
SELECT seq, hash, EXISTS (SELECT FROM overspill.writers WHERE epoch = %s AND session = %s AND NOT fenced)
FROM overspill.head"""
_END = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"
_APPEND = """
WITH moved AS (
  UPDATE overspill.head SET seq = %(last)s, hash = %(hash)b
  WHERE seq = %(first)s - 1 AND hash = %(previous)b AND current_setting('synchronous_commit') IN ('on', 'remote_apply')
    AND EXISTS (SELECT FROM overspill.writers WHERE epoch = %(epoch)s AND session = %(session)s AND NOT fenced)
  RETURNING seq),
put AS (
  INSERT INTO overspill.segments (first_seq, last_seq, previous_hash, hash, body, build, epoch)
  SELECT %(first)s, %(last)s, %(previous)b, %(hash)b, %(body)b, %(build)s, %(epoch)s FROM moved),
announced AS (
  INSERT INTO overspill.outbox (first_seq, last_seq, written_by)
  SELECT %(first)s, %(last)s, pg_current_xact_id() FROM moved WHERE %(has_events)s)
SELECT count(*) FROM moved"""
_SEGMENT = "first_seq, last_seq, previous_hash, hash, body, build"
_SEGMENTS = f"SELECT {_SEGMENT} FROM overspill.segments WHERE last_seq > %s ORDER BY last_seq LIMIT {PAGE}"
_SEGMENT_AT = f"SELECT {_SEGMENT} FROM overspill.segments WHERE first_seq <= %s ORDER BY first_seq DESC LIMIT 1"
_OUTBOX = f"""
SELECT first_seq, last_seq, written_by < pg_snapshot_xmin(pg_current_snapshot()) FROM overspill.outbox
WHERE last_seq > %s ORDER BY last_seq LIMIT {ROWS}"""
_DROP_OUTBOX = """
WITH dropped AS (
  DELETE FROM overspill.outbox WHERE first_seq IN (
    SELECT first_seq FROM overspill.outbox WHERE last_seq <= %s ORDER BY first_seq LIMIT %s)
  RETURNING 1)
SELECT count(*) FROM dropped"""
_SNAPSHOTS = """
INSERT INTO overspill.accounts (key, seq, state, due_at)
SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bytea[], %b::bigint[])
ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, state = excluded.state, due_at = excluded.due_at
WHERE accounts.seq <= excluded.seq"""
_IDS = """
INSERT INTO overspill.ids (number, seq) SELECT * FROM unnest(%s::bigint[], %s::bigint[]) ON CONFLICT DO NOTHING"""
_POLICIES = "SELECT digest, name, version, sources FROM overspill.policies"
_TOPPED_UP = "INSERT INTO overspill.topped_up (key) SELECT * FROM unnest(%b::text[]) ON CONFLICT DO NOTHING"
_BUILD = """
WITH put AS (
  INSERT INTO overspill.builds (overspill, kernel, tzdata) VALUES (%(overspill)s, %(kernel)s, %(tzdata)s)
  ON CONFLICT DO NOTHING RETURNING number)
SELECT number FROM put UNION ALL
SELECT number FROM overspill.builds
WHERE overspill = %(overspill)s AND kernel = %(kernel)s AND tzdata = %(tzdata)s"""


class PostgresStore:
    """The store in one database, in its schema `overspill`. Used by one thread at a time.

    `anchor` names a file that knows the journal's end beside it. `durable=False` lets a server serve that could lose what
    it acknowledged, for tests of what needs no such promise. `migrate=False` is for looking only, whatever the schema is.
    """

    def __init__(
        self, url: str, *, anchor: str | os.PathLike[str] | None = None, durable: bool = True, migrate: bool = True
    ) -> None:
        self._url, self._durable, self._closed = url, durable, False
        self._forms: dict[str, Form] = {}
        self._build: Build | None = None
        self._build_number: int | None = None
        self._builds: dict[int | None, Build | None] = {None: None}
        self._seen = Head(0, GENESIS)
        """The latest end of the journal that was ever seen here under its lock, or committed."""
        self._head: Head | None = None
        """The journal's end inside a transaction."""
        self._appended: Segment | None = None
        """What the transaction appends."""
        self._attempt: Attempt[tuple[Session, int]] | None = None
        self._patience = FIRST_SECONDS
        self._anchor = None if anchor is None else Anchor(os.fspath(anchor))
        self._session = Session(url, durable=durable)
        self.ledger = PostgresLedger(self._begin_settling, self._read, self._write)
        self.restores = Restores(lambda query, values: self._read(query, *values), "overspill.", "%s")
        if not migrate:
            return
        try:
            postgres_schema.migrate(self._session)
            [(self.epoch,)] = self._session.execute("INSERT INTO overspill.writers DEFAULT VALUES RETURNING epoch")
            self._session_number = 1
            self._check_that_writers_wait()
        except BaseException:
            self._session.close()
            raise

    @property
    def name(self) -> str:
        """The database for people, without its password."""
        return self._session.name

    def _check_that_writers_wait(self) -> None:
        """What all of this stands on: who asks for a row that another transaction has locked does not get it. Shown on the
        store's own row, where it is in nobody's way."""
        lock = f"SELECT FROM overspill.writers WHERE epoch = {self.epoch} FOR UPDATE"
        second = Session(self._url, durable=self._durable)
        try:
            self._session.execute(f"BEGIN; {lock}")
            second.execute(f"BEGIN; {lock} NOWAIT")
        except StoreFailure as failure:
            if failure.code != "busy":
                raise
        else:
            what = f"{self.name} lets a second writer in while a first one holds the place"
            raise StoreFailure("not_isolated", what, help="connect to PostgreSQL itself, or by a pooler of sessions")
        finally:
            second.close()
            self._session.roll_back()

    # ---- the connection

    def _connected(self) -> Session:
        """The session; a new one where it was lost, after which nothing comes from the lost one any more."""
        if not self._session.is_lost:
            return self._session
        if self._closed:
            raise StoreFailure("store_closed", f"{self.name} was closed", help="open the engine again")
        seconds = 0.0  # for an attempt that somebody has waited for already
        if self._attempt is None:
            seconds, self._patience = self._patience, AGAIN_SECONDS
            self._attempt = Attempt(self._connect, lambda made: made[0].close())
        try:
            made = self._attempt.result(seconds)
        except Exception:
            self._attempt = None
            raise
        if made is None:
            what = f"{self.name} cannot be reached: it does not answer"
            raise StoreFailure("unreachable", what, help="check the host, its network and that the server runs")
        self._attempt, self._patience = None, FIRST_SECONDS
        self._session, self._session_number = made
        return self._session

    def _connect(self) -> tuple[Session, int]:
        """A new session in the place of the lost one, with its number."""
        session = Session(self._url, durable=self._durable)
        try:
            bump = (
                "UPDATE overspill.writers SET session = session + 1 WHERE epoch = %s AND NOT fenced RETURNING session"
            )
            rows = session.execute(bump, (self.epoch,))
            if not rows:
                raise self._fenced()
            session.execute(_END, self._session.backend)
        except BaseException:
            session.close()
            raise
        return session, rows[0][0]

    def _read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows; outside a transaction a connection that turns out to be lost is made once more."""
        if self._head is not None:
            return self._session.execute(query, values)
        return self._once_more(lambda session: session.execute(query, values))

    def _write(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        return self._session.execute(statement, values)

    def _once_more(self, act: Callable[[Session], T]) -> T:
        was_lost = self._session.is_lost
        session = self._connected()
        try:
            return act(session)
        except StoreFailure:
            if was_lost or not session.is_lost:
                raise
        return act(self._connected())

    # ---- transactions

    def begin(self) -> None:
        [(seq, hash)] = self._once_more(_begun)
        self._head = Head(seq, hash)
        if seq < self._seen.seq:
            self.rollback()
            what = f"the journal of {self.name} ends at record {seq}, and record {self._seen.seq} was there before"
            raise StoreFailure(
                "journal_behind", what, help="it was restored or replaced: compare it, then open it again"
            )
        self._seen = self._head

    def _begin_settling(self) -> int:
        """The settler's place, which leaves the writer's to others; the number of the last record that is settled."""
        [(through,)] = self._once_more(_begun_settling)
        [(seq, hash, is_writer)] = self._session.execute(_HEAD, (self.epoch, self._session_number))
        if not is_writer:
            self._session.roll_back()
            raise self._fenced()
        self._head = Head(seq, hash)
        return int(through)

    def commit(self) -> None:
        appended = self._appended
        try:
            self._session.commit()
        except StoreFailure as failure:
            if appended is None or not self._session.is_lost:
                raise
            self._ended()
            self._find_out(appended, failure)
        self._ended()
        if appended is not None:
            self._seen = Head(appended.last_seq, appended.hash)
            if self._anchor is not None:
                self._anchor.note(self._seen)

    def rollback(self) -> None:
        self._ended()
        self._build_number = None
        self._session.roll_back()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """On one connection: who loses it begins again."""
        self._head = Head(*self._once_more(_begun_reading)[0])
        try:
            yield
        finally:
            self.rollback()

    def _ended(self) -> None:
        self._head = self._appended = None

    def _find_out(self, segment: Segment, failure: StoreFailure) -> None:
        """Whether the commit of a segment has succeeded, of which no answer came. Raises StoreFailure where it has not, or
        where nobody can be asked."""
        for attempt in range(ASKED_MAX):
            if attempt:
                time.sleep(ASKED_EVERY)
            try:
                stored = self._hash_at(segment.first_seq)
            except StoreFailure as again:
                if again.code not in ("unreachable", "busy"):
                    raise
                continue
            if stored == segment.hash:
                return
            raise failure
        what = f"{self.name} was lost while it committed, and whether it did is not known"
        raise StoreFailure("commit_unknown", what, help="ask again with the same id: it is answered once and for all")

    def _hash_at(self, first_seq: int) -> bytes | None:
        """Under the writer's lock, when whatever was under way is decided."""
        session = self._connected()
        try:
            _begun(session)
            rows = session.execute("SELECT hash FROM overspill.segments WHERE first_seq = %s", (first_seq,))
        finally:
            session.roll_back()
        return rows[0][0] if rows else None

    # ---- the journal

    def head(self) -> Head:
        return self._head or Head(*self._read("SELECT seq, hash FROM overspill.head")[0])

    def hash_at(self, seq: int) -> bytes | None:
        if seq == 0:
            return GENESIS
        rows = self._read("SELECT hash FROM overspill.segments WHERE last_seq = %s", seq)
        return rows[0][0] if rows else None

    def segments(self, after: int) -> Iterator[Segment]:
        while rows := self._read(_SEGMENTS, after):
            yield from map(self._segment, rows)
            if len(rows) < PAGE:
                return
            after = rows[-1][1]

    def append(self, segment: Segment, *, has_events: bool) -> None:
        values = {
            "first": segment.first_seq,
            "last": segment.last_seq,
            "previous": segment.previous_hash,
            "hash": segment.hash,
            "body": segment.body,
            "build": self._number(),
            "epoch": self.epoch,
            "session": self._session_number,
            "has_events": has_events,
        }
        if self._session.execute(_APPEND, values) != [(1,)]:
            raise self._refused(segment)
        self._appended = segment
        self._head = Head(segment.last_seq, segment.hash)

    def _refused(self, segment: Segment) -> StoreFailure:
        """Why the head did not move."""
        [(seq, hash)] = self._session.execute("SELECT seq, hash FROM overspill.head")
        if (seq, hash) == (segment.first_seq - 1, segment.previous_hash):
            return (
                self._fenced() if self._session.commits_durably() else self._session.not_durable("synchronous_commit")
            )
        what = f"the journal of {self.name} ends at record {seq}, and not where the batch was decided on"
        return StoreFailure("head_moved", what, help="open the engine again")

    def _fenced(self) -> StoreFailure:
        what = f"writer {self.epoch} of {self.name} was fenced"
        return StoreFailure("fenced", what, help="if this process is to write all the same, open the engine again")

    def find(self, numbers: Sequence[int]) -> Sequence[tuple[int, int]]:
        query = "SELECT number, seq FROM overspill.ids WHERE number = ANY(%b::bigint[])"
        return [(number, seq) for number, seq in self._read(query, list(numbers))] if numbers else []

    def numbers(self, after: int, most: int) -> Sequence[int]:
        query = "SELECT DISTINCT number FROM overspill.ids WHERE number > %s ORDER BY number LIMIT %s"
        return [number for (number,) in self._read(query, after, most)]

    def record(self, seq: int) -> Record:
        [row] = self._read(_SEGMENT_AT, seq)
        return record_of(self._segment(row), seq, self.form)

    def _segment(self, row: tuple[Any, ...]) -> Segment:
        first, last, previous_hash, hash, body, build = row
        return Segment(first, last, previous_hash, hash, body, self._build_of(build))

    def put_form(self, form: Form) -> None:
        put = "INSERT INTO overspill.forms VALUES (%s, %b) ON CONFLICT DO NOTHING"
        self._session.execute(put, (form.id, json_bytes(form)))

    def form(self, id: str) -> Form:
        form = self._forms.get(id)
        if form is None:
            rows = self._read("SELECT body FROM overspill.forms WHERE id = %s", id)
            form = _decode_form(rows[0][0]) if rows else None
            if form is None or form_of(form.pieces, form.holes).id != id:
                what = f"{self.name} has lost the form {id} of its answers, or it was changed"
                raise StoreFailure("missing_form", what, help="restore the database from a backup")
            self._forms[id] = form
        return form

    def outbox(self, after: int) -> Iterator[tuple[int, int]]:
        """Up to the first row that is not below the oldest transaction which is still open: no row is given while one with a
        smaller number may still come, so that who remembers how far they came passes nothing over. Transactions take their
        numbers in another order than the writer's place."""
        while rows := self._read(_OUTBOX, after):
            for first, last, is_below in rows:
                if not is_below:
                    return
                yield first, last
            if len(rows) < ROWS:
                return
            after = rows[-1][1]

    def drop_outbox(self, through: int, most: int) -> int:
        return int(self._session.execute(_DROP_OUTBOX, (through, most))[0][0])

    # ---- builds

    def use_build(self, build: Build) -> None:
        self._build, self._build_number = build, None

    def _number(self) -> int | None:
        """The number of the build that appends, whose row is put with its first segment."""
        if self._build_number is None and self._build is not None:
            values = {"overspill": self._build.overspill, "kernel": self._build.kernel, "tzdata": self._build.tzdata}
            self._build_number = self._session.execute(_BUILD, values)[0][0]
        return self._build_number

    def _build_of(self, number: int | None) -> Build | None:
        if number not in self._builds:
            query = "SELECT overspill, kernel, tzdata FROM overspill.builds WHERE number = %s"
            [(overspill, kernel, tzdata)] = self._read(query, number)
            self._builds[number] = Build(overspill=overspill, kernel=kernel, tzdata=tzdata)
        return self._builds[number]

    # ---- snapshots

    def snapshot(self, key: str) -> Snapshot | None:
        rows = self._read("SELECT key, seq, state, due_at FROM overspill.accounts WHERE key = %s", key)
        return Snapshot(*rows[0]) if rows else None

    def due(self, now: int, most: int) -> Sequence[str]:
        query = "SELECT key FROM overspill.accounts WHERE due_at <= %s AND due_at < %s ORDER BY due_at, key LIMIT %s"
        return [key for (key,) in self._read(query, now, NEVER, most)]

    def topped_up(self) -> Sequence[str]:
        return [key for (key,) in self._read("SELECT key FROM overspill.topped_up ORDER BY key")]

    def write_snapshots(
        self, snapshots: Iterable[Snapshot], ids: Iterable[tuple[int, int]], topped_up: Iterable[str], through: int
    ) -> None:
        rows = sorted((snapshot.key, snapshot.seq, snapshot.state, snapshot.due_at) for snapshot in snapshots)
        numbers, keys = sorted(ids), sorted(topped_up)
        if rows:
            self._session.execute(_SNAPSHOTS, [list(column) for column in zip(*rows, strict=True)])
        if numbers:  # many: as text they are made, sent and read in a tenth of the time
            self._session.execute(_IDS, [f"{{{','.join(map(str, column))}}}" for column in zip(*numbers, strict=True)])
        if keys:
            self._session.execute(_TOPPED_UP, [keys])
        self._session.execute("UPDATE overspill.head SET snapshots_through = %s", (through,))

    def snapshots_through(self) -> int:
        return int(self._read("SELECT snapshots_through FROM overspill.head")[0][0])

    # ---- policies

    def put_policy(self, policy: StoredPolicy) -> None:
        sources = json_bytes({name: data.decode("utf-8") for name, data in policy.sources.items()}).decode()
        put = "INSERT INTO overspill.policies VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
        self._session.execute(put, (policy.digest, policy.name, policy.version, sources))

    def policy(self, digest: str) -> StoredPolicy | None:
        rows = self._read(f"{_POLICIES} WHERE digest = %s", digest)
        return _policy(rows[0]) if rows else None

    def policies(self) -> Iterable[StoredPolicy]:
        return map(_policy, self._read(f"{_POLICIES} ORDER BY digest"))

    def fix(self, facts: Mapping[str, str]) -> Mapping[str, str]:
        put = "INSERT INTO overspill.facts SELECT * FROM unnest(%b::text[], %b::text[]) ON CONFLICT DO NOTHING"
        self._session.execute(put, (list(facts), list(facts.values())))
        query = "SELECT name, value FROM overspill.facts WHERE name = ANY(%b::text[])"
        return {name: value for name, value in self._session.execute(query, (list(facts),)) if facts[name] != value}

    # ---- what is known of the journal elsewhere

    def anchored(self) -> Head | None:
        return None if self._anchor is None else self._anchor.known()

    def anchor(self) -> None:
        if self._anchor is not None:
            self._anchor.note(self.head())

    # ---- for who looks after it

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._read(query, *values)

    def lacks(self) -> tuple[Migration, ...]:
        """The migrations that it lacks."""
        return postgres_schema.lacks(self._session)

    def close(self) -> None:
        self._closed = True
        if self._attempt is not None:
            self._attempt.give_up()
        self._session.close()
        if self._anchor is not None:
            self._anchor.close()


def _begun(session: Session) -> list[tuple[Any, ...]]:
    """The writer's place: the journal's end, locked."""
    return _locked(session, _BEGIN)


def _begun_reading(session: Session) -> list[tuple[Any, ...]]:
    return _locked(session, _BEGIN_READING)


def _begun_settling(session: Session) -> list[tuple[Any, ...]]:
    return _locked(session, _BEGIN_SETTLING)


def _locked(session: Session, begin: str) -> list[tuple[Any, ...]]:
    try:
        return session.execute(begin)
    except StoreFailure:
        session.roll_back()
        raise


def _policy(row: tuple[Any, ...]) -> StoredPolicy:
    digest, name, version, text = row
    return StoredPolicy(digest, name, version, {file: body.encode() for file, body in _decode_sources(text).items()})

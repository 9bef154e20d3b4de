"""One opened store among the writers of its database: its epoch, and its connection, which is made anew where it was lost.

Each connection of a store is one session more of its epoch. What a lost one still had under way is ended by the next
one, and whatever comes over it later finds that it is no longer the session that writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from overspill.store.attempt import Attempt
from overspill.store.postgres_session import Session
from overspill.words.failures import StoreFailure

T = TypeVar("T")

FIRST_SECONDS, AGAIN_SECONDS = 5.0, 0.5
"""So long a new connection is waited for when one was lost, and when the last attempt has failed: whoever asks while an
attempt is under way is told at once that there is none yet, so that what a policy grants meanwhile is granted."""

_END = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"
_BUMP = "UPDATE overspill.writers SET session = session + 1 WHERE epoch = %s AND NOT fenced RETURNING session"


class Writer:
    """`session` is the connection, `number` which one of the epoch's it is."""

    def __init__(self, url: str, *, durable: bool) -> None:
        self._url, self._durable, self._closed = url, durable, False
        self._attempt: Attempt[tuple[Session, int]] | None = None
        self._patience = FIRST_SECONDS
        self.session = Session(url, durable=durable)
        self.epoch, self.number = 0, 0

    def enrol(self) -> None:
        """Takes an epoch. Raises StoreFailure `not_isolated`."""
        [(self.epoch,)] = self.session.execute("INSERT INTO overspill.writers DEFAULT VALUES RETURNING epoch")
        self.number = 1
        self._check_that_writers_wait()

    def _check_that_writers_wait(self) -> None:
        """What all of this stands on: who asks for a row that another transaction has locked does not get it. Shown on the
        store's own row, where it is in nobody's way."""
        lock = f"SELECT FROM overspill.writers WHERE epoch = {self.epoch} FOR UPDATE"
        second = Session(self._url, durable=self._durable)
        try:
            self.session.execute(f"BEGIN; {lock}")
            second.execute(f"BEGIN; {lock} NOWAIT")
        except StoreFailure as failure:
            if failure.code != "busy":
                raise
        else:
            what = f"{self.session.name} lets a second writer in while a first one holds the place"
            raise StoreFailure("not_isolated", what, help="connect to PostgreSQL itself, or by a pooler of sessions")
        finally:
            second.close()
            self.session.roll_back()

    def connected(self) -> Session:
        """The session; a new one where it was lost, after which nothing comes from the lost one any more."""
        if not self.session.is_lost:
            return self.session
        if self._closed:
            raise StoreFailure("store_closed", f"{self.session.name} was closed", help="open the engine again")
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
            what = f"{self.session.name} cannot be reached: it does not answer"
            raise StoreFailure("unreachable", what, help="check the host, its network and that the server runs")
        self._attempt, self._patience = None, FIRST_SECONDS
        self.session, self.number = made
        return self.session

    def _connect(self) -> tuple[Session, int]:
        """A new session in the place of the lost one, with its number."""
        session = Session(self._url, durable=self._durable)
        try:
            if not self.epoch:  # who only looks writes nothing, and has nothing under way
                return session, 0
            rows = session.execute(_BUMP, (self.epoch,))
            if not rows:
                raise self.fenced()
            session.execute(_END, self.session.backend)
        except BaseException:
            session.close()
            raise
        return session, rows[0][0]

    def once_more(self, act: Callable[[Session], T]) -> T:
        """Does something outside a transaction, and once more on a new connection where the one there is turns out to be lost."""
        was_lost = self.session.is_lost
        session = self.connected()
        try:
            return act(session)
        except StoreFailure:
            if was_lost or not session.is_lost:
                raise
        return act(self.connected())

    def fenced(self) -> StoreFailure:
        what = f"writer {self.epoch} of {self.session.name} was fenced"
        return StoreFailure("fenced", what, help="if this process is to write all the same, open the engine again")

    def close(self) -> None:
        self._closed = True
        if self._attempt is not None:
            self._attempt.give_up()
        self.session.close()

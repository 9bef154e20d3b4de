"""The places where a store can be, for tests that are the same for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from overspill.ports.store import Head, Store
from overspill.records.journal import Record, Segment, segment_hash, segment_of
from overspill.records.written import Form, Value
from overspill.store.opened import opened
from overspill.words.codec import Raw

ANA = {"user": "u_ana"}
POLICY = {
    "p.spill": b"""policy p version 1; language 1; unit credits: integer; account user { }
request { credits: meter; }
pool money { per user; unit credits; }
waterfall w { serves true; counts credits; draw money; fill whole; otherwise deny used_up; }
"""
}
"""A pool and nothing else: what is granted is what was there."""


class Place(NamedTuple):
    """`db` is what names it to an engine; one that is not `shared` is gone with the store that was opened."""

    kind: str
    db: str | None

    def open(self) -> Store:
        return opened(self.db)

    @property
    def shared(self) -> bool:
        return self.db is not None


def file_in(folder: Path) -> Place:
    return Place("sqlite", str(folder / "x.db"))


def record(seq: int, *, answer: bytes = b"{}", form: Form | None = None, values: Sequence[Value] = ()) -> Record:
    id = f"dec_{seq:026d}"
    key = ("default", "user/u_ana", "consume", f"r{seq}")
    if form is not None:
        return Record(seq=seq, at=seq, id=id, key=key, command=Raw(b"{}"), form=form.id, values=values)
    return Record(seq=seq, at=seq, id=id, key=key, command=Raw(b"{}"), answer=Raw(answer))


def segment(head: Head, records: int = 2) -> Segment:
    """The next one behind `head`."""
    return segment_of([record(head.seq + number) for number in range(1, records + 1)], head.hash)


def put(store: Store, records: int = 2, *, has_events: bool = False) -> Segment:
    """Appends one in a transaction of its own."""
    store.begin()
    try:
        made = segment(store.head(), records)
        store.append(made, has_events=has_events)
        store.commit()
    except BaseException:
        store.rollback()
        raise
    return made


def chain(store: Store) -> list[int]:
    """The numbers of the last records of all segments, of which each continues the one before it."""
    before, ends = (0, bytes(32)), []
    for one in store.segments(0):
        assert (one.first_seq - 1, one.previous_hash) == before
        assert segment_hash(one.previous_hash, one.body) == one.hash
        before = (one.last_seq, one.hash)
        ends.append(one.last_seq)
    assert store.head() == Head(*before)
    return ends

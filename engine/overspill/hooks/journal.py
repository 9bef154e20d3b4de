"""The journal, and what is posted behind it, as events for one endpoint after the other: read on from a place, in order.

A place is (the last record that was told of, the last posting). What lies between two places is always the same events.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from overspill.events.cloud_event import ACTIVATED, PREFIX, SETTLED, CloudEvent, source_of
from overspill.events.first_use import FirstUses, day_of, may_charge
from overspill.events.from_posting import settled
from overspill.events.from_record import Named, Telling, Wanted, activations_of, events_of, may_tell
from overspill.ports.store import Store
from overspill.records.journal import Record, Segment, answered, intact, records_of, stored_records
from overspill.runtime.alarms import alarm
from overspill.store.identity import journal_id
from overspill.store.moments import first_at
from overspill.words.codec import json_bytes
from overspill.words.failures import StoreFailure
from overspill.words.ids import id_number
from overspill.words.instants import DAY

RECORDS_MAX = 4096
"""So many records, or postings, are looked at before a place is told of in which nothing is to be told."""
SEGMENTS_KEPT = 16
RESERVATIONS_KEPT = 20_000
DAYS_KEPT = 4


class Place(NamedTuple):
    """Through which record, and through which record's posting."""

    record: int
    posting: int


class Outgoing(NamedTuple):
    """An event as it is sent; `type` without its prefix."""

    id: str
    type: str
    subject: str
    body: bytes


class Told(NamedTuple):
    """What is to be told up to `place`."""

    events: list[Outgoing]
    place: Place


class Journal:
    """Of one opened store, used by one thread."""

    def __init__(self, store: Store, alarm: Callable[..., None] = alarm) -> None:
        self._store, self._alarm = store, alarm
        self._id: str | None = None
        self._read: OrderedDict[int, list[Record]] = OrderedDict()
        self._reservations: OrderedDict[str, int] = OrderedDict()
        """Hold → the record's number, of those that went by."""
        self._days: OrderedDict[int, FirstUses] = OrderedDict()

    def next(self, tenant: str, wanted: Wanted, place: Place, most: int) -> Told:
        """The next events, to the end of the record with which there are `most`; the place stays where nothing is new. Raises
        StoreFailure."""
        if self._id is None:
            self._id = journal_id(self._store)
            if self._id is None:
                return Told([], place)
        source = source_of(self._id, tenant)
        events: list[Outgoing] = []
        record = place.record
        for one in self._records(place.record):
            record = one.seq
            events += self._told(one.id, tenant, self._events(one, tenant, wanted, source))
            if len(events) >= most or record - place.record >= RECORDS_MAX:
                break
        posting = place.posting
        if SETTLED in wanted.types and len(events) < most:
            for posting, body in self._store.ledger.postings(place.posting):
                events += self._told(str(posting), tenant, settled(body, tenant, source))
                if len(events) >= most or posting - place.posting >= RECORDS_MAX:
                    break
        return Told(events, Place(record, posting))

    def _told(self, record: str, tenant: str, events: Iterator[CloudEvent]) -> list[Outgoing]:
        """What cannot be told stops nothing else: that it was not told is said to whoever runs the service."""
        try:
            return [_outgoing(event) for event in events]
        except StoreFailure:
            raise
        except Exception as error:
            self._alarm("record_not_told", record=record, tenant=tenant, error=type(error).__name__)
            return []

    def _events(self, record: Record, tenant: str, wanted: Wanted, source: str) -> Iterator[CloudEvent]:
        if record.policy and ACTIVATED in wanted.types:
            yield from activations_of(record, source, self)
        if record.key[0] == tenant and may_tell(record, wanted):
            yield from events_of(Telling(self._answered(record), source, wanted, self))

    # ---- records

    def _records(self, after: int) -> Iterator[Record]:
        """Those behind `after`, in order, without the bytes of their answers. Those that are asked for again are kept."""
        for segment in self._store.segments(after):
            yield from [one for one in self._segment(segment) if one.seq > after]

    def _segment(self, segment: Segment) -> list[Record]:
        found = self._read.get(segment.first_seq)
        if found is None:
            found = self._read[segment.first_seq] = stored_records(intact(segment))
            for record in found:
                if record.key[2] == "reserve":
                    self._reservations.update((id, record.seq) for id in record.ids)
            _at_most(self._read, SEGMENTS_KEPT)
            _at_most(self._reservations, RESERVATIONS_KEPT)
        return found

    def _answered(self, record: Record) -> Record:
        return answered(record, self._store.form)

    # ---- what events ask (`events.from_record.Known`)

    def is_first_paid_use(self, record: Record) -> bool:
        """The day is read from its first record on when it is first asked about, and then as far as is asked."""
        day = day_of(record)
        uses = self._days.get(day)
        if uses is None:
            uses = self._days[day] = FirstUses(day, first_at(self._store, day * DAY, record.seq) - 1)
            _at_most(self._days, DAYS_KEPT)
        if uses.through < record.seq:
            for one in self._records(uses.through):
                uses.note(self._answered(one) if may_charge(one) else one)
                if one.seq == record.seq:
                    break
        return uses.is_first(record)

    def admission(self, hold: str) -> Record | None:
        """From what went by, from the index, or from the end of the journal that it does not have yet."""
        seqs = [self._reservations[hold]] if hold in self._reservations else []
        for seq in seqs or [seq for _, seq in self._store.find([id_number(hold)])]:
            record = self._store.record(seq)
            if hold in record.ids:
                return record
        behind = self._store.segments(self._store.snapshots_through())
        named = records_of(behind, self._store.form, naming=f'"{hold}"')
        return next((record for record in named if hold in record.ids), None)

    def policy(self, digest: str) -> Named | None:
        found = self._store.policy(digest)
        return None if found is None else Named(found.name, found.version)


def _at_most(
    kept: OrderedDict[str, int] | OrderedDict[int, list[Record]] | OrderedDict[int, FirstUses], most: int
) -> None:
    """Forgets what came first."""
    while len(kept) > most:
        kept.popitem(last=False)


def _outgoing(event: CloudEvent) -> Outgoing:
    return Outgoing(event.id, event.type.removeprefix(PREFIX), event.subject, json_bytes(event))

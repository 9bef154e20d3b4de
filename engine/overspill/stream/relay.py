"""The relay: outbox → stream. Each record that has something to settle is published, in the journal's order, at least once.

How far it came is remembered in the store, after the server has acknowledged; a relay that is killed in between publishes
again. Of several relays any may go on: who finds that another has moved the mark waits a little before it looks at it, so
that one of them works and the others stand by.

What a server loses is published again. The mark says where in the stream its last message stands; a stream that ends
before that place, or puts a new message there, was made anew or restored, and gets all again that it would keep. Nothing depends
on it: a settler reads the outbox too. And nothing depends on a server's recognising the message that it had before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from overspill.ports.clock import Clock
from overspill.ports.ledger import Relayed
from overspill.ports.store import Store
from overspill.records.journal import decode_stored
from overspill.runtime.alarms import alarm
from overspill.store.identity import journal_id
from overspill.stream.broker import Broker, Outgoing
from overspill.stream.message import body_of, subject_of
from overspill.stream.work import Work

RECORDS_MAX = 2048
"""So many are published, to the end of a segment, before the mark moves: what a relay that dies publishes again."""
CHECK_SECONDS = 5
"""How often a relay that has nothing to do looks whether the stream is still what it was."""


class Relay:
    """One relay of one store, which it alone uses. `begin` is the record from which on it publishes, whatever it did before."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        stream: str,
        clock: Clock,
        work: Work,
        *,
        begin: int | None = None,
        replicas: int = 1,
        alarm: Callable[..., None] = alarm,
    ) -> None:
        self._store, self._broker, self._stream, self._clock, self._work = store, broker, stream, clock, work
        self._begin, self._replicas, self._alarm = begin, replicas, alarm
        self._mark: Relayed | None = None
        """As the store has it and as it fits the stream; None: both are to be asked."""
        self._checked_at = 0.0
        self._is_less = False
        """Whether the stream has put a new message where one of ours stood."""
        self.published = 0

    async def step(self) -> bool:
        """Publishes a part of what is there; False: there is nothing, or another relay is at it. Raises StoreFailure,
        StreamFailure."""
        if asyncio.get_running_loop().time() > self._checked_at + CHECK_SECONDS:
            self._mark = None
        mark, self._mark = self._mark or await self._compared(), None
        if mark is None:
            return False
        through, messages = await self._work.do(self._next, mark.through)
        if through == mark.through:
            self._mark = mark
            return False
        taken = await self._broker.publish(self._stream, messages)
        self.published += len(messages)
        if any(one.position <= mark.position for one in taken if not one.again):
            self._is_less = True
            return True
        now = Relayed(through, max([mark.position, *(one.position for one in taken)]))
        if await self._work.do(self._store.ledger.relay, self._stream, mark, now):
            self._mark = now
        return self._mark is not None

    def _next(self, after: int) -> tuple[int, list[Outgoing]]:
        """The next part of the outbox: through which record it is, and its messages."""
        until, most, through = self._until(after), self._broker.body_bytes_max, after
        messages = []
        for segment in self._store.segments(after) if until > after else ():
            if segment.first_seq > until or through - after >= RECORDS_MAX:
                break
            for line in segment.body.splitlines():
                record = decode_stored(line)
                if record.seq > after and record.moves:
                    messages.append(Outgoing(subject_of(self._stream, record), record.id, body_of(record, line, most)))
            through = segment.last_seq
        return through, messages

    def _until(self, after: int) -> int:
        """The last record that may be told of now. What is settled the outbox may have forgotten."""
        until = self._store.ledger.settled().through
        for _, last in self._store.outbox(max(after, until)):
            until = last
            if until - after >= RECORDS_MAX:
                break
        return until

    # ---- the mark and the stream

    async def _compared(self) -> Relayed | None:
        """The mark, put back where the stream is not what it was; None: there is nothing yet, or another relay has moved it."""
        journal = await self._work.do(journal_id, self._store)
        if journal is None:
            return None
        mark = await self._work.do(self._store.ledger.relayed, self._stream)  # first: another relay may be at work
        stands = await self._broker.stream(self._stream, journal, self._replicas)
        self._checked_at = asyncio.get_running_loop().time()
        is_less, self._is_less = self._is_less or stands.position < mark.position, False
        if mark.position and not is_less and self._begin is None:
            return mark
        begin, age = self._begin, stands.age_seconds
        oldest = begin if begin is not None else await self._work.do(self._oldest, age)
        now = Relayed(oldest - 1, stands.position)
        if now != mark and not await self._work.do(self._store.ledger.relay, self._stream, mark, now):
            return None
        self._begin = None
        if is_less:
            self._alarm("stream_rewound", stream=self._stream, ends_at=stands.position, published_again_from=oldest)
        return now

    def _oldest(self, age_seconds: int) -> int:
        """The number of the first record that is younger; 0 stands for any age. Time never runs backwards in a journal (T3)."""
        since = self._clock.now() - age_seconds * 1_000_000 if age_seconds else 0
        low, high = 1, self._store.head().seq + 1
        while low < high:
            middle = (low + high) // 2
            if self._store.record(middle).at < since:
                low = middle + 1
            else:
                high = middle
        return low

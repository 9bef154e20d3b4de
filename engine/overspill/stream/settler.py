"""A settler that a stream wakes: messages → reasons to look, and nothing more.

A message is acknowledged when its record is settled, which is after the commit that settled it, or long ago. What is settled, and
in which order, the outbox and the journal say (`runtime/settler.py`): messages may come in any order, twice, late or never.
The outbox is looked at without them too, every so often, so that a stream that is gone holds up nothing.

A message of a record that the journal does not have is the only trace of it: of a database that was restored from a
backup, of a disk that lost what it had acknowledged. It is parked with all that it says, told and listed, and posted never. So
is a message that tells of no record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Literal

from overspill.ports.ledger import ParkedRecord
from overspill.ports.store import Store
from overspill.records.postings import Parked
from overspill.runtime.alarms import alarm
from overspill.runtime.settler import Settler, park
from overspill.store.identity import journal_id
from overspill.stream.broker import Broker, Delivery, Pull
from overspill.stream.journal import ids_at
from overspill.stream.message import Told, told
from overspill.stream.work import Work
from overspill.words.failures import StreamFailure
from overspill.words.ids import derived_id

MESSAGES_MAX = 512
"""That are taken at once."""
BATCHES_MAX = 16
"""Transactions of settlement between two looks at the stream."""

Verdict = Literal["settled", "later", "parked"]


class StreamSettler:
    """One settler of one store, which it alone uses. `every` is the time in seconds after which it looks without a message."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        stream: str,
        now: Callable[[], int],
        work: Work,
        *,
        every: float,
        alarm: Callable[..., None] = alarm,
    ) -> None:
        self._store, self._broker, self._stream, self._now = store, broker, stream, now
        self._work, self._every, self._alarm = work, every, alarm
        self._settler = Settler(store, now, alarm)
        self._pull: Pull | None = None
        self._waits = False
        """Whether there is more in the outbox than the last look has settled."""
        self.settled = 0

    async def step(self) -> bool:
        """Waits for messages, settles, and acknowledges what is settled; whether there may be more. Raises StoreFailure, and StreamFailure when it has
        settled all the same."""
        failure: StreamFailure | None = None
        try:
            deliveries = [] if self._waits else await self._fetched()
        except StreamFailure as caught:
            deliveries, failure = [], caught
        verdicts = await self._work.do(self.settle, [one.body for one in deliveries])
        if deliveries and self._pull is not None:
            later = [one for one, verdict in zip(deliveries, verdicts, strict=True) if verdict == "later"]
            await self._pull.answer([one for one in deliveries if one not in later], later)
        if failure is not None and not self._waits:
            raise failure
        return self._waits or bool(deliveries)

    async def _fetched(self) -> Sequence[Delivery]:
        pull, self._pull = self._pull, None
        if pull is not None:
            try:
                return await self._from(pull)
            except StreamFailure:  # it may have gone with its stream; a new one finds out
                await pull.close()
        journal = await self._work.do(journal_id, self._store)
        return await self._from(await self._broker.pull(self._stream, journal))

    async def _from(self, pull: Pull) -> Sequence[Delivery]:
        found = await self._work.unless_stopped(pull.fetch(MESSAGES_MAX, self._every), [])
        self._pull = pull
        return found

    def settle(self, bodies: Sequence[bytes]) -> list[Verdict]:
        """What becomes of messages that say this. Raises StoreFailure, and then they are to come again."""
        tellings = [told(body) for body in bodies]
        ids = ids_at(self._store, {one.seq for one in tellings if one is not None})
        missing = [
            self._parked(telling, body, ids)
            for telling, body in zip(tellings, bodies, strict=True)
            if telling is None or ids.get(telling.seq) != telling.id
        ]
        if missing:
            park(self._store, missing, self._alarm)
        self._waits = self._settle()
        through = self._store.ledger.settled().through
        return [_verdict(telling, ids, through) for telling in tellings]

    def _settle(self) -> bool:
        """Whether there is more to settle."""
        for _ in range(BATCHES_MAX):
            count = 0 if self._work.stopped else self._settler.run()
            self.settled += count
            if not count:
                return False
        return True

    def _parked(self, telling: Told | None, body: bytes, ids: Mapping[int, str]) -> ParkedRecord:
        if telling is None:
            record = derived_id(sha256(body).hexdigest(), "msg")
            return ParkedRecord(Parked(record, "unknown_record", "tells of no record"), 0, self._now(), body)
        there = ids.get(telling.seq)
        what = "the journal ends before it" if there is None else f"the journal has {there} there"
        parked = Parked(telling.id, "unknown_record", f"record {telling.seq}: {what}")
        return ParkedRecord(parked, telling.seq, self._now(), body)


def _verdict(telling: Told | None, ids: Mapping[int, str], through: int) -> Verdict:
    if telling is None or ids.get(telling.seq) != telling.id:
        return "parked"
    return "settled" if telling.seq <= through else "later"

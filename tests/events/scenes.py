"""A journal made by an engine, and what its records tell, by the simplest program there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from overspill import Engine, ManualClock, Receipt, Request
from overspill.events.cloud_event import PREFIX, TYPES
from overspill.events.first_use import asking_account, charge_of, day_of
from overspill.events.from_record import Named, Telling, Wanted, activations_of, events_of
from overspill.records.journal import Record
from overspill.words.codec import json_bytes, json_decoder
from overspill.words.instants import instant_from_text

NOON = instant_from_text("2026-10-05T12:00:00Z")
ANA, BEN = {"user": "ana"}, {"user": "ben"}
POLICY = b"""policy p version 3;
language 1;
unit credits: decimal(2);
unit usd: decimal(2);
account user { }
request { model: string = "m"; tokens: meter; }
rate_card card { price in credits per 1 by request.model; round half_even;
  from 2026-01-01T00:00:00Z { "m": tokens 1; } }
limit plan { per user; unit credits; window day: 24h from first_use; window week: 7d from first_use;
  capacity day 100 credits, week 300 credits; }
pool gift { per user; unit credits; free; }
pool money { per user; unit credits; overage up to 40 credits per calendar month in UTC;
  price 0.04 usd per 1 credits; top_up { settings user; } }
waterfall w { serves true; priced by card; draw plan; draw gift; draw money; otherwise deny used_up; }
"""
ALL = Wanted(frozenset(TYPES), (80, 100))
SOURCE = "urn:overspill:journal:j:default"
decode = json_decoder(dict[str, Any]).decode


class Scene:
    """An engine whose records are told of."""

    def __init__(self, db: str | None = None, tenant: str = "default") -> None:
        self.clock = ManualClock(NOON)
        self.engine = Engine.open({"p.spill": POLICY}, clock=self.clock, db=db, tenant=tenant, settle=False)
        self._count = 0

    def _request(self, credits: int, account: dict[str, str]) -> Request:
        self._count += 1
        return Request(id=f"r{self._count}", account=account, meters={"tokens": credits})

    def use(self, credits: int, account: dict[str, str] = ANA) -> str:
        return self.engine.decide(self._request(credits, account)).id

    def hold(self, credits: int, account: dict[str, str] = ANA) -> str:
        held = self.engine.reserve(self._request(credits, account)).hold
        assert held is not None
        return held.id

    def capture(self, hold: str, credits: int, id: str = "1", *, final: bool = True) -> Receipt:
        return self.engine.capture(hold, {"tokens": credits}, id=id, final=final)

    def records(self) -> list[Record]:
        return list(self.engine.records())

    def told(self, wanted: Wanted = ALL) -> list[dict[str, Any]]:
        return told(self.records(), wanted)

    def data(self, type: str, percents: tuple[int, ...] = (80, 100)) -> list[dict[str, Any]]:
        """Of all events of one type, with their subjects."""
        found = self.told(Wanted(frozenset([type]), percents))
        return [{"subject": one["subject"], **one["data"]} for one in found]


class Plain:
    """What the journal says of other records, looked up in all of it each time."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def is_first_paid_use(self, record: Record) -> bool:
        for one in self._records:
            if charge_of(one) is not None and _use(one) == _use(record):
                return one is record
        raise AssertionError

    def admission(self, hold: str) -> Record | None:
        return next((one for one in self._records if hold in one.ids), None)

    def policy(self, digest: str) -> Named | None:
        return Named("p", 3)


def _use(record: Record) -> tuple[str, str, int]:
    return record.key[0], asking_account(record), day_of(record)


def told(
    records: Sequence[Record], wanted: Wanted = ALL, tenant: str = "default", source: str = SOURCE
) -> list[dict[str, Any]]:
    """All events of a tenant, decoded."""
    return [decode(json_bytes(event)) for event in _events(records, wanted, tenant, source)]


def _events(records: Sequence[Record], wanted: Wanted, tenant: str, source: str) -> Iterator[object]:
    known = Plain(records)
    for record in records:
        if "policy.activated" in wanted.types:
            yield from activations_of(record, source, known)
        if record.key[0] == tenant:
            yield from events_of(Telling(record, source, wanted, known))


def short(type: str) -> str:
    return type.removeprefix(PREFIX)

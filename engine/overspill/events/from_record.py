"""A record of the journal → the events that it is. Each row of `RULES` is one type: of which commands, and how it is told.

Nothing is kept between two records. What a record does not tell by itself is asked of the journal (`Known`), which
always says the same: so a second process, a restart and a redelivery tell the same events under the same ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from overspill.events.cloud_event import (
    ABANDONED,
    ACTIVATED,
    ATTEMPTED,
    CROSSED,
    DECIDED,
    DECLINED,
    FIRST_PAID_USE,
    PAID,
    CloudEvent,
    cloud_event,
)
from overspill.events.crossings import Crossing, added_by_capture, crossed_by_capture, crossed_by_decision
from overspill.events.first_use import asking_account, charge_of
from overspill.records.journal import Record
from overspill.words.codec import Light, Raw, as_dict, json_bytes, json_decoder
from overspill.words.instants import instant_text, instant_text_micros

_fields = json_decoder(dict[str, Any]).decode
_raw_fields = json_decoder(dict[str, Raw]).decode


class Wanted(Light, frozen=True):
    """Which types, without their prefix; `percents` are the marks of windows, in percent of their limits."""

    types: frozenset[str]
    percents: tuple[int, ...]


class Named(Light, frozen=True):
    """A policy that was published."""

    name: str
    version: int


class Known(Protocol):
    """What the journal, and the policies beside it, say of other records."""

    def is_first_paid_use(self, record: Record) -> bool:
        """Of a record that charges: whether its account was charged by none before it on that day (`first_use.py`)."""
        ...

    def admission(self, hold: str) -> Record | None:
        """The reservation that a hold comes from, with its answer."""
        ...

    def policy(self, digest: str) -> Named | None: ...


class Telling(Light, frozen=True):
    """One record to be told of."""

    record: Record
    source: str
    wanted: Wanted
    known: Known

    def event(self, type: str, subject: str, data: object, *key: str) -> CloudEvent:
        """`data` becomes JSON; `key` tells it from others of the type, without one the record's id does."""
        body = data if isinstance(data, bytes) else json_bytes(data)
        return cloud_event(
            type, self.source, subject, instant_text_micros(self.record.at), body, *(key or (self.record.id,))
        )


Rule = tuple[tuple[str, ...], str, Callable[[Telling], Iterator[CloudEvent]]]


def events_of(telling: Telling) -> Iterator[CloudEvent]:
    """All that is wanted, in the order of the rules. The record has its answer where it `may_tell`."""
    kind = telling.record.key[2]
    for kinds, type, tell in RULES:
        if type in telling.wanted.types and kind in kinds:
            yield from tell(telling)


def activations_of(record: Record, source: str, known: Known) -> Iterator[CloudEvent]:
    """A policy that is active from this record on, whoever's record it is: that concerns every tenant."""
    if record.policy:
        found = known.policy(record.policy)
        named = {} if found is None else {"name": found.name, "version": found.version}
        data = json_bytes({"policy": record.policy, **named})
        time = instant_text_micros(record.at)
        yield cloud_event(ACTIVATED, source, f"policy/{record.policy}", time, data, record.id)


def may_tell(record: Record, wanted: Wanted) -> bool:
    """Whether an event may come of it, so that its answer must be read."""
    return any(type in wanted.types and record.key[2] in kinds for kinds, type, _ in RULES)


# ---- decisions and usage


def _decided(telling: Telling) -> Iterator[CloudEvent]:
    """The decision as it was answered, but for its trace, which is asked for by its id."""
    fields = _raw_fields(telling.record.answer)
    fields.pop("trace", None)
    yield telling.event(DECIDED, telling.record.key[1], {"mode": telling.record.key[2], **fields})


def _crossed(telling: Telling) -> Iterator[CloudEvent]:
    yield from _marks(telling, crossed_by_decision(telling.record, telling.wanted.percents))


def _crossed_by_capture(telling: Telling) -> Iterator[CloudEvent]:
    record = telling.record
    if added_by_capture(record):
        admission = telling.known.admission(record.key[1])
        if admission is not None:
            yield from _marks(telling, crossed_by_capture(record, admission, telling.wanted.percents))


def _marks(telling: Telling, found: Iterator[Crossing]) -> Iterator[CloudEvent]:
    for one in found:
        data = {"cause": telling.record.id, **as_dict(one)}
        key = (telling.record.id, one.account, one.window, str(one.percent))
        yield telling.event(CROSSED, data.pop("account"), data, *key)


def _first_paid_use(telling: Telling) -> Iterator[CloudEvent]:
    record = telling.record
    charged = charge_of(record)
    if charged is not None and telling.known.is_first_paid_use(record):
        account, day = asking_account(record), instant_text(record.at)[:10]
        data = {"cause": record.id, "request": charged.request, "day": day, "charge": charged.charge}
        yield telling.event(FIRST_PAID_USE, account, data, record.key[0], account, day)


# ---- top-ups


def _attempted(telling: Telling) -> Iterator[CloudEvent]:
    """Each purchase that a test of balances has begun."""
    answer = _fields(telling.record.answer)
    for pool in answer["pools"]:
        bought = pool.get("purchase")
        if bought is not None:
            shown = {name: pool[name] for name in ("pool", "balance", "minimum", "unit")}
            data = {"purchase": bought["id"], **shown, **{k: bought[k] for k in ("amount", "money", "currency")}}
            yield telling.event(ATTEMPTED, answer["account"], data, bought["id"])


def _paid(telling: Telling) -> Iterator[CloudEvent]:
    answer = _fields(telling.record.answer)
    shown = {name: answer[name] for name in ("pool", "amount", "unit", "cost", "receipt", "balance")}
    yield telling.event(PAID, answer["account"], {"purchase": answer["lot"], **shown})


_UNPAID = {"declined": DECLINED, "abandoned": ABANDONED}


def _unpaid(type: str) -> Callable[[Telling], Iterator[CloudEvent]]:
    def tell(telling: Telling) -> Iterator[CloudEvent]:
        answer = _fields(telling.record.answer)
        if _UNPAID.get(answer["outcome"]) == type:
            shown = {name: answer.get(name) for name in ("pool", "detail", "next_at", "actor")}
            yield telling.event(type, answer["account"], {"purchase": answer["purchase"], **shown})

    return tell


def _withdrawn(telling: Telling) -> Iterator[CloudEvent]:
    """Whoever takes the consent back abandons what the provider was not asked for yet."""
    answer = _fields(telling.record.answer)
    if "abandoned" in answer:
        shown = {"pool": answer["pool"], "detail": None, "next_at": None, "actor": answer["settings"]["actor"]}
        yield telling.event(ABANDONED, answer["account"], {"purchase": answer["abandoned"], **shown})


RULES: tuple[Rule, ...] = (
    (("consume", "reserve"), DECIDED, _decided),
    (("consume", "capture"), FIRST_PAID_USE, _first_paid_use),
    (("consume", "reserve"), CROSSED, _crossed),
    (("capture",), CROSSED, _crossed_by_capture),
    (("top_up",), ATTEMPTED, _attempted),
    (("purchase",), PAID, _paid),
    (("unpaid",), DECLINED, _unpaid(DECLINED)),
    (("unpaid",), ABANDONED, _unpaid(ABANDONED)),
    (("set_top_up",), ABANDONED, _withdrawn),
)
"""Kinds of commands, the type, how it is told."""

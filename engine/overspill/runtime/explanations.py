"""A record of the journal → its explanation, with what only the journal before it can tell."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING

from overspill.account.fold import folded
from overspill.account.state import Account
from overspill.decide.candidates import candidates_of
from overspill.records.answers import DecisionRecord
from overspill.records.explanation import Explanation, PoolCandidates
from overspill.records.journal import Record, records_of
from overspill.step.candidates import captures_candidates
from overspill.step.commands import Capture
from overspill.words.codec import Raw, json_bytes, json_decoder

if TYPE_CHECKING:
    from overspill.ports.store import Store
    from overspill.runtime.policies import Policies

_decode_decision = json_decoder(DecisionRecord).decode
_decode_capture = json_decoder(Capture).decode
_decode = json_decoder(Explanation).decode


class Explained:
    """`json` are the bytes, in which the answer's own stand as they were given; `record` has all fields, typed."""

    def __init__(self, json: bytes) -> None:
        self.json = json

    @property
    def record(self) -> Explanation:
        return _decode(self.json)


def explained(store: Store, policies: Policies, record: Record) -> Explained:
    """Why: the answer, and for a decision and a capture the lots that it had to choose from."""
    shown = {
        "record": record.seq,
        "build": record.build,
        "drift": record.drift,
        "answer": Raw(bytes(record.answer)),
        "candidates": _candidates(store, policies, record),
    }
    return Explained(json_bytes(shown))


def _candidates(store: Store, policies: Policies, record: Record) -> list[PoolCandidates]:
    before = _before(store, record)
    match record.key[2]:
        case "consume" | "reserve":
            decision = _decode_decision(record.answer)
            plan = policies.of(decision.policy.digest).plan
            return list(candidates_of(plan, decision, lambda account: before(f"{record.key[0]}/{account}")))
        case "capture":
            return list(captures_candidates(policies, _decode_capture(record.command), before, record.at))
        case _:
            return []


def _before(store: Store, record: Record) -> Callable[[str], Account]:
    """The states of accounts by their keys, before the record."""

    @cache
    def account_of(key: str) -> Account:
        records = records_of(store.segments(0), store.form, naming=f'"{key}"')
        return folded(takewhile(lambda one: one.seq < record.seq, records), key)

    return account_of

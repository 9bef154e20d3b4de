"""Recount: what accounts must hold by the answers alone, to be compared with the states.

Reads the journal's answers as a stranger would: decisions, captures, releases, time-outs, grants and purchases as JSON, decimal
amounts, no effect and no state. What is left in a lot is what was granted less what was drawn, plus what came back;
a window's use is the sum of what was counted in its latest generation. A difference is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from overspill.records.journal import Record
from overspill.words.codec import json_decoder

_decode = json_decoder(dict[str, Any]).decode
LotKey = tuple[str, str, str]
"""(account, pool, lot)."""


class Finding(NamedTuple):
    """`stated` is what the state says, `counted` what the answers add up to."""

    what: str
    stated: str
    counted: str


class Recount(NamedTuple):
    decisions: int
    entries: int
    lots: Mapping[LotKey, Decimal]


def recount(records: Iterable[Record]) -> Recount:
    """What the answers add up to, per lot."""
    counting = _Counting()
    for record in records:
        counting.read(_decode(record.answer))
    return Recount(counting.decisions, counting.entries, counting.lots)


class _Counting:
    """The answers one after the other; each kind is known by a field that no other has."""

    def __init__(self) -> None:
        self.lots: dict[LotKey, Decimal] = {}
        self.holds: dict[str, list[tuple[LotKey, Decimal]]] = {}
        self.booked: dict[str, list[tuple[LotKey, Decimal]]] = {}
        """What captures have used of a hold that goes on."""
        self.decisions = self.entries = 0

    def read(self, answer: Mapping[str, Any]) -> None:
        for field, count in _KINDS.items():
            if field in answer:
                count(self, answer)
                return

    def decision(self, answer: Mapping[str, Any]) -> None:
        self.decisions += 1
        taken = drawn(answer)
        self.entries += len(taken)
        for key, amount in taken:
            self.lots[key] -= amount
        if answer["hold"] is not None:
            self.holds[answer["hold"]["id"]] = taken

    def bought(self, answer: Mapping[str, Any]) -> None:
        self.entries += 1
        self.lots[_lot(answer)] = _amount(answer) - Decimal(answer.get("repaid", "0"))

    def gone(self, answer: Mapping[str, Any]) -> None:
        self.entries += 1
        self.lots[_lot(answer)] -= _amount(answer)

    def moved(self, answer: Mapping[str, Any]) -> None:
        self.gone(answer)
        moved = _amount(answer) - Decimal(answer.get("repaid", "0"))
        self.lots[(answer["to"], answer["pool"], answer["to_lot"])] = moved

    def reversed(self, answer: Mapping[str, Any]) -> None:
        self.entries += 1
        for back in answer["returned"]:
            if back["to"] == "lot":
                self.lots[_lot(back)] += _amount(back)
            elif back["to"] == "reissued":
                self.lots[(back["account"], back["pool"], back["reissued"]["lot"])] = _amount(back)

    def expired(self, answer: Mapping[str, Any]) -> None:
        self.entries += 1
        self.lots[_lot(answer)] = self.lots.get(_lot(answer), Decimal(0)) - _amount(answer)
        for lapsed in answer.get("holds", ()):
            # What a hold lost with a lot will not come back; what became too little for a base step has gone back.
            held = self.holds[lapsed["hold"]]
            held.append((_lot(answer), -_amount(lapsed)))
            for lot, amount in lapsed["returned"].items():
                key = (answer["account"], answer["pool"], lot)
                held.append((key, -Decimal(amount)))
                self.lots[key] += Decimal(amount)

    def held(self, answer: Mapping[str, Any]) -> None:
        """A capture, a release or a time-out."""
        self.entries += 1
        hold = answer["hold"]
        if "repaid_back" in answer:
            self.lots[_lot(answer["repaid_back"])] = _amount(answer["repaid_back"])
        if answer.get("final") is False and not answer["late"]:  # of a hold that has timed out nothing is held
            self.part(hold, answer)
            return
        for key, amount in self.holds.pop(hold, ()):
            self.lots[key] += amount
        for key, amount in self.booked.pop(hold, ()):
            self.lots[key] -= amount
        for key, amount, _ in captured(answer):
            self.lots[key] -= amount
        for gone in answer.get("expired", ()):
            self.lots[_lot(gone)] -= _amount(gone)
            if "reissued" in gone:
                self.lots[(gone["account"], gone["pool"], gone["reissued"]["lot"])] = _amount(gone)

    def part(self, hold: str, answer: Mapping[str, Any]) -> None:
        for key, amount, is_free in captured(answer):
            self.booked.setdefault(hold, []).append((key, amount))
            if is_free:  # it is drawn at once, and goes on as part of the hold
                self.lots[key] -= amount
                self.holds.setdefault(hold, []).append((key, amount))

    def nothing(self, answer: Mapping[str, Any]) -> None:
        """An extension is of a hold, and changes no lot."""


_KINDS: Mapping[str, Callable[[_Counting, Mapping[str, Any]], None]] = {
    "grant": _Counting.bought,
    "receipt": _Counting.bought,
    "void": _Counting.gone,
    "refund": _Counting.gone,
    "transfer": _Counting.moved,
    "decision": _Counting.decision,
    "reversal": _Counting.reversed,
    "expire_lot": _Counting.expired,
    "extend": _Counting.nothing,
    "hold": _Counting.held,
}


def _lot(shown: Mapping[str, Any]) -> LotKey:
    return (shown["account"], shown["pool"], shown["lot"])


def _amount(shown: Mapping[str, Any]) -> Decimal:
    return Decimal(shown["amount"])


def drawn(decision: Mapping[str, Any]) -> list[tuple[LotKey, Decimal]]:
    """What the decision's effects took from lots."""
    effects = decision["trace"][-1]["effects"]
    return [
        ((effect["account"], effect["pool"], effect["lot"]), Decimal(effect["amount"]))
        for effect in effects
        if "lot" in effect
    ]


def captured(answer: Mapping[str, Any]) -> Iterable[tuple[LotKey, Decimal, bool]]:
    """(lot, amount, whether from what was free) of a capture."""
    for draw in answer.get("draws", ()):
        for lot in draw.get("lots", ()):
            yield (lot["account"], lot["pool"], lot["lot"]), Decimal(lot["amount"]), draw["from"] == "free"


def differences(counted: Recount, stated: Mapping[LotKey, Decimal]) -> list[Finding]:
    """Every lot on which the two disagree; a lot with nothing left is in no state."""
    findings = []
    for key in sorted({*counted.lots, *stated}):
        left, state = counted.lots.get(key, Decimal(0)), stated.get(key, Decimal(0))
        if left != state:
            findings.append(Finding(f"lot {key[2]} in {key[1]} of {key[0]}", str(state), str(left)))
    return findings

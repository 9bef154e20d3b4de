"""Recount: what accounts must hold by the answers alone, to be compared with the states.

Reads the journal's answers as a stranger would: decisions, captures, releases, time-outs, grants and purchases as JSON, decimal
amounts, no effect and no state. What is left in a lot is what was granted less what was drawn, plus what came back;
a window's use is the sum of what was counted in its latest generation. A difference is a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    lots: dict[LotKey, Decimal] = {}
    holds: dict[str, list[tuple[LotKey, Decimal]]] = {}
    booked: dict[str, list[tuple[LotKey, Decimal]]] = {}
    """What captures have used of a hold that goes on."""
    decisions = entries = 0
    for record in records:
        answer = _decode(record.answer)
        if "grant" in answer or "receipt" in answer:
            entries += 1
            lots[(answer["account"], answer["pool"], answer["lot"])] = Decimal(answer["amount"]) - Decimal(
                answer.get("repaid", "0")
            )
        elif "void" in answer or "refund" in answer or "transfer" in answer:
            entries += 1
            lots[(answer["account"], answer["pool"], answer["lot"])] -= Decimal(answer["amount"])
            if "transfer" in answer:
                moved = Decimal(answer["amount"]) - Decimal(answer.get("repaid", "0"))
                lots[(answer["to"], answer["pool"], answer["to_lot"])] = moved
        elif "decision" in answer:
            decisions += 1
            taken = drawn(answer)
            entries += len(taken)
            for key, amount in taken:
                lots[key] -= amount
            if answer["hold"] is not None:
                holds[answer["hold"]["id"]] = taken
        elif "reversal" in answer:
            entries += 1
            for back in answer["returned"]:
                _returned(back, lots)
        elif "expire_lot" in answer:
            entries += 1
            key = (answer["account"], answer["pool"], answer["lot"])
            lots[key] = lots.get(key, Decimal(0)) - Decimal(answer["amount"])
            for lapsed in answer.get("holds", ()):
                _lapsed(answer, lapsed, holds[lapsed["hold"]], lots)
        elif "extend" in answer:
            continue
        elif "hold" in answer:
            entries += 1
            hold = answer["hold"]
            if "repaid_back" in answer:
                back = answer["repaid_back"]
                lots[(back["account"], back["pool"], back["lot"])] = Decimal(back["amount"])
            if answer.get("final") is False:
                for key, amount, is_free in captured(answer):
                    booked.setdefault(hold, []).append((key, amount))
                    if is_free:  # it is drawn at once, and goes on as part of the hold
                        lots[key] -= amount
                        holds.setdefault(hold, []).append((key, amount))
                continue
            for key, amount in holds.pop(hold, ()):
                lots[key] += amount
            for key, amount in booked.pop(hold, ()):
                lots[key] -= amount
            for key, amount, _ in captured(answer):
                lots[key] -= amount
            for gone in answer.get("expired", ()):
                lots[(gone["account"], gone["pool"], gone["lot"])] -= Decimal(gone["amount"])
                if "reissued" in gone:
                    lots[(gone["account"], gone["pool"], gone["reissued"]["lot"])] = Decimal(gone["amount"])
    return Recount(decisions, entries, lots)


def drawn(decision: Mapping[str, Any]) -> list[tuple[LotKey, Decimal]]:
    """What the decision's effects took from lots."""
    effects = decision["trace"][-1]["effects"]
    return [
        ((effect["account"], effect["pool"], effect["lot"]), Decimal(effect["amount"]))
        for effect in effects
        if "lot" in effect
    ]


def _returned(back: Mapping[str, Any], lots: dict[LotKey, Decimal]) -> None:
    """What a reversal gives back, to its lot or as a new one."""
    if back["to"] == "lot":
        lots[(back["account"], back["pool"], back["lot"])] += Decimal(back["amount"])
    elif back["to"] == "reissued":
        lots[(back["account"], back["pool"], back["reissued"]["lot"])] = Decimal(back["amount"])


def _lapsed(
    answer: Mapping[str, Any],
    lapsed: Mapping[str, Any],
    held: list[tuple[LotKey, Decimal]],
    lots: dict[LotKey, Decimal],
) -> None:
    """What a hold lost with a lot will not come back; what became too little for a base step has gone back."""
    own = (answer["account"], answer["pool"], answer["lot"])
    held.append((own, -Decimal(lapsed["amount"])))
    for lot, amount in lapsed["returned"].items():
        key = (answer["account"], answer["pool"], lot)
        held.append((key, -Decimal(amount)))
        lots[key] += Decimal(amount)


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

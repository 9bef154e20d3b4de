"""Receipts: what a payment provider charged, side by side with what the journal says was paid (ASSURANCE.md P9).

Every receipt of the provider has one purchase of the same money, and every purchase one receipt; anything else is a
finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from overspill.records.journal import Record
from overspill.words.codec import json_decoder


class Finding(NamedTuple):
    """`stated` is what the journal says, `counted` what the provider charged."""

    what: str
    stated: str
    counted: str


_decode = json_decoder(dict[str, Any]).decode
NOTHING = "nothing"


def paid(records: Iterable[Record]) -> list[tuple[str, str]]:
    """(receipt, `0.6 usd for pur_…`) of every purchase, in the journal's order."""
    found = []
    for record in records:
        if record.key[2] == "purchase":
            answer = _decode(record.answer)
            found.append((answer["receipt"], f"{answer['cost']} for {answer['lot']}"))
    return found


def unmatched(journal: Iterable[tuple[str, str]], provider: Mapping[str, str]) -> list[Finding]:
    """Receipts on which the two disagree, and those that paid for more than one purchase."""
    counted: dict[str, list[str]] = {}
    for receipt, what in journal:
        counted.setdefault(receipt, []).append(what)
    findings = []
    for receipt in sorted({*counted, *provider}):
        charged, booked = provider.get(receipt, NOTHING), "; ".join(counted.get(receipt, [])) or NOTHING
        if charged != booked:
            findings.append(Finding(f"receipt {receipt}", booked, charged))
    return findings

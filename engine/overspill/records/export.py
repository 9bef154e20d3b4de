"""An export: a folder with a stretch of the journal and what settlement made of it, one file a kind of row.

| file | a line |
|---|---|
| `segments.jsonl` | `SegmentLine`: where a segment's records end, and the chain's hashes |
| `journal.jsonl` | one record; the segments' bodies, byte for byte |
| `forms.jsonl` | a `Form` that answers of the journal are written in |
| `transactions.jsonl` | `records.postings.Transaction` |
| `usage_events.jsonl`, `monetization_events.jsonl`, `balance_updates.jsonl` | a row of that dataset |
| `balances.jsonl` | `BalanceLine`: the trial balance as the store keeps it, behind `settled_through` |
| `parked.jsonl` | `ParkedLine` |
| `policies.jsonl` | `PolicyLine`: every policy that was published to the store |

`manifest.json` is written last: a folder without it is no export. It counts and hashes every file, those of the further
forms included: the datasets and the legs of the transactions as CSV and as Parquet (`TABLES`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from overspill.records.balances import BalanceUpdate
from overspill.records.build import Build
from overspill.records.monetization import MonetizationEvent
from overspill.records.postings import ParkedReason, Transaction
from overspill.records.usage_events import UsageEvent
from overspill.words.codec import Light
from overspill.words.texts import instant_text_of

VERSION: Final = 1
MANIFEST: Final = "manifest.json"
SEGMENTS: Final = "segments.jsonl"
JOURNAL: Final = "journal.jsonl"
FORMS: Final = "forms.jsonl"
TRANSACTIONS: Final = "transactions.jsonl"
USAGE_EVENTS: Final = "usage_events.jsonl"
MONETIZATION_EVENTS: Final = "monetization_events.jsonl"
BALANCE_UPDATES: Final = "balance_updates.jsonl"
BALANCES: Final = "balances.jsonl"
PARKED: Final = "parked.jsonl"
POLICIES: Final = "policies.jsonl"
FILES: Final = (
    SEGMENTS,
    JOURNAL,
    FORMS,
    TRANSACTIONS,
    USAGE_EVENTS,
    MONETIZATION_EVENTS,
    BALANCE_UPDATES,
    BALANCES,
    PARKED,
    POLICIES,
)
"""What every export has."""
FILE_NAME: Final = re.compile(r"[a-z_]{1,64}\.(jsonl|csv|parquet)")


class FileFacts(Light, frozen=True, kw_only=True):
    """`rows` are lines of a JSONL file, and rows behind the header of a CSV file."""

    rows: int
    bytes: int
    sha256: str


class Manifest(Light, frozen=True, kw_only=True, rename={"version": "export", "from_": "from"}):
    """The stretch is one of whole segments, its first and its last record included. `previous_hash` is the chain's hash before
    it, `hash` the one behind it, in hex."""

    version: int
    from_: int
    to: int
    settled_through: int
    previous_hash: str
    hash: str
    made_by: Build
    files: Mapping[str, FileFacts]

    @property
    def is_part(self) -> bool:
        """It does not begin with the journal, or ends before what its balances tell: nothing adds up by itself."""
        return self.from_ > 1 or self.settled_through > self.to


class SegmentLine(Light, frozen=True, kw_only=True):
    """`bytes` are those of its body in the journal's file."""

    first_seq: int
    last_seq: int
    previous_hash: str
    hash: str
    bytes: int
    build: Build | None


class BalanceLine(Light, frozen=True, kw_only=True):
    """Credits less debits, as decimal text; `owner` is `default/user/ana`, or the tenant alone."""

    owner: str
    account: str
    asset: str
    amount: str


class ParkedLine(Light, frozen=True, kw_only=True):
    """What could not be posted, since when (microseconds); `delivered` is the record as it came, where no journal has it."""

    record: str
    seq: int
    at: int
    reason: ParkedReason
    of: str
    delivered: str | None


class PolicyLine(Light, frozen=True, kw_only=True):
    """`sources` are the files' texts by name, enough to compile the policy again."""

    digest: str
    name: str
    version: int
    sources: Mapping[str, str]


class LegRow(Light, frozen=True, kw_only=True):
    """One leg of a transaction, the `number`th of it, with what it has of the transaction; instants are text."""

    seq: int
    record: str
    number: int
    kind: str
    tenant: str
    owner: str
    request: str
    """The caller's id."""
    cause: str
    policy: str | None
    version: int | None
    rate_card: str | None
    at: str
    effective_at: str
    debit: str
    credit: str
    asset: str
    amount: str
    hold: str | None
    hold_state: str | None


def leg_rows(one: Transaction) -> Iterator[LegRow]:
    """Those of a transaction, in its order."""
    tenant, owner, kind, request = one.key
    at, effective_at = instant_text_of(one.at), instant_text_of(one.effective_at)
    for number, leg in enumerate(one.legs, 1):
        yield LegRow(
            seq=one.seq,
            record=one.record,
            number=number,
            kind=kind,
            tenant=tenant,
            owner=owner,
            request=request,
            cause=one.cause,
            policy=one.policy,
            version=one.version,
            rate_card=one.rate_card,
            at=at,
            effective_at=effective_at,
            debit=leg.debit,
            credit=leg.credit,
            asset=leg.asset,
            amount=leg.amount,
            hold=one.hold,
            hold_state=one.hold_state,
        )


TABLES: Final[Mapping[str, type[UsageEvent | MonetizationEvent | BalanceUpdate | LegRow]]] = {
    "usage_events": UsageEvent,
    "monetization_events": MonetizationEvent,
    "balance_updates": BalanceUpdate,
    "legs": LegRow,
}
"""What is written as CSV and as Parquet too: name → shape of a row."""

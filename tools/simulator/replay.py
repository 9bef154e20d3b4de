"""Replay: every command of the journal again, on fresh accounts, must write the same records (LANGUAGE.md V2)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from overspill.account.effects import apply, effects_in
from overspill.account.state import EMPTY, Account
from overspill.plan.program import Program
from overspill.records.journal import FormOf, Record, Segment, answered, stored_records
from overspill.records.request import Request
from overspill.step import commands
from overspill.step.keys import identify
from overspill.step.step import step
from overspill.words.codec import json_bytes, replace
from simulator.book import Finding
from simulator.policies import by_digest, program

T = "default"
_REQUESTS: dict[str, type[Any]] = {"consume": commands.Consume, "reserve": commands.Reserve}
_OTHERS: dict[str, type[Any]] = {
    "capture": commands.Capture,
    "extend": commands.Extend,
    "expire": commands.Expire,
    "expire_lot": commands.ExpireLot,
    "refund": commands.Refund,
    "set_top_up": commands.SetTopUp,
    "purchase": commands.Purchase,
    "unpaid": commands.Unpaid,
    "reverse": commands.Reverse,
    "release": commands.Release,
    "grant": commands.Grant,
    "top_up": commands.TopUp,
    "set": commands.SetAttributes,
    "void": commands.Void,
    "transfer": commands.Transfer,
    "reset": commands.Reset,
    "grant_reset": commands.GrantReset,
    "redeem": commands.Redeem,
}


class _Plans:
    def __init__(self) -> None:
        self.version = 1

    def active(self) -> Program:
        return program(self.version)

    def of(self, digest: str) -> Program:
        return by_digest()[digest]


def command_of(record: Record) -> commands.Command:
    """The command that a record is of."""
    kind = record.key[2]
    made: commands.Command
    if kind in _REQUESTS:
        made = _REQUESTS[kind](tenant=T, request=msgspec.json.decode(record.command, type=Request))
    else:
        made = msgspec.json.decode(record.command, type=_OTHERS[kind])
    return made


def replay(segments: Sequence[Segment], form_of: FormOf, decided_by: Mapping[int, int]) -> int:
    """Runs all again; `decided_by` has the version that was active by the first record of a batch. Gives back how many
    records are the same. Raises Finding."""
    by_id: dict[str, Record] = {}

    def record_of(id: str) -> Record | None:
        return answered(by_id[id], form_of) if id in by_id else None

    records = [record for segment in segments for record in stored_records(segment)]
    plans, firsts = _Plans(), sorted(decided_by)
    accounts: dict[str, Account] = {}
    written = 0
    for record in records:
        if record.seq <= written:  # the test of a balance, which its cause has written along with itself
            continue
        if record.away is not None:  # decided on what one process knew, and counted again on what had become of it
            for key, effects in effects_in(record.effects).items():
                accounts[key] = apply(accounts.get(key, EMPTY), effects, record.at)
            by_id.update(dict.fromkeys((record.id, *record.ids), record))
            written += 1
            continue
        plans.version = decided_by[firsts[bisect_right(firsts, record.seq) - 1]]
        outcome = step(
            plans, lambda key: accounts.get(key, EMPTY), identify(command_of(record)), record.at, written + 1, record_of
        )
        accounts.update(outcome.accounts)
        for made in outcome.records:
            if json_bytes(replace(made, drift=records[written].drift)) != json_bytes(records[written]):
                raise Finding(f"record {written + 1} is another when it is run again: {json_bytes(made)!r}")
            by_id.update(dict.fromkeys((made.id, *made.ids), made))
            written += 1
    if written != len(records):
        raise Finding(f"{written} of {len(records)} records were written again")
    return written

"""Runs every command of a database's journal again, on states of its own, and compares answers and effects; prints how many
agreed."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence

from overspill import Engine, ManualClock
from overspill.account.state import EMPTY, Account
from overspill.records.journal import Record, answered
from overspill.records.request import Request
from overspill.step import commands as c
from overspill.step.keys import identify
from overspill.step.step import Plans, step
from overspill.words.codec import convert, json_bytes, json_decoder, replace

ASKS = {"consume": c.Consume, "reserve": c.Reserve}
COMMANDS = {
    "capture": c.Capture,
    "extend": c.Extend,
    "release": c.Release,
    "expire": c.Expire,
    "expire_lot": c.ExpireLot,
    "grant": c.Grant,
    "set": c.SetAttributes,
    "void": c.Void,
    "refund": c.Refund,
    "transfer": c.Transfer,
    "reset": c.Reset,
    "grant_reset": c.GrantReset,
    "redeem": c.Redeem,
    "reverse": c.Reverse,
    "set_top_up": c.SetTopUp,
    "top_up": c.TopUp,
    "purchase": c.Purchase,
    "unpaid": c.Unpaid,
}


def command_of(record: Record) -> c.Command:
    """The command that a record is of."""
    tenant, kind = record.key[0], record.key[2]
    if record.away:
        request = json_decoder(Request).decode(record.command)
        return c.ConsumeAway(tenant=tenant, request=request, granted=record.away)
    if kind in ASKS:
        return ASKS[kind](tenant=tenant, request=json_decoder(Request).decode(record.command))
    return convert(json_decoder(object).decode(record.command), COMMANDS[kind])


def again(records: Sequence[Record], plans: Plans) -> Iterator[tuple[Record, Record]]:
    """(as it was, as it is made now) for each record. What follows a command in the same commit, as the test of a balance
    does, is made with it, and not commanded again."""
    accounts: defaultdict[str, Account] = defaultdict(lambda: EMPTY)
    known: dict[str, Record] = {}
    made: list[Record] = []
    for index, record in enumerate(records):
        if index >= len(made):
            identified = identify(command_of(record))
            outcome = step(plans, accounts.__getitem__, identified, record.at, record.seq, known.get)
            accounts.update(outcome.accounts)
            made += [answered(one, outcome.forms.__getitem__) for one in outcome.records]
        known |= dict.fromkeys((record.id, *record.ids), record)
        yield replace(record, build=None), made[index]


def main(path: str) -> None:
    agreed = count = 0
    with Engine.open(db=path, clock=ManualClock(0)) as engine:
        for was, made in again(list(engine.records()), engine.policies):
            count += 1
            agreed += json_bytes(made) == json_bytes(was)
    print(agreed, "of", count)


if __name__ == "__main__":
    main(sys.argv[1])

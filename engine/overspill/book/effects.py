"""What only a record's effects tell, and no answer: where what a capture draws beyond its hold is counted, whose debt it
makes, until when a hold that timed out may be captured, what a hold keeps of an overage when a lot of it expires, and
the generation in which a request is counted that was granted while the store was away.

Effects are read as the journal has them, as lists; their places are those of `account/effects.py` and
`account/state.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from overspill.records.journal import Record

HOLD_ACCOUNTS: Final = 1
HOLD_LATE_UNTIL: Final = 6
HOLD_LEGS: Final = 11
LEG_BASE: Final = 2
LEG_AMOUNT: Final = 3
LEG_COUNTS: Final = 4
COUNT_KIND: Final = 0
COUNT_KEY: Final = 1
COUNT_GENERATION: Final = 2
STATE_GENERATION: Final = 0

Told = Sequence[Any]


def effects_of(record: Record, tag: str) -> Iterator[tuple[str, Told]]:
    """(account, effect) of all of one kind."""
    for account, effects in record.effects.items():
        for effect in effects:
            if effect[0] == tag:  # type: ignore[index]
                yield account.partition("/")[2], effect  # type: ignore[misc]


def hold_set(record: Record, id: str) -> Told | None:
    """The hold as the record leaves it, for the first account that knows it; None where it has ended."""
    return next((effect[1] for _, effect in effects_of(record, "hold") if effect[1][0] == id), None)


def legs_left(record: Record, hold: str) -> list[Told]:
    """The legs of a hold behind a capture, those that hold nothing of a layer left out: what it goes on with, or all that
    was used of it."""
    kept = hold_set(record, hold)
    if kept is None:
        ended = (effect for _, effect in effects_of(record, "end_hold") if effect[1] == hold)
        legs = next(ended)[2]
    else:
        legs = kept[HOLD_LEGS]
    return [leg for leg in legs if leg[LEG_BASE]]


def debt_changed(record: Record) -> tuple[str, str]:
    """(account, pool) of the debt that changes."""
    account, effect = next(effects_of(record, "debt"))
    return account, effect[1]


def generation_set(record: Record, account: str, window: str) -> int:
    """That of a window as the record leaves it."""
    states = (effect[2] for owner, effect in effects_of(record, "window") if (owner, effect[1]) == (account, window))
    generation: int = next(states)[STATE_GENERATION]
    return generation

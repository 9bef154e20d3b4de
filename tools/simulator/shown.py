"""Answers as the auditor reads them: the numbers that it counts, and no more."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import msgspec

SCALE = 2
"""Digits of the one unit that all layers here are in."""


@lru_cache(maxsize=65536)
def steps(text: str) -> int:
    """Decimal text → steps of the unit."""
    return int(Decimal(text).scaleb(SCALE))


class Counted(msgspec.Struct):
    """A window, a cap or an overage in a draw."""

    generation: int
    before: str
    after: str
    limit: str | None
    window: str | None = None
    cap: str | None = None


class LotPart(msgspec.Struct):
    lot: str
    amount: str
    account: str = ""
    pool: str = ""


class Draw(msgspec.Struct):
    """Of a decision or of a capture; `source` and `returned` are the capture's."""

    layer: str
    base: str
    amount: str
    windows: list[Counted] = []
    lots: list[LotPart] = []
    overage: Counted | str | None = None
    caps: list[Counted] = []
    source: str = msgspec.field(name="from", default="")
    returned: str = "0"


class Entry(msgspec.Struct):
    account: str
    amount: str
    window: str | None = None
    pool: str | None = None
    lot: str | None = None


class TraceStep(msgspec.Struct):
    step: str
    effects: list[Entry] = []
    concurrency: str | None = None


class Held(msgspec.Struct):
    id: str
    expires_at: str | None


class Decision(msgspec.Struct):
    decision: str
    outcome: str
    requested: str
    granted: str
    shortfall: str
    hold: Held | None
    account_version: int
    draws: list[Draw]
    trace: list[TraceStep]


class Reissued(msgspec.Struct):
    lot: str
    expires_at: str | None


class Gone(msgspec.Struct):
    """What came back of a lot that has expired."""

    account: str
    pool: str
    lot: str
    amount: str
    reissued: Reissued | None = None


class Settled(msgspec.Struct):
    """A capture, release, extension or time-out."""

    hold: str
    draws: list[Draw] = []
    final: bool = True
    late: bool = False
    used: str = "0"
    covered: str = "0"
    absorbed: str = "0"
    effective_at: str | None = None
    expired: list[Gone] = []


class Lapsed(msgspec.Struct):
    """What a hold loses of a lot, and what of the rest goes back to other lots."""

    hold: str
    amount: str
    returned: dict[str, str] = {}


class Moved(msgspec.Struct):
    """A grant, a void, a transfer or a lot's end."""

    account: str
    pool: str
    lot: str
    amount: str
    repaid: str = "0"
    to: str = ""
    to_lot: str = ""
    effective_at: str | None = None
    expires_at: str | None = None
    holds: list[Lapsed] = []


decision = msgspec.json.Decoder(Decision).decode
settled = msgspec.json.Decoder(Settled).decode
moved = msgspec.json.Decoder(Moved).decode

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
    repaid_back: Moved | None = None


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
    cost: str | None = None
    money: dict[str, str] = {}


class Returned(msgspec.Struct):
    """What a reversal gives back to a window, a lot or a debt."""

    account: str
    amount: str
    to: str
    window: str | None = None
    generation: int | None = None
    pool: str | None = None
    lot: str | None = None
    reissued: Reissued | None = None


class Reversal(msgspec.Struct):
    of: str
    returned: list[Returned]


class Settings(msgspec.Struct):
    enabled: bool
    minimum: str
    target: str
    monthly_maximum: str | None


class Agreed(msgspec.Struct):
    account: str
    pool: str
    settings: Settings
    abandoned: str | None = None


class Bought(msgspec.Struct):
    id: str
    amount: str
    money: str


class TestedPool(msgspec.Struct):
    pool: str
    reason: str | None = None
    purchase: Bought | None = None


class Tested(msgspec.Struct):
    at: str
    account: str
    pools: list[TestedPool]


class Unpaid(msgspec.Struct):
    purchase: str
    outcome: str


class Paid(msgspec.Struct):
    at: str
    account: str
    pool: str
    lot: str
    amount: str
    cost: str
    receipt: str
    expires_at: str | None
    repaid: str = "0"


class Told(msgspec.Struct):
    """What a client reads of the answer to a request, a grant or a transfer."""

    decision: str = ""
    outcome: str = ""
    hold: Held | None = None
    account: str = ""
    pool: str = ""
    lot: str = ""
    to: str = ""
    to_lot: str = ""


told = msgspec.json.Decoder(Told).decode
decision = msgspec.json.Decoder(Decision).decode
settled = msgspec.json.Decoder(Settled).decode
settings = msgspec.json.Decoder(Agreed).decode
tested = msgspec.json.Decoder(Tested).decode
unpaid = msgspec.json.Decoder(Unpaid).decode
paid = msgspec.json.Decoder(Paid).decode
reversal = msgspec.json.Decoder(Reversal).decode
moved = msgspec.json.Decoder(Moved).decode

"""What clients ask: requests near every boundary, and follow-ups in any order.

A kind of command is one function in `KINDS` that makes it, or None where there is nothing to ask it of: another command
is another row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from overspill.records.request import Request
from overspill.step.commands import (
    Capture,
    Command,
    Consume,
    Extend,
    Grant,
    GrantReset,
    Preview,
    Redeem,
    Refund,
    Release,
    Reserve,
    Reverse,
    SetAttributes,
    SetTopUp,
    Transfer,
    Void,
)
from overspill.words.instants import DAY, HOUR, MINUTE
from simulator.chance import Chance
from simulator.times import START

T = "default"
USERS, WORKSPACES = ("ana", "bob", "cem"), ("red", "blue")
TOKENS = (0, 1, 7, 33, 40, 100, 250, 400, 667, 900, 2000)
PRODUCTS = ("main", "main", "main", "bulk", "bulk", "checked")
AMOUNTS = ("0.01", "0.5", "1", "3.33", "10", "25", "60")
LOTS_KNOWN, REQUESTS_KNOWN = 12, 40
EXPECTED = frozenset(
    [
        "hold_closed",
        "unknown_hold",
        "unknown_lot",
        "lot_held",
        "not_enough",
        "already_expired",
        "already_reversed",
        "hold_open",
        "nothing_to_reverse",
        "not_paid",
        "same_account",
        "no_reset",
        "reset_expired",
        "nothing_to_reset",
        "invalid_usage",
        "missing_meter",
    ]
)
"""What a command may be refused with, and nothing has changed."""
BOUNDS: tuple[dict[str, Any], ...] = (
    *({"only": ("money",)}, {"only": ("promo",)}, {"only": ("promo", "shared")}, {"only": ("shared",)}),
    *({"max_charge": {"credits": "2"}}, {"at_least": "1"}),
)
LIVES = (None, MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR, DAY)
STARTS = (None, None, None, None, None, -HOUR, MINUTE, HOUR)


class Clients:
    """`expected_at` is about what the engines' clocks say; lots and holds are those heard of."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self.count = 0
        self.lots: list[tuple[str, str, str]] = []
        """(owner, pool, lot)."""
        self.requests: list[tuple[str, str]] = []
        """(account's key, decision or hold) of requests that granted something."""
        self.expected_at = START

    def next(self) -> Command:
        """A new command."""
        while True:
            made = self.chance.choice(_WEIGHTED)(self)
            if made is not None:
                return made

    def id(self) -> str:
        self.count += 1
        return f"c{self.count}"

    def request(self) -> Request:
        chance = self.chance
        account = {"user": chance.choice(USERS)}
        if chance.random() < 0.6:
            account["workspace"] = WORKSPACES[chance.random() < 0.2]
        fields: dict[str, Any] = {"product": chance.choice(PRODUCTS), "model": "m1"}
        if chance.random() < 0.25:
            fields["model"] = "m2" if chance.random() < 0.8 else "m3"
        if chance.random() < 0.4:
            fields["turn"] = f"t{chance.randrange(9)}"
        more: dict[str, Any] = {}
        if chance.random() < 0.2:
            more = chance.choice(BOUNDS)
        return Request(id=self.id(), account=account, fields=fields, meters=self.meters(), **more)

    def meters(self) -> dict[str, int]:
        tokens = self.chance.choice(TOKENS)
        return {"tokens": tokens, "cached": tokens // 2} if self.chance.random() < 0.3 else {"tokens": tokens}

    def owner(self, pool: str) -> dict[str, str]:
        if pool == "shared":
            return {"workspace": self.chance.choice(WORKSPACES)}
        return {"user": self.chance.choice(USERS)}

    # ---- what is heard

    def heard_of_lot(self, owner: str, pool: str, lot: str) -> None:
        self.lots.append((owner, pool, lot))
        del self.lots[:-LOTS_KNOWN]

    def heard_of_request(self, account: str, of: str) -> None:
        self.requests.append((account, of))
        del self.requests[:-REQUESTS_KNOWN]

    def follow_ups(self, account: str, hold: str) -> list[Command]:
        """What the client of a hold will send about it; on its way it may lose its order."""

        def capture(id: str, final: bool = True) -> Command:
            return Capture(tenant=T, account=account, hold=hold, id=id, meters=self.meters(), final=final)

        extend = Extend(tenant=T, account=account, hold=hold, id="e")
        release = Release(tenant=T, account=account, hold=hold, id="r")
        scripts: tuple[list[Command], ...] = (
            [capture("1")],
            [capture("1")],
            [capture("1", False), capture("2", False), capture("3")],
            [capture("1", False), extend, capture("2")],
            [extend, release],
            [capture("1", False), release],
            [release, capture("1")],
            [capture("1", False), capture("2", False)],
            [],
        )
        return self.chance.choice(scripts)


Kind = Callable[[Clients], "Command | None"]


def _consume(clients: Clients) -> Command:
    return Consume(tenant=T, request=clients.request())


def _reserve(clients: Clients) -> Command:
    return Reserve(tenant=T, request=clients.request())


def _preview(clients: Clients) -> Command:
    return Preview(tenant=T, request=clients.request())


def _grant(clients: Clients) -> Command:
    chance = clients.chance
    pool = chance.choice(("promo", "shared", "money", "money"))
    life, start = chance.choice(LIVES), chance.choice(STARTS)
    if start is not None and life is not None:
        life += start
    return Grant(
        tenant=T,
        account=clients.owner(pool),
        pool=pool,
        id=clients.id(),
        amount=chance.choice(AMOUNTS),
        expires_at=None if life is None else clients.expected_at + life,
        priority=chance.choice((0, 0, 1)),
        category=chance.choice(("promotional", "paid")),
        effective_at=None if start is None else clients.expected_at + start,
        cost=chance.choice((None, "0.07 usd", "9.99 usd")) if pool == "money" else None,
    )


def _set(clients: Clients) -> Command:
    chance = clients.chance
    value = chance.choice(
        (
            *({"plan": "plus"}, {"plan": "plus"}, {"plan": "pro"}, {"plan": "free"}, {"blocked": True}),
            *({"blocked": False}, {"blocked": None}, {"ceiling": "1.5"}, {"ceiling": "40"}, {"ceiling": None}),
        )
    )
    account = clients.owner("shared" if "ceiling" in value and chance.random() < 0.4 else "money")
    return SetAttributes(tenant=T, account=account, id=clients.id(), attributes=value)


def _void(clients: Clients) -> Command | None:
    if not clients.lots:
        return None
    owner, pool, lot = clients.chance.choice(clients.lots)
    kind, id = owner.split("/")
    return Void(tenant=T, account={kind: id}, pool=pool, lot=lot, id=clients.id())


def _set_top_up(clients: Clients) -> Command:
    chance = clients.chance
    minimum, target = chance.choice((("0", "5"), ("2.5", "2.5"), ("10", "60"), ("40", "60"), ("100", "250")))
    account = clients.owner("money")
    return SetTopUp(
        tenant=T,
        account=account,
        pool="money",
        id=clients.id(),
        enabled=chance.random() < 0.8,
        minimum=minimum,
        target=target,
        monthly_maximum=chance.choice((None, None, "0", "40", "500")),
        actor=f"user/{account['user']}",
    )


def _refund(clients: Clients) -> Command | None:
    lots = [lot for lot in clients.lots if lot[1] == "money"]
    if not lots:
        return None
    owner, pool, lot = clients.chance.choice(lots)
    kind, id = owner.split("/")
    return Refund(tenant=T, account={kind: id}, pool=pool, lot=lot, id=clients.id())


def _reverse(clients: Clients) -> Command | None:
    if not clients.requests:
        return None
    account, of = clients.chance.choice(clients.requests)
    return Reverse(tenant=T, account=account, of=of, id=clients.id())


def _transfer(clients: Clients) -> Command | None:
    if not clients.lots:
        return None
    owner, pool, lot = clients.chance.choice(clients.lots)
    kind, id = owner.split("/")
    amount = clients.chance.choice((None, "0.5", "3", "10"))
    to = clients.owner(pool)
    return Transfer(tenant=T, account={kind: id}, pool=pool, lot=lot, to=to, id=clients.id(), amount=amount)


def _grant_reset(clients: Clients) -> Command:
    return GrantReset(tenant=T, account=clients.owner("money"), limit="included", id=clients.id())


def _redeem(clients: Clients) -> Command:
    return Redeem(tenant=T, account=clients.owner("money"), limit="included", id=clients.id())


KINDS: dict[Kind, int] = {
    _consume: 30,
    _reserve: 24,
    _preview: 3,
    _grant: 14,
    _set: 3,
    _void: 3,
    _refund: 2,
    _reverse: 6,
    _set_top_up: 2,
    _transfer: 3,
    _grant_reset: 1,
    _redeem: 1,
}
"""What makes a command, and how often of a hundred or so."""
_WEIGHTED = [kind for kind, weight in KINDS.items() for _ in range(weight)]

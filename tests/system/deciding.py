"""Decisions of one credit each, until a disk is full."""

from __future__ import annotations

from overspill import Engine, Request, StoreFailure
from store.places import ANA


def request(number: int) -> Request:
    return Request(id=f"r{number}", account=ANA, meters={"credits": 1})


def until_full(engine: Engine, number: int) -> int:
    """Decides from `number` on; the first one that was refused."""
    while True:
        try:
            engine.decide(request(number))
        except StoreFailure as failure:
            assert (failure.code, failure.help) == ("disk_full", "free some space and ask again with the same id")
            return number
        number += 1


def left(engine: Engine) -> int:
    """Credits."""
    return sum(lot[1] for lot in engine.account(ANA).pools["money"])

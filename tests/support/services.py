"""A service in memory, with a key for each who calls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from overspill import Engine
from overspill.runtime.clock import ManualClock
from overspill.serve.app import App
from overspill.serve.credentials import SCOPES, Tokens, made_key
from overspill.serve.service import Limits, Service
from overspill.store.registry import opened_registry
from overspill.words.instants import instant_from_text
from support.asgi import Answer, acall, call

NOON = instant_from_text("2026-10-06T12:00:00Z")
ANA = {"user": "u_ana"}
TURN = {
    "account": ANA,
    "fields": {"product": "codex", "model": "gpt-5.5", "speed": "standard"},
    "meters": {"input_tokens": 56_000, "cached_input_tokens": 0, "output_tokens": 2_000},
}
"""8.5 credits of the shipped policy."""


class Caller:
    """Whoever holds one key."""

    def __init__(self, app: App, key: str) -> None:
        self.app, self.key = app, key

    def headers(self, key: str | None, more: Mapping[str, str] | None) -> dict[str, str]:
        own = {} if key is None else {"Idempotency-Key": key}
        return {"Authorization": f"Bearer {self.key}", **own, **(more or {})}

    def post(self, path: str, body: Any = None, key: str | None = None, **more: str) -> Answer:
        return call(self.app, "POST", path, body, self.headers(key, more))

    def get(self, path: str, query: str = "", **more: str) -> Answer:
        return call(self.app, "GET", path, None, self.headers(None, more), query)

    async def apost(self, path: str, body: Any = None, key: str | None = None, **more: str) -> Answer:
        return await acall(self.app, "POST", path, body, self.headers(key, more))


class Served:
    """`caller` makes a key; `all` may do everything for the tenant `acme`."""

    def __init__(
        self, engine: Engine, clock: ManualClock, limits: Limits | None = None, tokens: Tokens | None = None
    ) -> None:
        self.engine, self.clock = engine, clock
        self.registry = opened_registry(None)
        self.service = Service(engine, self.registry, limits=limits, tokens=tokens)
        self.app = App(self.service)
        self.all = self.caller("acme", *SCOPES)

    def caller(self, tenant: str, *scopes: str, expires_at: int | None = None) -> Caller:
        text, key = made_key(tenant, "", scopes, self.clock.now(), expires_at)
        self.registry.put_key(key)
        return Caller(self.app, text)


@contextmanager
def served(limits: Limits | None = None, policy: Any = "codex_sora", tokens: Tokens | None = None) -> Iterator[Served]:
    clock = ManualClock(NOON)
    with Engine.open(policy, clock=clock) as engine:
        one = Served(engine, clock, limits, tokens)
        try:
            yield one
        finally:
            one.registry.close()


def with_ana(one: Served) -> Served:
    """With the account of ana: plan plus, 2 promotional credits, 50 that were paid for."""
    account = "/v1/accounts/user/u_ana"
    one.all.post(f"{account}/attributes", {"attributes": {"plan": "plus"}}, "signup")
    one.all.post(f"{account}/grants", {"pool": "promo", "amount": "2", "category": "promotional"}, "P1")
    one.all.post(f"{account}/grants", {"pool": "credits", "amount": "50", "cost": "9.99 usd"}, "C1")
    return one

"""The service: an engine for all tenants, who may call it, and how much at once."""

from __future__ import annotations

from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING

from overspill.hooks.reach import Reach
from overspill.hooks.tally import Tally
from overspill.ports.registry import Registry
from overspill.serve.credentials import Credentials, Tokens
from overspill.serve.open_holds import OpenHolds
from overspill.words.codec import Struct
from overspill.words.failures import Failure
from overspill.words.strict_json import BYTES_MAX

if TYPE_CHECKING:
    from overspill.runtime.engine import Engine
    from overspill.serve.gateway import Gateway


AT_ONCE_REFUSED, KEPT_BACK_SECONDS = 16, 0.3
Place = tuple[str, str, str]
"""(tenant, path, Idempotency-Key)."""


class Limits(Struct, frozen=True, kw_only=True):
    """Of one tenant: bytes of a body, requests of a batch, holds that are open, and calls under way at once; `total` calls of all
    tenants."""

    body: int = BYTES_MAX
    batch: int = 256
    holds: int = 100_000
    at_once: int = 256
    total: int = 1024


class Service:
    """What operations work with. It closes none of its parts. `url` is where callers find it,
    where that is known; `gateway` are the rules of who asks without code."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        *,
        limits: Limits | None = None,
        tokens: Tokens | None = None,
        url: str | None = None,
        gateway: Gateway | None = None,
        reach: Reach | None = None,
    ) -> None:
        self.engine, self.registry = engine, registry
        self.url, self.gateway = url, gateway
        self.limits = limits or Limits()
        self.credentials = Credentials(registry, engine.now, tokens)
        self.holds = OpenHolds(self.limits.holds)
        self.reach = reach or Reach()
        self.tally = Tally()
        """What became of what is delivered beside the calls, where anything is."""
        self._engines: dict[str, Engine] = {}
        self._lock = Lock()
        self._under_way: set[Place] = set()
        self._counts: dict[str, int] = {}
        self._total = 0
        self._second = 0
        self._refusals: dict[str, int] = {}
        """Calls that were refused in that second, by tenant."""

    def engine_of(self, tenant: str) -> Engine:
        """The engine of a tenant, who has a credential."""
        found = self._engines.get(tenant)
        if found is None:
            with self._lock:
                found = self._engines.setdefault(tenant, self.engine.of_tenant(tenant))
        return found

    # ---- how much at once, in the loop's own thread

    def admit(self, tenant: str) -> None:
        """Takes a place among the calls under way, until `leave`. Raises Failure `busy`: a queue that only grows helps nobody.
        What needs no credential has places of its own: a service that is full still lives, and tells how it stands."""
        own = self._counts.get(tenant, 0)
        is_full = bool(tenant) and self._total >= self.limits.total
        if own >= self.limits.at_once or is_full:
            what = "the service" if is_full or not tenant else "your tenant"
            raise Failure("busy", f"{what} has as many calls under way as it may", help="ask again, with the same key")
        self._counts[tenant] = own + 1
        self._total += 1

    def refused(self, tenant: str) -> float:
        """Seconds that one more refusal of the tenant is kept back. Who is refused again and again within a second asks without a
        pause: each refusal would cost a part of a decision, and all others would wait for them. They come back one by one."""
        second = int(perf_counter())
        if second != self._second:
            self._second, self._refusals = second, {}
        count = self._refusals[tenant] = self._refusals.get(tenant, 0) + 1
        return 0.0 if count <= AT_ONCE_REFUSED else KEPT_BACK_SECONDS * (1 + count % 64 / 64)

    def leave(self, tenant: str) -> None:
        self._total -= 1
        if own := self._counts[tenant] - 1:
            self._counts[tenant] = own
        else:
            del self._counts[tenant]

    def begin(self, place: Place) -> None:
        """From now on this is the only call with its key, until `end`. Raises Failure `in_flight`."""
        if place in self._under_way:
            what = f"a call with the key {place[2]} is under way"
            raise Failure("in_flight", what, help="ask again, with the same key: it gets the same answer")
        self._under_way.add(place)

    def end(self, place: Place) -> None:
        self._under_way.discard(place)

    @property
    def under_way(self) -> int:
        """How many calls are."""
        return self._total

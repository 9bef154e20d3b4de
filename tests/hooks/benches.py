"""An engine on a database, hooks, and runners of them, in time that stands still until a test moves it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from events.scenes import ANA, Scene
from overspill.hooks.endpoints import made
from overspill.hooks.reach import LOOPBACK, Reach, networks
from overspill.hooks.runner import Runner, Send
from overspill.hooks.sending import TIME, Sender
from overspill.hooks.tally import Tally
from overspill.ports.clock import Clock
from overspill.ports.hooks import Delivery, Hook
from overspill.runtime.clock import SystemClock
from overspill.store.opened import looked_into
from overspill.store.registry import opened_registry

NEAR = Reach(allowed=networks(LOOPBACK))


class Bench:
    """`tell` makes so many decisions of Ana, each an event; `run` delivers all that there is now."""

    def __init__(self, db: str) -> None:
        self.db = db
        self.scene = Scene(db=db)
        self.clock = self.scene.clock
        self.registry = opened_registry(db)
        self.hooks = self.registry.hooks
        self.alarms: list[tuple[str, dict[str, Any]]] = []
        self.count = 0

    def hook(
        self, url: str, *types: str, percents: tuple[int, ...] | None = None, key: str = "h", tenant: str = "default"
    ) -> Hook:
        asked = types or ("decision.made",)
        now = self.clock.now()
        hook, _ = made(self.hooks, NEAR, tenant=tenant, key=key, url=url, types=asked, percents=percents, at=now)
        return hook

    def kept(self, hook: Hook) -> Hook:
        found = self.hooks.get(hook.tenant, hook.id)
        assert found is not None
        return found

    def tell(self, many: int = 1, credits: int = 0) -> list[str]:
        """The ids of the decisions; what nothing was used for is not settled."""
        return [self.scene.use(credits, ANA) for _ in range(many)]

    @contextmanager
    def runner(
        self, send: Send | None = None, clock: Clock | None = None, time: int = TIME, tally: Tally | None = None
    ) -> Iterator[Runner]:
        with closing(looked_into(self.db)) as store, closing(opened_registry(self.db)) as registry:
            one = Runner(
                store,
                registry.hooks,
                send or Sender(NEAR, SystemClock().now, time=time),
                clock or self.clock,
                by=os.urandom(8).hex(),
                threads=16,
                jitter=lambda event, attempts: 0,
                alarm=lambda event, **facts: self.alarms.append((event, facts)),
                tally=tally,
            )
            with closing(one):
                yield one

    def run(self, send: Send | None = None, time: int = TIME) -> None:
        with self.runner(send, time=time) as runner:
            runner.run_once()

    def waiting(self, hook: Hook) -> list[Delivery]:
        return list(self.hooks.due_of(hook.id, 2**62, 10_000))

    def dead(self, hook: Hook) -> list[Delivery]:
        return list(self.hooks.dead(hook.id, "", 10_000))

    def close(self) -> None:
        self.registry.close()
        self.scene.engine.close()


@contextmanager
def bench_on(db: str) -> Iterator[Bench]:
    one = Bench(db)
    try:
        yield one
    finally:
        one.close()

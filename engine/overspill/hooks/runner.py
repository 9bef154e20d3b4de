"""The runner: what is sent when, and what becomes of it. One thread that asks the database, and some that only send.

For each hook it takes a lot of events from the journal, or deliveries whose time has come, sends them, and writes down
what came of each: what was not delivered waits in the database before the hook's place moves on. So whenever a runner
dies, each event behind the place is told of by the next one, again perhaps, and none is passed over. A hook's claim keeps
others from doing the same meanwhile; who comes back too late moves no place.

A hook that answers nothing is down: it is tried with one event at a time, and takes new ones a minute apart. What is new
stays in the journal meanwhile, in its order.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from overspill.events.from_record import Wanted
from overspill.hooks.endpoints import secrets_of
from overspill.hooks.journal import Journal, Outgoing, Place
from overspill.hooks.schedule import DISTANCES, Jitter, derived_jitter, next_after
from overspill.hooks.sending import DELIVERED, GONE, Attempt, Outcome
from overspill.hooks.tally import Tally
from overspill.ports.clock import Clock
from overspill.ports.hooks import Delivery, Hook, Hooks
from overspill.ports.store import Store
from overspill.runtime.alarms import alarm
from overspill.runtime.signatures import signed
from overspill.words.codec import replace
from overspill.words.instants import MINUTE, SECOND

THREADS = 64
AT_ONCE = 8
"""Attempts of one hook under way."""
EVENTS = 64
"""Of one lot: what a runner that dies sends again at most."""
WAITING_MAX = 1000
"""With so many deliveries that wait, a hook takes no new events: they stay in the journal."""
CLAIM = 30 * SECOND
"""How long a runner that says nothing keeps a hook; it says so again in half of that."""
PAUSE = MINUTE
LOOKS = SECOND // 2
"""Microseconds between two looks at the database, where nothing is under way."""
SAVED_EVERY = 10_000
SAVED_WITHIN = MINUTE
"""Records in which there was nothing to tell, and a time, behind which the place is written down all the same: so that the
database says how far a hook is."""
NOT_TRIED = "not_tried"

Send = Callable[[Attempt], Outcome]


class _Lot:
    """What of one hook is sent together: `place` is where the hook is told of then, None for deliveries that waited."""

    def __init__(self, hook: Hook, events: Sequence[Outgoing], place: Place | None, due: Sequence[Delivery]) -> None:
        self.hook, self.place = hook, place
        self.todo: deque[Outgoing | Delivery] = deque([*events, *due])
        self.done: list[tuple[Outgoing | Delivery, Outcome | None]] = []
        """None: it was not tried."""
        self.under_way = 0

    @property
    def is_over(self) -> bool:
        """The endpoint is gone, or as many attempts as are made at once came to nothing: the rest is not tried."""
        outcomes = [outcome for _, outcome in self.done if outcome is not None]
        hopeless = len(outcomes) >= AT_ONCE and all(outcome.is_down for outcome in outcomes)
        return hopeless or any(outcome.code == GONE for outcome in outcomes)


class Runner:
    """Of one store and one registry; all but `stop` from one thread. `by` tells it from all other runners there ever were."""

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        send: Send,
        clock: Clock,
        *,
        by: str,
        threads: int = THREADS,
        jitter: Jitter = derived_jitter,
        alarm: Callable[..., None] = alarm,
        tally: Tally | None = None,
    ) -> None:
        self._tally = tally or Tally()
        self._journal, self._hooks, self._send, self._clock = Journal(store, alarm), hooks, send, clock
        self._by, self._jitter, self._alarm = by, jitter, alarm
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="overspill-hooks")
        self._answers: queue.SimpleQueue[tuple[_Lot, Outgoing | Delivery, Outcome] | None] = queue.SimpleQueue()
        self._lots: dict[str, _Lot] = {}
        self._seen: dict[str, tuple[Place, Place, int]] = {}
        """By hook: its place in the database, the one behind it up to which there was nothing to tell, and since when there
        is such a one."""
        self._over = threading.Event()
        self._looked_at, self._has_more = 0, True
        """When, by the clock; and whether there may be something to do at once."""

    def _now(self) -> int:
        """What receivers and other runners call now: the wall clock's instant."""
        return self._clock.now() + self._clock.drift()

    # ---- running

    def run(self) -> None:
        """Until it is stopped. Raises StoreFailure."""
        while not self._over.is_set():
            if self._has_more or self._clock.now() - self._looked_at >= LOOKS:
                self._look()
            self._take(self._wait(0 if self._has_more else LOOKS))
        self._end()

    def run_once(self) -> None:
        """Until there is nothing to tell now, and nothing to try again. Raises StoreFailure."""
        while not self._over.is_set():
            self._look()
            if not self._lots and not self._has_more:
                break
            self._take(self._wait(None if self._lots else 0))
        self._end()

    def stop(self) -> None:
        """From any thread: what is under way is the last."""
        self._over.set()
        self._answers.put(None)

    def close(self) -> None:
        """Behind `run`, also where that has failed; what is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _end(self) -> None:
        """What is under way is waited for; what was taken and not tried waits in the database."""
        for lot in list(self._lots.values()):
            lot.done += [(one, None) for one in lot.todo]
            lot.todo.clear()
            self._go_on(lot)
        while self._lots:
            self._take(self._wait(None))
        self._hooks.unclaim(self._by)

    def _wait(self, micros: int | None) -> list[tuple[_Lot, Outgoing | Delivery, Outcome]]:
        """What was answered meanwhile, at least one where there is no bound."""
        found = []
        try:
            found.append(self._answers.get(timeout=None if micros is None else micros / SECOND))
            while True:
                found.append(self._answers.get_nowait())
        except queue.Empty:
            pass
        return [one for one in found if one is not None]

    # ---- what is sent

    def _look(self) -> None:
        """Begins what there is to do for every hook with which nothing is under way, and keeps the claims of the others."""
        now, self._looked_at, self._has_more = self._now(), self._clock.now(), False
        due = set(self._hooks.due(now))
        hooks = self._hooks.all()
        for hook in hooks:
            lot = self._lots.get(hook.id)
            if lot is not None:
                if hook.claimed_by == self._by and hook.claimed_until - now < CLAIM // 2:
                    self._hooks.claim(hook.id, self._by, now, now + CLAIM)
            elif hook.disabled_at is None and (hook.claimed_by == self._by or hook.claimed_until <= now):
                self._begin(hook, now, hook.id in due)
        for id in self._seen.keys() - {hook.id for hook in hooks}:
            del self._seen[id]

    def _begin(self, hook: Hook, now: int, is_due: bool) -> None:
        most = 1 if hook.failing_since is not None else EVENTS
        if is_due:
            claimed = self._hooks.claim(hook.id, self._by, now, now + CLAIM)
            found = self._hooks.due_of(hook.id, now, most) if claimed is not None else []
            if claimed is not None and found:
                self._start(_Lot(claimed, (), None, found))
                return
        if hook.paused_until > now:
            return
        kept = place = Place(hook.through, hook.posted_through)
        since = now
        if hook.id in self._seen and self._seen[hook.id][0] == kept:
            _, place, since = self._seen[hook.id]
        told = self._journal.next(hook.tenant, Wanted(frozenset(hook.types), hook.percents), place, most)
        far = told.place.record - kept.record >= SAVED_EVERY or now - since >= SAVED_WITHIN
        if not told.events and (not far or told.place == kept):
            self._seen[hook.id] = kept, told.place, since if place != kept else now
            self._has_more = self._has_more or told.place != place  # it may have stopped within the journal
            return
        if self._hooks.waiting(hook.id).waiting >= WAITING_MAX:
            return
        claimed = self._hooks.claim(hook.id, self._by, now, now + CLAIM)
        if claimed is not None and _asked_for(claimed) == (kept, hook.types, hook.percents):
            self._start(_Lot(claimed, told.events, told.place, ()))
        elif claimed is not None:  # it is another one than was looked at
            self._has_more = True

    def _start(self, lot: _Lot) -> None:
        self._lots[lot.hook.id] = lot
        self._go_on(lot)

    def _go_on(self, lot: _Lot) -> None:
        """Sends as much of the lot as may be under way; ends it where there is no more."""
        if lot.is_over:
            lot.done += [(one, None) for one in lot.todo]
            lot.todo.clear()
        while lot.todo and lot.under_way < AT_ONCE:
            one = lot.todo.popleft()
            lot.under_way += 1
            self._pool.submit(self._tried, lot, one)
        if not lot.under_way:
            del self._lots[lot.hook.id]
            self._keep(lot)

    def _tried(self, lot: _Lot, one: Outgoing | Delivery) -> None:
        """In a thread of the pool."""
        hook, now = lot.hook, self._now()
        try:
            headers = signed(secrets_of(hook, now), _event(one), now, one.body)
            outcome = self._send(Attempt(hook.url, headers, one.body))
        except Exception:  # a defect must not keep the hook for ever
            outcome = Outcome("failed")
        self._answers.put((lot, one, outcome))

    # ---- what became of it

    def _take(self, answers: Sequence[tuple[_Lot, Outgoing | Delivery, Outcome]]) -> None:
        for lot, one, outcome in answers:
            lot.under_way -= 1
            lot.done.append((one, outcome))
            self._tally.attempt(outcome)
            self._go_on(lot)

    def _keep(self, lot: _Lot) -> None:
        """What was not delivered waits; then the place moves."""
        now, hook = self._now(), lot.hook
        for one, outcome in lot.done:
            if isinstance(one, Delivery):
                self._keep_delivery(one, outcome, now)
            elif outcome is None or outcome.code != DELIVERED:
                self._hooks.wait(self._delivery(hook.id, one, outcome, now))
        outcomes = [outcome for _, outcome in lot.done if outcome is not None]
        if any(outcome.code == GONE for outcome in outcomes):
            self._hooks.disable(hook.id, now, GONE)
            self._alarm("hook_disabled", hook=hook.id, tenant=hook.tenant, why=GONE)
        if lot.place is not None:
            hook = replace(hook, through=lot.place.record, posted_through=lot.place.posting)
        self._seen.pop(hook.id, None)
        self._has_more = True
        self._hooks.advance(self._as_it_is_doing(hook, outcomes, now))

    def _as_it_is_doing(self, hook: Hook, outcomes: Sequence[Outcome], now: int) -> Hook:
        if not outcomes:
            return hook
        if not all(outcome.is_down for outcome in outcomes):
            return replace(hook, failing_since=None, paused_until=0)
        if hook.failing_since is None:
            self._alarm("hook_failing", hook=hook.id, tenant=hook.tenant, last=outcomes[-1].code)
        return replace(hook, failing_since=hook.failing_since or now, paused_until=now + PAUSE)

    def _delivery(self, hook: str, one: Outgoing, outcome: Outcome | None, now: int) -> Delivery:
        first = Delivery(
            hook=hook,
            event=one.id,
            type=one.type,
            subject=one.subject,
            body=one.body,
            attempts=0,
            next_at=now + DISTANCES[0],
            last=NOT_TRIED,
            last_at=now,
        )
        return first if outcome is None else self._after(first, outcome, now)

    def _keep_delivery(self, one: Delivery, outcome: Outcome | None, now: int) -> None:
        if outcome is not None and outcome.code == DELIVERED:
            self._hooks.delivered(one.hook, one.event)
        elif outcome is not None:
            self._hooks.tried(self._after(one, outcome, now), one.attempts)

    def _after(self, one: Delivery, outcome: Outcome, now: int) -> Delivery:
        """The delivery behind an attempt that came to nothing: when it is tried again, or a dead letter."""
        attempts = one.attempts + 1
        distance = next_after(one.event, attempts, outcome.asked, self._jitter)
        if distance is None:
            self._tally.gave_up()
            self._alarm("hook_gave_up", hook=one.hook, delivery=one.event, last=outcome.code)
        return replace(
            one,
            attempts=attempts,
            next_at=now if distance is None else now + distance,
            last=outcome.code,
            last_at=now,
            dead_at=now if distance is None else None,
        )


def _asked_for(hook: Hook) -> tuple[Place, tuple[str, ...], tuple[int, ...]]:
    """From where on, and what: who changes it changes what is to be told."""
    return Place(hook.through, hook.posted_through), hook.types, hook.percents


def _event(one: Outgoing | Delivery) -> str:
    return one.event if isinstance(one, Delivery) else one.id

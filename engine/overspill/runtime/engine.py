"""The engine: policies, a store and a clock around the one pure step, for threads and for asyncio."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from overspill.account.state import Account
from overspill.ports.clock import Clock
from overspill.ports.payments import Intent, PaymentProvider
from overspill.ports.store import Store
from overspill.records.answers import Receipt
from overspill.records.journal import Record, records_of
from overspill.runtime.alarms import alarm
from overspill.runtime.clock import SystemClock, ahead_of
from overspill.runtime.combiner import Combiner
from overspill.runtime.deciding import Deciding
from overspill.runtime.drift import is_much
from overspill.runtime.looks import Looks
from overspill.runtime.operations import Operations
from overspill.runtime.policies import Policies, bundle_of
from overspill.runtime.refusals import engine_closed
from overspill.runtime.settling import Settling
from overspill.runtime.top_ups import TopUps
from overspill.runtime.unknown_holds import UnknownHolds
from overspill.runtime.waiting import Waiting
from overspill.step.commands import (
    Capture,
    Command,
    Extend,
    Release,
    Reverse,
)
from overspill.step.keys import identified, owner_of
from overspill.store.known import refuse_restored
from overspill.store.opened import opened
from overspill.words.failures import Failure, StoreFailure
from overspill.words.ids import is_derived
from overspill.words.names import IDENTIFIER_HELP, is_identifier, shown
from overspill.words.typed import expect, typed

if TYPE_CHECKING:
    from overspill.ports.store import StoredPolicy
    from overspill.runtime.aio import AsyncFront
    from overspill.runtime.explanations import Explained
    from overspill.runtime.settler import Settler
    from overspill.store.settlement import Settlement

SETTLED_BESIDE, SETTLED_AT_ONCE = 128, 1024
"""Records that a batch of settlement holds at least: beside decisions, which wait for it, and when it is asked for."""
SETTLED_AT_LAST = 8
"""Batches that are settled when an engine is closed."""
ONLY = "1"
"""The id within its hold of a capture or release that is given none: a hold goes one way, once."""


class Engine(Deciding, Operations, Looks):
    """Decides requests against a policy and keeps every decision.

    `Engine.open()` opens a store and a policy; use the result as a context manager, or call `close()`. All methods
    may be called from many threads at once; `adecide` and `areserve` from asyncio. What a caller did wrong is a
    `Failure` with a code, a message and a remedy; a denial is a `Decision`.
    """

    def __init__(self, store: Store, policies: Policies, clock: Clock, tenant: str) -> None:
        self._store = store
        self.policies = policies
        self._tenant = tenant
        self._combiner = Combiner(store, clock, policies)
        self._top_ups = TopUps(self._combiner, self._record, self.sweep)
        self._unknown_holds = UnknownHolds(self._combiner.now)
        self._front: AsyncFront | None = None
        self._opening = Lock()
        self._settler: Settler | None = None
        self._settling: Settling | None = None
        self._closed = False

    @classmethod
    def open(
        cls,
        policy: str | os.PathLike[str] | Mapping[str, bytes] = "codex_sora",
        *,
        db: str | os.PathLike[str] | None = None,
        tenant: str = "default",
        clock: Clock | None = None,
        settle: bool = True,
        anchor: str | os.PathLike[str] | None = None,
    ) -> Engine:
        """Opens an engine.

        `policy` is the name of a shipped policy, a policy file, a folder of them, or the files' bytes by name. `db` is
        an SQLite file, made when it is not there, or the `postgresql://` URL of a database; None keeps everything in
        memory. `settle=False` leaves posting to `settle()` or to `overspill worker`; else a thread of the engine's own does
        it. `anchor` names a file outside of the database that knows how far its journal was; one of SQLite has it beside
        it. Raises PolicyFaults with all faults of the policy, StoreFailure for a database that cannot serve, also for one
        that was put back and lacks what was decided since.
        """
        from overspill.runtime.build import build  # who imports the package has opened nothing yet

        _expect_openable(policy, db, tenant, clock)
        bundle = bundle_of(policy)  # where that is no policy, no database is made
        store = opened(db, anchor=anchor)
        try:
            refuse_restored(store)
            store.use_build(build())
            engine = cls(store, Policies(store, bundle), clock or SystemClock(), tenant)
            if clock is None:
                _tell_of_another_clock(store)
                engine._combiner.use_clock(SystemClock(engine._combiner.states.last_at))
            engine._combiner.exclusively(engine._publish)
            if settle:
                engine._settling = Settling(engine._settle_next)
                engine.tell_of_work(engine._settling.wake)
        except BaseException:
            store.close()
            raise
        return engine

    def of_tenant(self, tenant: str) -> Engine:
        """The same engine for another tenant, whose requests share commits with all others. It is closed with the engine that
        was opened. Raises Failure `invalid_id`."""
        _expect_tenant(tenant)
        self._opened_front()
        one = copy(self)
        one._tenant, one._closed = tenant, True
        return one

    def _publish(self) -> None:
        if self._store.policy(self.policies.active().plan.digest) is not None:
            return
        self._store.begin()
        try:
            self.policies.publish()
            self._store.commit()
        except BaseException:
            self._store.rollback()
            raise

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Writes what saves time at the next start, and lets the store go. Everything acknowledged is durable already."""
        if self._closed:
            return
        self._closed = True
        if self._front is not None:
            self._front.close()
        try:
            self._combiner.exclusively(self._combiner.come_back)  # what only this process knows would be lost
            if self._settling is not None and self._settling.stop():
                self.settle_the_rest()
            self._combiner.exclusively(self._combiner.snapshots.write_all)
        finally:
            self._combiner.close()
            self._store.close()

    # ---- settlement

    def settle(self) -> int:
        """Posts everything that waits to be posted: how many records that were. Raises StoreFailure."""
        total = 0
        while count := self._settle_next(SETTLED_AT_ONCE):
            total += count
        return total

    def settlement(self) -> Settlement:
        """How far settlement is, whoever settles."""
        from overspill.store.settlement import settlement

        return self._combiner.exclusively(lambda: settlement(self._store))

    def _settle_next(self, most: int = SETTLED_BESIDE) -> int:
        """While nobody decides: in one interpreter both at once would be slower than one after the other."""
        return self._combiner.exclusively(lambda: self._settle_batch(most))

    def _settle_batch(self, most: int) -> int:
        if self._settler is None:
            from overspill.runtime.settler import Settler  # who only previews never settles

            self._settler = Settler(self._store, self._combiner.now)
        return self._settler.run(most)

    def tell_of_work(self, wake: Callable[[], None]) -> None:
        """Calls `wake` behind each commit that leaves something to settle, while nobody else decides: it is to wait for nobody."""
        self._combiner.announce = wake

    def settle_the_rest(self) -> None:
        """What a short-lived process has left, and no more: somebody else's arrears hold up nobody's end."""
        with suppress(StoreFailure):  # it stays in the outbox
            for _ in range(SETTLED_AT_LAST):
                if not self._settle_next(SETTLED_AT_ONCE):
                    return

    # ---- what follows a hold

    def capture(self, hold: str, meters: Mapping[str, int], *, id: str | None = None, final: bool = True) -> Receipt:
        """Books the actual usage of a hold and ends it; what was not used goes back. `id` is your key within the hold; a hold
        that is captured at once needs none.

        `final=False` books a part, as a stream goes on: all parts together are priced as one, and each books what it adds.
        A part without an `id` could not be told from the same part sent again: raises Failure `missing_id`.
        """
        if id is None and final is False:
            help = 'give each of them its own, the last one too: id="1", id="2" …'
            raise Failure("missing_id", "a part of a capture has no `id`", help=help, pointer="/id")
        id = ONLY if id is None else id
        try:
            account = self._account_of_hold(hold)
        except Failure as failure:
            if failure.code == "unknown_hold":
                self._unknown_holds.captured(self._tenant, hold)
            raise
        return self._receipt(
            Capture(tenant=self._tenant, account=account, hold=hold, id=id, meters=meters, final=final)
        )

    def extend(self, hold: str, *, id: str) -> Receipt:
        """Lets an open hold last as long again from now as one that is made now."""
        account = self._account_of_hold(hold)
        return self._receipt(Extend(tenant=self._tenant, account=account, hold=hold, id=id))

    def release(self, hold: str, *, id: str = ONLY) -> Receipt:
        """Gives everything back that a hold still holds."""
        account = self._account_of_hold(hold)
        return self._receipt(Release(tenant=self._tenant, account=account, hold=hold, id=id))

    def _account_of_hold(self, hold: str) -> str:
        record = self.find(hold) if is_derived(hold) else None
        if record is None or not hold.startswith("hold_"):
            help = "use the `hold.id` of a reservation"
            raise Failure("unknown_hold", f"there is no hold {shown(hold)}", help=help, pointer="/hold")
        return "/".join(record.key[:2])

    def reverse(self, of: str, *, id: str, actor: str = "operator") -> Receipt:
        """Undoes a finished request, whole: what it drew goes back to where it came from. `of` is the id of its decision or
        of its hold."""
        record = self.find(of) if is_derived(of) else None
        if record is None or record.key[2] not in ("consume", "reserve"):
            help = "name the `decision` of an answer, or the id of its hold"
            raise Failure("unknown_request", f"there is no decision or hold {shown(of)}", help=help, pointer="/of")
        account = "/".join(record.key[:2])
        return self._receipt(Reverse(tenant=self._tenant, account=account, of=of, id=id, actor=actor))

    # ---- purchases

    def run_top_ups(self, provider: PaymentProvider) -> list[Receipt]:
        """Has the provider asked about every purchase that is open, and records what it answers. Call it now and then: the
        provider is never asked while a request is decided."""
        return self._top_ups.run(provider)

    def open_purchases(self) -> list[Intent]:
        """The purchases that are open, the oldest first, for whoever charges by other means than `run_top_ups`."""
        return self._top_ups.intents()

    def resolve_purchase(
        self, purchase: str, outcome: str, *, receipt: str = "", detail: str = "", actor: str = "operator"
    ) -> Receipt:
        """Records what became of a purchase: `succeeded` with the provider's `receipt`, `declined`, `pending` or `abandoned`.
        The same again changes nothing."""
        return self._top_ups.resolve(purchase, outcome, receipt=receipt, detail=detail, actor=actor)

    # ---- states

    def account(self, account: Mapping[str, str]) -> Account:
        """The state of one account as of the last command, lots in draw order. One never met is empty."""
        expect(account, Mapping[str, str], "/account")
        key = f"{self._tenant}/{owner_of(account)}"

        def read() -> Account:
            self._combiner.look()
            return self._combiner.states.of(key)

        return self._combiner.exclusively(read)

    def sweep(self) -> int:
        """Writes down what has ended by itself and that no request has met yet: lots that expired, holds that timed out.
        Each is an entry as of its own instant, whenever this is called. How many entries that were."""
        total = 0
        while count := self._combiner.exclusively(self._combiner.sweep):
            total += count
        return total

    # ---- the journal

    def find(self, id: str) -> Record | None:
        """The record of a decision, hold, capture, release or grant by its id; None for one of another tenant too."""
        if not is_derived(id):
            expect(id, str, "/id")
            return None
        record = self._record(id)
        return record if record is not None and record.key[0] == self._tenant else None

    def _record(self, id: str) -> Record | None:
        """That of any tenant."""

        def read() -> Record | None:
            self._combiner.look()
            return self._combiner.states.ids.find([id]).get(id)

        return self._combiner.exclusively(read)

    def explain(self, id: str) -> Explained | None:
        """Why: the answer of the record that an id leads to, and for a decision or a capture all lots that it had to choose
        from, with the key that decided each neighbour. None for an id that was never given."""
        from overspill.runtime.explanations import explained  # for those who ask

        record = self.find(id)
        if record is None:
            return None
        return self._combiner.exclusively(lambda: explained(self._store, self.policies, record))

    def published(self) -> list[StoredPolicy]:
        """The policies that were ever active on this store, by digest."""
        return self._combiner.exclusively(lambda: list(self._store.policies()))

    def records(self, after: int = 0) -> Iterator[Record]:
        """The journal's records with a number above `after`, in order: those of all tenants."""

        expect(after, int, "/after")

        def read() -> list[Record]:
            self._combiner.look()
            return list(records_of(self._store.segments(after), self._store.form))

        return iter(self._combiner.exclusively(read))

    def now(self) -> int:
        """The engine's own instant, in microseconds."""
        return self._combiner.now()

    def drift(self) -> int:
        """Microseconds by which the wall clock is ahead of it."""
        return self._combiner.drift()

    # ---- running

    def _run(self, command: Command) -> Waiting:
        return self._combiner.run(identified(command))

    def _receipt(self, command: Command) -> Receipt:
        done = self._run(typed(command))
        return Receipt(done.result(), done.replayed)

    def _opened_front(self) -> AsyncFront:
        from overspill.runtime.aio import AsyncFront  # whoever awaits has asyncio loaded

        with self._opening:
            if self._combiner.is_closed:
                raise engine_closed()
            self._front = self._front or AsyncFront(self._combiner)
        return self._front


def _tell_of_another_clock(store: Store) -> None:
    """Time is by the machine that decides; of a server it can be known whether that one is right."""
    ahead = ahead_of(store.clock)
    if is_much(ahead):
        help = "set the clock that is wrong, then start again: what is decided meanwhile is stamped by this machine's"
        alarm("clock_differs", ahead_of_server_micros=ahead, server=store.name, help=help)


def _expect_openable(policy: object, db: object, tenant: object, clock: object) -> None:
    """Raises Failure for what nothing can be opened with."""
    if not isinstance(policy, os.PathLike):
        expect(policy, str | Mapping[str, bytes], "/policy")
    if not isinstance(db, os.PathLike):
        expect(db, str | None, "/db")
    _expect_tenant(tenant)
    if clock is not None:
        expect(clock, Clock, "/clock")


def _expect_tenant(tenant: object) -> None:
    if not isinstance(tenant, str) or not is_identifier(tenant):
        raise Failure("invalid_id", f"{shown(tenant)} is no identifier", help=IDENTIFIER_HELP, pointer="/tenant")

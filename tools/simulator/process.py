"""One process: the real combiner, states and clock on the simulated disk."""

from __future__ import annotations

from collections.abc import Sequence

from overspill.plan.program import Program
from overspill.ports.store import StoredPolicy
from overspill.records.journal import Record
from overspill.runtime.clock import SystemClock
from overspill.runtime.combiner import Combiner
from overspill.runtime.waiting import Waiting
from overspill.step.keys import Identified
from overspill.words.failures import Failure
from simulator.disk import Disk
from simulator.policies import by_digest, program, source
from simulator.store import Hazard, SimulatedStore
from simulator.times import SimulatedTime


class Plans:
    """The programs of a process: a version is active, and any is found by its digest that was published."""

    def __init__(self, store: SimulatedStore, version: int) -> None:
        self._store, self.version = store, version

    def active(self) -> Program:
        return program(self.version)

    def of(self, digest: str) -> Program:
        if self._store.policy(digest) is None:
            raise Failure("unknown_policy", f"no policy {digest[:19]} was published")
        return by_digest()[digest]


def _unheard(*_: object, **__: object) -> None:
    """Nobody reads what is told: a clock that goes away stands in the records."""


class Process:
    """Opened as `Engine.open` opens one."""

    def __init__(self, disk: Disk, hazard: Hazard, time: SimulatedTime, version: int) -> None:
        self.store = SimulatedStore(disk, hazard)
        self.plans = Plans(self.store, version)
        self.combiner = Combiner(self.store, SystemClock(), self.plans, _unheard)
        last_at = self.combiner.states.last_at
        self.combiner.use_clock(SystemClock(last_at))
        self.offset = max(time.wall(), last_at) - time.passed
        """What its clock must be ahead of true time, as long as it lives (LANGUAGE.md T3)."""
        self.is_ahead = False
        self.activate(version)

    def activate(self, version: int) -> None:
        """Publishes a version and decides by it from now on."""
        plan = program(version).plan
        if self.store.policy(plan.digest) is None:
            self.store.begin()
            self.store.put_policy(StoredPolicy(plan.digest, plan.name, plan.version, {"sim.spill": source(version)}))
            self.store.commit()
        self.plans.version = version

    def run(self, commands: Sequence[Identified]) -> list[Waiting]:
        """One batch: decided where it is committed, and ahead of that, in turns."""
        batch = [Waiting(command) for command in commands]
        self.is_ahead = not self.is_ahead
        commit = self.combiner.ahead(batch) if self.is_ahead else None
        if commit is None:
            self.combiner.run_all(batch)
        else:
            commit()
        for waiting in batch:
            _let_go(waiting.failure)
        return batch

    @property
    def is_away(self) -> bool:
        """Whether something is granted that is not stored."""
        return self.combiner._outage is not None

    def sweep(self) -> int:
        """Writes down what has ended by itself."""
        total = 0
        while count := self.combiner.exclusively(self.combiner.sweep):
            total += count
        return total

    def find(self, id: str) -> Record | None:
        """The record that an id leads to."""

        def read() -> Record | None:
            self.combiner.look()
            return self.combiner.record_of(id)

        return self.combiner.exclusively(read)

    def close(self) -> None:
        """An orderly end. Raises StoreFailure where what is only known here cannot be stored."""
        self.combiner.come_back()
        self.combiner.snapshots.write_all()
        self.store.close()


def _let_go(failure: BaseException | None) -> None:
    """A failure holds the frames that it came through, these hold the batch, and the batch holds the failure: nobody frees
    them while the collector is off."""
    while failure is not None:
        failure.__traceback__ = None
        failure = failure.__context__

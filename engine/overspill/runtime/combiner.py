"""The combiner: takes whatever is queued, decides it in order against exact state, commits once, then answers.

Adaptive group commit without a timer and without a thread of its own: of the callers that wait, one holds the
writer's place and decides for all that queued meanwhile ("flat combining", Hendler et al., 2010). A lone caller pays
for one commit and nothing else; many callers share each commit.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from overspill.ports.clock import Clock
from overspill.ports.store import Head, Store
from overspill.records.journal import Record, naming, segment_of
from overspill.records.written import Form, Written
from overspill.runtime.alarms import alarm
from overspill.runtime.drift import Drift
from overspill.runtime.outage import AT_ONCE, COMMIT_UNKNOWN, PASSING, READABLE, Outage
from overspill.runtime.place import Place
from overspill.runtime.refusals import alone, engine_closed, internal, named
from overspill.runtime.repeats import given_in, replayed
from overspill.runtime.retries import Retries
from overspill.runtime.snapshots import Snapshots
from overspill.runtime.states import States
from overspill.runtime.waiting import Appending, Committed, Decided, Waiting, WrittenBatch, owners
from overspill.step.commands import Consume, Preview
from overspill.step.keys import Identified
from overspill.step.step import Batch, Plans
from overspill.words.codec import replace
from overspill.words.failures import Failure, Interrupted, StoreFailure

T = TypeVar("T")

BATCH_MAX = 256
SPARED = ("disk_full", "corrupt")
"""The failures of a store that may be those of a part of a snapshot, and then are not its batch's."""
FAR, ROUNDS = 1024, 4
"""So many records of other processes are folded in the writer's place; of more, those that are there are folded before it is taken,
and so often, since others go on meanwhile."""


class Combiner:
    """One per process and store."""

    def __init__(self, store: Store, clock: Clock, plans: Plans, alarm: Callable[..., None] = alarm) -> None:
        self._store, self._clock, self._plans, self._alarm = store, clock, plans, alarm
        self._retries = Retries()
        self.states = States(store)
        self.snapshots = Snapshots(store, self.states)
        self._forms: dict[str, Form] = {}
        """The forms that the store is known to have."""
        self._drift = Drift(alarm)
        self._outage: Outage | None = None
        """While the store is away and something has been granted."""
        self._unknown: set[str] = set()
        """Ids of commands whose commit may have succeeded, until the store can be asked."""
        self._queue: deque[Waiting] = deque()
        self._place = Place()
        self.is_closed = False
        self.announce: Callable[[], None] | None = None
        """Called when something was committed that is to be settled."""
        self._to_settle = False

    # ---- callers

    def run(self, command: Identified) -> Waiting:
        """Decides one command, durably. Raises Failure."""
        lock = threading.Lock()
        lock.acquire()
        waiting = Waiting(command, lock)
        self._queue.append(waiting)
        while not waiting.done:
            if self._place.take(waits=False):
                try:
                    self._drain_until(waiting)
                finally:
                    self._leave()
            else:
                # Whoever writes either decides this one too, or wakes it up to write itself.
                lock.acquire()
        waiting.result()
        return waiting

    def run_all(self, commands: list[Waiting]) -> None:
        """Decides several commands in order, in as few commits as they fit into."""
        try:
            with self._place:
                for start in range(0, len(commands), BATCH_MAX):
                    self._batch(commands[start : start + BATCH_MAX])
        finally:
            self._wake_next()

    def ahead(self, batch: list[Waiting]) -> Callable[[], None] | None:
        """Decides a batch at once, on the journal's end as it is known here, and writes it, where the writer's place is free and the
        journal still ends there; what is given back commits it, and may be called in another thread. Until then nobody else decides,
        and what each command may expect stands in it.
        None where this would wait for somebody: for a server, for whoever decides just now, for a store that is away."""
        if len(batch) > BATCH_MAX or not self._store.is_at_hand or not self._place.take(waits=False):
            return None
        head = self.states.head
        if not head.hash or self._outage or self._unknown or self.is_closed:
            self._leave()
            return None
        try:
            decided = self._decide(batch, head)
            written = None if decided.appending is None else self._written_at_once(decided)
        except BaseException as error:
            self._store.rollback()
            self._leave()
            if not isinstance(error, Exception):
                raise
            return None  # it is decided once more, where it is known what to do then

        for waiting, answer in zip(batch, decided.answers, strict=True):
            waiting.expected = answer

        def commit() -> None:
            left = None
            try:
                left = self._answered(batch, decided, written)
            finally:
                self._leave(left)

        return commit

    def finish(self) -> None:
        """Does what a commit has left to be done, if nobody has or is about to."""
        if self._place.take(waits=False):
            self._leave()

    def _written_at_once(self, decided: Decided) -> WrittenBatch | None:
        """None, and no transaction, where this would wait for somebody, or the journal has gone on. Raises StoreFailure."""
        if not self._store.begin_at_once():
            return None
        if self._store.head() == decided.head:
            return self._written(decided)
        self._store.rollback()
        return None

    def _leave(self, left: Callable[[], None] | None = None) -> None:
        self._place.leave(left)
        self._wake_next()

    def _drain_until(self, own: Waiting) -> None:
        """One batch is enough for fairness, unless the own command did not fit into it."""
        while not own.done:
            batch: list[Waiting] = []
            while self._queue and len(batch) < BATCH_MAX:
                batch.append(self._queue.popleft())
            self._batch(batch)
            for waiting in batch:
                if waiting is not own:
                    waiting.wake()

    def _wake_next(self) -> None:
        """Somebody queued after the last batch was taken: they write next."""
        try:
            self._queue[0].wake()
        except IndexError:
            return

    def use_clock(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> int:
        return self._clock.now()

    def drift(self) -> int:
        """Microseconds by which the wall clock is ahead."""
        return self._clock.drift()

    def exclusively(self, action: Callable[[], T]) -> T:
        """Runs something on the store while nobody decides; again, where the store gave up its transaction."""
        try:
            with self._place:
                self._expect_open()
                return self._retries.run(action)
        finally:
            self._wake_next()

    def close(self) -> None:
        """Behind whoever decides just now; from then on nothing is asked of the store any more."""
        with self._place:
            self.is_closed = True
        self._wake_next()

    def _expect_open(self) -> None:
        if self.is_closed:
            raise engine_closed()

    def aside(self) -> Batch:
        """A batch on the states as they are, of which nothing will be committed; to be asked for while nobody decides."""
        head = self.look()
        known = self.states.of if self._outage is None else self._outage.account
        return Batch(self._plans, known, self._instant(), head.seq + 1, self.record_of)

    def look(self) -> Head:
        """The journal's head as of now; what an outage left waits no longer, where the store is back."""
        if self._outage is not None:
            with suppress(StoreFailure):
                self.come_back()
        return self.states.catch_up()

    # ---- one batch

    def _batch(self, batch: list[Waiting]) -> None:
        """Decides, commits, and only then lets states and answers be seen."""
        if advance := self._answered(batch):
            advance()

    def _answered(
        self, batch: list[Waiting], decided: Decided | None = None, written: WrittenBatch | None = None
    ) -> Callable[[], None] | None:
        """Decides, commits and answers; what stands already is not done again. What is given back lets the states be seen."""
        try:
            self._expect_open()
            try:
                done = self._committed(batch, self.states.head, decided, written)
            except StoreFailure as passing:  # nothing has happened; a new connection may be there at once
                is_interrupted = passing.code in AT_ONCE or isinstance(passing, Interrupted)
                if not is_interrupted and not (passing.code in SPARED and self.snapshots.rest()):
                    raise
                done = self._retries.again(lambda: self._committed(batch), passing)
        except Exception as error:
            failure = alone(error if isinstance(error, Failure) else internal(error))
            if failure.code in PASSING:
                failure = alone(self._seen_from_away(failure))
            if failure.code in PASSING:
                self._while_away(batch, failure)
                return None
            if failure.code == COMMIT_UNKNOWN:
                self._unknown.update(waiting.command.id for waiting in batch)
            for waiting in batch:
                waiting.failure, waiting.done = failure, True
            return None
        for waiting, answer in zip(batch, done.answers, strict=True):
            if isinstance(answer, Written):
                waiting.written = answer
            else:
                waiting.failure = answer
            waiting.done = True
        return partial(self._advance, done)

    def _advance(self, done: Committed) -> None:
        try:
            self.states.advance(done.head, done.records, done.accounts)
            self._forms.update(done.forms)
        except Exception as error:  # a defect: they are folded from the journal, as what others have decided is
            self._alarm("states_left_behind", error=type(error).__name__)

    def _committed(
        self,
        batch: list[Waiting],
        at: Head | None = None,
        decided: Decided | None = None,
        written: WrittenBatch | None = None,
    ) -> Committed:
        """Decides on the journal's end, which is taken to be `at`, and commits; what is `decided` on that end already stands, and
        what is `written` is in the open transaction. Raises StoreFailure."""
        try:
            if written is None:
                if self._outage is not None:
                    self.come_back()
                    at = None
                head = self._begun(at)
                self._unknown.clear()
                if decided is None or decided.head != head:
                    decided = self._decide(batch, head)
                written = self._written(decided)
            if written.decided.appending is None:
                self._store.rollback()
            else:
                self._commit()
                if written.part is not None:
                    self.snapshots.done(written.part)
        except BaseException:
            self._store.rollback()
            raise
        decided = written.decided
        if decided.appending is None:
            is_new = not all(waiting.replayed for waiting in batch)  # what was given before stays so
            if is_new and at is not None and self._store.head() != decided.head:
                return self._committed(batch)  # decided on a journal that had gone on, of which no commit was to tell
        records = () if decided.appending is None else decided.appending.records
        return Committed(decided.answers, written.head, records, decided.work.accounts, written.forms)

    def _written(self, decided: Decided) -> WrittenBatch:
        """What is decided, in the transaction that is open on the journal's end that it was decided on. Raises StoreFailure."""
        forms = {id: form for id, form in decided.work.forms.items() if id not in self._forms}
        if decided.appending is None:
            return WrittenBatch(decided, decided.head, forms, None)
        part = self.snapshots.put_part()
        return WrittenBatch(decided, self._append(decided.appending, forms), forms, part)

    def _begun(self, at: Head | None = None) -> Head:
        """Takes the writer's place, the journal's end being `at` as far as is known, and says where it ends. Whoever is far behind
        folds before he has the place: as long as he has it, all other processes wait. Raises StoreFailure, and has no place then."""
        for _ in range(ROUNDS):
            self._store.begin(at)
            try:
                head = self.states.catch_up(FAR)
                if head.seq == self.states.head.seq:
                    return head
            except BaseException:
                self._store.rollback()
                raise
            self._store.rollback()
            self.states.catch_up()
            at = None
        self._store.begin()
        try:
            return self.states.catch_up()
        except BaseException:
            self._store.rollback()
            raise

    def _decide(self, batch: list[Waiting], head: Head) -> Decided:
        ids = [waiting.command.id for waiting in batch]
        known = self.states.ids.find(ids)
        repeated = len(set(ids)) < len(ids)
        account_of = self.states.of if self._store.is_at_hand else self.states.together(owners(batch))
        work = Batch(self._plans, account_of, self._instant(), head.seq + 1, self.record_of)
        answers: list[Written | Failure] = []
        given: dict[str, tuple[bytes, Written]] = {}
        for waiting in batch:
            command = waiting.command
            id = command.id
            try:
                if (id in given or id in known) and not isinstance(command.command, Preview):
                    answers.append(replayed(command, *(given[id] if id in given else given_in(known[id]))))
                    waiting.replayed = True
                    continue
                written = work.step(command)
            except Interrupted:  # the whole transaction is
                raise
            except Failure as failure:
                answers.append(alone(failure))
            except Exception as error:  # must deny this command and leave the others alone
                answers.append(alone(named(error, command)))
            else:
                answers.append(written)
                if repeated:
                    given[id] = command.payload, written
        return Decided(head, work, answers, self._appending(work.records, head) if work.records else None)

    # ---- while the store is away

    def _seen_from_away(self, failure: Failure) -> Failure:
        """Folds what can still be read where nothing can be written: another process may have decided the same meanwhile.
        Gives back the failure, or what reading has found to be worse."""
        try:
            if failure.code in READABLE:
                self.states.catch_up()
        except StoreFailure as found:
            return found
        return failure

    def _while_away(self, batch: list[Waiting], failure: Failure) -> None:
        """Grants what the policy grants without the store; all else fails as the store did (LANGUAGE.md L13)."""
        outage = self._outage or Outage(self._plans, self.states)
        now = max(self._instant(), outage.at)
        for waiting in batch:
            try:
                waiting.written = self._away(waiting, outage, now)
                waiting.failure = None if waiting.written is not None else failure
            except Exception as error:
                waiting.failure = error if isinstance(error, Failure) else named(error, waiting.command)
            waiting.done = True
        self._outage = outage if outage.kept else None

    def _away(self, waiting: Waiting, outage: Outage, now: int) -> Written | None:
        command = waiting.command
        if not isinstance(command.command, Consume):
            return None
        given = outage.given.get(command.id)
        if given is None:
            record = self.record_of(command.id)
            given = None if record is None else given_in(record)
        if given is None:  # what may have been answered in the journal is not answered another way
            return None if command.id in self._unknown else outage.grant(command, now)
        waiting.replayed = True
        return replayed(command, *given)

    def come_back(self) -> None:
        """Stores what was granted while the store was away, before anything else is decided. Raises StoreFailure while it
        still is."""
        outage = self._outage
        if outage is None:
            return
        head = self._begun()
        try:
            kept, accounts = outage.journalled(head.seq)
            new = self._appending(kept, head) if kept else None
            if new is None:
                self._store.rollback()
            else:
                head = self._append(new, {})
                self._commit()
        except BaseException:
            self._store.rollback()
            raise
        self._outage = None
        self.states.advance(head, () if new is None else new.records, accounts)

    def record_of(self, id: str) -> Record | None:
        """The record that an id leads to."""
        return self.states.ids.find([id]).get(id)

    def _instant(self) -> int:
        """Another process may have stamped later than this one's clock stands: time never runs backwards (T3)."""
        return max(self._clock.now(), self.states.last_at)

    def _appending(self, records: Sequence[Record], head: Head) -> Appending:
        """The records as they will stand behind the journal's end `head`: a policy is named by the first record that was made
        under it, a drift of the clock by every record."""
        if drift := self._drift.beyond(self._clock.drift()):
            records = [replace(record, drift=drift) for record in records]
        records = naming(records, self.states.policy, self._plans.active().plan.digest)
        return Appending(records, segment_of(records, head.hash))

    def _append(self, new: Appending, forms: Mapping[str, Form]) -> Head:
        """The journal's end then. A form is stored with the first answer that has it."""
        for form in forms.values():
            self._store.put_form(form)
        self._to_settle = any(record.moves for record in new.records)
        self._store.append(new.segment, has_events=self._to_settle)
        return Head(new.segment.last_seq, new.segment.hash)

    def _commit(self) -> None:
        self._store.commit()
        if self._to_settle and self.announce is not None:
            self.announce()

    def sweep(self) -> int:
        """Writes down what has ended by itself, of as many accounts as fit into a batch: how many records that makes."""
        self.come_back()
        head = self._begun()
        try:
            now = self._instant()
            work = Batch(self._plans, self.states.of, now, head.seq + 1, self.record_of)
            for key in self.states.due(now, BATCH_MAX):
                work.end_due([key])
            if not work.records:
                self._store.rollback()
                return 0
            new = self._appending(work.records, head)
            head = self._append(new, {})
            self._commit()
        except BaseException:
            self._store.rollback()
            raise
        self.states.advance(head, new.records, work.accounts)
        return len(new.records)

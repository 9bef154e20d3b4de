"""audit : what is given → verdict. Every check behind every record, in the journal's order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from overspill.audit.amounts import amount_text
from overspill.audit.chain import NOT_OWN, Chain, Told
from overspill.audit.checkpoints import agreeing
from overspill.audit.decisions import decision
from overspill.audit.findings import Finding, Findings
from overspill.audit.granting import expired, granted, purchased, refunded, transferred, voided
from overspill.audit.holding import captured, ended, extended
from overspill.audit.orders import Orders
from overspill.audit.posted import Posted, compare_stored
from overspill.audit.returning import begun, other, reversed_, topped_up
from overspill.audit.rows import compare_rows
from overspill.audit.shapes import Balance, Parked
from overspill.audit.snapshots import Snapshots
from overspill.audit.streams import Source
from overspill.audit.work import Work, work_on
from overspill.audit.world import Contradiction, World
from overspill.records.checkpoints import Checkpoint
from overspill.records.journal import FormOf, Record, Segment
from overspill.words.codec import JsonFault, Struct
from overspill.words.instants import DAY, MINUTE, InstantError, instant_text

Read = Callable[[Work], None]
KINDS: Mapping[str, Read] = {
    "capture": captured,
    "release": ended,
    "expire": ended,
    "extend": extended,
    "expire_lot": expired,
    "grant": granted,
    "purchase": purchased,
    "void": voided,
    "refund": refunded,
    "transfer": transferred,
    "reverse": reversed_,
    "redeem": begun,
    "reset": begun,
    "set": other,
    "grant_reset": other,
    "set_top_up": other,
    "top_up": topped_up,
    "unpaid": other,
}
"""Kind of command → what reads its answer; decisions need more."""
UNREADABLE = (JsonFault, ValueError, KeyError, IndexError, TypeError, AttributeError, ZeroDivisionError, InstantError)


class Bounds(Struct, frozen=True, kw_only=True):
    """How long things may take, in microseconds: until a record is settled, and until a sweep ends a hold that is over."""

    late_after: int = 5 * MINUTE
    sweep_within: int = DAY


BOUNDS = Bounds()


class Given(Struct, frozen=True, kw_only=True):
    """What is audited. `segments` may be asked for again. `now` None: the last record's instant. `source` finds each
    record's rows, `settled_through` is how far there must be some."""

    segments: Callable[[], Iterable[Segment]]
    form_of: FormOf
    source: Source
    settled_through: int
    balances: Iterable[Balance]
    parked: Iterable[Parked]
    now: int | None = None
    bounds: Bounds = BOUNDS
    snapshots: Snapshots | None = None
    policies: Collection[str] | None = None
    """The digests of those that are kept; None: nobody asked."""
    checkpoints: Sequence[Checkpoint] = ()
    """Those that were verified."""
    is_own: Callable[[Record], bool] | None = None
    """Whether a record is audited here; None: all are (`audit/shares.py`)."""


class Verdict(Struct, frozen=True, kw_only=True):
    """`entries` are records, legs, rows of the datasets and balances; `explained` is their share, `100.000 %` when all are."""

    records: int
    legs: int
    rows: int
    balances: int
    settled_through: int
    pending: int
    explained: str
    unexplained: Mapping[str, str]
    counts: Mapping[str, int]
    findings: list[Finding]
    signed: Sequence[Checkpoint] = ()
    """The checkpoints that the journal agrees with."""

    @property
    def entries(self) -> int:
        return self.records + self.legs + self.rows + self.balances

    @property
    def is_clean(self) -> bool:
        return not self.counts


def audited(given: Given, found: Findings) -> Verdict:
    """The verdict; `found` may have findings already."""
    return Auditing(given, found).verdict()


class Auditing:
    """At work: `read` all records, then look at what is left."""

    def __init__(self, given: Given, found: Findings) -> None:
        self.given, self.found = given, found
        self.worlds: dict[str, World] = {}
        self.posted: dict[str, Posted] = {}
        self.orders = Orders()
        self.active = ""
        """The policy that the journal has named last; older journals name none."""
        self.parked = {row.record: row for row in given.parked}
        self.chain = Chain(given.segments, given.form_of, found, {one.size for one in given.checkpoints}, given.is_own)
        self.records = self.rows = self.pending = 0
        self.signed: Sequence[Checkpoint] = ()
        self._waiting: list[tuple[int, str, int, int]] = []

    def read(self) -> None:
        for told in self.chain.records():
            if told.ids is NOT_OWN:
                self._passed(told.record)
            else:
                self.record(told)
        self.found.about = (0, ())

    def verdict(self) -> Verdict:
        self.read()
        return self.ended()

    def ended(self) -> Verdict:
        """What is left over when all records were read; then the verdict."""
        self.signed = agreeing(self.given.checkpoints, self.chain.seq, self.chain.hashes, self.found)
        self._orphans()
        stored = [0]
        compare_stored(self.posted, self.given.balances, self.found, stored)
        self.late()
        if self.given.settled_through > self.chain.seq:
            what = f"is settled through record {self.given.settled_through}, the journal ends at {self.chain.seq}"
            self.found.add("chain", "LED10", "the journal", what)
        return self._summed(sum(one.legs for one in self.posted.values()), stored[0])

    # ---- one record

    def record(self, told: Told) -> None:
        record = told.record
        self.records += 1
        tenant = record.key[0]
        if tenant not in self.worlds:
            self.worlds[tenant], self.posted[tenant] = World(tenant), Posted(tenant, self.found)
        world, posted = self.worlds[tenant], self.posted[tenant]
        work = self._work(world, told)
        if self.given.snapshots is not None:
            self.given.snapshots.behind(record, self.worlds, self.found)
        if record.seq > self.given.settled_through:
            if work.moves or work.usage is not None or work.updates:
                self._wait(record)
            return
        rows = self.given.source.of(work)
        if record.id in self.parked:
            self._held_up(work)
        self.rows += bool(rows.usage) + bool(rows.monetization) + len(rows.updates)
        if not work.is_told:
            posted.take(rows.transaction)
            return
        posted.compare(work, rows.transaction)
        compare_rows(work, rows, self.found)

    def _passed(self, record: Record) -> None:
        """What one that somebody else audits says of all others: the policy and the time."""
        self.active = record.policy or self.active
        world = self.worlds.get(record.key[0])
        if world is not None and world.late:
            _forget(world, record.at)

    def _work(self, world: World, told: Told) -> Work:
        """What the record must come to, as far as that can be told."""
        record, work = told.record, work_on(world, told)
        try:
            work.read()
            if record.key[2] in ("consume", "reserve"):
                decision(work, self.orders)
            else:
                KINDS[record.key[2]](work)
            if work.ids != record.ids:
                work.wrong("LED5", f"is found by {record.ids}, it must be by {work.ids}", "differs")
            if record.events != (("usage",) if work.usage is not None else ()):
                work.wrong("LED6", f"has the events {record.events}", "differs")
        except Contradiction as found:
            work.faults = (*work.faults, found)
            work.is_told = False
        except UNREADABLE as fault:
            work.wrong("LED10", f"cannot be understood: {type(fault).__name__} {str(fault)[:160]}")
            work.is_told = False
        self.active = record.policy or self.active
        if work.digest is not None and self.active and work.digest != self.active:
            what = f"is by the policy {work.digest[:80]}, while the journal names {self.active[:80]}"
            work.wrong("LED12", what, "differs")
        policies = self.given.policies
        if policies is not None and work.digest is not None and work.digest not in policies:
            work.wrong("LED12", f"is by the policy {work.digest[:80]}, which is not kept", "missing")
        for one in work.faults:
            self.found.add(one.klass, one.code, record.id, one.what)
        for owner in record.effects:
            world.versions[owner] = world.versions.get(owner, 0) + 1
        if world.late:
            _forget(world, record.at)
        return work

    def _wait(self, record: Record) -> None:
        self.pending += 1
        if len(self._waiting) < 10_000:
            self._waiting.append((record.seq, record.id, record.at, 0))

    def _held_up(self, work: Work) -> None:
        parked = self.parked.pop(work.record.id)
        what = f"is parked: {parked.reason} {parked.of}"
        self.found.add("missing", "LED5", work.record.id, what, entries=0)

    # ---- the end

    def _orphans(self) -> None:
        for transaction in self.given.source.rest():
            tenant = transaction.key[0]
            if tenant not in self.posted:
                self.posted[tenant] = Posted(tenant, self.found)
            self.posted[tenant].orphan(transaction)
        for row in self.parked.values():
            what = f"is parked ({row.reason} {row.of}), and is no record that could be posted"
            self.found.add("orphan", "LED5", row.record, what, seq=row.seq)

    def late(self) -> None:
        """What should be settled, or over, by now."""
        given, bounds = self.given, self.given.bounds
        now = self.chain.at if given.now is None else max(given.now, self.chain.at)
        for seq, id, at, _ in self._waiting:
            if now - at > bounds.late_after:
                what = f"is of {instant_text(at)}, and not settled"
                self.found.add("late", "LED5", id, what, seq=seq)
        for world in self.worlds.values():
            for hold in world.holds.values():
                until = hold.late_until if hold.late_until else hold.expires_at
                if hold.state == "open" and now - bounds.sweep_within > until:
                    what = f"could be captured until {instant_text(until)}, and is still open"
                    self.found.add("late", "LED14", hold.id, what)

    def _summed(self, legs: int, balances: int) -> Verdict:
        entries = self.records + legs + self.rows + balances
        wrong = min(self.found.entries, entries) if entries else 0
        share = (entries - wrong) * 100_000 // entries if entries else 100_000
        if not len(self.found):
            share = 100_000
        return Verdict(
            records=self.records,
            legs=legs,
            rows=self.rows,
            balances=balances,
            settled_through=self.given.settled_through,
            pending=self.pending,
            explained=f"{share // 1000}.{share % 1000:03d} %",
            unexplained={asset: amount_text(amount) for asset, amount in sorted(self.found.unexplained.items())},
            counts=dict(self.found.counts),
            findings=self.found.listed,
            signed=self.signed,
        )


def _forget(world: World, at: int) -> None:
    """Holds that are too late for a capture: nothing can follow them but a reversal."""
    late = world.late
    while late and (late[0] not in world.holds or world.holds[late[0]].late_until < at):
        world.holds.pop(late.pop(0), None)

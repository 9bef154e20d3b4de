"""The settler: what was decided becomes postings in the book, each record once, in the journal's own order.

Whole segments behind what is settled are read and posted in memory, where that is in nobody's way. Then one transaction takes
the settler's place, sees that the mark still stands where that began, writes, and moves it: postings, balances, what the book
keeps, and the mark are there together or not at all. Any number of settlers may run, in any number of processes: one whose mark
was moved by another has written nothing, and begins again where that one ended. What tells a settler to look, and how often,
and in which order, is no matter.

What was read of the book stays here while nobody else settles. A record that cannot be posted is parked, and stops
nothing but what needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from overspill.book.chart import owner_of
from overspill.book.keep import changed, put_back
from overspill.book.post import post
from overspill.book.state import Book
from overspill.ports.ledger import Balance, Kept, ParkedRecord, Posting
from overspill.ports.store import Store
from overspill.records.journal import Record, Segment, intact, records_of
from overspill.records.lean import lean
from overspill.records.postings import Parked, Posted
from overspill.records.told import DecisionTold
from overspill.records.written import Form
from overspill.runtime.alarms import alarm
from overspill.words.codec import Struct, json_bytes
from overspill.words.failures import StoreFailure

BATCH = 256
"""Records of one transaction, in whole segments."""
OWNERS_MAX = 20_000
"""Accounts whose part of the book is kept in memory between transactions."""


def park(store: Store, found: Sequence[ParkedRecord], alarm: Callable[..., None] = alarm) -> None:
    """Keeps what somebody else has found that cannot be posted; what is parked already is told no more. Raises StoreFailure."""
    known = {(one.parked.record, one.seq) for one in store.ledger.parked()}
    new = {key: one for one in found if (key := (one.parked.record, one.seq)) not in known}
    if not new:
        return
    try:
        through = store.ledger.begin_settling().through
        store.ledger.settle(through, (), (), (), new.values())
        store.commit()
    except BaseException:
        store.rollback()
        raise
    for one in new.values():
        _tell(one.parked, alarm)


def _tell(parked: Parked, alarm: Callable[..., None]) -> None:
    alarm("record_parked", record=parked.record, reason=parked.reason, of=parked.of)


class _Contradiction(Exception):
    """A record that the book cannot be made to agree with; the book may be half changed."""

    def __init__(self, record: Record, error: Exception) -> None:
        self.id, self.what = record.id, f"{type(error).__name__}: {error}"[:500]


class _New(Struct, frozen=True):
    """What `count` records come to, behind the mark `through` up to `last`."""

    through: int
    last: int
    count: int
    postings: Sequence[Posting]
    balances: Sequence[Balance]
    kept: Sequence[Kept]
    parked: Sequence[ParkedRecord]


class Settler:
    """Of one opened store, used by one thread at a time."""

    def __init__(self, store: Store, now: Callable[[], int], alarm: Callable[..., None] = alarm) -> None:
        self._store, self._now, self._alarm = store, now, alarm
        self._bad: dict[str, str] = {}
        """Records that contradict the book, with what was wrong."""
        self._forms: dict[str, Form] = {}
        self._forget()

    def _forget(self) -> None:
        self._through = 0
        self._books: dict[str, Book] = {}
        self._owners: set[str] = set()
        """Accounts (`default/user/ana`) and tenants whose part of the book is here."""

    def run(self, most: int = BATCH) -> int:
        """Settles whole segments until they hold `most` records: how many that were; 0 where nothing waits. Raises
        StoreFailure, and has settled nothing then."""
        while True:
            try:
                count = self._run(most)
            except _Contradiction as found:
                self._bad[found.id] = found.what
            else:
                if count is not None:
                    return count

    def _run(self, most: int) -> int | None:
        """None where somebody else has settled meanwhile."""
        try:
            through, segments = self._next(most)
            if through != self._through or len(self._owners) > OWNERS_MAX:
                self._forget()
                self._through = through
            if not segments:
                return 0
            new = self._new(segments)
            is_settled = self._settled(new)
        except _Contradiction:  # it may be with what somebody else has settled meanwhile
            began = self._through
            self._forget()
            if self._store.ledger.settled().through == began:
                raise
            return None
        except BaseException:
            self._forget()
            raise
        if not is_settled:
            self._forget()
            return None
        self._through = new.last
        self._bad.clear()
        for one in new.parked:
            _tell(one.parked, self._alarm)
        return new.count

    def _new(self, segments: Sequence[Segment]) -> _New:
        count, postings, parked = 0, list[Posting](), list[ParkedRecord]()
        for segment in segments:  # one by one: its records are large beside what they come to
            records = list(records_of((intact(segment),), self._form))
            self._load(dict.fromkeys(owner for record in records for owner in (record.key[0], *record.effects)))
            self._posted(records, postings, parked)
            count += len(records)
        return _New(self._through, segments[-1].last_seq, count, postings, self._balances(), self._kept(), parked)

    def _settled(self, new: _New) -> bool:
        """Whether it is; it is not where the mark stands elsewhere by now. What was read of the book was read while the mark stood where it
        stands here, for whoever changes the book moves it."""
        store = self._store
        try:
            is_there = store.ledger.begin_settling().through == new.through
            if is_there:
                store.ledger.settle(new.last, new.postings, new.balances, new.kept, new.parked)
                store.commit()
            else:
                store.rollback()
        except BaseException:
            store.rollback()
            raise
        return is_there

    def _form(self, id: str) -> Form:
        """Of decisions, which alone have forms: with what is read of them here."""
        form = self._forms.get(id)
        if form is None:
            form = self._forms[id] = lean(self._store.form(id), DecisionTold)
        return form

    def _next(self, most: int) -> tuple[int, Sequence[Segment]]:
        """Where the mark stands, and the next segments that have something to settle."""
        with self._store.reading():
            through = self._store.ledger.settled().through
            return through, self._waiting(through, most)

    def _waiting(self, through: int, most: int) -> Sequence[Segment]:
        wanted, count = set[int](), 0
        for first, last in self._store.outbox(through):
            wanted.add(first)
            count += last - first + 1
            if count >= most:
                break
        found: list[Segment] = []
        if wanted:
            for segment in self._store.segments(min(wanted) - 1):
                if segment.first_seq in wanted:
                    found.append(segment)
                if len(found) == len(wanted):
                    break
        return found

    # ---- the book

    def _book(self, tenant: str) -> Book:
        book = self._books.get(tenant)
        if book is None:
            book = self._books[tenant] = Book(tenant)
            book.lots.find = lambda key: self._load([f"{tenant}/{key[0]}"])
            book.windows.find = lambda key: self._load([f"{tenant}/{key[0]}"])
        return book

    def _load(self, owners: Iterable[str]) -> None:
        """Their parts of the book, where they are not here yet."""
        missing = [owner for owner in owners if owner not in self._owners]
        if not missing:
            return
        self._owners.update(missing)
        balances, kept = self._store.ledger.owned(missing)
        for balance in balances:
            book = self._book(balance.owner.partition("/")[0])
            book.balances[balance.account, balance.asset] = balance.amount
        for one in kept:
            tenant, _, owner = one.owner.partition("/")
            assert one.body is not None
            put_back(self._book(tenant), owner, one.kind, one.key, one.body)

    def _posted(self, records: Sequence[Record], postings: list[Posting], parked: list[ParkedRecord]) -> None:
        for record in records:
            posted = self._post(record)
            if isinstance(posted, Parked):
                parked.append(ParkedRecord(posted, record.seq, self._now()))
            elif posted.transaction is not None or posted.usage is not None:
                postings.append(Posting(record.seq, json_bytes(posted), _owners(record, posted)))

    def _post(self, record: Record) -> Posted | Parked:
        if record.id in self._bad:
            return Parked(record.id, "contradiction", self._bad[record.id])
        try:
            return post(self._book(record.key[0]), record)
        except StoreFailure:
            raise
        except Exception as error:  # a defect, of the record or of ours: it is looked at, and the others are settled
            raise _Contradiction(record, error) from error

    def _balances(self) -> list[Balance]:
        found = []
        for tenant, book in self._books.items():
            for account, asset in book.moved:
                own = owner_of(account)
                owner = f"{tenant}/{own}" if own else tenant
                assert owner in self._owners, f"{account} was posted without what is kept of it"
                found.append(Balance(owner, account, asset, book.balance(account, asset)))
            book.moved.clear()
        return found

    def _kept(self) -> list[Kept]:
        return [
            Kept(f"{tenant}/{item.owner}", item.kind, item.key, item.body)
            for tenant, book in self._books.items()
            for item in changed(book)
        ]


def _owners(record: Record, posted: Posted) -> tuple[str, ...]:
    """The accounts in whose statement it stands: its own, those that it has effects on, and those whose lots it changes."""
    tenant, owner, _, _ = record.key
    owners = dict.fromkeys(record.effects)
    for update in posted.updates:
        owners[f"{tenant}/{update.account}"] = None
    if posted.usage is not None:
        owners[f"{tenant}/{posted.usage.account}"] = None
    if "/" in owner:
        owners[f"{tenant}/{owner}"] = None
    return tuple(owners)

"""The ledger of every store: what the settler leaves there is the fold of the journal, however it is interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import TypeVar

import pytest

from book.folds import simulated_disk
from overspill import Engine, ManualClock, Request
from overspill.cli.main import run
from overspill.cli.reconcile import of_store
from overspill.ports.ledger import Balance, Kept, ParkedRecord, Posting, Settled
from overspill.ports.store import Head, Store
from overspill.records.journal import GENESIS, Record, records_of, segment_of
from overspill.records.postings import Parked
from overspill.runtime.retention import compact
from overspill.runtime.settler import Settler, park
from overspill.store.settlement import settlement
from overspill.words.codec import Raw, replace
from overspill.words.failures import StoreFailure
from overspill.words.instants import HOUR, instant_from_text
from store.ledgers import SEED, expected, same_as_the_fold, settled, written
from store.places import ANA, POLICY, Place

T = TypeVar("T")
NOW = instant_from_text("2026-10-05T10:00:00Z")


def _quiet(*_: object, **__: object) -> None:
    """No alarm is expected to be read."""


def _settler(store: Store) -> Settler:
    return Settler(store, lambda: 0, _quiet)


def _all(store: Store, most: int = 256) -> int:
    settler, total = _settler(store), 0
    while count := settler.run(most):
        total += count
    return total


@pytest.mark.rule("S6")
@pytest.mark.parametrize("most", [1, 50, 100_000])
def test_what_is_settled_is_the_fold_of_the_journal(store: Store, most: int) -> None:
    """In batches of any size, each by a settler that knows nothing from before."""
    records = written(store)
    before = settlement(store)
    assert (before.through, before.waiting, before.oldest_at) == (0, len(records), records[0].at)
    assert before.lag(records[0].at + 7) == 7
    if most == 50:
        while _settler(store).run(most):
            pass
    else:
        assert _all(store, most) == len(records)
    same_as_the_fold(store, records)
    after = settlement(store)
    assert (after.through, after.waiting, after.oldest_at, after.parked) == (records[-1].seq, 0, None, 0)
    assert (_all(store), after.lag(0)) == (0, 0)
    audited = of_store(store, records[-1].at)
    assert (audited.findings, audited.explained, audited.pending) == ([], "100.000 %", 0)


@pytest.mark.rule("S6")
def test_many_settlers_settle_each_record_once(shared: Place) -> None:
    store = shared.open()
    records = written(store)
    failures: list[BaseException] = []

    def settle() -> None:
        own = shared.open()
        try:
            _all(own, 40)
        except BaseException as error:
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=settle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    same_as_the_fold(store, records)
    store.close()


@pytest.mark.rule("S6")
@pytest.mark.parametrize("other_most", [1, 200])
@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_who_is_overtaken_begins_again(
    store: Store, every: int, other_most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another settler settles before each look of this one at the ledger, or now and then."""
    records, other, looks = written(store), _settler(store), count()

    def behind(look: Callable[..., T]) -> Callable[..., T]:
        def looked(*arguments: object) -> T:
            if next(looks) % every == 0:
                with monkeypatch.context() as as_ever:
                    for name, own in ways.items():
                        as_ever.setattr(store.ledger, name, own)
                    other.run(other_most)
            return look(*arguments)

        return looked

    ways = {name: getattr(store.ledger, name) for name in ("begin_settling", "owned")}
    for name, own in ways.items():
        monkeypatch.setattr(store.ledger, name, behind(own))
    settler = _settler(store)
    while settler.run(60):
        pass
    same_as_the_fold(store, records)
    assert next(looks) > 4


class _Crash(Exception):
    pass


@pytest.mark.rule("S6")
def test_a_settler_that_fails_has_settled_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it fails, and then goes on itself."""
    records, chance, settler = written(store), Random(1), _settler(store)
    commit, settle = store.commit, store.ledger.settle
    failed = done = 0

    def fails(act: Callable[..., None]) -> Callable[..., None]:
        def maybe(*arguments: object) -> None:
            if chance.random() < 0.3:
                raise _Crash
            act(*arguments)

        return maybe

    monkeypatch.setattr(store, "commit", fails(commit))
    monkeypatch.setattr(store.ledger, "settle", fails(settle))
    while done < len(records):
        before = len(settled(store))
        try:
            done += settler.run(60)
        except _Crash:
            failed += 1
            assert len(settled(store)) == before
    assert failed > 3
    monkeypatch.undo()
    same_as_the_fold(store, records)


@pytest.mark.rule("S6")
def test_a_settler_that_fails_in_its_place_has_left_it(shared: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever settles, parks or forgets: it took the place, and could not read where the mark stands."""
    store, other = shared.open(), shared.open()
    records, settler, begin = written(store), _settler(store), store.ledger.begin_settling
    some = [ParkedRecord(Parked("dec_1", "contradiction", "of"), 1, 5)]

    def failing() -> Settled:
        begin()
        raise StoreFailure("corrupt", "the mark cannot be read", help="look at the disk")

    monkeypatch.setattr(store.ledger, "begin_settling", failing)
    for act in (settler.run, lambda: park(store, some, _quiet), lambda: compact(store)):
        with pytest.raises(StoreFailure, match="the mark cannot be read"):
            act()
        other.ledger.begin_settling()
        other.rollback()
    monkeypatch.undo()
    while settler.run():
        pass
    same_as_the_fold(store, records)
    for one in (store, other):
        one.close()


# ---- what cannot be posted


def _broken(record: Record) -> Record:
    told = bytes(record.answer)
    return replace(record, answer=Raw(told.replace(b'"layer":"', b'"layer":"no_')))


def _journal(store: Store, records: list[Record]) -> None:
    store.begin()
    store.append(segment_of(records, GENESIS), has_events=True)
    store.commit()


@pytest.mark.rule("S6")
def test_what_cannot_be_posted_is_parked_and_stops_nothing_else(store: Store) -> None:
    """A capture that says another layer than its hold has: it is listed, and so is nothing else."""
    disk = simulated_disk(SEED)
    records = [replace(one, build=None) for one in records_of(disk.segments, disk.forms.__getitem__)]
    bad = next(one for one in records if one.key[2] == "capture" and b'"layer":"' in bytes(one.answer))
    _journal(store, [_broken(one) if one is bad else one for one in records])
    told: list[dict[str, object]] = []
    settler = Settler(store, lambda: 5, lambda event, **facts: told.append({"event": event, **facts}))
    while settler.run():
        pass
    parked = store.ledger.parked()
    first = parked[0]
    assert (first.parked.record, first.parked.reason, first.seq, first.at) == (bad.id, "contradiction", bad.seq, 5)
    assert "no_" in first.parked.of
    assert [one["record"] for one in told] == [one.parked.record for one in parked]
    assert settlement(store).through == records[-1].seq
    waits = {one.parked.record for one in parked}
    assert len(settled(store)) == len(expected(records)) - len(waits)


def _ending_twice_as_much() -> list[Record]:
    """A lot of 5, of which 10 are said to be over: so it would be, were it granted twice."""
    clock = ManualClock(NOW)
    with Engine.open(POLICY, clock=clock, settle=False) as engine:
        engine.grant(ANA, "money", "5", id="C1", expires_at="2026-10-05T11:00:00Z")
        clock.advance(2 * HOUR)
        engine.sweep()
        records = [*records_of(engine._store.segments(0), engine._store.form)]
    [end] = [one for one in records if one.key[2] == "expire_lot"]
    told = replace(end, answer=Raw(bytes(end.answer).replace(b'"amount":"5"', b'"amount":"10"')))
    return [replace(told if one is end else one, build=None) for one in records]


@pytest.mark.rule("S6")
def test_a_store_that_fails_behind_a_contradiction_leaves_nothing_of_it_in_memory(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    _journal(store, _ending_twice_as_much())
    look, looks, settler = store.ledger.settled, count(1), _settler(store)

    def second_fails() -> Settled:
        if next(looks) == 2:
            raise StoreFailure("unreachable", "the server is away", help="wait")
        return look()

    monkeypatch.setattr(store.ledger, "settled", second_fails)
    with pytest.raises(StoreFailure, match="is away"):
        settler.run()
    assert [*store.ledger.balances()] == []
    while settler.run():
        pass
    assert [(one.parked.reason, one.seq) for one in store.ledger.parked()] == [("contradiction", 2)]
    [lot] = [one for one in store.ledger.balances() if one.account.startswith("lot:")]
    assert lot.amount == 5_000_000_000


# ---- the port


def _posting(seq: int) -> Posting:
    return Posting(seq, b'{"updates":[]}', ("default/user/ana",))


def _settle(store: Store, through: int, **given: list[object]) -> None:
    store.ledger.begin_settling()
    try:
        parts = [given.get(name, []) for name in ("postings", "balances", "kept", "parked")]
        store.ledger.settle(through, *parts)  # type: ignore[arg-type]
        store.commit()
    except BaseException:
        store.rollback()
        raise


def test_an_empty_ledger_knows_nothing(store: Store) -> None:
    ledger = store.ledger
    assert (ledger.settled(), list(ledger.postings(0)), list(ledger.balances())) == (Settled(0), [], [])
    assert (list(ledger.postings_of("default/user/ana", 0, 9)), list(ledger.parked())) == ([], [])
    assert tuple(map(list, ledger.owned(["default", "default/user/ana"]))) == ([], [])


def test_a_record_is_posted_once(store: Store) -> None:
    _settle(store, 2, postings=[_posting(1), _posting(2)])
    with pytest.raises(StoreFailure) as failure:
        _settle(store, 3, postings=[_posting(3), _posting(2)])
    assert (failure.value.code, bool(failure.value.help)) == ("posted_before", True)
    assert (store.ledger.settled(), [seq for seq, _ in store.ledger.postings(0)]) == (Settled(2), [1, 2])


def test_postings_are_those_of_an_account_in_a_range(store: Store) -> None:
    others = [Posting(seq, b"{}", ("default/user/bo",)) for seq in range(1, 1300, 2)]
    _settle(store, 1300, postings=[*others, *[_posting(seq) for seq in range(2, 1300, 2)]])
    assert [seq for seq, _ in store.ledger.postings(0)] == list(range(1, 1300))
    assert [seq for seq, _ in store.ledger.postings_of("default/user/ana", 4, 1297)] == list(range(6, 1297, 2))


BIG = 10**30


def test_what_is_written_last_is_there(store: Store) -> None:
    ana, bo = "default/user/ana", "default/user/bo"
    first = Balance(ana, "lot:user/ana/money/C", "usd", BIG)
    debt = Balance(bo, "debt:user/bo/money", "usd", -BIG)
    lot = Kept(ana, "lot", "user/ana/money/ü", b'{"a":1}')
    parked = ParkedRecord(Parked("cap_x", "unknown_hold", "hold_y"), 7, 9, b"\x00\xff")
    _settle(store, 1, balances=[first, debt], kept=[lot, Kept(ana, "hold", "h", b"{}")], parked=[parked])
    _settle(store, 2, balances=[Balance(ana, first.account, "usd", 1)], kept=[Kept(ana, "hold", "h", None)])
    _settle(store, 3, balances=[Balance(bo, debt.account, "usd", 0)], parked=[parked])
    balances, kept = store.ledger.owned([ana, bo])
    assert (list(balances), list(kept)) == ([Balance(ana, first.account, "usd", 1)], [lot])
    assert list(store.ledger.parked()) == [parked]


WRONG_SIDES = [
    Balance("default/user/ana", "lot:user/ana/money/C", "usd", -1),
    Balance("default/user/ana", "hold:hold_a:lot:user/ana/money/C", "usd", -1),
    Balance("default/user/ana", "win:user/ana/five.hours", "win.five.hours", -1),
    Balance("default/user/ana", "deferred:user/ana/money/C", "usd", -1),
    Balance("default/user/ana", "debt:user/ana/money", "usd", 1),
]


@pytest.mark.parametrize("balance", WRONG_SIDES, ids=[one.account for one in WRONG_SIDES])
def test_no_balance_is_kept_on_the_wrong_side(store: Store, balance: Balance) -> None:
    with pytest.raises(StoreFailure):
        _settle(store, 1, balances=[balance])
    assert list(store.ledger.balances()) == []


# ---- beside an engine, and in processes of their own


def _asked(engine: Engine, first: int, count: int) -> None:
    engine.decide_all(
        [Request(id=f"r{number}", account=ANA, meters={"credits": 1}) for number in range(first, first + count)]
    )


@pytest.mark.rule("S6")
def test_an_engine_settles_what_it_decides(place: Place) -> None:
    with Engine.open(POLICY, db=place.db, clock=ManualClock(1)) as engine:
        engine.grant(ANA, "money", "100", id="C1")
        _asked(engine, 0, 40)
        engine.settle()  # beside its own thread: whoever comes second finds nothing left
        state = engine.settlement()
        assert (state.waiting, state.parked, state.lag(engine.now())) == (0, 0, 0)
        [pool] = engine.status(ANA).accounts[0].pools
        assert (pool.settled, pool.pending, pool.available) == ("60", "0", "60")


def test_what_is_not_settled_is_pending(place: Place) -> None:
    with Engine.open(POLICY, db=place.db, clock=ManualClock(1), settle=False) as engine:
        engine.grant(ANA, "money", "100", id="C1")
        _asked(engine, 0, 40)
        [pool] = engine.status(ANA).accounts[0].pools
        assert (pool.settled, pool.pending, pool.available) == ("100", "40", "60")
        assert engine.settlement().waiting == 41
        assert engine.settle() == 41
        [pool] = engine.status(ANA).accounts[0].pools
        assert (pool.settled, pool.pending, pool.available) == ("60", "0", "60")


def test_an_engine_that_is_closed_has_settled_what_it_decided(shared: Place) -> None:
    with Engine.open(POLICY, db=shared.db) as engine:
        engine.grant(ANA, "money", "100", id="C1")
        _asked(engine, 0, 3)
    with Engine.open(POLICY, db=shared.db, settle=False) as engine:
        assert engine.settlement().waiting == 0


WORKED = [
    ("text", 0, "1 record settled, through 1\n"),
    ("text", 40, "41 records settled, through 41\n"),
    ("json", 40, '"settled":41'),
]


@pytest.mark.parametrize(("format_", "requests", "told"), WORKED)
def test_a_worker_settles_what_engines_leave(
    shared: Place, capsys: pytest.CaptureFixture[str], format_: str, requests: int, told: str
) -> None:
    with Engine.open(POLICY, db=shared.db, settle=False) as engine:
        engine.grant(ANA, "money", "100", id="C1")
        _asked(engine, 0, requests)
    assert run(["worker", "--db", str(shared.db), "--once", "--format", format_]) == 0
    assert told in capsys.readouterr().out
    store = shared.open()
    assert len(settled(store)) == requests + 1
    store.close()


def test_workers_end_when_they_are_told_to(shared: Place) -> None:
    """Two processes on one outbox, while an engine decides: each record is posted once, and none is left."""
    with Engine.open(POLICY, db=shared.db, settle=False) as engine:
        engine.grant(ANA, "money", "1000", id="C1")
        command = [sys.executable, "-m", "overspill", "worker", "--db", str(shared.db), "--every", "5"]
        workers = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
        ]
        try:
            for worker in workers:
                assert worker.stderr is not None and worker.stderr.readline().startswith("settling ")
            for first in range(0, 600, 20):
                _asked(engine, first, 20)
            while engine.settlement().waiting:
                assert [worker.poll() for worker in workers] == [None, None]
        finally:
            for worker in workers:
                worker.send_signal(signal.SIGTERM)
        told = [worker.communicate(timeout=60) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], told
    assert sum(int(out.split()[0]) for out, _ in told) == 601
    store = shared.open()
    same_as_the_fold(store, list(records_of(store.segments(0), store.form)))
    store.close()


@pytest.fixture
def closing() -> Iterator[list[Store]]:
    """Stores that are closed behind the test."""
    stores: list[Store] = []
    yield stores
    for one in stores:
        one.close()


def test_a_settler_waits_for_no_writer_of_the_journal(url: str, closing: list[Store]) -> None:
    """On a server the two have places of their own."""
    writer, settler = Place("postgres", url).open(), Place("postgres", url).open()
    closing += [writer, settler]
    records = written(writer)
    writer.begin()
    assert _all(settler) == len(records)
    writer.rollback()


def test_head_is_as_it_was(store: Store) -> None:
    records = written(store)
    head = store.head()
    _all(store)
    assert store.head() == head == Head(records[-1].seq, head.hash)

"""The engine on each kind of store: one decision for one id, holds, reopening, several engines on one database."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from overspill import Engine, Failure, ManualClock, Request
from overspill.cli.reconcile import of_database
from overspill.runtime import combiner
from overspill.runtime.combiner import Combiner
from overspill.words.instants import HOUR, MINUTE, instant_from_text
from store.places import ANA, POLICY, Place
from store.processes import wait

NOW = instant_from_text("2026-10-05T10:00:00Z")
GRANTED = 100


def _open(place: Place) -> Engine:
    return Engine.open(POLICY, db=place.db, clock=ManualClock(NOW), settle=False)


def _funded(place: Place) -> Engine:
    engine = _open(place)
    engine.grant(ANA, "money", str(GRANTED), id="C1")
    return engine


def _request(id: str, credits: int = 1) -> Request:
    return Request(id=id, account=ANA, meters={"credits": credits})


def _left(engine: Engine) -> int:
    return sum(lot[1] for lot in engine.account(ANA).pools.get("money", ()))


def test_the_same_id_again_gives_the_same_bytes(place: Place) -> None:
    engine = _funded(place)
    first, again = engine.decide(_request("r")), engine.decide(_request("r"))
    assert (first.outcome, again.json, again.replayed) == ("allow", first.json, True)
    with pytest.raises(Failure) as failure:
        engine.decide(_request("r", 2))
    assert (failure.value.code, failure.value.pointer) == ("idempotency_conflict", "/meters/credits")
    assert _left(engine) == GRANTED - 1


def test_a_denial_is_kept_and_an_error_is_not(place: Place) -> None:
    engine = _funded(place)
    denied = engine.decide(_request("r", GRANTED + 1))
    engine.grant(ANA, "money", "10", id="C2")
    assert (denied.outcome, engine.decide(_request("r", GRANTED + 1)).json) == ("deny", denied.json)
    with pytest.raises(Failure):
        engine.decide(Request(id="e", account=ANA, meters={"wrong": 1}))
    assert engine.decide(_request("e")).outcome == "allow"


def test_a_hold_is_captured_once_and_the_rest_goes_back(place: Place) -> None:
    engine = _funded(place)
    held = engine.reserve(_request("r", 10)).hold
    assert held is not None
    assert _left(engine) == GRANTED - 10
    first, again = (engine.capture(held.id, {"credits": 4}) for _ in range(2))
    assert (first.json, again.replayed, _left(engine)) == (again.json, True, GRANTED - 4)
    released = engine.reserve(_request("s", 10)).hold
    assert released is not None
    engine.release(released.id)
    assert _left(engine) == GRANTED - 4


def test_what_times_out_is_swept(place: Place) -> None:
    clock = ManualClock(NOW)
    with Engine.open(POLICY, db=place.db, clock=clock) as engine:
        engine.grant(ANA, "money", "100", id="C1")
        engine.reserve(_request("r", 10))
        engine._combiner.exclusively(engine._combiner.snapshots.write_all)
        clock.advance(15 * MINUTE + HOUR)
        assert (engine.sweep(), engine.sweep(), _left(engine)) == (1, 0, GRANTED)


def test_what_is_shown_is_what_was_decided(place: Place) -> None:
    engine = _funded(place)
    decision = engine.decide(_request("r", 3))
    record = engine.find(decision.id)
    assert record is not None
    assert (bytes(record.answer), [one.seq for one in engine.records()]) == (decision.json, [1, 2])
    assert engine.explain(decision.id) is not None
    assert engine.preview(_request("p", 98)).outcome == "deny"
    [pool] = engine.status(ANA).accounts[0].pools
    assert (pool.available, pool.pending) == ("97", "3")


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "left as it stands"])
def test_an_engine_that_is_opened_again_goes_on(shared: Place, closed: bool) -> None:
    engine = _funded(shared)
    given = [engine.decide(_request(f"r{number}")) for number in range(30)]
    before = engine.account(ANA)
    if closed:
        engine.close()
    with _open(shared) as again:
        assert again.account(ANA) == before
        assert [again.decide(_request(f"r{number}")).json for number in range(30)] == [one.json for one in given]
        assert again.decide(_request("new")).outcome == "allow"
        assert _left(again) == GRANTED - 31


def test_two_engines_on_one_database_agree_to_the_unit(shared: Place) -> None:
    one, other = _funded(shared), _open(shared)
    outcomes = [(one, other)[number % 2].decide(_request(f"r{number}", 4)).outcome for number in range(30)]
    assert (outcomes.count("allow"), _left(one), one.account(ANA)) == (25, 0, other.account(ANA))
    repeated = [(other, one)[number % 2].decide(_request(f"r{number}", 4)) for number in range(30)]
    assert [one.outcome for one in repeated] == outcomes
    assert all(one.replayed for one in repeated)


def test_threads_share_one_engine_and_spend_what_is_there(place: Place) -> None:
    engine = _funded(place)
    allowed: list[bool] = []

    def work(name: int) -> None:
        for turn in range(20):
            allowed.append(engine.decide(_request(f"{name}-{turn}")).allowed)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(allowed), sum(allowed), _left(engine)) == (160, GRANTED, 0)


def test_callers_are_decided_in_the_order_in_which_they_came(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for more than those who asked before him, however many they are and however few fit into a commit."""
    monkeypatch.setattr(combiner, "BATCH_MAX", 3)
    engine = _funded(place)
    queue, threads = engine._combiner._queue, []

    def all_ask() -> None:
        for number in range(12):
            thread = threading.Thread(target=lambda number=number: engine.decide(_request(f"r{number}")))
            threads.append(thread)
            thread.start()
            wait(lambda number=number: len(queue) == number + 1)

    engine._combiner.exclusively(all_ask)
    for thread in threads:
        thread.join()
    assert [record.key[3] for record in engine.records()][-12:] == [f"r{number}" for number in range(12)]


def test_ids_stay_known_over_snapshots_of_several_engines(shared: Place) -> None:
    one, other = _funded(shared), _open(shared)
    for number in range(20):
        engine = (one, other)[number % 2]
        engine.decide(_request(f"r{number}"))
        if number % 5 == 4:
            engine._combiner.exclusively(engine._combiner.snapshots.write_all)
    for engine in (one, other, _open(shared)):
        assert all(engine.decide(_request(f"r{number}")).replayed for number in range(20))
        assert _left(engine) == GRANTED - 20


def test_a_state_that_another_engine_has_written_down_meanwhile_is_not_counted_twice(
    shared: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the journal's end and the reading of an account another engine may go on, and snapshot."""
    one, other = _funded(shared), _open(shared)
    one.close()
    late = _open(shared)  # knows the account from its snapshot alone
    look = Combiner.look

    def looks(self: Combiner) -> Any:
        head = look(self)
        if self is late._combiner and not other._closed:
            other.decide(_request("r", 7))
            other.close()
        return head

    monkeypatch.setattr(Combiner, "look", looks)
    assert _left(late) == GRANTED - 7
    assert _left(late) == GRANTED - 7
    late.decide(_request("s"))
    assert late.account(ANA) == _open(shared).account(ANA)
    assert _left(late) == GRANTED - 8


@pytest.mark.parametrize("times", [1, combiner.ROUNDS])
def test_who_is_far_behind_holds_up_nobody_while_it_folds(
    shared: Place, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """And asks for accounts together: a server may be far away."""
    monkeypatch.setattr(combiner, "FAR", 3)
    writer, late = _funded(shared), _open(shared)
    store: Any = late._store
    segments, meanwhile = store.segments, [0]

    def goes_on() -> None:
        for _ in range(5):
            meanwhile[0] += 1
            writer.decide(_request(f"m{meanwhile[0]}"))

    def folding(after: int) -> Any:
        found = list(segments(after))
        if meanwhile[0] <= 5 * times:
            goes_on()
        return iter(found)

    def one_by_one(_: str) -> Any:
        raise AssertionError("asked for one account alone")

    goes_on()
    monkeypatch.setattr(store, "segments", folding)
    monkeypatch.setattr(store, "snapshot", one_by_one)
    assert late.decide(_request("r")).outcome == "allow"
    assert (meanwhile, _left(late), _left(writer)) == ([5 + 5 * times], *[GRANTED - 6 - 5 * times] * 2)


def test_who_closes_far_behind_holds_up_nobody_while_it_folds(shared: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, late = _funded(shared), _open(shared)
    late.decide(_request("own"))  # and has that to write down
    writer.decide(_request("r1"))
    store: Any = late._store
    segments, meanwhile = store.segments, ["r2"]

    def folding(after: int) -> Any:
        found = list(segments(after))
        if meanwhile:
            writer.decide(_request(meanwhile.pop()))
        return iter(found)

    monkeypatch.setattr(store, "segments", folding)
    late.close()
    assert (meanwhile, _left(writer), _left(_open(shared))) == ([], GRANTED - 3, GRANTED - 3)


def test_who_stores_nothing_sees_what_another_engine_has_stored(shared: Place) -> None:
    """A preview, and what is refused, commit nothing that would tell that the journal has gone on."""
    writer, looker = _funded(shared), _open(shared)
    assert looker.decide(_request("own")).outcome == "allow"
    assert looker.preview(_request("p", GRANTED - 1)).outcome == "allow"
    writer.decide(_request("r", 50))
    assert looker.preview(_request("p", GRANTED - 1)).outcome == "deny"
    hold = writer.reserve(_request("h")).hold
    assert hold is not None
    writer.release(hold.id)
    with pytest.raises(Failure) as failure:
        looker.capture(hold.id, {"credits": 1})
    assert failure.value.code == "hold_closed"


def test_the_snapshots_of_several_tenants_are_their_own(shared: Place) -> None:
    """Each is compared with what its own tenant's records came to, behind whose record ever it was taken."""
    with _funded(shared) as engine:
        other = engine.of_tenant("umbrella")
        other.grant(ANA, "money", "7", id="C1")
        engine.decide(_request("r"))
        engine.settle()
    assert shared.db is not None
    assert of_database(shared.db).is_clean

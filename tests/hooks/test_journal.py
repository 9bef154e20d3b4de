"""Whoever reads the journal, from where, in what portions and in which store: the same events in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book.settled import copied, settled
from events.scenes import ALL, ANA, BEN, Scene, told
from overspill.events.cloud_event import CROSSED, FIRST_PAID_USE, SETTLED, TYPES
from overspill.events.first_use import FirstUses
from overspill.events.from_record import Wanted
from overspill.hooks import journal as journal_module
from overspill.hooks.journal import Journal, Outgoing, Place
from overspill.ports.store import Store
from overspill.records.journal import records_of
from overspill.store.identity import journal_id
from overspill.store.opened import opened
from overspill.words.codec import json_decoder
from overspill.words.instants import DAY, HOUR

SEED = 11
decode = json_decoder(dict).decode


@cache
def _world() -> Store:
    """The journal of a simulated world, settled."""
    return settled(copied(SEED, opened(None)))


def _all(store: Store, most: int, place: Place = Place(0, 0), wanted: Wanted = ALL) -> list[Outgoing]:  # noqa: B008
    journal, found = Journal(store), []
    while True:
        events, after = journal.next("default", wanted, place, most)
        if (events, after) == ([], place):
            return found
        assert (after.record, after.posting) >= (place.record, place.posting)
        found += events
        place = after


def test_they_are_those_of_each_record_by_itself() -> None:
    """The plain program looks through all of the journal for each; here nothing is told of postings."""
    store = _world()
    wanted = Wanted(frozenset(TYPES) - {SETTLED}, (80, 100))
    source = f"urn:overspill:journal:{journal_id(store)}:default"
    records = list(records_of(store.segments(0), store.form))
    plain = told(records, wanted, source=source)
    found = _all(store, 50, wanted=wanted)
    assert [one.id for one in found] == [one["id"] for one in plain]
    types = {one.type for one in found}
    assert {"decision.made", "account.first_paid_use", "window.threshold_crossed", "top_up.paid"} <= types


@settings(max_examples=12)
@given(st.integers(1, 400))
def test_they_are_the_same_in_any_portions(most: int) -> None:
    whole = _all(_world(), 10**9)
    assert sorted(_all(_world(), most)) == sorted(whole)
    assert len({one.id for one in whole}) == len(whole) > 500


@settings(max_examples=12)
@given(st.data())
def test_they_are_the_same_from_any_place_on(data: st.DataObject) -> None:
    """As for a runner that has just begun, and knows nothing of what was before."""
    store, at = _world(), Place(0, 0)
    head = store.head().seq
    begin = data.draw(st.integers(0, head))
    first = Journal(store)
    before: list[Outgoing] = []
    while at.record < begin:
        events, after = first.next("default", Wanted(ALL.types - {SETTLED}, ALL.percents), at, 1)
        before += events
        at = after
    after_it = _all(store, 64, at, Wanted(ALL.types - {SETTLED}, ALL.percents))
    assert before + after_it == _all(store, 10**9, wanted=Wanted(ALL.types - {SETTLED}, ALL.percents))


def test_they_are_the_same_in_both_stores(db: str) -> None:
    with closing(opened(db)) as store:
        settled(copied(SEED, store))
        assert _all(store, 100) == _all(_world(), 100)


@pytest.fixture
def scene(file: str) -> Iterator[tuple[Scene, str]]:
    scene = Scene(db=file)
    scene.engine.grant(ANA, "money", "1000", id="C")
    yield scene, file
    scene.engine.close()


def test_a_reservation_is_found_that_neither_went_by_nor_is_indexed_and_one_that_is(scene: tuple[Scene, str]) -> None:
    one, file = scene
    holds = [one.hold(10), one.hold(10, BEN)]
    with closing(opened(file)) as store:
        at = Place(store.head().seq, 0)
        one.capture(holds[0], 85)
        wanted = Wanted(frozenset([CROSSED]), (80,))
        assert len(_all(store, 10, at, wanted)) == 1
        one.engine.close()
        again = Scene(db=file)
        assert store.snapshots_through() >= at.record
        again.capture(holds[1], 85)
        assert len(_all(store, 10, at, wanted)) == 2
        again.engine.close()


def test_a_day_is_read_from_its_first_record_on_once(scene: tuple[Scene, str], monkeypatch: pytest.MonkeyPatch) -> None:
    one, file = scene
    noted: list[int] = []
    note = FirstUses.note
    monkeypatch.setattr(FirstUses, "note", lambda self, record: (noted.append(record.seq), note(self, record))[1])
    one.use(150)
    one.clock.advance(DAY)
    for _ in range(3):
        one.use(150)
        one.clock.advance(HOUR)
    with closing(opened(file)) as store:
        head = store.head().seq
        found = _all(store, 1, Place(head - 1, 0), Wanted(frozenset([FIRST_PAID_USE]), ()))
    assert found == []
    assert noted == [head - 2, head - 1, head]


def test_a_record_that_cannot_be_told_stops_no_other(scene: tuple[Scene, str], monkeypatch: pytest.MonkeyPatch) -> None:
    one, file = scene
    bad = one.use(0)
    good = one.use(0)
    real, alarms = journal_module.events_of, []
    monkeypatch.setattr(
        journal_module, "events_of", lambda telling: 1 / 0 if telling.record.id == bad else real(telling)
    )
    with closing(opened(file)) as store:
        journal = Journal(store, lambda event, **facts: alarms.append((event, facts)))
        events, _ = journal.next("default", Wanted(frozenset(["decision.made"]), ()), Place(0, 0), 10)
    assert [decode(event.body)["data"]["decision"] for event in events] == [good]
    assert alarms == [("record_not_told", {"record": bad, "tenant": "default", "error": "ZeroDivisionError"})]


def test_where_nothing_was_decided_there_is_nothing_to_tell() -> None:
    with closing(opened(None)) as store:
        assert Journal(store).next("default", ALL, Place(0, 0), 10) == ([], Place(0, 0))

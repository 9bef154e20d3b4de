"""Runners one after the other: what fails is told once and outlasted; a database that was put back is not told of."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any

import pytest

from hooks.benches import NEAR, bench_on
from hooks.receiver import Receiver
from overspill.hooks import delivering as delivering_module
from overspill.hooks.delivering import Delivering, delivering
from overspill.hooks.journal import Journal
from overspill.ports.store import Restored
from overspill.store.opened import opened
from overspill.words.failures import StoreFailure


def test_beside_the_work_what_is_decided_is_delivered_as_it_comes(db: str, receiver: Receiver) -> None:
    with bench_on(db) as bench:
        hook = bench.hook(receiver.url)
        with delivering(db, NEAR):
            bench.tell(3)
            receiver.wait(lambda got: len(got) >= 3)
            bench.tell(2)
            receiver.wait(lambda got: len(got) >= 5)
        assert bench.kept(hook).claimed_until == 0
        assert bench.kept(hook).through == bench.scene.records()[-1].seq


def test_a_failure_of_the_store_or_a_defect_is_told_once_and_outlasted(
    file: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    failures: list[Exception] = [StoreFailure("unreachable", "x"), StoreFailure("unreachable", "x"), KeyError("y")]
    real = Journal.next

    def fails(self: Journal, *arguments: Any) -> Any:
        if failures:
            raise failures.pop(0)
        return real(self, *arguments)

    monkeypatch.setattr(Journal, "next", fails)
    monkeypatch.setattr(delivering_module, "AGAIN", 0)
    with bench_on(file) as bench:
        bench.hook(receiver.url)
        bench.tell(2)
        one = Delivering(file, NEAR, alarm=lambda event, **facts: told.append((event, facts["code"])))
        thread = threading.Thread(target=one.run)
        thread.start()
        receiver.wait(lambda got: len(got) == 2)
        one.stop()
        thread.join(60)
    assert told == [("not_delivered", "unreachable"), ("not_delivered", "internal_error")]


def test_a_database_that_was_put_back_is_not_told_of_before_somebody_has_accepted_that(
    db: str, receiver: Receiver
) -> None:
    with bench_on(db) as bench:
        bench.hook(receiver.url)
        bench.tell()
        with closing(opened(db)) as store:
            store.begin()
            store.restores.note(Restored(store.head(), 1, "a backup"))
            store.commit()
        with pytest.raises(StoreFailure) as failure:
            Delivering(db, NEAR).run(once=True)
        assert failure.value.code == "restored"
        assert receiver.got == []


def test_one_that_is_stopped_before_it_has_begun_does_nothing(file: str, receiver: Receiver) -> None:
    with bench_on(file) as bench:
        bench.hook(receiver.url)
        bench.tell()
        one = Delivering(file, NEAR)
        one.stop()
        one.run()
        assert receiver.got == []

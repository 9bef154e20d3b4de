"""Hooks as both databases keep them: claims exclude each other, what comes too late changes nothing, letters are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from overspill.ports.hooks import Delivery, Hook, Hooks, Waiting
from overspill.store.hooks import SqlHooks
from overspill.store.opened import opened
from overspill.store.registry import opened_registry
from overspill.words.codec import replace
from store.places import Place, put


@pytest.fixture
def hooks(shared: Place) -> Iterator[Hooks]:
    with closing(shared.open()) as store:
        put(store, 3)
    with closing(opened_registry(shared.db)) as registry:
        yield registry.hooks


def _hook(id: str = "hook_a", tenant: str = "default", **more: object) -> Hook:
    plain = Hook(
        id=id, tenant=tenant, url="https://x.example", types=("decision.made", "usage.settled"), percents=(80,),
        secret="whsec_1", created_at=5,
    )  # fmt: skip
    return replace(plain, **more)


def _delivery(event: str, next_at: int = 10, hook: str = "hook_a") -> Delivery:
    return Delivery(
        hook=hook, event=event, type="decision.made", subject="user/ana", body='{"ä":1}'.encode(), attempts=1,
        next_at=next_at, last="status_500", last_at=5,
    )  # fmt: skip


def test_a_hook_is_kept_from_the_journals_end_on_and_once(hooks: Hooks) -> None:
    kept = hooks.put(_hook())
    assert kept == _hook(through=3)
    assert hooks.put(_hook(secret="whsec_2", url="https://y.example")) == kept
    assert hooks.get("default", "hook_a") == kept
    assert (hooks.get("acme", "hook_a"), hooks.get("default", "hook_b")) == (None, None)


def test_hooks_are_listed_by_when_they_were_made(hooks: Hooks) -> None:
    for id, tenant, at in (("hook_c", "acme", 1), ("hook_b", "default", 3), ("hook_a", "default", 2)):
        hooks.put(_hook(id, tenant, created_at=at))
    assert [one.id for one in hooks.all()] == ["hook_c", "hook_a", "hook_b"]
    assert [one.id for one in hooks.all("default")] == ["hook_a", "hook_b"]


def test_a_rotation_is_made_once_for_its_key(hooks: Hooks) -> None:
    hooks.put(_hook())
    assert hooks.rotate("hook_a", "whsec_2", 90, "k1")
    assert not hooks.rotate("hook_a", "whsec_3", 95, "k1")
    kept = hooks.get("default", "hook_a")
    assert kept is not None
    assert (kept.secret, kept.older_secret, kept.older_until, kept.rotation) == ("whsec_2", "whsec_1", 90, "k1")


def test_one_claim_excludes_others_until_it_ends_or_is_given_back(hooks: Hooks) -> None:
    hooks.put(_hook())
    assert hooks.claim("hook_a", "a", 100, 200) == _hook(through=3, claimed_by="a", claimed_until=200)
    assert hooks.claim("hook_a", "b", 199, 300) is None
    assert hooks.claim("hook_a", "a", 199, 250) is not None
    assert hooks.claim("hook_a", "b", 250, 350) is not None
    assert hooks.claim("hook_a", "a", 260, 350) is None
    hooks.unclaim("a")
    assert hooks.claim("hook_a", "a", 260, 350) is None
    hooks.unclaim("b")
    assert hooks.claim("hook_a", "a", 260, 350) is not None


def test_a_place_moves_forward_and_for_who_has_the_claim_alone(hooks: Hooks) -> None:
    hooks.put(_hook())
    mine = hooks.claim("hook_a", "a", 0, 10)
    assert mine is not None
    moved = replace(mine, through=9, posted_through=4, failing_since=7, paused_until=8)
    assert hooks.advance(moved)
    assert hooks.get("default", "hook_a") == moved
    assert not hooks.advance(replace(moved, through=8))
    theirs = hooks.claim("hook_a", "b", 10, 20)
    assert theirs == replace(moved, claimed_by="b", claimed_until=20)
    assert not hooks.advance(replace(moved, through=12))
    assert hooks.get("default", "hook_a") == theirs


def test_a_disabled_hook_is_claimed_by_nobody_and_enabled_where_it_was(hooks: Hooks) -> None:
    hooks.put(_hook())
    hooks.disable("hook_a", 50, "gone")
    hooks.disable("hook_a", 60, "operator")
    kept = hooks.get("default", "hook_a")
    assert kept == _hook(through=3, disabled_at=50, disabled_why="gone")
    assert hooks.claim("hook_a", "a", 100, 200) is None
    hooks.enable("hook_a")
    assert hooks.claim("hook_a", "a", 100, 200) is not None


def test_a_hook_is_changed_and_what_failed_elsewhere_is_forgotten(hooks: Hooks) -> None:
    hooks.put(_hook())
    mine = hooks.claim("hook_a", "a", 0, 10)
    assert mine is not None
    hooks.advance(replace(mine, failing_since=7, paused_until=80))
    hooks.change("hook_a", "https://y.example", ("usage.settled",), (50, 90))
    changed = replace(mine, url="https://y.example", types=("usage.settled",), percents=(50, 90))
    assert hooks.get("default", "hook_a") == changed


def test_a_hook_is_deleted_with_all_that_is_its_own_and_its_id_stays_taken(hooks: Hooks) -> None:
    for id in ("hook_a", "hook_b"):
        hooks.put(_hook(id))
        hooks.wait(_delivery("evt_1", hook=id))
    hooks.rotate("hook_a", "whsec_2", 90, "k1")
    mine = hooks.claim("hook_a", "a", 0, 10)
    assert mine is not None
    assert not hooks.delete("acme", "hook_a", 40)
    assert [hooks.delete("default", "hook_a", at) for at in (50, 60)] == [True, True]
    assert (hooks.get("default", "hook_a"), [one.id for one in hooks.all()]) == (None, ["hook_b"])
    assert [one.id for one in hooks.all("default")] == ["hook_b"]
    assert (hooks.waiting("hook_a"), hooks.waiting()) == (Waiting(0, 0), Waiting(1, 0))
    kept = hooks.put(_hook())
    assert (kept.is_deleted, kept.url, kept.secret, kept.older_secret, kept.disabled_at) == (True, "", "", None, 50)
    # Who serves it, or comes later, brings nothing back.
    hooks.wait(_delivery("evt_2"))
    hooks.advance(replace(mine, through=9))
    hooks.enable("hook_a")
    hooks.change("hook_a", "https://y.example", ("usage.settled",), (50,))
    assert not hooks.rotate("hook_a", "whsec_3", 90, "k2")
    assert hooks.claim("hook_a", "b", 100, 200) is None
    assert (hooks.get("default", "hook_a"), hooks.waiting("hook_a")) == (None, Waiting(0, 0))
    again = hooks.put(_hook())
    assert (again.url, again.secret) == ("", "")


def test_deliveries_are_due_by_their_time(hooks: Hooks) -> None:
    for id in ("hook_a", "hook_b"):
        hooks.put(_hook(id))
    for event, at in (("evt_3", 30), ("evt_1", 10), ("evt_2", 20)):
        hooks.wait(_delivery(event, at))
    assert list(hooks.due(9)) == []
    assert list(hooks.due(10)) == ["hook_a"]
    assert [one.event for one in hooks.due_of("hook_a", 30, 2)] == ["evt_1", "evt_2"]
    assert list(hooks.due_of("hook_b", 30, 2)) == []
    assert hooks.due_of("hook_a", 10, 2) == [_delivery("evt_1", 10)]


def test_what_came_of_an_attempt_is_kept_once_and_a_second_first_failure_changes_nothing(hooks: Hooks) -> None:
    hooks.put(_hook())
    first = _delivery("evt_1")
    hooks.wait(first)
    second = replace(first, attempts=2, next_at=40, last="timed_out", last_at=30)
    hooks.tried(second, 1)
    hooks.tried(replace(second, next_at=99), 1)
    hooks.wait(first)
    assert hooks.due_of("hook_a", 99, 9) == [second]
    hooks.delivered("hook_a", "evt_1")
    hooks.delivered("hook_a", "evt_1")
    assert hooks.waiting("hook_a") == Waiting(0, 0)


def test_dead_letters_are_listed_redelivered_and_dropped_and_due_never(hooks: Hooks) -> None:
    hooks.put(_hook())
    for number in range(5):
        one = _delivery(f"evt_{number}")
        hooks.wait(one)
        if number < 4:
            hooks.tried(replace(one, attempts=10, dead_at=50), 1)
    assert hooks.waiting("hook_a") == Waiting(1, 4)
    assert [one.event for one in hooks.due_of("hook_a", 99, 9)] == ["evt_4"]
    assert [one.event for one in hooks.dead("hook_a", "", 3)] == ["evt_0", "evt_1", "evt_2"]
    assert [one.event for one in hooks.dead("hook_a", "evt_2", 3)] == ["evt_3"]
    assert hooks.redeliver("hook_a", ["evt_1", "evt_4", "evt_9"], 60) == 1
    again = replace(_delivery("evt_1", 60), attempts=0)
    assert hooks.due_of("hook_a", 99, 9) == [_delivery("evt_4"), again]
    assert (hooks.drop("hook_a", []), hooks.drop("hook_a", ["evt_0", "evt_4"])) == (0, 1)
    assert (hooks.redeliver("hook_a", None, 60), hooks.drop("hook_a", None)) == (2, 0)
    assert hooks.waiting("hook_a") == Waiting(4, 0)


def test_what_is_kept_is_there_when_it_is_opened_again(shared: Place) -> None:
    opened(shared.db).close()
    with closing(opened_registry(shared.db)) as registry:
        registry.hooks.put(_hook())
        registry.hooks.wait(_delivery("evt_1"))
    with closing(opened_registry(shared.db)) as registry:
        assert isinstance(registry.hooks, SqlHooks)
        assert registry.hooks.due_of("hook_a", 99, 9) == [_delivery("evt_1")]

"""Whose commands are decided next: all of one tenant's, a share of each of several."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from overspill import Engine, ManualClock, Request
from overspill.runtime.turns import BATCH_MAX, SHARE, SHARED_SECONDS, Turns
from overspill.runtime.waiting import Waiting
from overspill.step.commands import Preview
from overspill.step.keys import identify
from overspill.words.instants import instant_from_text

NOW = instant_from_text("2026-10-05T10:00:00Z")


def _request(number: int) -> Request:
    meters = {"input_tokens": 80, "cached_input_tokens": 0, "output_tokens": 0}
    fields = {"product": "codex", "model": "gpt-5.5"}
    return Request(id=f"r{number}", account={"user": "u_ana"}, fields=fields, meters=meters)


def _asked(tenant: str, count: int) -> list[Waiting]:
    return [Waiting(identify(Preview(tenant=tenant, request=_request(number)))) for number in range(count)]


class _Asker:
    expects = False

    def __init__(self, tenant: str, told: list[str]) -> None:
        self._tenant, self._told = tenant, told

    def expect(self) -> None:
        pass

    def answer(self) -> None:
        self._told.append(self._tenant)


NOBODY = _Asker("", [])
Step = tuple[str, int] | float
"""A tenant that adds so many commands one by one, or seconds that pass."""
TABLE: dict[str, tuple[Sequence[Step], list[dict[str, int]]]] = {
    "one tenant": ([("a", 40)], [{"a": 40}]),
    "more than a batch": ([("a", 300)], [{"a": BATCH_MAX}, {"a": 44}]),
    "two": ([("a", 40), ("b", 2)], [{"a": SHARE, "b": 2}, {"a": SHARE}, {"a": 40 - 2 * SHARE}]),
    "the other one first": ([("b", 2), ("a", 40)], [{"b": 2, "a": SHARE}, {"a": SHARE}, {"a": 40 - 2 * SHARE}]),
    "one, long behind another": ([("b", 1), ("a", 1), SHARED_SECONDS + 1, ("a", 39)], [{"b": 1, "a": 40}]),
    "many tenants": (
        [(f"t{number}", SHARE) for number in range(17)],
        [{f"t{number}": SHARE for number in range(16)}, {"t16": SHARE}],
    ),
    "as much again of all": (
        [(f"t{number}", SHARE + 1) for number in range(16)],
        [{f"t{number}": SHARE for number in range(16)}, {f"t{number}": 1 for number in range(16)}],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_batch_has_all_of_one_and_a_share_of_each(name: str) -> None:
    steps, batches = TABLE[name]
    now = [100.0]
    turns = Turns(lambda: now[0])
    told: list[str] = []
    for step in steps:
        if isinstance(step, float):
            now[0] += step
            continue
        tenant, count = step
        for one in _asked(tenant, count):
            turns.add([one], _Asker(tenant, told))
    found: list[dict[str, int]] = []
    while turns.count:
        commands, askers = turns.take()
        for asker in askers:
            asker.answer()
        tenants = [one.command.key[0] for one in commands]
        assert sorted(told) == sorted(tenants)
        told.clear()
        found.append({tenant: tenants.count(tenant) for tenant in dict.fromkeys(tenants)})
    assert found == batches


def test_it_stays_so_as_long_as_the_other_one_asks_beside_a_queue_that_never_ends() -> None:
    now = [100.0]
    turns = Turns(lambda: now[0])
    for one in _asked("a", 300):
        turns.add([one], NOBODY)
    for _ in range(5):
        turns.add(_asked("b", 1), NOBODY)
        assert len(turns.take()[0]) == SHARE + 1
        now[0] += 0.9 * SHARED_SECONDS


def test_what_is_asked_together_stays_together() -> None:
    turns = Turns(lambda: 100.0)
    for count in (10, 10, 10):
        turns.add(_asked("a", count), NOBODY)
    turns.add(_asked("b", 1), NOBODY)
    assert [len(turns.take()[0]) for _ in range(2)] == [21, 10]


def test_what_does_not_fit_is_the_first_of_the_next_batch() -> None:
    turns = Turns(lambda: 100.0)
    for tenant, count in (("a", 100), ("a", 100), ("b", 100), ("c", 100), ("d", BATCH_MAX + 44), ("e", 1)):
        turns.add(_asked(tenant, count), NOBODY)
    found = []
    while turns.count:
        commands, _ = turns.take()
        found.append([one.command.key[0] for one in commands])
    each = [{tenant: names.count(tenant) for tenant in dict.fromkeys(names)} for names in found]
    assert each == [{"a": 100, "b": 100}, {"c": 100}, {"d": BATCH_MAX + 44}, {"e": 1, "a": 100}]


def test_one_tenants_hundreds_are_not_in_front_of_another_ones_only_command() -> None:
    order: list[str] = []
    with Engine.open(clock=ManualClock(NOW)) as engine:
        tenants = {name: engine.of_tenant(name) for name in ("many", "one")}
        for one in tenants.values():
            one.set_attributes({"user": "u_ana"}, {"plan": "pro"}, id="signup")

        async def ask(name: str, number: int) -> None:
            await tenants[name].apreview(_request(number))
            order.append(name)

        async def all_at_once() -> None:
            await asyncio.gather(*[ask("many", number) for number in range(200)], ask("one", 0))

        asyncio.run(all_at_once())
    assert len(order) == 201
    assert order.index("one") <= SHARE

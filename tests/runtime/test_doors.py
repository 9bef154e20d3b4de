"""A request alone, one of many that are gathered, one of a batch: the same answer, or the same failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from overspill import Engine, Failure, ManualClock, Request
from overspill.records.answers import Decision
from overspill.step.commands import Preview
from overspill.words.instants import instant_from_text

GOOD: dict[str, Any] = {
    "id": "r1",
    "account": {"user": "u_ana"},
    "fields": {"product": "codex", "model": "gpt-5.5"},
    "meters": {"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0},
}


class Text(str):
    """A text that is more than one."""


REQUESTS: dict[str, Any] = {
    "good": Request(**GOOD),
    "another account": Request(**{**GOOD, "account": {"user": "u_bob", "workspace": "w_1"}}),
    "the longest id": Request(**{**GOOD, "id": "r" * 128}),
    "an id of every letter": Request(**{**GOOD, "id": "1aZ_.:@-"}),
    "no id": Request(**{**GOOD, "id": ""}),
    "an id too long": Request(**{**GOOD, "id": "r" * 129}),
    "an id that begins with a dash": Request(**{**GOOD, "id": "-r"}),
    "an id of two lines": Request(**{**GOOD, "id": "r\n"}),
    "two ids in one": Request(**{**GOOD, "id": "r\0r"}),
    "an id that is no ASCII": Request(**{**GOOD, "id": "\u0661"}),
    "an id that is no text": Request(**{**GOOD, "id": 7}),
    "an id that is more than a text": Request(**{**GOOD, "id": Text("r1")}),
    "no account": Request(**{**GOOD, "account": {}}),
    "an account that is none": Request(**{**GOOD, "account": {"user": "u ana"}}),
    "a field of no text": Request(**{**GOOD, "fields": {"product": "codex", "model": "\ud800"}}),
    "a meter too great": Request(**{**GOOD, "meters": {"input_tokens": 2**64}}),
    "an unknown field": Request(**{**GOOD, "fields": {**GOOD["fields"], "modl": "gpt-5.5"}}),
    "no request": None,
}
Outcome = bytes | tuple[str, str, str, str]


def _told(outcome: Decision | Failure) -> Outcome:
    if isinstance(outcome, Decision):
        return outcome.json
    return outcome.code, str(outcome), outcome.help, outcome.pointer


def _alone(engine: Engine, requests: Sequence[Request]) -> list[Outcome]:
    found: list[Outcome] = []
    for request in requests:
        try:
            found.append(_told(engine.preview(request)))
        except Failure as failure:
            found.append(_told(failure))
    return found


def _together(engine: Engine, requests: Sequence[Request]) -> list[Outcome]:
    return list(map(_told, engine.preview_all(requests)))


async def _gathered(engine: Engine, requests: Sequence[Request]) -> list[Outcome]:
    found = await asyncio.gather(*map(engine.apreview, requests), return_exceptions=True)
    assert all(isinstance(one, Decision | Failure) for one in found)
    return [_told(one) for one in found]  # type: ignore[arg-type]


async def _awaited(engine: Engine, requests: Sequence[Request]) -> list[Outcome]:
    return list(map(_told, await engine.apreview_all(requests)))


class _Hears:
    """What is said in the end is what was expected, if anything was."""

    def __init__(self, future: asyncio.Future[Decision | Failure]) -> None:
        self._future = future
        self._expected: Sequence[Decision] = ()

    def expect(self, outcomes: Sequence[Decision]) -> None:
        assert not self._expected
        self._expected = outcomes

    def answer(self, outcomes: Sequence[Decision | Failure]) -> None:
        assert outcomes is (self._expected or outcomes)
        [outcome] = outcomes
        self._future.set_result(outcome)


async def _called(engine: Engine, requests: Sequence[Request]) -> list[Outcome]:
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.Future[Decision | Failure]] = []
    for request in requests:
        future = loop.create_future()
        waiting.append(future)
        try:
            engine.soon(Preview, request, _Hears(future))
        except Failure as failure:
            future.set_result(failure)
    return [_told(await future) for future in waiting]


def _in_a_loop(
    ask: Callable[[Engine, Sequence[Request]], Coroutine[Any, Any, list[Outcome]]],
) -> Callable[[Engine, Sequence[Request]], list[Outcome]]:
    return lambda engine, requests: asyncio.run(ask(engine, requests))


DOORS = {"a batch": _together, **{one.__name__: _in_a_loop(one) for one in (_gathered, _awaited, _called)}}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("names", [*[[name] for name in REQUESTS], ["good"] * 5, list(REQUESTS)], ids=str)
def test_a_request_is_answered_alike_at_every_door(door: str, names: Sequence[str]) -> None:
    requests = [REQUESTS[name] for name in names]
    with Engine.open(clock=ManualClock(instant_from_text("2026-10-05T10:00:00Z"))) as engine:
        engine.set_attributes({"user": "u_ana"}, {"plan": "plus"}, id="signup")
        engine.set_attributes({"user": "u_bob"}, {"plan": "free"}, id="signup")
        assert DOORS[door](engine, requests) == _alone(engine, requests)

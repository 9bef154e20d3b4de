"""RateLimit fields: an answer that is a form and its values tells the same of windows as its text does."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import pytest
from hypothesis import Phase, find, given, settings

from overspill.decide.render import render
from overspill.records.answers import Decision
from overspill.records.written import Written
from overspill.serve.call import Header
from overspill.serve.rate_limits import rate_limits
from support.services import ANA, served
from support.worlds import World, decided_of, worlds


def _fields(world: World) -> tuple[tuple[Header, ...], tuple[Header, ...]]:
    """As they are read from the form's values, and from the text."""
    decided = decided_of(world)
    written = render(decided, id="d", request_json="{}", request_digest="0", account_version=3, hold=None)
    plan = decided.program.plan
    return (
        rate_limits(Decision(written), world.now, plan),
        rate_limits(Decision(Written(written.json)), world.now, plan),
    )


@given(worlds())
def test_a_form_and_its_text_tell_the_same(world: World) -> None:
    of_form, of_text = _fields(world)
    assert of_form == of_text


def test_there_are_forms_that_tell_of_several_windows() -> None:
    def tells(world: World) -> bool:
        of_form, _ = _fields(world)
        return len(of_form) == 2 and of_form[1][1].count(b";r=") > 1

    find(worlds(), tells, settings=settings(phases=[Phase.generate], derandomize=True))


SHIPPED = (files("overspill_policies") / "starter" / "usage.spill").read_bytes()
END = 12 * 3600 * 1_000_000
"""From noon to the end of the day, in microseconds."""
LEFT: dict[str, tuple[str, Sequence[int], str]] = {
    "whole numbers": ("5", [1000], '"day";r=4;t=43200'),
    "a fraction is used of a whole limit": ("5", [250], '"day";r=4;t=43200'),
    "fractions of which whole ones are left": ("5.5", [500], '"day";r=5;t=43200'),
    "a greater fraction than the limit's": ("5.5", [750], '"day";r=4;t=43200'),
    "a smaller fraction, with fewer digits": ("5.25", [200], '"day";r=5;t=43200'),
    "one is left": ("5.5", [4000, 500], '"day";r=1;t=43200'),
    "less than one is left": ("5.5", [4750], '"day";r=0;t=43200'),
    "nothing is left": ("5.5", [5500], '"day";r=0;t=43200'),
    "more than the field can tell": ("2000000000000000", [1000], '"day";r=999999999999999;t=43200'),
}
"""The limit, the thousandths that are used one after the other, what is told of the last."""


def _turn(thousandths: int) -> dict[str, object]:
    return {"account": ANA, "fields": {"product": "assistant", "model": "large"}, "meters": {"tokens": thousandths}}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_is_rounded_down_once(name: str) -> None:
    limit, used, told = LEFT[name]
    policy = {"usage.spill": SHIPPED.replace(b"default: day 5 credits", f"default: day {limit} credits".encode())}
    with served(policy=policy) as one:
        for number, each in enumerate(used):
            last = str(number), _turn(each)
            answer = one.all.post("/v1/decisions", last[1], last[0])
        again = one.all.post("/v1/decisions", last[1], last[0])
    assert [one.headers["ratelimit"] for one in (answer, again)] == [told, told]


@pytest.mark.parametrize("passed, seconds", [(0, 43200), (1, 43200), (END - 1, 1), (END, 0), (END + 5_000_000, 0)])
def test_there_is_more_as_soon_as_a_window_is_over_and_no_second_before(passed: int, seconds: int) -> None:
    with served(policy={"usage.spill": SHIPPED}) as one:
        one.all.post("/v1/decisions", _turn(1000), "r1")
        one.clock.advance(passed)
        answer = one.all.post("/v1/decisions", _turn(1000), "r1")
    assert answer.headers["ratelimit"] == f'"day";r=4;t={seconds}'

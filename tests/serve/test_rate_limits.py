"""RateLimit fields: an answer that is a form and its values tells the same of windows as its text does."""

from __future__ import annotations

from hypothesis import Phase, find, given, settings

from overspill.decide.render import render
from overspill.records.answers import Decision
from overspill.records.written import Written
from overspill.serve.call import Header
from overspill.serve.rate_limits import rate_limits
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

"""What a policy says, as the plan has it: everything typed, waterfalls served by what they test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from overspill import Engine, Failure, Request
from overspill.plan.program import Program
from overspill.runtime.policies import compiled
from support.everything import EVERYTHING
from support.texts import DSL


def _program(text: str) -> Program:
    return compiled({"t.spill": text.encode()})


def test_everything_that_is_said_stands_in_the_plan_typed() -> None:
    program = _program(EVERYTHING)
    plan = program.plan
    assert [kind.name for kind in plan.many] == ["teams"]
    assert [(one.name, one.expr is None) for one in plan.invariants][1] == ("sane", False)
    assert plan.pools["money"].price == (4, plan.pools["money"].price[1], 1000)  # type: ignore[index]
    assert "plan" in plan.fields
    assert "plan" not in plan.kinds[0].attributes


@pytest.fixture
def engines() -> Iterator[list[Engine]]:
    opened: list[Engine] = []
    yield opened
    for engine in opened:
        engine.close()


def test_an_attribute_of_a_further_account_may_come_with_the_request(engines: list[Engine]) -> None:
    text = DSL.replace("rate_card card", "account firm of user { seat: string from request; }\nrate_card card")
    text = text.replace('when user.plan != "free"', 'when has(firm.seat) && firm.seat == "x"')
    engine = Engine.open({"t.spill": text.encode()})
    engines.append(engine)
    engine.set_attributes({"user": "u"}, {"plan": "free"}, id="s")
    engine.grant({"user": "u"}, "money", "10", id="L")
    seen = []
    for id, account, seat in (("a", {}, "x"), ("b", {"firm": "f"}, "x"), ("c", {"firm": "f"}, "y")):
        fields = {"product": "text", "model": "m1", "seat": seat}
        request = Request(id=id, account={"user": "u", **account}, fields=fields, meters={"tokens": 1000})
        seen.append(engine.decide(request).outcome)
    assert seen == ["deny", "allow", "deny"]
    with pytest.raises(Failure, match="no field `seat`"):
        fields = {"product": "text", "model": "m1"}
        engine.decide(Request(id="d", account={"user": "u", "firm": "f"}, fields=fields, meters={"tokens": 1}))


def test_an_attribute_may_come_with_the_request(engines: list[Engine]) -> None:
    text = DSL.replace("plan: string;", "plan: string from request;")
    engine = Engine.open({"t.spill": text.encode()})
    engines.append(engine)
    fields = {"product": "text", "model": "m1", "plan": "plus"}
    decision = engine.decide(Request(id="r", account={"user": "u"}, fields=fields, meters={"tokens": 1000}))
    assert [(draw.layer, draw.amount) for draw in decision.draws] == [("plan_limit", "1.5")]
    with pytest.raises(Failure, match="no field `plan`"):
        engine.decide(
            Request(id="r2", account={"user": "u"}, fields={"product": "text", "model": "m1"}, meters={"tokens": 1})
        )
    with pytest.raises(Failure):
        engine.set_attributes({"user": "u"}, {"plan": "plus"}, id="s")


@pytest.mark.parametrize("product", ["text", "chat"])
def test_a_waterfall_may_serve_several(product: str, engines: list[Engine]) -> None:
    text = DSL.replace(
        'serves request.product == "text";', 'serves request.product == "text"; serves request.product == "chat";'
    )
    program = _program(text)
    assert sorted(program.plan.dispatch.by_value) == ["chat", "pictures", "text"]
    engine = Engine.open({"t.spill": text.encode()})
    engines.append(engine)
    engine.set_attributes({"user": "u"}, {"plan": "plus"}, id="s")
    request = Request(id="r", account={"user": "u"}, fields={"product": product, "model": "m1"}, meters={"tokens": 1})
    assert engine.decide(request).outcome == "allow"


def test_serves_that_test_two_fields_are_tested_whole(engines: list[Engine]) -> None:
    text = DSL.replace(
        'serves request.product == "text";',
        'serves request.product == "text" && request.model == "m1"; serves request.product == "chat";',
    )
    engine = Engine.open({"t.spill": text.encode()})
    engines.append(engine)
    engine.set_attributes({"user": "u"}, {"plan": "plus"}, id="s")
    for number, (product, model, served) in enumerate(
        [("text", "m1", True), ("text", "m2", False), ("chat", "m2", True), ("chat", "m1", True)]
    ):
        fields = {"product": product, "model": model}
        request = Request(id=f"r{number}", account={"user": "u"}, fields=fields, meters={"tokens": 1})
        if served:
            assert engine.decide(request).outcome == "allow"
            continue
        with pytest.raises(Failure):
            engine.decide(request)

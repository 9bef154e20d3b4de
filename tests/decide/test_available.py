"""How much there is for a request, before it is known what it will measure: what a decision would say of any amount."""

from __future__ import annotations

import pytest
from hypothesis import event, given

from account.test_layers import ANA as SHE
from account.test_layers import POOL, Bench, _cap, _waterfall
from overspill import Failure, Request
from overspill.decide.available import available_to
from overspill.decide.decide import ALLOW, DENY, available
from overspill.plan.raw import GUARDED, OCCUPIED, SHORT
from overspill.words.amounts import steps_from_text, text_from_steps
from support.services import ANA, Served, served, with_ana
from support.worlds import World, decided_of, worlds


@given(worlds())
def test_it_is_what_decisions_on_generated_policies_say(world: World) -> None:
    try:
        decided = decided_of(world)
    except Failure:
        return
    told = available_to(world.program.plan, decided.admitted, decided.accounts, world.now)
    unit = decided.waterfall.unit
    event(f"{decided.raw[0]} {decided.outcome}")
    assert (told.waterfall, told.unit) == (decided.waterfall.name, unit.name)
    if decided.outcome == DENY and decided.raw[0] == SHORT:
        assert told.available == text_from_steps(available(decided), unit.scale)
    elif decided.outcome == ALLOW:
        assert told.available == "unlimited" or steps_from_text(told.available, unit) >= decided.raw[2]
    elif decided.raw[0] in (GUARDED, OCCUPIED):
        assert told.available == "0" and told.reason is not None


def _of(one: Served, **fields: str) -> tuple[str, str, str | None]:
    told = one.engine.of_tenant("acme").available(Request(id="a", account=ANA, fields=fields))
    return told.available, told.unit, told.reason


def test_it_is_told_of_shipped_policies() -> None:
    with served() as one:
        with_ana(one)
        assert _of(one, product="codex", model="gpt-5.5") == ("112", "credits", None)
        assert _of(one, product="codex", model="gpt-5.5", speed="fast") == ("50", "credits", None)
        assert _of(one, product="sora") == ("35", "generations", None)
        one.engine.of_tenant("acme").set_attributes(ANA, {"suspended": True}, id="s1")
        assert _of(one, product="codex", model="gpt-5.5") == ("0", "credits", "account_suspended")


def test_all_of_it_is_granted_and_no_more() -> None:
    with served() as one:
        engine = with_ana(one).engine.of_tenant("acme")
        request = Request(id="r", account=ANA, fields={"product": "sora"})
        for generations, allowed in ((35, True), (36, False)):
            asked = Request(id="r", account=ANA, fields=request.fields, meters={"generations": generations})
            assert engine.preview(asked).allowed == allowed
        assert engine.available(request).available == "35"


BARE = _waterfall("draw all;").replace(", add_money", "")
GIFT = "pool gift { per user; unit credits; }"
ERRS = f"{GIFT}{_waterfall('draw money;', 'draw gift when 1 / (size(request.kind) - 1) > 0;')}"
GIFT_OF_40 = "entitlement gift { per user; unit credits; up to 40 credits per calendar day in UTC; }"
LAYERS: list[tuple[tuple[str, ...], str, str | None]] = [
    ((POOL, _waterfall("draw money;")), "100", None),
    ((POOL, _waterfall("draw money;", "deny never_today when true;")), "0", "never_today"),
    ((POOL, _cap("30 credits"), _waterfall("draw money within seat;")), "30", None),
    (("entitlement all { per user; unit credits; unlimited; }", BARE), "unlimited", None),
    ((POOL, ERRS), "100", "gift"),
    ((POOL, GIFT_OF_40, _waterfall("draw money;", "draw gift;")), "140", None),
    ((POOL, GIFT_OF_40, _waterfall("draw money;", "draw gift;", "fill whole;")), "100", None),
]


@pytest.mark.parametrize(("policy", "amount", "reason"), LAYERS)
def test_it_is_what_the_layers_cover(policy: tuple[str, ...], amount: str, reason: str | None) -> None:
    engine = Bench(*policy).engine
    told = engine.available(Request(id="a", account=SHE))
    assert (told.available, told.reason) == (amount, reason)


def test_what_is_full_says_so() -> None:
    streams = "concurrency streams { per user; at most 1 holds; }"
    bench = Bench(POOL, streams, _waterfall("draw money;", "occupy streams;"))
    bench.engine.reserve(bench.request(1))
    told = bench.engine.available(Request(id="a", account=SHE))
    assert (told.available, told.reason) == ("0", "streams")


def test_looking_records_nothing_and_says_what_is_missing() -> None:
    with served() as one:
        engine = with_ana(one).engine.of_tenant("acme")
        before = len(list(engine.records()))
        _of(one, product="sora")
        with pytest.raises(Failure, match="no field `model`"):
            _of(one, product="codex")
        assert len(list(engine.records())) == before

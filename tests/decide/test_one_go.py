"""What is answered in one go is what is decided, written and drawn one after the other."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given

from overspill.account.state import Account
from overspill.decide.answer import answer
from overspill.decide.decide import DENY, FIRST, Decided, drawn
from overspill.decide.effects import effects_of, layer_effects
from overspill.decide.render import Renderer, render
from overspill.records.request import Request
from overspill.records.written import Fingerprint
from overspill.words.instants import HOUR, instant_from_text
from support.worlds import World, decided_of, program_of, worlds

NOW = instant_from_text("2026-10-05T10:00:00Z")
POLICY = """policy small version 1;
language 1;
unit credits: decimal(2);
account user { plan: string; blocked: bool = false; note: string?; }
account workspace of user { frozen: bool = false; }
request { product: string; model: string; speed: string = "standard"; turn: string?; tokens: meter; }
limit l0 { per %s; unit credits; window w0: 5h from first_use; window w1: calendar day in UTC;
  capacity by user.plan { "plus": w0 10 credits, w1 unlimited; default: w0 0 credits, w1 0 credits; }
  multiplier by request.speed { "fast": 2.5; default: 1; } }
pool p { per user; unit credits; }
rate_card card { price in credits per 1 by request.model; round half_even; from 2026-01-01T00:00:00Z { "m": tokens 1; } }
waterfall main { serves request.product == "main"; priced by card;
  deny blocked when user.blocked || has(user.note) || has(request.turn) || (has(workspace.frozen) && workspace.frozen);
  draw l0; draw p;
  otherwise deny exhausted offer wait; %s }
"""
LIMITS = {
    "of a user": POLICY % ("user", ""),
    "kept apart by a field": POLICY % ("user, request.model", ""),
    "in whole": POLICY % ("user", "fill whole;"),
}
USED: dict[str, Mapping[str, tuple[int, int, int, int]]] = {
    "nothing": {},
    "something": {"l0.w0": (3, NOW - HOUR, NOW + HOUR, 250), "l0.w0|m": (2, NOW - HOUR, NOW + HOUR, 100)},
    "a window that is over": {"l0.w0": (3, NOW - 6 * HOUR, NOW - HOUR, 1000)},
}
FIELDS = {"product": "main", "model": "m"}


def _world(text: str, used: str, tokens: int, plan: str, fields: Mapping[str, str]) -> World:
    program = program_of(text)
    request = Request(id="r1", account={"user": "u_1"}, fields={**FIELDS, **fields}, meters={"tokens": tokens})
    account = Account(3, 0, {"plan": plan}, dict(USED[used]), {}, {}, 0)
    return World(text, program, {"default/user/u_1": account}, request, NOW)


def _expect_the_same(decided: Decided) -> None:
    program, admitted = decided.program, decided.admitted
    kinds = zip(program.plan.kind_names, admitted.ids, strict=True)
    keys = [None if id is None else f"default/{kind}/{id}" for kind, id in kinds]
    asked = "dec_x", "{}", Fingerprint(b"{}"), 3
    written, effects, denied = answer(program, admitted, decided.accounts, decided.now, keys, *asked)
    assert written.json == render(decided, *asked, None, plainly=True).json
    assert (effects, denied) == (effects_of(decided, keys), decided.outcome == DENY)
    if not decided.waterfall.has_funded:
        layers = [(layer, taken) for _, layer, taken in drawn(decided)]
        found = [
            (keys[own], one) for layer, taken in layers for own, one in layer_effects(layer, taken, decided.raw[4])
        ]
        assert [(key, one) for key, of in effects.items() for one in of] == sorted(found, key=lambda one: one[0] or "")


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("used", USED)
@pytest.mark.parametrize("tokens", [0, 1, 4, 10, 11])
@pytest.mark.parametrize("plan", ["plus", "free"])
@pytest.mark.parametrize("fields", [{}, {"speed": "fast"}, {"turn": "t1"}], ids=str)
def test_a_limit_is_drawn_alike(limit: str, used: str, tokens: int, plan: str, fields: Mapping[str, str]) -> None:
    world = _world(LIMITS[limit], used, tokens, plan, fields)
    decided = decided_of(world)
    renderer = Renderer.made(decided.program, decided.at)
    assert (renderer.first_drawn is not None) == (limit != "in whole")
    assert (decided.drawing is FIRST) == (plan == "plus" and 0 < tokens <= _room(limit, used, fields))
    _expect_the_same(decided)


def _room(limit: str, used: str, fields: Mapping[str, str]) -> int:
    """Of ten credits, in tokens; none for a request that the guard denies."""
    if "turn" in fields:
        return 0
    taken = 0.0 if used != "something" else 1 if limit == "kept apart by a field" else 2.5
    return int((10 - taken) / (2.5 if "speed" in fields else 1))


@given(worlds())
def test_whatever_the_policy(world: World) -> None:
    _expect_the_same(decided_of(world))

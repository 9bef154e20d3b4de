"""The lots that a draw has to choose from, in their order, and the key that decided each neighbour (LANGUAGE.md G1, G2)."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account.test_layers import ANA, NOON, POOL, Bench, _waterfall
from overspill import Engine, ManualClock, Request
from overspill.account.candidates import DEFAULT_ORDER, candidates
from overspill.plan.lots import default_order
from overspill.plan.shapes import Lot
from overspill.records.sentences import choices, explain
from overspill.words.instants import HOUR, NEVER


def _lot(id: str, priority: int = 0, expires_at: int = NEVER, category: int = 1, granted_at: int = 0) -> Lot:
    return (id, 5, granted_at, expires_at, priority, category, 5)


# Lots in their order; what decides each neighbour; the declared order, empty for the default.
ORDERS: list[tuple[list[Lot], list[str], tuple[str, ...]]] = [
    ([_lot("B", priority=1), _lot("A", priority=2)], ["priority"], ()),
    ([_lot("B", expires_at=NOON + 2), _lot("A")], ["expires_at"], ()),
    ([_lot("B", category=0), _lot("A")], ["category"], ()),
    ([_lot("B"), _lot("A", granted_at=7)], ["granted_at"], ()),
    ([_lot("A"), _lot("B")], ["id"], ()),
    ([_lot("B", 0, NOON + 9), _lot("A", 1, NOON + 2), _lot("C", 1, NOON + 2)], ["priority", "id"], ()),
    ([_lot("A", 2), _lot("B", 1)], ["id"], ("id",)),
    ([_lot("B", 9, NOON + 2), _lot("A", 1)], ["expires_at"], ("expires_at", "priority", "id")),
    ([_lot("A")], [], ()),
    ([], [], ()),
]


@pytest.mark.rule("G2")
@pytest.mark.parametrize(("lots", "keys", "order"), ORDERS)
def test_each_neighbour_is_decided_by_the_first_key_that_differs(
    lots: list[Lot], keys: list[str], order: tuple[str, ...]
) -> None:
    for mixed in permutations(lots):
        found = candidates(mixed, order, NOON)
        assert [one.lot for one in found] == lots
        assert [one.before_next for one in found] == [*keys, None][: len(lots)]


_LOTS = st.builds(
    _lot,
    st.text("AB", min_size=1, max_size=3),
    st.integers(0, 1),
    st.sampled_from([NOON + 1, NOON + 2, NEVER]),
    st.integers(0, 1),
    st.integers(0, 1),
)


@pytest.mark.rule("G2")
@given(
    st.lists(_LOTS, max_size=6, unique_by=lambda lot: lot[0]),
    st.sampled_from([(), ("id",), ("granted_at", "id"), ("expires_at", "priority", "category", "granted_at", "id")]),
)
def test_two_different_lots_never_tie(lots: list[Lot], order: tuple[str, ...]) -> None:
    """Whatever order they came in, there is one order, and a key for each neighbour."""
    found = candidates(lots, order, NOON)
    assert found == candidates(list(reversed(lots)), order, NOON)
    assert all(one.before_next is not None for one in found[:-1])


def test_the_default_order_in_words_is_the_one_that_states_keep() -> None:
    lots = [_lot(*values) for values in (("A", 1), ("B", 0, NOON), ("C", 0, NEVER, 0), ("D", 0, NEVER, 0, 3))]
    for mixed in permutations(lots):
        assert candidates(mixed, DEFAULT_ORDER, NOON) == candidates(sorted(mixed, key=default_order), (), NOON)


@pytest.mark.rule("G1")
@pytest.mark.parametrize(
    ("granted_at", "expires_at", "passed"),
    [
        (NOON, NEVER, None),
        (NOON + 1, NEVER, "not_yet_granted"),
        (NOON - 1, NOON + 1, None),
        (NOON - 1, NOON, "expired"),
    ],
)
def test_a_lot_that_is_passed_over_says_why(granted_at: int, expires_at: int, passed: str | None) -> None:
    [one] = candidates([_lot("A", granted_at=granted_at, expires_at=expires_at)], (), NOON)
    assert one.passed == passed


def test_explain_shows_all_lots_that_a_decision_had_to_choose_from_as_they_were_then() -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot=None)
    engine = bench.engine
    engine.grant(ANA, "money", "5", id="late", priority=1)
    engine.grant(ANA, "money", "5", id="paid")
    engine.grant(ANA, "money", "2", id="gift", category="promotional")
    engine.grant(ANA, "money", "2", id="soon", expires_at="2026-10-06T00:00:00Z")
    first = bench.ask(5)
    bench.ask(4)  # what comes afterwards changes nothing of what is told
    engine.grant(ANA, "money", "9", id="new")
    explained = engine.explain(first.id)
    assert explained is not None
    [pool] = explained.record.candidates
    assert (pool.account, pool.pool, pool.order) == ("user/ana", "money", DEFAULT_ORDER)
    assert [(lot.lot, lot.left, lot.before_next) for lot in pool.lots] == [
        ("soon", "2", "expires_at"),
        ("gift", "2", "category"),
        ("paid", "5", "priority"),
        ("late", "5", None),
    ]
    told = json.loads(explained.json)
    assert json.dumps(told["answer"], separators=(",", ":"), ensure_ascii=False).encode() == first.json
    lines = explain(told["answer"], told["candidates"])
    assert [line.strip() for line in lines if " lot " in line] == [
        "lot soon: 2 → 0, before gift by expires_at",
        "lot gift: 2 → 0, before paid by category",
        "lot paid: 5 → 4, before late by priority",
        "lot late: 5, not needed",
    ]


def test_a_denial_and_a_reservation_tell_their_lots_too() -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot="3")
    denied = bench.engine.explain(bench.ask(4).id)
    assert denied is not None
    assert [(lot.lot, lot.left) for lot in denied.record.candidates[0].lots] == [("L", "3")]
    hold = bench.engine.reserve(bench.request(2)).hold
    assert hold is not None
    held = bench.engine.explain(hold.id)
    assert held is not None
    assert [lot.left for lot in held.record.candidates[0].lots] == ["3"]


# What the capture uses of a hold of 4; whether it is the last; what it had to choose from: (lot, left, key before the next,
# drawn). The hold has 2 of `soon` and 2 of `gift`; a part captured before gives nothing back.
CAPTURES: list[tuple[int, bool, list[tuple[str, str, str | None, str]]]] = [
    (3, True, []),
    (4, True, []),
    (5, True, [("gift", "3", "category", "1"), ("paid", "5", "priority", "0"), ("late", "5", None, "0")]),
    (9, True, [("gift", "3", "category", "3"), ("paid", "5", "priority", "2"), ("late", "5", None, "0")]),
    (99, False, [("gift", "3", "category", "3"), ("paid", "5", "priority", "5"), ("late", "5", None, "5")]),
]


@pytest.mark.rule("G2")
@pytest.mark.rule("S1")
@pytest.mark.parametrize(("used", "final", "chosen"), CAPTURES)
def test_what_a_capture_draws_beyond_its_hold_is_explained_as_a_draw_is(
    used: int, final: bool, chosen: list[tuple[str, str, str | None, str]]
) -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot=None)
    engine = bench.engine
    engine.grant(ANA, "money", "5", id="late", priority=1)
    engine.grant(ANA, "money", "5", id="paid")
    engine.grant(ANA, "money", "5", id="gift", category="promotional")
    engine.grant(ANA, "money", "2", id="soon", expires_at="2026-10-06T00:00:00Z")
    hold = engine.reserve(bench.request(4)).hold
    assert hold is not None
    bench.clock.advance(HOUR // 12)
    captured = engine.capture(hold.id, {"credits": used}, id="1", final=final)
    bench.clock.advance(HOUR)
    engine.grant(ANA, "money", "9", id="new")  # what comes afterwards changes nothing of what is told
    explained = engine.explain(captured["capture"])
    assert explained is not None
    told = json.loads(explained.json)
    pools = explained.record.candidates
    drawn = {lot["lot"]: lot["amount"] for part in captured["draws"] if part["from"] == "free" for lot in part["lots"]}
    assert [
        (one.lot, one.left, one.before_next, drawn.get(one.lot, "0")) for pool in pools for one in pool.lots
    ] == chosen
    lines = list(choices(told["answer"], told["candidates"]))
    assert [line.split(":")[0].strip() for line in lines] == [
        *(["beyond the hold from money of user/ana, in credits"] if chosen else []),
        *[f"lot {name}" for name, *_ in chosen],
    ]
    assert sum(", not needed" in line for line in lines) == sum(part == "0" for *_, part in chosen)


def test_a_capture_tells_every_pool_that_it_looked_at_and_none_behind() -> None:
    team = "pool shared { per team; unit credits; order expires_at, id; }"
    spare = "pool spare { per user; unit credits; }"
    bench = Bench(POOL, team, spare, _waterfall("draw shared;", "draw money;", "draw spare;"), lot="3")
    bench.engine.grant({"team": "red"}, "shared", "2", id="A", expires_at="2026-10-06T00:00:00Z")
    bench.engine.grant(ANA, "spare", "2", id="S")
    hold = bench.engine.reserve(bench.request(4, team=True)).hold
    assert hold is not None
    explained = bench.engine.explain(bench.engine.capture(hold.id, {"credits": 7})["capture"])
    assert explained is not None
    assert [
        (pool.layer, pool.account, pool.order[0], [(lot.lot, lot.left) for lot in pool.lots])
        for pool in explained.record.candidates
    ] == [
        ("shared", "team/red", "expires_at", [("L", "1")]),
        ("money", "user/ana", "priority", [("L", "3")]),
    ]


def test_what_is_no_decision_has_no_lots_to_choose_from() -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot=None)
    granted = bench.engine.explain(bench.engine.grant(ANA, "money", "3", id="L")["grant"])
    assert granted is not None
    assert granted.record.candidates == ()
    assert bench.engine.explain("dec_nothing") is None


def test_what_is_told_survives_snapshots_and_another_process(tmp_path: Path) -> None:
    engine = Engine.open(db=tmp_path / "x.db", clock=ManualClock(NOON - HOUR))
    engine.set_attributes(ANA, {"plan": "free"}, id="s")
    engine.grant(ANA, "credits", "5", id="C")
    meters = {"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0}
    fields = {"product": "codex", "model": "gpt-5.5"}
    id = engine.decide(Request(id="r", account=ANA, fields=fields, meters=meters)).id
    before = engine.explain(id)
    engine.close()
    with Engine.open(db=tmp_path / "x.db") as again:
        after = again.explain(id)
    assert before is not None
    assert after is not None
    assert after.json == before.json
    assert [lot.left for pool in after.record.candidates for lot in pool.lots] == ["5"]


def test_an_explanation_is_what_its_schema_says() -> None:
    from importlib.resources import files

    from overspill.syntax.validate import problems

    shipped = json.loads((files("overspill_grammar") / "schemas" / "explanation.schema.json").read_text())
    bench = Bench(POOL, _waterfall("draw money;"))
    explained = bench.engine.explain(bench.ask(1).id)
    assert explained is not None
    told = json.loads(explained.json)
    assert problems(told, shipped) == []
    assert problems({**told, "record": "1"}, shipped)

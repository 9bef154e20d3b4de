"""The three datasets: usage, what it cost and who covered it, and how much each lot changed, each caused by the one
before (LANGUAGE.md S7)."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files

import pytest

from book.folds import Fold, simulated
from book.scenes import Scene
from overspill.book.amounts import billionths
from overspill.records.balances import BalanceUpdate
from overspill.records.journal import Record
from overspill.records.monetization import MonetizationEvent
from overspill.records.usage import USAGE
from overspill.records.usage_events import UsageEvent, usage_event
from overspill.syntax.validate import problems
from overspill.words.codec import json_bytes

SEEDS = (1, 2)
SCHEMAS = {UsageEvent: "usage", MonetizationEvent: "monetization", BalanceUpdate: "balance"}


@pytest.mark.rule("S7")
def test_one_request_is_told_in_three_kinds_of_rows() -> None:
    """19 credits: 3 of the window, 2 of the entitlement, 2 promotional ones that pay for 1, and 13 that are charged."""
    scene = Scene("included", "gift", "promo", "money within seat", "finish")
    scene.grant("promo", "2", "P")
    scene.grant("money", "10", "C")
    scene.consume(1900, turn="t")
    expected = """
  P 2 → 2 credits, granted
  C 10 → 10 credits, granted
usage r1: 19 credits, charged 13 credits
monetization r1: 19 credits by card@2026-01-01
  included: 3 as 3 window
  gift: 2 as 2 entitlement
  promo: 1 as 2 lot P
  money: 13 as 10 lot C + 3 overage
  P -2 → 0 credits, usage
  C -10 → 0 credits, usage
"""
    assert scene.rows() == expected.strip("\n")


@pytest.mark.rule("S3")
@pytest.mark.rule("S7")
def test_a_capture_beyond_all_there_is_tells_who_covered_what() -> None:
    """The overshoot is in the lot's one debit, and comes back by an update of its own."""
    scene = Scene("included", "money")
    scene.grant("money", "2", "C")
    scene.engine.capture(scene.reserve(400), {"hundredths": 1500})
    scene.grant("money", "6", "D")
    expected = """
  C 2 → 2 credits, granted
usage r1: 15 credits, charged 12 credits
monetization r1: 15 credits by card@2026-01-01
  included: 3 as 3 window
  money: 1 as 1 lot C
  money: 5 as 1 lot C + 4 overage
  money: 5 as 5 debt
  nobody: 1 as 1 absorbed
  C -3 → -1 credits, usage
  C 1 → 0 credits, overshoot_refunded
  D 6 → 6 credits, granted
  D -5 → 1 credits, debt_repaid
"""
    assert scene.rows() == expected.strip("\n")


@pytest.mark.rule("S2")
@pytest.mark.rule("S3")
def test_what_was_absorbed_of_a_stream_that_turns_out_cheaper_is_written_off_no_more() -> None:
    """In the pool's unit, two of which pay for one: of 9 credits nobody pays 1, then none."""
    scene = Scene("promo")
    scene.grant("promo", "16", "P")
    hold = scene.reserve(400)
    for number, (used, spared) in enumerate([(900, 0), (0, 200)]):
        meters = {"hundredths": used, "spared": spared}
        scene.engine.capture(hold, meters, id=str(number), final=number == 1)
    fold = Fold(scene.engine.records())
    absorbed = [one for row in fold.rows if isinstance(row, MonetizationEvent) for one in row.coverage if not one.layer]
    assert [(one.base, one.amount) for one in absorbed] == [("1", "2"), ("-1", "-2")]
    assert fold.book.balance("writeoff:overshoot", "credits") == 0
    assert fold.book.balance("usage:w", "credits") == 14 * 10**9
    assert fold.findings() == []


# (layers, hundredths, kind) → (reason, charge, layers that covered)
FREE = [
    (("included",), 100, "a", ("covered", {}, ("included",))),
    (("gift",), 100, "a", ("covered", {}, ("gift",))),
    (("promo",), 100, "a", ("covered", {}, ("promo",))),
    (("included", "money"), 400, "a", ("charged", {"credits": "1"}, ("included", "money"))),
    (("included",), 100, "free", ("rate_zero", {}, ())),
]


@pytest.mark.rule("M4")
@pytest.mark.rule("S7")
@pytest.mark.parametrize(("layers", "hundredths", "kind", "expected"), FREE)
def test_usage_says_what_it_cost_and_why(
    layers: tuple[str, ...], hundredths: int, kind: str, expected: tuple[str, dict[str, str], tuple[str, ...]]
) -> None:
    scene = Scene(*layers)
    scene.grant("promo", "2", "P")
    scene.grant("money", "2", "C")
    scene.consume(hundredths, kind=kind)
    [event] = [event for record in scene.engine.records() if (event := usage_event(record)) is not None]
    assert (event.reason, event.charge, event.layers) == expected


@pytest.mark.rule("S7")
def test_what_nobody_covers_is_absorbed() -> None:
    scene = Scene("included")
    scene.engine.capture(scene.reserve(100), {"hundredths": 300}, id="1", final=True)
    hold = scene.engine.reserve(scene.request(0)).hold
    assert hold is not None
    scene.engine.capture(hold.id, {"hundredths": 200})
    usage = [row for row in Fold(scene.engine.records()).rows if isinstance(row, UsageEvent)]
    assert [(row.base, row.reason) for row in usage] == [("3", "covered"), ("2", "absorbed")]


@pytest.mark.rule("S7")
@pytest.mark.parametrize("seed", SEEDS)
def test_each_usage_has_one_event_of_both_kinds_and_one_update_a_lot(seed: int) -> None:
    """A denial gives none, holds and windows give none; each update is caused by what is there."""
    fold, records = Fold(), simulated(seed)
    for record in records:
        rows = fold.post(record).rows
        kinds = Counter(type(row) for row in rows)
        assert kinds[UsageEvent] == kinds[MonetizationEvent] == (record.events == USAGE)
        assert [row for row in rows if isinstance(row, UsageEvent)] == _usage(record)
        updates = [row for row in rows if isinstance(row, BalanceUpdate)]
        places = Counter((row.account, row.pool, row.lot, row.why) for row in updates)
        assert all(count == 1 for count in places.values())
        priced = [row.event for row in rows if isinstance(row, MonetizationEvent)]
        assert {row.cause for row in updates} <= {*(priced or [record.id])}
        if record.key[2] in ("reserve", "extend", "set", "redeem", "unpaid", "top_up"):
            assert rows == ()


def _usage(record: Record) -> list[UsageEvent]:
    event = usage_event(record)
    return [] if event is None else [event]


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_are_what_their_schemas_say(seed: int) -> None:
    schemas = {
        shape: json.loads((files("overspill_grammar") / "schemas" / f"{name}.schema.json").read_text())
        for shape, name in SCHEMAS.items()
    }
    rows = Fold(simulated(seed)).rows
    assert {type(row) for row in rows} == set(schemas)
    for row in rows[:600]:
        assert problems(json.loads(json_bytes(row)), schemas[type(row)]) == []
    wrong = {**json.loads(json_bytes(rows[0])), "kind": "bill"}
    assert problems(wrong, schemas[type(rows[0])]) != []


@pytest.mark.parametrize("seed", SEEDS)
def test_ids_are_derived_and_no_two_are_the_same(seed: int) -> None:
    once, again = Fold(simulated(seed)).rows, Fold(simulated(seed)).rows
    assert once == again
    ids = [row.update if isinstance(row, BalanceUpdate) else row.event for row in once]
    assert len(set(ids)) == len(ids)
    prefixes = {UsageEvent: "use_", MonetizationEvent: "mon_", BalanceUpdate: "bal_"}
    assert all(id.startswith(prefixes[type(row)]) for id, row in zip(ids, once, strict=True))


@pytest.mark.rule("G3")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_balance_is_the_sum_of_its_updates(seed: int) -> None:
    fold = Fold(simulated(seed))
    sums = Counter[tuple[str, str, str]]()
    for row in fold.rows:
        if isinstance(row, BalanceUpdate):
            sums[row.account, row.pool, row.lot] += billionths(row.amount)
            assert billionths(row.balance) == sums[row.account, row.pool, row.lot]
    assert {key: fold.book.settled(key) for key in fold.book.lots} == {key: sums[key] for key in fold.book.lots}

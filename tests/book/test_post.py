"""Posting one record: once, in its turn, of its tenant, by what the admission was made under."""

from __future__ import annotations

from pathlib import Path

import pytest

from book.folds import Fold
from book.scenes import NOON, POLICY, Scene, shown
from overspill import Engine, ManualClock
from overspill.account import state
from overspill.book.amounts import billionths, decimal_text, share
from overspill.book.effects import (
    COUNT_GENERATION,
    COUNT_KEY,
    COUNT_KIND,
    HOLD_ACCOUNTS,
    HOLD_LATE_UNTIL,
    HOLD_LEGS,
    LEG_AMOUNT,
    LEG_BASE,
    LEG_COUNTS,
    STATE_GENERATION,
)
from overspill.book.post import post
from overspill.book.state import Book
from overspill.plan import shapes
from overspill.records.postings import Parked, Posted
from overspill.words.codec import replace
from overspill.words.instants import MINUTE


def _journal() -> list:  # type: ignore[type-arg]
    scene = Scene("included", "money")
    scene.grant("money", "10", "C")
    hold = scene.reserve(400)
    scene.clock.advance(MINUTE)
    scene.engine.capture(hold, {"hundredths": 350})
    return list(scene.engine.records())


@pytest.mark.rule("S6")
def test_what_names_something_unknown_is_parked_and_changes_nothing() -> None:
    grant, reserve, capture = _journal()
    book = Book()
    assert post(book, capture) == Parked(capture.id, "unknown_hold", reserve.ids[0])
    assert post(book, reserve) == Parked(reserve.id, "unknown_lot", "user/ana/money/C")
    assert (book.balances, book.lots, book.holds, book.windows) == ({}, {}, {}, {})
    assert all(isinstance(post(book, record), Posted) for record in (grant, reserve, capture))


def test_another_tenants_record_is_refused() -> None:
    record = _journal()[0]
    with pytest.raises(ValueError, match="tenant"):
        post(Book("other"), record)


@pytest.mark.rule("V1")
@pytest.mark.rule("T2")
def test_a_transaction_says_where_it_comes_from() -> None:
    """What follows a hold names policy and rate card of the admission."""
    fold = Fold(_journal())
    grant, reserve, capture = fold.transactions
    assert (grant.policy, grant.rate_card, grant.cause, grant.key[3]) == (None, None, grant.record, "C")
    assert reserve.cause == capture.cause == reserve.record
    assert (capture.policy, capture.version, capture.rate_card) == (reserve.policy, 3, "card@2026-01-01")
    assert (reserve.at, capture.at, capture.effective_at) == (NOON, NOON + MINUTE, NOON + MINUTE)
    assert (reserve.hold, reserve.hold_state, capture.hold_state) == (capture.hold, "open", "over")


def test_a_contradiction_is_no_posting() -> None:
    _, reserve, capture = _journal()
    told = bytes(capture.answer)
    assert b'"layer":"money","from":"hold"' in told
    book = Book()
    for record in _journal()[:2]:
        post(book, record)
    other = replace(capture, answer=type(capture.answer)(told.replace(b'"layer":"money"', b'"layer":"promo"')))
    with pytest.raises(ValueError, match="draws promo where hold"):
        post(book, other)
    assert reserve.ids[0] in book.holds


# (text, billionths)
AMOUNTS = [("0", 0), ("1", 10**9), ("11.625", 11_625_000_000), ("-0.5", -500_000_000), ("0.000000001", 1)]


@pytest.mark.parametrize(("text", "amount"), AMOUNTS)
def test_amounts_are_exact(text: str, amount: int) -> None:
    assert (billionths(text), decimal_text(amount)) == (amount, text)


@pytest.mark.parametrize("text", ["0.0000000001", "1e3", "", "one"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        billionths(text)


@pytest.mark.parametrize(("part", "whole", "expected"), [(1, 3, 3), (2, 4, 5), (1, 4, 2), (3, 4, 8), (4, 4, 10)])
def test_a_share_is_rounded_half_to_even(part: int, whole: int, expected: int) -> None:
    assert share(10, part, whole) == expected


@pytest.mark.rule("G3")
def test_a_lot_of_a_pool_that_is_no_more_expires_with_what_holds_have_of_it(tmp_path: Path) -> None:
    """Its answer tells steps and no unit: the book knows both from before."""
    clock, db = ManualClock(NOON), str(tmp_path / "x.db")
    scene = Scene("promo", clock=clock, db=db)
    scene.grant("promo", "4", "P", expires_at="2026-10-05T12:05:00Z")
    scene.reserve(100)
    scene.engine.close()
    clock.advance(6 * MINUTE)
    gone = POLICY.replace("DRAWS", "draw included;").replace("draw promo;", "")
    start, end = gone.index("pool promo"), gone.index("pool money")
    with Engine.open({"p.spill": (gone[:start] + gone[end:]).encode()}, clock=clock, db=db) as engine:
        engine.sweep()
        fold = Fold(engine.records())
    expired = fold.transactions[-1]
    assert shown(expired) == (
        "expire_lot P\n  2 credits: lot:ana/promo/P → breakage:promotional\n"
        "  2 credits: hold:HOLD:lot:ana/promo/P → breakage:promotional"
    )
    assert fold.findings() == []


def test_the_places_of_effects_are_the_accounts() -> None:
    places = {
        state.Hold: {"accounts": HOLD_ACCOUNTS, "late_until": HOLD_LATE_UNTIL, "legs": HOLD_LEGS},
        state.Leg: {"base": LEG_BASE, "amount": LEG_AMOUNT, "counts": LEG_COUNTS},
        state.Count: {
            "kind": COUNT_KIND,
            "key": COUNT_KEY,
            "generation": COUNT_GENERATION,
        },
    }
    for shape, named in places.items():
        assert {name: shape.__struct_fields__.index(name) for name in named} == named
    assert STATE_GENERATION == shapes.GENERATION

"""What each kind of record posts: scenes of an account, and the transactions of their journals, in credits and money.

Every amount is moved from the account before the arrow to the one behind it. Capacity is an asset of its own
(`win.included.five`); what is not shown moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from book.folds import Fold
from book.scenes import ANA, BOB, Scene
from overspill.words.instants import HOUR, MINUTE

ENDS_SOON = "2026-10-05T12:05:00Z"


def _granted(scene: Scene) -> None:
    """A promotion costs nothing; what was paid for credits is deferred until they are used."""
    scene.grant("promo", "2", "P")
    scene.grant("money", "10", "C", cost="0.4 usd")


def _consumed_from_every_layer(scene: Scene) -> None:
    """One request of 19 credits: windows are opened with their limits, lots are used, the rest is overage."""
    _granted(scene)
    scene.consume(1900, turn="t")


def _granted_nothing(scene: Scene) -> None:
    """A denial, and a request that is free by its rate."""
    scene.consume(5000)
    scene.consume(100, kind="free")


def _held_and_released(scene: Scene) -> None:
    scene.grant("promo", "2", "P")
    scene.engine.release(scene.reserve(350))


def _captured_in_two_parts(scene: Scene) -> None:
    """Less than was held: the rest goes back at the end."""
    scene.grant("money", "10", "C", cost="0.4 usd")
    hold = scene.reserve(600)
    scene.engine.capture(hold, {"hundredths": 200}, id="1", final=False)
    scene.engine.capture(hold, {"hundredths": 250}, id="2")


def _captured_beyond_the_hold(scene: Scene) -> None:
    """From the hold, then from what is free, then beyond the lots, then owed; the last credit nobody pays. The next grant
    repays the debt first."""
    scene.grant("money", "2", "C")
    hold = scene.reserve(400)
    scene.engine.capture(hold, {"hundredths": 1500})
    scene.grant("money", "6", "D", cost="0.24 usd")


def _made_cheaper_by_its_last_part(scene: Scene) -> None:
    """What was booked goes back the way it came; what was repaid of the debt is a lot again."""
    scene.grant("money", "2", "C")
    hold = scene.reserve(100)
    scene.engine.capture(hold, {"hundredths": 1200}, id="1", final=False)
    scene.grant("money", "3", "D")
    scene.engine.capture(hold, {"hundredths": 0, "spared": 900}, id="2")


def _timed_out_and_captured_late(scene: Scene) -> None:
    scene.grant("money", "5", "C")
    hold = scene.reserve(400)
    scene.clock.advance(20 * MINUTE)
    scene.engine.sweep()
    scene.engine.capture(hold, {"hundredths": 350})


def _expired_in_a_hold_that_loses_it(scene: Scene) -> None:
    scene.grant("promo", "4", "P", expires_at=ENDS_SOON)
    scene.reserve(400)
    scene.clock.advance(6 * MINUTE)
    scene.engine.sweep()


def _expired_in_a_hold_and_reissued(scene: Scene) -> None:
    """The part that was held is a lot of its own when it comes back, with its part of the money."""
    scene.grant("money", "4", "C", expires_at=ENDS_SOON, cost="0.1 usd")
    hold = scene.reserve(400)
    scene.clock.advance(6 * MINUTE)
    scene.engine.release(hold)


def _transferred_voided_and_refunded(scene: Scene) -> None:
    """A third of 10 cents is no whole number of billionths: parts sum to the whole all the same."""
    for id in "VRT":
        scene.grant("money", "3", id, cost="0.1 usd")
    scene.engine.transfer(ANA, "money", "T", BOB, id="t", amount="1")
    scene.engine.void(ANA, "money", "V", id="v")
    scene.engine.refund(ANA, "money", "R", id="r")
    scene.engine.refund(ANA, "money", "T", id="r2")


def _reversed(scene: Scene) -> None:
    scene.grant("money", "4", "C", cost="0.1 usd")
    scene.engine.reverse(scene.consume(400), id="x")


def _reversed_when_the_lot_is_over(scene: Scene) -> None:
    scene.grant("money", "4", "C", cost="0.1 usd", expires_at=ENDS_SOON)
    decision = scene.consume(400)
    scene.clock.advance(6 * MINUTE)
    scene.engine.reverse(decision, id="x")


def _begun_anew(scene: Scene) -> None:
    """What is left of a generation is swept when the next one opens, by time or by a reset."""
    scene.consume(200)
    scene.clock.advance(5 * HOUR)
    scene.consume(100)
    scene.engine.grant_reset(ANA, "included", id="b")
    scene.engine.redeem(ANA, "included", id="q")
    scene.consume(50)


Run = Callable[[Scene], None]
TABLE: list[tuple[Run, tuple[str, ...], str]] = [
    (
        _granted,
        ("promo",),
        """
grant P
  2 credits: issuance:promo → lot:ana/promo/P
grant C
  10 credits: issuance:paid → lot:ana/money/C
  0.4 usd: cash:operator → deferred:ana/money/C
""",
    ),
    (
        _consumed_from_every_layer,
        ("included", "gift", "promo", "money within seat", "finish"),
        """
grant P
  2 credits: issuance:promo → lot:ana/promo/P
grant C
  10 credits: issuance:paid → lot:ana/money/C
  0.4 usd: cash:operator → deferred:ana/money/C
consume r1
  3 win.included.five: issuance:window → win:ana/included.five
  3 win.included.five: win:ana/included.five → usage:w
  2 win.gift.allowance: issuance:window → win:ana/gift.allowance
  2 win.gift.allowance: win:ana/gift.allowance → usage:w
  2 credits: lot:ana/promo/P → usage:w
  3 credits: overage:ana/money → usage:w
  4 win.money.overage: issuance:window → cap:ana/money.overage
  3 win.money.overage: cap:ana/money.overage → usage:w
  20 win.seat.month: issuance:window → cap:ana/seat.month
  13 win.seat.month: cap:ana/seat.month → usage:w
  10 credits: lot:ana/money/C → usage:w
  0.4 usd: deferred:ana/money/C → revenue:w
""",
    ),
    (
        _granted_nothing,
        ("included",),
        """

""",
    ),
    (
        _held_and_released,
        ("included", "promo"),
        """
grant P
  2 credits: issuance:promo → lot:ana/promo/P
reserve r1
  3 win.included.five: issuance:window → win:ana/included.five
  3 win.included.five: win:ana/included.five → hold:HOLD:win:ana/included.five
  1 credits: lot:ana/promo/P → hold:HOLD:lot:ana/promo/P
release 1
  3 win.included.five: hold:HOLD:win:ana/included.five → win:ana/included.five
  1 credits: hold:HOLD:lot:ana/promo/P → lot:ana/promo/P
""",
    ),
    (
        _captured_in_two_parts,
        ("included", "money within seat"),
        """
grant C
  10 credits: issuance:paid → lot:ana/money/C
  0.4 usd: cash:operator → deferred:ana/money/C
reserve r1
  3 win.included.five: issuance:window → win:ana/included.five
  3 win.included.five: win:ana/included.five → hold:HOLD:win:ana/included.five
  20 win.seat.month: issuance:window → cap:ana/seat.month
  3 win.seat.month: cap:ana/seat.month → hold:HOLD:cap:ana/seat.month
  3 credits: lot:ana/money/C → hold:HOLD:lot:ana/money/C
capture 1
  2 win.included.five: hold:HOLD:win:ana/included.five → usage:w
capture 2
  1 win.included.five: hold:HOLD:win:ana/included.five → usage:w
  1.5 win.seat.month: hold:HOLD:cap:ana/seat.month → usage:w
  1.5 credits: hold:HOLD:lot:ana/money/C → usage:w
  0.06 usd: deferred:ana/money/C → revenue:w
  1.5 win.seat.month: hold:HOLD:cap:ana/seat.month → cap:ana/seat.month
  1.5 credits: hold:HOLD:lot:ana/money/C → lot:ana/money/C
""",
    ),
    (
        _captured_beyond_the_hold,
        ("included", "money within seat"),
        """
grant C
  2 credits: issuance:paid → lot:ana/money/C
reserve r1
  3 win.included.five: issuance:window → win:ana/included.five
  3 win.included.five: win:ana/included.five → hold:HOLD:win:ana/included.five
  20 win.seat.month: issuance:window → cap:ana/seat.month
  1 win.seat.month: cap:ana/seat.month → hold:HOLD:cap:ana/seat.month
  1 credits: lot:ana/money/C → hold:HOLD:lot:ana/money/C
capture 1
  3 win.included.five: hold:HOLD:win:ana/included.five → usage:w
  1 win.seat.month: hold:HOLD:cap:ana/seat.month → usage:w
  1 credits: hold:HOLD:lot:ana/money/C → usage:w
  4 credits: overage:ana/money → usage:w
  4 win.money.overage: issuance:window → cap:ana/money.overage
  4 win.money.overage: cap:ana/money.overage → usage:w
  5 win.seat.month: cap:ana/seat.month → usage:w
  1 credits: lot:ana/money/C → usage:w
  5 credits: debt:ana/money → usage:w
  1 credits: lot:ana/money/C → usage:w
  1 credits: writeoff:overshoot → lot:ana/money/C
grant D
  6 credits: issuance:paid → lot:ana/money/D
  0.24 usd: cash:operator → deferred:ana/money/D
  5 credits: lot:ana/money/D → debt:ana/money
  0.2 usd: deferred:ana/money/D → revenue:repaid
""",
    ),
    (
        _made_cheaper_by_its_last_part,
        ("money",),
        """
grant C
  2 credits: issuance:paid → lot:ana/money/C
reserve r1
  1 credits: lot:ana/money/C → hold:HOLD:lot:ana/money/C
capture 1
  1 credits: hold:HOLD:lot:ana/money/C → usage:w
  4 credits: overage:ana/money → usage:w
  4 win.money.overage: issuance:window → cap:ana/money.overage
  4 win.money.overage: cap:ana/money.overage → usage:w
  1 credits: lot:ana/money/C → usage:w
  5 credits: debt:ana/money → usage:w
  1 credits: lot:ana/money/C → usage:w
  1 credits: writeoff:overshoot → lot:ana/money/C
grant D
  3 credits: issuance:paid → lot:ana/money/D
  3 credits: lot:ana/money/D → debt:ana/money
capture 2
  3 credits: usage:w → hold:HOLD:overage:ana/money
  3 win.money.overage: usage:w → hold:HOLD:cap:ana/money.overage
  5 credits: usage:w → debt:ana/money
  3 credits: debt:ana/money → lot:ana/money/LOT
  1 credits: usage:w → writeoff:overshoot
  3 credits: hold:HOLD:overage:ana/money → overage:ana/money
  3 win.money.overage: hold:HOLD:cap:ana/money.overage → cap:ana/money.overage
""",
    ),
    (
        _timed_out_and_captured_late,
        ("included", "money"),
        """
grant C
  5 credits: issuance:paid → lot:ana/money/C
reserve r1
  3 win.included.five: issuance:window → win:ana/included.five
  3 win.included.five: win:ana/included.five → hold:HOLD:win:ana/included.five
  1 credits: lot:ana/money/C → hold:HOLD:lot:ana/money/C
expire timeout
  3 win.included.five: hold:HOLD:win:ana/included.five → win:ana/included.five
  1 credits: hold:HOLD:lot:ana/money/C → lot:ana/money/C
capture 1
  3 win.included.five: win:ana/included.five → usage:w
  0.5 credits: lot:ana/money/C → usage:w
""",
    ),
    (
        _expired_in_a_hold_that_loses_it,
        ("included", "promo"),
        """
grant P
  4 credits: issuance:promo → lot:ana/promo/P
reserve r1
  3 win.included.five: issuance:window → win:ana/included.five
  3 win.included.five: win:ana/included.five → hold:HOLD:win:ana/included.five
  2 credits: lot:ana/promo/P → hold:HOLD:lot:ana/promo/P
expire_lot P
  2 credits: lot:ana/promo/P → breakage:promotional
  2 credits: hold:HOLD:lot:ana/promo/P → breakage:promotional
""",
    ),
    (
        _expired_in_a_hold_and_reissued,
        ("included", "money"),
        """
grant C
  4 credits: issuance:paid → lot:ana/money/C
  0.1 usd: cash:operator → deferred:ana/money/C
reserve r1
  3 win.included.five: issuance:window → win:ana/included.five
  3 win.included.five: win:ana/included.five → hold:HOLD:win:ana/included.five
  1 credits: lot:ana/money/C → hold:HOLD:lot:ana/money/C
expire_lot C
  3 credits: lot:ana/money/C → breakage:paid
  0.075 usd: deferred:ana/money/C → breakage_rev
release 1
  3 win.included.five: hold:HOLD:win:ana/included.five → win:ana/included.five
  1 credits: hold:HOLD:lot:ana/money/C → lot:ana/money/LOT
  0.025 usd: deferred:ana/money/C → deferred:ana/money/LOT
""",
    ),
    (
        _transferred_voided_and_refunded,
        ("money",),
        """
grant V
  3 credits: issuance:paid → lot:ana/money/V
  0.1 usd: cash:operator → deferred:ana/money/V
grant R
  3 credits: issuance:paid → lot:ana/money/R
  0.1 usd: cash:operator → deferred:ana/money/R
grant T
  3 credits: issuance:paid → lot:ana/money/T
  0.1 usd: cash:operator → deferred:ana/money/T
transfer t
  1 credits: lot:ana/money/T → lot:bob/money/TRF
  0.033333333 usd: deferred:ana/money/T → deferred:bob/money/TRF
void v
  3 credits: lot:ana/money/V → issuance:paid
  0.1 usd: deferred:ana/money/V → breakage_rev
refund r
  3 credits: lot:ana/money/R → issuance:paid
  0.1 usd: deferred:ana/money/R → cash:operator
refund r2
  2 credits: lot:ana/money/T → issuance:paid
  0.066666667 usd: deferred:ana/money/T → cash:operator
  0.003333333 usd: rounding:usd → cash:operator
""",
    ),
    (
        _reversed,
        ("included", "money"),
        """
grant C
  4 credits: issuance:paid → lot:ana/money/C
  0.1 usd: cash:operator → deferred:ana/money/C
consume r1
  3 win.included.five: issuance:window → win:ana/included.five
  3 win.included.five: win:ana/included.five → usage:w
  1 credits: lot:ana/money/C → usage:w
  0.025 usd: deferred:ana/money/C → revenue:w
reverse x
  3 win.included.five: usage:w → win:ana/included.five
  1 credits: usage:w → lot:ana/money/C
  0.025 usd: revenue:w → deferred:ana/money/C
""",
    ),
    (
        _reversed_when_the_lot_is_over,
        ("included", "money"),
        """
grant C
  4 credits: issuance:paid → lot:ana/money/C
  0.1 usd: cash:operator → deferred:ana/money/C
consume r1
  3 win.included.five: issuance:window → win:ana/included.five
  3 win.included.five: win:ana/included.five → usage:w
  1 credits: lot:ana/money/C → usage:w
  0.025 usd: deferred:ana/money/C → revenue:w
expire_lot C
  3 credits: lot:ana/money/C → breakage:paid
  0.075 usd: deferred:ana/money/C → breakage_rev
reverse x
  3 win.included.five: usage:w → win:ana/included.five
  1 credits: usage:w → lot:ana/money/LOT
  0.025 usd: revenue:w → deferred:ana/money/LOT
""",
    ),
    (
        _begun_anew,
        ("included",),
        """
consume r1
  3 win.included.five: issuance:window → win:ana/included.five
  2 win.included.five: win:ana/included.five → usage:w
consume r2
  1 win.included.five: win:ana/included.five → issuance:window
  3 win.included.five: issuance:window → win:ana/included.five
  1 win.included.five: win:ana/included.five → usage:w
redeem q
  2 win.included.five: win:ana/included.five → issuance:window
consume r3
  3 win.included.five: issuance:window → win:ana/included.five
  0.5 win.included.five: win:ana/included.five → usage:w
""",
    ),
]


@pytest.mark.rule("S3")
@pytest.mark.rule("S4")
@pytest.mark.rule("G3")
@pytest.mark.rule("G5")
@pytest.mark.parametrize(("run", "layers", "expected"), TABLE, ids=[row[0].__name__.strip("_") for row in TABLE])
def test_a_scene_posts(run: Run, layers: tuple[str, ...], expected: str) -> None:
    scene = Scene(*layers)
    run(scene)
    assert scene.posted() == expected.strip("\n")
    fold = Fold(scene.engine.records())
    assert fold.findings() == []

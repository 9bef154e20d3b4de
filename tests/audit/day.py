"""A day on which everything happens once: the journal that exports of the tests are made of."""

from __future__ import annotations

from functools import cache

from audit.exports import Files, exported
from book.folds import simulated_disk
from book.scenes import ANA, BOB, POLICY, Scene
from overspill import Engine
from overspill.records.journal import Segment, stored_records
from overspill.records.written import Form
from overspill.runtime.payments import ScriptedPayments
from overspill.words.instants import DAY, HOUR, MINUTE

TOP_UP = "top_up { settings user; }"
LAYERS = ("included", "gift", "promo", "money within seat", "finish")


@cache
def day() -> tuple[tuple[Segment, ...], dict[str, Form]]:
    """(its segments, the forms of its answers)."""
    scene = Scene(*LAYERS)
    scene.engine.close()
    draws = " ".join(f"draw {layer};" for layer in LAYERS)
    policy = POLICY.replace("DRAWS", draws).replace(
        "price 0.04 usd per 1 credits;", f"price 0.04 usd per 1 credits; {TOP_UP}"
    )
    scene.engine = Engine.open({"p.spill": policy.encode()}, clock=scene.clock, settle=False)
    for part in (_used, _held, _beyond, _cheaper, _ended, _moved, _reversed, _begun_anew, _bought):
        part(scene)
    store = scene.engine._store
    segments = tuple(store.segments(0))
    names = {record.form for segment in segments for record in stored_records(segment) if record.form}
    forms = {name: store.form(name) for name in sorted(names)}
    scene.engine.close()
    return segments, forms


def _used(scene: Scene) -> None:
    scene.engine.set_attributes(ANA, {"plan": "pro"}, id="s")
    scene.grant("promo", "2", "P1")
    scene.grant("money", "10", "C1", cost="0.4 usd")
    scene.grant("money", "1", "C2", priority=1)
    for _ in range(2):  # the second finds what the first has left
        scene.consume(600, turn="t")
    scene.consume(9000)
    scene.consume(100, kind="free")


def _held(scene: Scene) -> None:
    hold = scene.reserve(100)
    scene.engine.extend(hold, id="e")
    scene.engine.capture(hold, {"hundredths": 20}, id="1", final=False)
    scene.engine.capture(hold, {"hundredths": 30}, id="2")
    scene.engine.release(scene.reserve(50))


def _beyond(scene: Scene) -> None:
    """From the hold, from what is free, beyond the lots, owed, and what nobody pays; then a debt repaid."""
    scene.grant("money", "2", "C3")
    scene.engine.capture(scene.reserve(200), {"hundredths": 2000}, id="1")
    scene.grant("money", "6", "C4", cost="0.24 usd")


def _cheaper(scene: Scene) -> None:
    """A stream that turns out cheaper: what it owed and what was repaid of that comes back."""
    hold = scene.reserve(100)
    scene.engine.capture(hold, {"hundredths": 1200}, id="1", final=False)
    scene.grant("money", "3", "C5")
    scene.engine.capture(hold, {"hundredths": 0, "spared": 900}, id="2")


def _ended(scene: Scene) -> None:
    """Lots and holds whose time is over: lost, reissued, captured late."""
    soon = "2026-10-05T12:05:00Z"
    scene.grant("promo", "4", "P2", expires_at=soon)
    scene.grant("money", "4", "C6", expires_at=soon, cost="0.1 usd", priority=0)
    first, second = scene.reserve(100), scene.reserve(300)
    scene.clock.advance(6 * MINUTE)
    scene.engine.sweep()
    scene.engine.release(first)
    scene.clock.advance(20 * MINUTE)
    scene.engine.sweep()
    scene.engine.capture(second, {"hundredths": 10})


def _moved(scene: Scene) -> None:
    for id in ("V", "R", "T"):
        scene.grant("money", "3", id, cost="0.1 usd")
    scene.engine.transfer(ANA, "money", "T", BOB, id="t", amount="1")
    scene.engine.void(ANA, "money", "V", id="v")
    scene.engine.refund(ANA, "money", "R", id="r")
    scene.engine.refund(ANA, "money", "T", id="r2")


def _reversed(scene: Scene) -> None:
    scene.clock.advance(30 * DAY)
    scene.grant("money", "4", "C7", cost="0.1 usd", expires_at="2026-11-04T14:00:00Z")
    decisions = [scene.consume(700), scene.consume(150)]
    scene.engine.reverse(decisions[0], id="x1")
    scene.clock.advance(2 * HOUR)
    scene.engine.reverse(decisions[1], id="x2")


def _begun_anew(scene: Scene) -> None:
    scene.clock.advance(5 * HOUR)
    scene.consume(100)
    scene.engine.grant_reset(ANA, "included", id="b")
    scene.engine.redeem(ANA, "included", id="q")
    scene.engine.reset(ANA, "included", id="w")
    scene.consume(50)


def _bought(scene: Scene) -> None:
    provider = ScriptedPayments()
    scene.engine.set_top_up(ANA, "money", enabled=True, minimum="50", target="60", id="u", actor="user/ana")
    scene.engine.run_top_ups(provider)
    scene.consume(100)


@cache
def export_of_day() -> Files:
    return exported(*day())


@cache
def export_of_world(seed: int, steps: int) -> Files:
    """A simulated world's, which is many times as large."""
    found = simulated_disk(seed, steps)
    return exported(found.segments, found.forms)

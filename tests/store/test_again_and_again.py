"""What is asked again, under another name, in another order, for nobody, by another tenant, or weeks later: each on every kind of
store (ASSURANCE.md sections 3.2 and 3.5)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import pytest

from overspill import Decision, Engine, Failure, ManualClock, Receipt, Request
from overspill.account.state import Account
from overspill.cli.reconcile import of_store
from overspill.runtime.payments import ScriptedPayments
from overspill.words.ids import derived_id, key_text
from overspill.words.instants import DAY, HOUR, MINUTE, instant_from_text
from store.places import ANA, Place
from store.processes import settled_once

NOON = instant_from_text("2026-10-05T12:00:00Z")
POLICY = {
    "p.spill": b"""policy p version 1; language 1; unit credits: integer; unit usd: decimal(2);
account user { } request { credits: meter; }
limit five { per user; unit credits; window w: 5h from first_use; capacity 3 credits; }
pool money { per user; unit credits; price 0.04 usd per 1 credits;
  top_up { settings user; on top_up_cap partial; when true; } }
waterfall w { serves true; counts credits; draw five; draw money; otherwise deny used_up;
  holds expire after 15min, late capture 15min; }
"""
}


class World:
    """An engine at noon on which Ana has so many credits."""

    def __init__(self, place: Place, credits: int = 50, tenant: str = "default") -> None:
        self.clock = ManualClock(NOON)
        self.engine = Engine.open(POLICY, db=place.db, clock=self.clock, settle=False, tenant=tenant)
        self.engine.grant(ANA, "money", str(credits), id="M")

    def held(self, id: str, credits: int) -> str:
        hold = self.engine.reserve(request(id, credits)).hold
        assert hold is not None
        return hold.id

    def journal(self) -> list[bytes]:
        return [bytes(record.answer) for record in self.engine.records()]


def request(id: str, credits: int) -> Request:
    return Request(id=id, account=ANA, meters={"credits": credits})


def left(engine: Engine) -> int:
    return sum(lot[1] for lot in engine.account(ANA).pools.get("money", ()))


def refused(code: str, act: Callable[[], object]) -> None:
    with pytest.raises(Failure) as failure:
        act()
    assert failure.value.code == code


# ---- the same usage under another id

OVER: list[tuple[str, Callable[[World, str], object]]] = [
    ("captured", lambda world, hold: world.engine.capture(hold, {"credits": 8}, id="first")),
    ("captured beyond it", lambda world, hold: world.engine.capture(hold, {"credits": 30}, id="first")),
    ("released", lambda world, hold: world.engine.release(hold)),
    ("timed out, met", lambda world, hold: (world.clock.advance(30 * MINUTE), world.engine.sweep())),
    ("timed out, not met", lambda world, hold: world.clock.advance(30 * MINUTE)),
]


@pytest.mark.rule("S1")
@pytest.mark.parametrize("ends", [row[1] for row in OVER], ids=[row[0] for row in OVER])
def test_usage_of_a_hold_that_is_over_is_refused_under_any_id(
    place: Place, ends: Callable[[World, str], object]
) -> None:
    world = World(place)
    hold = world.held("r", 10)
    ends(world, hold)
    before, account = world.journal(), world.engine.account(ANA)
    for number in range(3):
        refused("hold_closed", lambda id=f"event-{number}": world.engine.capture(hold, {"credits": 8}, id=id))
    assert (world.journal(), world.engine.account(ANA)) == (before, account)
    settled_once(world.engine)
    world.engine.close()


# ---- usage of nothing


def _hold_of_a_denial(world: World) -> str:
    """The id that its hold would have."""
    assert world.engine.reserve(request("no", 1000)).outcome == "deny"
    return derived_id(key_text("default", "user/u_ana", "reserve", "no"), "hold")


NOBODYS: list[tuple[str, Callable[[World], str]]] = [
    ("nobody has made it", lambda world: derived_id(key_text("default", "user/u_ana", "reserve", "r"), "hold")),
    ("its request was denied", _hold_of_a_denial),
    ("it is a decision", lambda world: world.engine.decide(request("d", 1)).id),
]


@pytest.mark.rule("S1")
@pytest.mark.parametrize("of", [row[1] for row in NOBODYS], ids=[row[0] for row in NOBODYS])
def test_usage_of_no_hold_is_refused_and_draws_nothing(place: Place, of: Callable[[World], str]) -> None:
    world = World(place)
    hold = of(world)
    before, account = world.journal(), world.engine.account(ANA)
    refused("unknown_hold", lambda: world.engine.capture(hold, {"credits": 1}, id="c"))
    assert (world.journal(), world.engine.account(ANA)) == (before, account)
    settled_once(world.engine)
    world.engine.close()


# ---- in another order

SIZES = {"a": 4, "b": 5, "c": 3, "d": 6}
"""Hold → what is reserved."""
WITHIN = {"a": 2, "b": 5, "c": 1, "d": 0}
BEYOND = {"a": 2, "b": 5, "c": 9, "d": 0}


class Came(NamedTuple):
    """What captures came to: states, costs by hold, balances of the book; and what all of it together is."""

    account: Account
    costs: dict[str, tuple[Any, ...]]
    balances: list[tuple[str, str, int]]
    taken: int
    covered: int


@pytest.mark.rule("S1")
def test_the_order_in_which_holds_are_captured_changes_nothing() -> None:
    """In all orders each costs the same and all that is kept is the same. Who uses more than he holds takes what others have given
    back by then: what it costs whom is a matter of order, and the sum is not."""
    within, beyond = ([_captured(order, used) for order in permutations(SIZES)] for used in (WITHIN, BEYOND))
    assert len(within) == 24
    assert all(one == within[0] for one in within)
    assert {(one.taken, one.covered) for one in within} == {(8, 8)}
    assert {(one.taken, one.covered) for one in beyond} == {(16, 16)}


def _captured(order: Sequence[str], used: Mapping[str, int]) -> Came:
    world = World(Place("memory", None))
    holds = {name: world.held(name, size) for name, size in SIZES.items()}
    told = {name: world.engine.capture(holds[name], {"credits": used[name]}).fields for name in order}
    world.engine.settle()
    balances = sorted((one.account, one.asset, one.amount) for one in world.engine._store.ledger.balances())
    account = world.engine.account(ANA)
    costs = {name: (one["covered"], one["absorbed"], one["charge"]) for name, one in told.items()}
    taken = 50 - left(world.engine) + account.windows["five.w"][3]
    world.engine.close()
    return Came(account, costs, balances, taken, sum(int(one["covered"]) for one in told.values()))


# ---- weeks later


def _day(world: World) -> list[Decision | Receipt]:
    """A command of each kind that clients repeat."""
    engine = world.engine
    hold, stream, kept = (world.held(name, 6) for name in ("h1", "h2", "h3"))
    return [
        engine.grant(ANA, "money", "50", id="M"),
        engine.decide(request("r1", 7)),
        engine.decide(request("r2", 1000)),
        engine.reserve(request("h1", 6)),
        engine.capture(hold, {"credits": 4}, id="c"),
        engine.capture(stream, {"credits": 1}, id="1", final=False),
        engine.capture(stream, {"credits": 9}, id="2"),
        engine.release(kept, id="x"),
        engine.grant(ANA, "money", "5", id="N"),
        engine.void(ANA, "money", "N", id="v"),
        engine.reverse(engine.decide(request("r1", 7)).id, id="u"),
    ]


@pytest.mark.rule("I2")
@pytest.mark.parametrize("later", [HOUR, 60 * DAY, 3650 * DAY], ids=["an hour", "weeks", "years"])
def test_a_whole_day_that_is_sent_again_much_later_changes_nothing(shared: Place, later: int) -> None:
    world = World(shared)
    first = _day(world)
    settled_once(world.engine)
    world.clock.advance(later)
    world.engine.sweep()
    before, posted = world.journal(), list(world.engine._store.ledger.postings(0))
    for again in (_day(world), _day(world)):
        assert [(one.json, one.replayed) for one in again] == [(one.json, True) for one in first]
    world.engine.close()
    with Engine.open(POLICY, db=shared.db, clock=ManualClock(NOON)) as engine:
        assert [bytes(record.answer) for record in engine.records()] == before
        settled_once(engine)
        assert list(engine._store.ledger.postings(0))[: len(posted)] == posted


# ---- one database, two tenants


@pytest.mark.rule("I1")
def test_the_same_ids_of_two_tenants_have_nothing_to_do_with_each_other(shared: Place) -> None:
    one, other = World(shared, 50), World(shared, 7, tenant="acme")
    answers = [world.engine.decide(request("r", 9)) for world in (one, other)]
    assert [(answer.outcome, answer.replayed) for answer in answers] == [("allow", False), ("allow", False)]
    assert answers[0].id != answers[1].id
    assert (left(one.engine), left(other.engine)) == (44, 1)
    refused("idempotency_conflict", lambda: one.engine.decide(request("r", 8)))
    refused("idempotency_conflict", lambda: other.engine.decide(request("r", 8)))
    assert [world.engine.decide(request("r", 9)).json for world in (one, other)] == [one.json for one in answers]
    one.engine.settle()
    verdict = of_store(one.engine._store, NOON)
    assert (verdict.findings, verdict.explained, verdict.pending) == ([], "100.000 %", 0)
    one.engine.close()
    other.engine.close()


def test_what_a_tenant_is_told_is_the_same_whatever_another_one_does(shared: Place) -> None:
    alone = World(Place("memory", None))
    one, other = World(shared), World(shared, 3, tenant="acme")
    told = []
    for number in range(8):
        other.engine.decide(request(f"r{number}", 2))
        told.append((alone.engine.decide(request(f"r{number}", 9)), one.engine.decide(request(f"r{number}", 9))))
    assert [pair[0].json for pair in told] == [pair[1].json for pair in told]
    assert alone.engine.account(ANA) == one.engine.account(ANA)
    for world in (alone, one, other):
        world.engine.close()


def test_what_one_tenant_holds_and_has_decided_is_unknown_to_another(shared: Place) -> None:
    one, other = World(shared), World(shared, tenant="acme")
    hold, decided = other.held("h", 5), other.engine.decide(request("r", 9)).id
    before = other.engine.account(ANA)
    tries: list[tuple[str, Callable[[], object]]] = [
        ("unknown_hold", lambda: one.engine.capture(hold, {"credits": 1}, id="x", final=False)),
        ("unknown_hold", lambda: one.engine.extend(hold, id="x")),
        ("unknown_hold", lambda: one.engine.release(hold, id="x")),
        ("unknown_request", lambda: one.engine.reverse(decided, id="x")),
        ("unknown_request", lambda: one.engine.reverse(hold, id="x")),
    ]
    for code, act in tries:
        refused(code, act)
    for id in (hold, decided):
        assert (one.engine.find(id), one.engine.explain(id)) == (None, None)
        assert other.engine.find(id) is not None
    assert other.engine.account(ANA) == before
    one.engine.settle()
    assert one.engine.settlement().parked == 0
    one.engine.close()
    other.engine.close()


# ---- at once


def _at_once(*acts: Callable[[], object]) -> None:
    """Each in a thread of its own, all let go together."""
    barrier, failures = threading.Barrier(len(acts)), list[BaseException]()

    def work(act: Callable[[], object]) -> None:
        barrier.wait()
        try:
            act()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


HOLDS = 24


@pytest.mark.rule("S2")
def test_of_a_time_out_and_a_capture_at_once_one_comes_first_and_nothing_is_counted_twice(shared: Place) -> None:
    """An engine at whose clock the holds have timed out sweeps, while another one captures them."""
    world = World(shared, 3 * HOLDS)
    holds = [world.held(f"r{number}", 3) for number in range(HOLDS)]
    world.engine._combiner.exclusively(world.engine._combiner.snapshots.write_all)
    later = Engine.open(POLICY, db=shared.db, clock=ManualClock(NOON + 15 * MINUTE), settle=False)
    captured: list[Receipt] = []

    def capture() -> None:
        for hold in holds:
            captured.append(world.engine.capture(hold, {"credits": 2}))

    _at_once(capture, later.sweep)
    records = list(later.records())
    kinds = Counter(record.key[2] for record in records)
    assert len({record.id for record in records}) == len(records)
    assert len(captured) == kinds["capture"] == HOLDS
    assert sum(bool(one["late"]) for one in captured) == kinds["expire"]
    window = later.account(ANA).windows["five.w"][3]
    assert 3 * HOLDS - left(later) + window == 2 * HOLDS
    assert left(world.engine) == left(later)
    settled_once(later)
    later.close()
    world.engine.close()


@pytest.mark.rule("U1")
def test_processes_that_all_fall_below_the_minimum_buy_once(shared: Place) -> None:
    """Four engines on one database draw below the minimum at once, and four ask the provider at once."""
    world = World(shared, 23)
    world.engine.set_top_up(ANA, "money", id="s", enabled=True, minimum="20", target="40", actor="user/ana")
    engines = [Engine.open(POLICY, db=shared.db, clock=ManualClock(NOON), settle=False) for _ in range(4)]
    _at_once(*[lambda engine=engine, id=str(at): engine.decide(request(id, 4)) for at, engine in enumerate(engines)])
    assert [len(engine.open_purchases()) for engine in engines] == [1] * 4
    payments = ScriptedPayments()
    _at_once(*[lambda engine=engine: engine.run_top_ups(payments) for engine in engines])
    assert len(payments.receipts) == 1
    lots = [lot[0] for lot in world.engine.account(ANA).pools["money"]]
    assert sorted(lots) == sorted(["M", *payments.receipts])
    settled_once(world.engine)
    for engine in (world.engine, *engines):
        engine.close()

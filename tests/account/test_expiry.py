"""Lots that end: each an entry at its instant, free or held, whoever comes first (LANGUAGE.md G1, G3, G5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from account.test_layers import ANA, NOON, POOL, Bench, _waterfall
from account.test_lots import _reconciles
from overspill import Request
from overspill.words.instants import HOUR, MINUTE, instant_text

ONE = instant_text(NOON + HOUR)
TWO = instant_text(NOON + 2 * HOUR)
HOLDS = "holds expire after 3h, late capture 1h;"


def _bench(held: str = "honor", *, multiplier: str = "") -> Bench:
    pool = f"pool money {{ per user; unit credits; {multiplier} on expired_in_hold {held}; }}"
    bench = Bench(pool, _waterfall(HOLDS, "draw money;"), lot=None)
    bench.engine.grant(ANA, "money", "10", id="soon", expires_at=ONE)
    bench.engine.grant(ANA, "money", "10", id="late", expires_at="2027-01-01T00:00:00Z")
    return bench


def _lots(bench: Bench) -> dict[str, int]:
    return {lot[0]: lot[1] for lots in bench.engine.account(ANA).pools.values() for lot in lots}


def _entries(bench: Bench, kind: str) -> list[dict[str, Any]]:
    return [json.loads(bytes(record.answer)) for record in bench.engine.records() if record.key[2] == kind]


def _ask(bench: Bench) -> None:
    assert bench.ask(1).allowed


def _sweep(bench: Bench) -> None:
    assert bench.engine.sweep() == 1


def _open_again(bench: Bench) -> None:
    bench.engine._combiner.snapshots.write_all()
    _sweep(bench)


@pytest.mark.rule("G3")
@pytest.mark.parametrize("look", [_ask, _sweep, _open_again])
def test_a_lots_end_is_an_entry_at_its_instant_whoever_comes_first(look: Callable[[Bench], None]) -> None:
    bench = _bench()
    assert bench.ask(4).allowed
    bench.clock.set(NOON + 5 * HOUR)
    look(bench)
    [entry] = _entries(bench, "expire_lot")
    shown = (entry["account"], entry["pool"], entry["lot"], entry["amount"], entry["unit"], entry["effective_at"])
    assert shown == ("user/ana", "money", "soon", "6", "credits", ONE)
    assert entry["at"].startswith("2026-10-05T17:00:00")
    assert "soon" not in _lots(bench)
    assert bench.engine.sweep() == 0
    assert _reconciles(bench.engine)


@pytest.mark.rule("G1")
def test_a_lot_is_no_more_at_the_very_instant_of_its_end() -> None:
    bench = _bench()
    bench.clock.set(NOON + HOUR)
    decision = bench.ask(3)
    assert [lot.lot for lot in decision.draws[0].lots] == ["late"]
    assert [entry["amount"] for entry in _entries(bench, "expire_lot")] == ["10"]


# (reaction, used) → (what the lots hold, what expired with the lot, what of the hold expired, what was reissued)
HELD = [
    ("honor", 12, {"late": 8}, "0", [], False),
    ("honor", 4, {"late": 10}, "0", ["6"], False),
    ("honor", 15, {"late": 5}, "0", [], False),
    ("lapse", 12, {}, "0", [], False),
    ("lapse", 4, {"late": 6}, "0", [], False),
    ("reissue 2h", 4, {"late": 10, "new": 6}, "0", ["6"], True),
    ("reissue 2h", 12, {"late": 8}, "0", [], False),
]


@pytest.mark.rule("G5")
@pytest.mark.parametrize(("held", "used", "lots", "free", "gone", "is_reissued"), HELD)
def test_what_is_held_of_a_lot_that_ends(
    held: str, used: int, lots: dict[str, int], free: str, gone: list[str], is_reissued: bool
) -> None:
    bench = _bench(held)
    hold = bench.engine.reserve(bench.request(12)).hold
    assert hold is not None
    bench.clock.set(NOON + HOUR + MINUTE)
    answer = bench.engine.capture(hold.id, {"credits": used})
    assert [one["amount"] for one in answer.fields.get("expired", [])] == gone
    found = _lots(bench)
    for one in answer.fields.get("expired", []):
        assert one["lot"] == "soon"
        if is_reissued:
            assert one["reissued"]["expires_at"] == instant_text(NOON + 3 * HOUR + MINUTE)
            found["new"] = found.pop(one["reissued"]["lot"])
    assert found == lots
    lapsed = [one["amount"] for entry in _entries(bench, "expire_lot") for one in entry.get("holds", [])]
    assert lapsed == (["10"] if held == "lapse" else [])
    covered = int(answer["covered"])
    assert covered == min(used, 10 if held == "lapse" else 20)
    assert _reconciles(bench.engine)


@pytest.mark.rule("G5")
def test_what_lapses_of_a_hold_leaves_whole_base_steps_and_gives_the_rest_back() -> None:
    bench = _bench("lapse", multiplier="multiplier 3;")
    hold = bench.engine.reserve(bench.request(6)).hold  # 18 credits: 10 of the one lot, 8 of the other
    assert hold is not None
    assert _lots(bench) == {"late": 2}
    bench.clock.set(NOON + HOUR)
    assert bench.engine.sweep() == 1
    assert _lots(bench) == {"late": 4}  # of 8 credits 6 pay for whole steps
    [entry] = _entries(bench, "expire_lot")
    assert entry["holds"] == [{"hold": hold.id, "amount": "10", "returned": {"late": "2"}}]
    answer = bench.engine.capture(hold.id, {"credits": 3})
    assert (answer["covered"], _lots(bench)) == ("3", {"late": 1})
    assert _reconciles(bench.engine)


@pytest.mark.rule("G5")
def test_what_a_stream_has_used_of_a_lot_does_not_lapse() -> None:
    bench = _bench("lapse")
    hold = bench.engine.reserve(bench.request(10)).hold
    assert hold is not None
    bench.engine.capture(hold.id, {"credits": 4}, id="a", final=False)
    bench.clock.set(NOON + HOUR)
    answer = bench.engine.capture(hold.id, {"credits": 3}, id="b")
    assert (answer["total"], answer["covered"], answer["absorbed"]) == ("7", "3", "0")
    assert _lots(bench) == {"late": 7}
    [entry] = _entries(bench, "expire_lot")
    assert entry["holds"] == [{"hold": hold.id, "amount": "6", "returned": {}}]
    assert _reconciles(bench.engine)


@pytest.mark.rule("G5")
@pytest.mark.parametrize(("ends_at", "lots"), [(NOON + 4 * HOUR, {"late": 8}), (NOON + 2 * HOUR, {"late": 8})])
def test_a_time_out_gives_back_as_of_its_own_instant(ends_at: int, lots: dict[str, int]) -> None:
    bench = Bench(POOL, _waterfall(HOLDS, "draw money;"), lot=None)
    bench.engine.grant(ANA, "money", "10", id="soon", expires_at=instant_text(ends_at))
    hold = bench.engine.reserve(bench.request(6)).hold
    assert hold is not None
    bench.engine.grant(ANA, "money", "8", id="late")
    bench.clock.set(NOON + 9 * HOUR)
    bench.engine.sweep()
    assert _lots(bench) == lots
    [lot], [hold_entry] = _entries(bench, "expire_lot"), _entries(bench, "expire")
    if ends_at > NOON + 3 * HOUR:  # the hold went first, and all of it back
        assert (lot["amount"], "expired" in hold_entry) == ("10", False)
    else:
        assert (lot["amount"], hold_entry["expired"][0]["amount"]) == ("4", "6")
    assert _reconciles(bench.engine)


@pytest.mark.rule("G5")
def test_a_lot_of_a_shared_pool_takes_from_every_hold() -> None:
    pool = "pool shared { per team; unit credits; on expired_in_hold lapse; }"
    tail = "otherwise deny used_up; }"
    bench = Bench(
        pool, f"waterfall w {{ serves true; counts credits; {HOLDS} draw shared when has(team.id); {tail}", lot=None
    )
    bench.engine.grant({"team": "red"}, "shared", "10", id="soon", expires_at=ONE)
    holds = []
    for name in ("ana", "bob"):
        request = Request(id=name, account={"user": name, "team": "red"}, meters={"credits": 3})
        hold = bench.engine.reserve(request).hold
        assert hold is not None
        holds.append((name, hold.id))
    bench.clock.set(NOON + HOUR)
    answers = [bench.engine.capture(id, {"credits": 2}) for _, id in holds]
    assert [(one["covered"], one["absorbed"]) for one in answers] == [("0", "2"), ("0", "2")]
    [entry] = _entries(bench, "expire_lot")
    assert (entry["amount"], [one["amount"] for one in entry["holds"]]) == ("4", ["3", "3"])
    assert not bench.engine.account({"team": "red"}).holds


@pytest.mark.rule("G5")
def test_lots_that_lapse_at_one_instant_leave_nothing_behind() -> None:
    pool = "pool money { per user; unit credits; multiplier 2; on expired_in_hold lapse; }"
    bench = Bench(pool, _waterfall(HOLDS, "draw money;"), lot=None)
    bench.engine.grant(ANA, "money", "1", id="a", expires_at=ONE, priority=1)
    bench.engine.grant(ANA, "money", "3", id="b", expires_at=ONE)
    hold = bench.engine.reserve(bench.request(2)).hold
    assert hold is not None
    bench.clock.set(NOON + HOUR)
    assert bench.engine.sweep() == 2
    first, second = _entries(bench, "expire_lot")
    assert first["holds"] == [{"hold": hold.id, "amount": "1", "returned": {"b": "1"}}]
    assert (second["amount"], second["holds"]) == ("1", [{"hold": hold.id, "amount": "2", "returned": {}}])
    assert _lots(bench) == {}
    answer = bench.engine.capture(hold.id, {"credits": 1})
    assert (answer["covered"], answer["absorbed"]) == ("0", "1")
    assert _reconciles(bench.engine)

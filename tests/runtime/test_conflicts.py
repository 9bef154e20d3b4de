"""Another payload under an id that was used: the failure names the first place that differs, as its caller would write it, with
what stood there first and what stands there now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overspill import Engine, Failure, ManualClock, Request
from overspill.words.instants import instant_from_text

ANA, BOB = {"user": "ana"}, {"user": "bob"}
POLICY = {
    "p.spill": b"""policy p version 1; language 1; unit credits: integer; unit usd: decimal(2);
account user { plan: string = "free"; } account team of user { }
request { model: string = "small"; fast: bool = false; credits: meter; images: meter; }
limit five { per user; unit credits; window w: 5h from first_use; window d: 1d from first_use; capacity 9 credits; }
pool money { per user; unit credits; price 0.04 usd per 1 credits; top_up { settings user; on top_up_cap partial; when true; } }
waterfall w { serves true; counts credits; draw five; draw money; otherwise deny used_up;
  holds expire after 15min, late capture 15min; }"""
}
LONG = "m" * 100
NOW = instant_from_text("2026-10-05T10:00:00Z")
AGREED: dict[str, Any] = {"enabled": True, "minimum": "1", "target": "5"}


def _engine(db: Path | None = None) -> Engine:
    engine = Engine.open(POLICY, db=db, clock=ManualClock(NOW))
    engine.grant(ANA, "money", "20", id="L")
    return engine


def _asked(credits: int = 1, *, account: dict[str, str] = ANA, **more: Any) -> Request:
    meters = {"credits": credits, **more.pop("meters", {})}
    return Request(id="x", account=account, meters=meters, **more)


def _conflict(do: Callable[[], Any]) -> tuple[str | None, str]:
    with pytest.raises(Failure) as failure:
        do()
    assert failure.value.code == "idempotency_conflict"
    assert failure.value.help == "use a new id, or send exactly what was sent first"
    return failure.value.pointer, failure.value.message


REQUESTS: list[tuple[Request, Request, str, str, str]] = [
    (_asked(1), _asked(2), "/meters/credits", "`1`", "`2`"),
    (_asked(), _asked(meters={"images": 0}), "/meters/images", "absent", "`0`"),
    (_asked(fields={"model": "big"}), _asked(), "/fields/model", '`"big"`', "absent"),
    (_asked(fields={"fast": True}), _asked(fields={"fast": False}), "/fields/fast", "`true`", "`false`"),
    (_asked(), _asked(account={**ANA, "team": "t"}), "/account/team", "absent", '`"t"`'),
    (_asked(), _asked(initiator="auto"), "/initiator", '`"user"`', '`"auto"`'),
    (_asked(), _asked(only=("money",)), "/only", "absent", '`["money"]`'),
    (_asked(only=("five", "money")), _asked(only=("five",)), "/only/1", '`"money"`', "absent"),
    (_asked(at_least="1"), _asked(at_least="0"), "/at_least", '`"1"`', '`"0"`'),
    (_asked(), _asked(meters={"a/b~": 1}), "/meters/a~1b~0", "absent", "`1`"),
    (_asked(), _asked(fields={"credits": 1}, meters={"images": 1}), "/fields/credits", "absent", "`1`"),
    (_asked(fields={"model": LONG}), _asked(fields={"model": LONG + "!"}), "/fields/model", '`..."`', '`...!"`'),
    (_asked(), _asked(fields={"model": LONG}), "/fields/model", "absent", f'`"{"m" * 56}...`'),
    (_asked(), _asked(fields={"model": "\u202e"}), "/fields/model", "absent", "`'\"\\u202e\"'`"),
]
"""(first, then, where they differ, what was there first, what is there now)."""


@pytest.mark.rule("I1")
@pytest.mark.parametrize(("first", "then", "pointer", "was", "now"), REQUESTS)
def test_of_a_request_the_first_place_that_differs_is_named(
    first: Request, then: Request, pointer: str, was: str, now: str
) -> None:
    engine = _engine()
    engine.decide(first)
    told = f"`x` was used before for another consume of user/ana: `{pointer}` was {was} first and is {now} now"
    assert _conflict(lambda: engine.decide(then)) == (pointer, told)
    assert len(list(engine.records())) == 2


Did = Callable[[Engine, Any], Any]
OPERATIONS: list[tuple[str, Did, Any, Any, str, str, str]] = [
    ("grant", lambda e, v: e.grant(ANA, "money", v, id="x"), "5", "6", "/amount", '`"5"`', '`"6"`'),
    (
        "grant",
        lambda e, v: e.grant(ANA, "money", "5", id="x", expires_at=v),
        None,
        "2026-12-01T00:00:00Z",
        "/expires_at",
        "absent",
        '`"2026-12-01T00:00:00Z"`',
    ),
    (
        "grant",
        lambda e, v: e.grant(ANA, "money", "5", id="x", effective_at=v),
        "2026-11-01T00:00:00.500000Z",
        "2026-11-02T00:00:00Z",
        "/effective_at",
        '`"2026-11-01T00:00:00.500000Z"`',
        '`"2026-11-02T00:00:00Z"`',
    ),
    (
        "set",
        lambda e, v: e.set_attributes(ANA, {"plan": v}, id="x"),
        "free",
        "pro",
        "/attributes/plan",
        '`"free"`',
        '`"pro"`',
    ),
    ("reset", lambda e, v: e.reset(ANA, "five", id="x", of=v), ["w"], ["d"], "/of/0", '`"w"`', '`"d"`'),
    (
        "transfer",
        lambda e, v: e.transfer(ANA, "money", "L", BOB, id="x", amount=v),
        "1",
        None,
        "/amount",
        '`"1"`',
        "absent",
    ),
    (
        "void",
        lambda e, v: e.void(ANA, "money", v, id="x", actor=f"for {v}"),
        "L",
        "M",
        "/lot",
        '`"L"`',
        '`"M"`',
    ),
    ("set_top_up", lambda e, v: e.set_top_up(ANA, "money", **AGREED, id="x", actor=v), "ann", "ben", "/actor", '`"ann"`', '`"ben"`'),
]  # fmt: skip
"""(kind, what is done with a value, the first value, the next one, the place, what was there first, what is there now)."""


@pytest.mark.rule("I1")
@pytest.mark.parametrize(("kind", "do", "first", "then", "pointer", "was", "now"), OPERATIONS)
def test_of_an_operation_too(kind: str, do: Did, first: Any, then: Any, pointer: str, was: str, now: str) -> None:
    engine = _engine()
    do(engine, first)
    told = f"`x` was used before for another {kind} of user/ana: `{pointer}` was {was} first and is {now} now"
    assert _conflict(lambda: do(engine, then)) == (pointer, told)


AGAIN: dict[str, Callable[[Engine, str], Any]] = {
    "grant": lambda e, by: e.grant(ANA, "money", "5", id="x", actor=by),
    "set": lambda e, by: e.set_attributes(ANA, {"plan": "pro"}, id="x", actor=by),
    "void": lambda e, by: e.void(ANA, "money", "L", id="x", actor=by),
    "transfer": lambda e, by: e.transfer(ANA, "money", "L", BOB, id="x", actor=by),
    "reset": lambda e, by: e.reset(ANA, "five", id="x", actor=by),
}


@pytest.mark.rule("I1")
@pytest.mark.parametrize("do", AGAIN.values(), ids=AGAIN)
def test_who_asks_is_no_part_of_what_is_asked(do: Callable[[Engine, str], Any], tmp_path: Path) -> None:
    with _engine(tmp_path / "x.db") as engine:
        first = do(engine, "ann")
        assert do(engine, "ben").json == first.json
    with Engine.open(POLICY, db=tmp_path / "x.db", clock=ManualClock(NOW)) as engine:
        assert do(engine, "operator").json == first.json


@pytest.mark.rule("I1")
def test_of_what_follows_a_hold_too() -> None:
    engine = _engine()
    hold = engine.reserve(_asked(5)).hold
    assert hold is not None
    engine.capture(hold.id, {"credits": 1}, id="1", final=False)
    assert _conflict(lambda: engine.capture(hold.id, {"credits": 2}, id="1", final=False))[0] == "/meters/credits"
    pointer, told = _conflict(lambda: engine.capture(hold.id, {"credits": 1}, id="1"))
    assert (pointer, told.partition(": ")[2]) == ("/final", "`/final` was `false` first and is `true` now")


@pytest.mark.rule("I1")
def test_within_one_batch_and_from_the_journal_it_is_told_alike(tmp_path: Path) -> None:
    with _engine(tmp_path / "x.db") as engine:
        first, then, again = engine.decide_all([_asked(1), _asked(2), _asked(1)])
        assert not isinstance(first, Failure)
        assert not isinstance(again, Failure)
        assert isinstance(then, Failure)
        assert again.json == first.json
        assert _conflict(lambda: engine.decide(_asked(2))) == (then.pointer, then.message)
    with _engine(tmp_path / "x.db") as reopened:
        assert _conflict(lambda: reopened.decide(_asked(2))) == (then.pointer, then.message)

"""What random days seldom meet, counted by the simulator's auditor: what a cheaper stream pays back of a repaid debt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from overspill import Engine, ManualClock, Request
from overspill.step import overshoot
from overspill.step.lots import paid_back
from overspill.words.instants import instant_from_text
from simulator.auditor import Auditor
from simulator.book import Finding

NOON = instant_from_text("2026-10-05T12:00:00Z")
ANA = {"user": "ana"}
POLICY = b"""policy p version 1; language 1; unit credits: decimal(2);
account user { plan: string = "plus"; }
request { kind: string = "a"; used: meter; spared: meter = 0; }
rate_card card { price in credits per 1 by request.kind; meter fresh = used - spared;
  from 2026-01-01T00:00:00Z { "a": fresh 1; } }
pool money { per user; unit credits; on overshoot debt up to 20 credits; lots expire after 2d; }
waterfall w { serves true; priced by card; draw money; otherwise deny used_up; }
"""


def _stream(repaid: int, spared: int) -> tuple[Auditor, Any]:
    """A hold of 1 of 2 credits, of which a first part uses 6: 4 are owed, of which a purchase repays some; then the last
    part makes the stream cheaper. What the auditor makes of it, and the last answer."""
    engine = Engine.open({"p.spill": POLICY}, clock=ManualClock(NOON))
    engine.grant(ANA, "money", "2", id="L")
    hold = engine.reserve(Request(id="r", account=ANA, meters={"used": 1})).hold
    assert hold is not None
    engine.capture(hold.id, {"used": 6}, id="1", final=False)
    if repaid:
        engine.grant(ANA, "money", str(repaid), id="M")
    last = engine.capture(hold.id, {"used": 0, "spared": spared}, id="2")
    auditor = Auditor(frozenset(), frozenset())
    auditor.read(engine._store.segments(0), engine._store.form)
    return auditor, last


# (repaid of 4, how much cheaper the stream becomes) → what is a lot again.
PAID_BACK = [(0, 4, None), (3, 0, None), (3, 1, None), (3, 2, "1"), (3, 4, "3"), (4, 4, "4"), (4, 5, "4"), (9, 3, "3")]


@pytest.mark.rule("S3")
@pytest.mark.parametrize(("repaid", "spared", "back"), PAID_BACK)
def test_what_comes_back_of_a_repaid_debt_is_counted(repaid: int, spared: int, back: str | None) -> None:
    auditor, last = _stream(repaid, spared)
    shown = last.fields.get("repaid_back")
    assert (None if shown is None else shown["amount"]) == back
    assert auditor.marks.get("debt paid back", 0) == (back is not None)


def _one_less(plan: Any, draft: Any, account: str, key: str, amount: int, *rest: Any) -> dict[str, object]:
    return {**paid_back(plan, draft, account, key, amount - 1, *rest), "amount": f"{amount // 100}"}


def _nothing(plan: Any, draft: Any, account: str, key: str, amount: int, *rest: Any) -> dict[str, object]:
    return {"account": account.split("/", 1)[1], "pool": key, "lot": "x", "amount": "3", "expires_at": None}


@pytest.mark.parametrize("mistake", [_one_less, _nothing])
def test_a_mistake_in_what_comes_back_is_found(
    monkeypatch: pytest.MonkeyPatch, mistake: Callable[..., dict[str, object]]
) -> None:
    monkeypatch.setattr(overshoot, "paid_back", mistake)
    with pytest.raises(Finding, match="in lot"):
        _stream(3, 4)

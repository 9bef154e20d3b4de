"""Histories of an account: generated functions, the interpreter and a naive oracle agree after every command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from account import naive
from account.histories import histories

POLICIES, EACH = 50, 25
"""Policies of one test, and histories of one policy: 5,000 in all."""
THINGS = (
    *("consume", "reserve", "capture", "release", "extend", "grant", "allow", "partial", "deny", "hold_closed", "late"),
    *("absorbed", "drawn from hold", "drawn from free", "drawn from debt"),
    *("graced", "graced beyond a hold"),
    *("reverse", "already_reversed", "hold_open", "nothing_to_reverse", "expired in a hold", "lapsed", "reissued"),
)


@pytest.mark.rule("L12")
@pytest.mark.rule("S1")
@pytest.mark.rule("S2")
@pytest.mark.rule("S3")
@pytest.mark.rule("S4")
@pytest.mark.rule("T2")
@pytest.mark.parametrize("first", range(0, 200, POLICIES))
def test_three_programs_agree_on_random_histories(first: int) -> None:
    met = Counter[str]()
    for seed in range(first, first + POLICIES):
        met += histories(seed, EACH)
    assert met["histories"] == POLICIES * EACH
    assert [thing for thing in THINGS if not met[thing]] == []


def _rounds_down(asked: int, room: int, rate: Any, before: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    base, _ = naive_covered(asked, room, rate, before)
    return base, max(int((before[0] + base) * rate) - before[1], 0)


naive_covered = naive.covered


def _first_lot_first(self: Any, leg: Any, now: int) -> None:
    leg.parts.reverse()
    give_back(self, leg, now)


give_back = naive.Naive.give_back


def _of_today(self: Any, counter: Any, at: int, now: int) -> Any:
    return period(self, counter, now, now)


period = naive.Naive.period


def _nothing_repaid(self: Any, pool: str, *rest: Any) -> None:
    owed, self.debts[pool] = self.debts.get(pool, 0), 0
    grant(self, pool, *rest)
    self.debts[pool] = owed


grant = naive.Naive.grant


def _nothing(self: Any, *rest: Any) -> None:
    """What should happen does not."""


def _funds_itself(self: Any, layer: Any, turn: Any, funded: Any) -> bool:
    return eligible(self, layer, turn, self.funded)


eligible = naive.Naive.eligible


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [
        pytest.param(naive, "covered", _rounds_down, id="amounts are rounded down"),
        pytest.param(naive.Naive, "give_back", _first_lot_first, id="what was drawn first comes back"),
        pytest.param(naive.Naive, "period", _of_today, id="an excess counts in the present period"),
        pytest.param(naive.Naive, "grant", _nothing_repaid, id="a purchase repays nothing"),
        pytest.param(naive.Naive, "lapse", _nothing, id="what is held of a lot that expires stays held"),
        pytest.param(naive.Naive, "undo", _nothing, id="a reversal returns nothing"),
        pytest.param(naive.Naive, "forgive", _nothing, id="what was reversed is still owed"),
        pytest.param(naive.Naive, "reissue", _nothing, id="nothing is reissued"),
        pytest.param(naive.Naive, "eligible", _funds_itself, id="a hold funds what it captures beyond itself"),
    ],
)
def test_a_planted_difference_is_found(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, wrong: Callable[..., Any]
) -> None:
    monkeypatch.setattr(owner, name, wrong)
    with pytest.raises(AssertionError, match="policy "):
        for seed in range(40):
            histories(seed, EACH)

"""The page of an account, row by row: what stands on it, and what changes next (DESIGN.md section 5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from account.test_layers import ANA, NOON, POOL, Bench, _waterfall
from overspill import Engine, Failure, Request
from overspill.records.pages import lines
from overspill.records.status import CounterStatus, PoolStatus
from overspill.words.instants import HOUR, MINUTE

BOB = {"user": "bob"}


def _money(engine: Engine) -> PoolStatus:
    [pool] = engine.status(ANA).accounts[0].pools
    return pool


def _numbers(pool: PoolStatus) -> tuple[str, ...]:
    return (pool.settled, pool.pending, pool.held, pool.available, pool.not_usable)


def test_four_numbers_through_a_lots_life() -> None:
    """A grant settles, a hold holds, a capture waits for its posting, a void is an entry of its own."""
    bench = Bench(POOL, _waterfall("draw money;"), lot="10")
    engine = bench.engine
    assert _numbers(_money(engine)) == ("10", "0", "0", "10", "0")
    hold = engine.reserve(bench.request(4)).hold
    assert hold is not None
    assert _numbers(_money(engine)) == ("10", "0", "4", "6", "0")
    engine.capture(hold.id, {"credits": 1}, id="1", final=False)
    assert _numbers(_money(engine)) == ("10", "1", "3", "6", "0")
    engine.capture(hold.id, {"credits": 2}, id="2")
    assert _numbers(_money(engine)) == ("10", "3", "0", "7", "0")
    bench.ask(5)
    assert _numbers(_money(engine)) == ("10", "8", "0", "2", "0")
    engine.void(ANA, "money", "L", id="v")
    assert _numbers(_money(engine)) == ("8", "8", "0", "0", "0")
    engine.grant(ANA, "money", "1", id="M")
    assert _numbers(_money(engine)) == ("9", "8", "0", "1", "0")


def test_what_a_reversal_gave_back_waits_for_no_posting_any_more() -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot="10")
    first = bench.ask(3)
    bench.ask(1)
    bench.engine.reverse(first.id, id="v")
    assert _numbers(_money(bench.engine)) == ("10", "1", "0", "9", "0")


def test_what_waits_for_its_posting_is_every_accounts_own() -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot="10")
    engine = bench.engine
    engine.grant(BOB, "money", "5", id="B")
    engine.decide(Request(id="b", account=BOB, meters={"credits": 2}))
    bench.ask(3)
    assert _numbers(_money(engine))[:2] == ("10", "3")


def test_a_lot_that_is_held_whole_stays_on_the_page_in_its_place() -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot=None)
    engine = bench.engine
    for id, priority in (("B", 2), ("A", 1), ("C", 3)):
        engine.grant(ANA, "money", "5", id=id, priority=priority)
    engine.reserve(bench.request(7))
    assert [(lot.lot, lot.left, lot.held) for lot in _money(engine).lots] == [
        ("A", "0", "5"),
        ("B", "3", "2"),
        ("C", "5", "0"),
    ]


def test_lots_stand_in_the_order_that_their_pool_declares() -> None:
    bench = Bench(POOL.replace("credits;", "credits; order category, id;"), _waterfall("draw money;"), lot=None)
    engine = bench.engine
    engine.grant(ANA, "money", "1", id="A", priority=0)
    engine.grant(ANA, "money", "1", id="B", priority=5, category="promotional")
    assert [lot.lot for lot in _money(engine).lots] == ["B", "A"]
    assert bench.ask(1).draws[0].lots[0].lot == "B"


def test_a_debt_stands_beside_the_balance() -> None:
    bench = Bench(POOL.replace("credits;", "credits; on overshoot debt up to 5 credits;"), _waterfall("draw money;"))
    hold = bench.engine.reserve(bench.request(100)).hold
    assert hold is not None
    bench.engine.capture(hold.id, {"credits": 103})
    pool = _money(bench.engine)
    assert (_numbers(pool), pool.debt) == (("100", "100", "0", "0", "0"), "3")


def test_holds_that_have_timed_out_are_met_as_a_decision_meets_them_and_nothing_is_recorded() -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot="10")
    bench.engine.reserve(bench.request(4))
    records = len(list(bench.engine.records()))
    bench.clock.advance(15 * MINUTE)
    page = bench.engine.status(ANA).accounts[0]
    assert (page.holds, page.pools[0].available) == ((), "10")
    assert len(list(bench.engine.records())) == records


LIMIT = 'limit five { per user; unit credits; WINDOW capacity by user.plan { "plus": 9 credits; default: 5 credits; } MORE }'
TIMES = "capacity times 2 from 2026-10-05T13:00:00Z until 2026-10-05T14:00:00Z;"
RESET = "reset all at 2026-10-05T12:30:00Z keep_anchor;"
FIRST = "window w: 5h from first_use;"
BUCKET = "limit five { per user; unit credits; window w: bucket 2 credits per 1min burst 5 credits; }"

# The limit; how much is used at noon; what the page says of it: used, limit, open, what changes next and when.
CHANGES: list[tuple[str, int, tuple[str, str | None, bool], tuple[str, str] | None]] = [
    (LIMIT.replace("WINDOW", FIRST), 0, ("0", "5", False), None),
    (LIMIT.replace("WINDOW", FIRST), 3, ("3", "5", True), ("window_ends", "2026-10-05T17:00:00Z")),
    (LIMIT.replace("WINDOW", "window w: calendar day in UTC;"), 0, ("0", "5", True), ("window_ends", "2026-10-06T00:00:00Z")),
    (LIMIT.replace("WINDOW", "window w: 7d from 2026-10-05T00:00:00Z;"), 2, ("2", "5", True), ("window_ends", "2026-10-12T00:00:00Z")),
    (LIMIT.replace("WINDOW", "window w: sliding 1h;"), 0, ("0", "5", False), None),
    (LIMIT.replace("WINDOW", "window w: sliding 1h;"), 2, ("2", "5", True), ("use_leaves", "2026-10-05T13:00:59.999999Z")),
    (LIMIT.replace("WINDOW", FIRST).replace("MORE", TIMES), 1, ("1", "5", True), ("capacity_changes", "2026-10-05T13:00:00Z")),
    (LIMIT.replace("WINDOW", FIRST).replace("MORE", RESET), 1, ("1", "5", True), ("reset", "2026-10-05T12:30:00Z")),
    (BUCKET, 0, ("0", "5", False), None),
    (BUCKET, 1, ("1", "5", True), ("refills", "2026-10-05T12:00:30Z")),
]  # fmt: skip


@pytest.mark.parametrize(("limit", "used", "said", "change"), CHANGES)
def test_a_window_says_what_changes_next(
    limit: str, used: int, said: tuple[str, str | None, bool], change: tuple[str, str] | None
) -> None:
    bench = Bench(limit.replace("MORE", ""), _waterfall("draw five;"), lot=None)
    if used:
        assert bench.ask(used).allowed
    [window] = bench.engine.status(ANA).accounts[0].windows
    assert (window.used, window.limit, window.open) == said
    found = window.next_change
    assert (None if found is None else (found.what, found.at)) == change


def test_what_a_page_said_of_the_next_change_comes_true() -> None:
    """At the instant named, and not a microsecond before."""
    bench = Bench(LIMIT.replace("WINDOW", FIRST).replace("MORE", TIMES), _waterfall("draw five;"), lot=None)
    bench.ask(1)
    seen = []
    for _ in range(3):
        [window] = bench.engine.status(ANA).accounts[0].windows
        assert window.next_change is not None
        at = bench.engine.status(ANA).accounts[0].next_change
        assert at == window.next_change
        from overspill.words.instants import instant_from_text

        bench.clock.set(instant_from_text(window.next_change.at) - 1)
        [before] = bench.engine.status(ANA).accounts[0].windows
        bench.clock.advance(1)
        [after] = bench.engine.status(ANA).accounts[0].windows
        assert (before.limit, before.used) == (window.limit, window.used)
        seen.append((after.limit, after.used))
    assert seen == [("10", "1"), ("5", "1"), ("5", "0")]


MANY = 'limit daily { per user, request.kind; unit credits; window w: calendar day in UTC; capacity by request.kind { "a": 5 credits; default: 2 credits; } }'


def test_a_limit_that_is_kept_apart_shows_each_and_the_one_that_is_asked_about() -> None:
    bench = Bench(MANY, _waterfall("draw daily;"), lot=None)
    assert bench.ask(1, kind="b").allowed
    request = bench.request(1, kind="a")
    page = bench.engine.status(ANA).accounts[0]
    assert [(one.key, one.used, one.limit) for one in page.windows] == [("daily.w|b", "1", "2")]
    asked = bench.engine.status(ANA, request)
    assert [(one.key, one.used, one.limit) for one in asked.accounts[0].windows] == [
        ("daily.w|b", "1", "2"),
        ("daily.w|a", "0", "5"),
    ]
    assert asked.decision is not None
    assert asked.decision.draws[0].windows[0].after == "1"
    assert bench.engine.status(ANA).accounts == (page,)


BY_KIND = MANY.replace("per user, request.kind", "per user")
TEAM_CAP = (
    "cap seat { per team; unit credits; window m: calendar month in UTC; up to first_set(user.ceiling, team.ceiling); }"
)


def test_a_bound_that_nobody_can_know_yet_says_what_it_waits_for() -> None:
    bench = Bench(BY_KIND, _waterfall("draw daily;"), lot=None)
    [window] = bench.engine.status(ANA).accounts[0].windows
    assert (window.limit, window.unknown) == (None, ("request.kind",))
    [window] = bench.engine.status(ANA, bench.request(1)).accounts[0].windows
    assert (window.limit, window.unknown) == ("5", ())


def test_a_shared_account_is_shown_with_the_user_who_asks() -> None:
    bench = Bench(TEAM_CAP, POOL, _waterfall("draw money within seat;"))
    bench.engine.set_attributes({"team": "red"}, {"ceiling": "7"}, id="c")
    team = {"team": "red"}
    both = {**ANA, **team}

    def cap(account: dict[str, str]) -> CounterStatus:
        [page] = [one for one in bench.engine.status(account).accounts if one.account == "team/red"]
        return page.counters[0]

    assert (cap(team).limit, cap(team).unknown) == (None, ("user.ceiling",))
    assert (cap(both).limit, cap(both).unknown) == ("7", ())
    assert [page.account for page in bench.engine.status(both).accounts] == ["user/ana", "team/red"]


def test_overage_allowance_grace_and_concurrency_stand_beside_the_windows() -> None:
    bench = Bench(
        "pool money { per user; unit credits; overage up to 6 credits per calendar month in UTC; }",
        "entitlement gift { per user; unit credits; valid from 2026-10-06T00:00:00Z until 2026-10-07T00:00:00Z; "
        "up to 3 credits per calendar day in UTC; }",
        "grace ending { per request.turn; unit credits; up to 2 credits; }",
        "concurrency streams { per user; at most 2 holds; }",
        _waterfall("draw money;", "draw gift;", "draw ending;", "occupy streams;"),
        lot="1",
    )
    bench.engine.reserve(bench.request(4, turn="t1"))
    bench.ask(5, turn="t1")
    page = bench.engine.status(ANA).accounts[0]
    assert [(one.kind, one.key, one.used, one.held, one.limit, one.in_force) for one in page.counters] == [
        ("overage", "money.overage", "6", "3", "6", True),
        ("allowance", "gift.allowance", "0", "0", "3", False),
        ("grace", "ending.grace|t1", "2", "0", "2", True),
        ("concurrency", "streams.holds", "1", "1", "2", True),
    ]
    [gift] = [one for one in page.counters if one.kind == "allowance"]
    assert gift.next_change is not None
    assert (gift.next_change.what, gift.next_change.at) == ("begins", "2026-10-06T00:00:00Z")


# (what `warn at` says, capacity, used) → the share that the page shows.
WARNINGS: list[tuple[str, str, int, int | None]] = [
    ("80%, 95%", "20 credits", 15, None),
    ("80%, 95%", "20 credits", 16, 80),
    ("95%, 80%", "20 credits", 18, 80),
    ("80%, 95%", "20 credits", 19, 95),
    ("80%, 95%", "20 credits", 20, 95),
    ("100%", "20 credits", 19, None),
    ("100%", "20 credits", 20, 100),
    ("1%", "20 credits", 0, None),
    ("1%", "0 credits", 0, None),
    ("1%", "unlimited", 1000, None),
]


@pytest.mark.parametrize(("warn_at", "capacity", "used", "warning"), WARNINGS)
def test_a_window_shows_the_highest_share_that_warns_and_decides_the_same(
    warn_at: str, capacity: str, used: int, warning: int | None
) -> None:
    limit = f"limit five {{ per user; unit credits; window w: 5h from first_use; capacity {capacity}; WARN }}"
    asked = []
    for warn in ("", f"warn at {warn_at};"):
        bench = Bench(limit.replace("WARN", warn), _waterfall("draw five;"), lot=None)
        asked.append(bench.ask(used))
    [window] = bench.engine.status(ANA).accounts[0].windows
    assert (window.used, window.warning) == (str(used), warning)
    assert (asked[0].outcome, asked[0].draws) == (asked[1].outcome, asked[1].draws)
    [line] = [line for line in lines(json.loads(bench.engine.status(ANA).json)) if "window five.w" in line]
    assert (f"{warning}% reached" in line, "reached" in line) == (warning is not None,) * 2


def test_banked_resets_are_shown_usable_and_expired() -> None:
    limit = LIMIT.replace("WINDOW", FIRST).replace("MORE", "banked_reset valid 2h keep_anchor;")
    bench = Bench(limit, _waterfall("draw five;"), lot=None)
    bench.engine.grant_reset(ANA, "five", id="R1")
    bench.clock.advance(HOUR)
    bench.engine.grant_reset(ANA, "five", id="R2")
    bench.clock.advance(HOUR)
    page = bench.engine.status(ANA).accounts[0]
    assert [(one.reset, one.usable) for one in page.banked_resets] == [("R1", False), ("R2", True)]
    assert page.next_change is not None
    assert page.next_change.what == "banked_reset_expires"


# Who is asked for, the request, and the code that it is refused with.
REFUSED: list[tuple[dict[str, str], Callable[[Bench], Request | None], str]] = [
    ({}, lambda bench: None, "missing_account"),
    ({"usr": "ana"}, lambda bench: None, "unknown_account"),
    ({"user": "a/b"}, lambda bench: None, "invalid_id"),
    (BOB, lambda bench: bench.request(1), "wrong_account"),
    (ANA, lambda bench: bench.request(1, only=("nowhere",)), "unknown_layer"),
]


@pytest.mark.parametrize(("account", "request_of", "code"), REFUSED)
def test_what_cannot_be_shown_is_named(
    account: dict[str, str], request_of: Callable[[Bench], Request | None], code: str
) -> None:
    bench = Bench(POOL, _waterfall("draw money;"))
    with pytest.raises(Failure) as failure:
        bench.engine.status(account, request_of(bench))
    assert failure.value.code == code


def test_an_account_never_met_is_shown_as_it_would_begin() -> None:
    bench = Bench(LIMIT.replace("WINDOW", FIRST).replace("MORE", ""), POOL, _waterfall("draw five;", "draw money;"))
    page = bench.engine.status(BOB).accounts[0]
    assert (page.version, page.windows[0].limit, page.pools[0].available) == (0, "5", "0")


def test_a_page_is_what_its_schema_says() -> None:
    from importlib.resources import files

    from overspill.syntax.validate import problems

    shipped = json.loads((files("overspill_grammar") / "schemas" / "status.schema.json").read_text())
    bench = Bench(POOL, MANY, _waterfall("draw daily;", "draw money;"))
    page: Any = json.loads(bench.engine.status(ANA, bench.request(8)).json)
    assert problems(page, shipped) == []
    assert problems({**page, "at": NOON}, shipped)

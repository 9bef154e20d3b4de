"""Layers beside limits and pools, and what bounds them, over time: each row a rule of LANGUAGE.md, asked of an engine."""

from __future__ import annotations

from typing import Any

import pytest

from overspill import Decision, Engine, Failure, ManualClock, Request
from overspill.words.amounts import UNLIMITED
from overspill.words.instants import DAY, HOUR, SECOND, instant_from_text

NOON = instant_from_text("2026-10-05T12:00:00Z")
HEAD = """policy p version 1;
language 1;
unit credits: integer;
account user {
  plan: string = "free"; ceiling: credits?; anchor: timestamp = 2026-01-31T12:00:00Z;
}
account team of user { ceiling: credits?; }
account groups of user many { ceiling: credits?; kind: string = "plain"; }
request { turn: string?; kind: string = "a"; credits: meter; spared: meter = 0; }
"""
POOL = "pool money { per user; unit credits; }"
TAIL = "otherwise deny used_up offer wait, add_money; }"
ANA = {"user": "ana"}


def _waterfall(*lines: str) -> str:
    return "\n".join(["waterfall w { serves true; counts credits;", *lines, TAIL])


class Bench:
    """An engine at noon, with lots of 100 credits for Ana and for the red team."""

    def __init__(self, *lines: str, lot: str | None = "100") -> None:
        self.clock = ManualClock(NOON)
        self.engine = Engine.open({"p.spill": (HEAD + "\n".join(lines)).encode()}, clock=self.clock, settle=False)
        self.count = 0
        for pool, account in (("money", ANA), ("shared", {"team": "red"})):
            if lot is not None and f"pool {pool}" in "".join(lines):
                self.engine.grant(account, pool, lot, id="L")

    def request(self, credits: int, **more: Any) -> Request:
        self.count += 1
        fields = {name: more.pop(name) for name in ("turn", "kind") if name in more}
        account = {**ANA, **({"team": "red"} if more.pop("team", False) else {})}
        return Request(id=f"r{self.count}", account=account, fields=fields, meters={"credits": credits}, **more)

    def ask(self, credits: int, **more: Any) -> Decision:
        return self.engine.decide(self.request(credits, **more))

    def set(self, **attributes: Any) -> None:
        self.count += 1
        self.engine.set_attributes(ANA, attributes, id=f"s{self.count}")


def _draws(decision: Decision) -> dict[str, str]:
    return {draw.layer: draw.amount for draw in decision.draws}


def _causes(decision: Decision) -> dict[str, str]:
    assert decision.reason is not None
    return {one.layer: one.cause for one in decision.reason.layers}


CAP = "cap seat { per user; unit credits; window month: calendar month in UTC; up to BOUND; mode MODE; }"
CAPPED = (POOL, _waterfall("draw money within seat;"))


def _cap(bound: str, mode: str = "strict") -> str:
    return CAP.replace("BOUND", bound).replace("MODE", mode)


@pytest.mark.rule("L8")
@pytest.mark.parametrize(
    ("bound", "attributes", "passes", "source"),
    [
        ("20 credits", {}, 20, None),
        ("0 credits", {}, 0, None),
        ("unlimited", {}, 100, None),
        ("user.ceiling", {}, 100, None),
        ("user.ceiling", {"ceiling": "7"}, 7, "user.ceiling"),
        ("user.ceiling", {"ceiling": "0"}, 0, "user.ceiling"),
        ("user.ceiling", {"ceiling": "unlimited"}, 100, "user.ceiling"),
        ("first_set(user.ceiling, team.ceiling, 9 credits)", {}, 9, None),
        ("first_set(user.ceiling, 9 credits)", {"ceiling": "30"}, 30, "user.ceiling"),
        ("max(user.groups.ceiling)", {}, 100, None),
        ("max(user.groups.ceiling)", {"groups": ("g1", "g2")}, 12, "user.groups.ceiling"),
        ("first_set(user.ceiling, max(user.groups.ceiling, 50 credits))", {"groups": ("g1",)}, 50, None),
        ("max(user.ceiling, unlimited)", {"ceiling": "1"}, 100, None),
    ],
)
def test_a_cap_takes_its_bound_from_the_first_or_the_largest_that_is_present(
    bound: str, attributes: dict[str, Any], passes: int, source: str | None
) -> None:
    bench = Bench(_cap(bound), *CAPPED)
    for id, ceiling in (("g1", "5"), ("g2", "12")):
        bench.engine.set_attributes({"groups": id}, {"ceiling": ceiling}, id="c")
    bench.set(**attributes) if attributes else None
    assert not bench.ask(passes + 1).allowed
    if passes:
        decision = bench.ask(passes)
        assert decision.allowed
        assert decision.draws[0].caps[0].source == source


@pytest.mark.rule("L8")
def test_a_strict_cap_cuts_and_names_itself_and_begins_anew_with_its_period() -> None:
    bench = Bench(_cap("20 credits"), *CAPPED)
    assert bench.ask(15).allowed
    denied = bench.ask(6)
    assert denied.reason is not None
    assert (denied.reason.binding, _causes(denied)) == ("seat", {"money": "seat"})
    assert denied.retry_at == "2026-11-01T00:00:00Z"
    assert [offer.offer for offer in denied.offers] == ["wait"]  # a purchase would not help
    bench.clock.set(instant_from_text("2026-11-01T00:00:00Z"))
    assert bench.ask(20).allowed


TWO_POOLS = "pool first { per user; unit credits; } pool second { per user; unit credits; RATE }"
SHARED_CAP = "cap both { per user; unit credits; window month: calendar month in UTC; up to 10 credits; }"
# What a step of the second pool's layer takes, whether a cap or the request bounds both, what is asked, what is offered.
SHARED = [
    ("", " within both", {}, 11, []),
    ("", "", {"credits": "10"}, 11, []),
    ("multiplier 2;", " within both", {}, 8, [("add_first", "4")]),
    ("multiplier 2;", "", {"credits": "10"}, 8, [("add_first", "4")]),
    ("multiplier 2;", " within both", {}, 10, [("add_first", "8")]),
    ("multiplier 0.5;", " within both", {}, 11, [("add_first", "7"), ("add_second", "4")]),
]


@pytest.mark.rule("L6")
@pytest.mark.parametrize(("rate", "within", "most", "asked", "offered"), SHARED)
def test_a_purchase_that_leaves_less_to_a_later_layer_is_offered_only_if_it_helps(
    rate: str, within: str, most: dict[str, str], asked: int, offered: list[tuple[str, str]]
) -> None:
    draws = f"draw first{within}; draw second{within};"
    end = "otherwise deny used_up offer add_first, add_second; }"
    lines = TWO_POOLS.replace("RATE", rate), f"waterfall w {{ serves true; counts credits; {draws} {end}"
    bench = Bench(*([SHARED_CAP] if within else []), *lines)
    bench.engine.grant(ANA, "first", "2", id="F")
    bench.engine.grant(ANA, "second", "1" if rate == "multiplier 0.5;" else "20", id="S")
    denied = bench.ask(asked, max_charge=most or None)
    assert [(offer.offer, offer.amount) for offer in denied.offers] == offered
    for offer, amount in offered[:1]:
        bench.engine.grant(ANA, offer.removeprefix("add_"), amount, id=offer)
        assert bench.ask(asked, max_charge=most or None).allowed


@pytest.mark.rule("L8")
def test_finish_started_lets_all_pass_while_anything_is_left_and_counts_the_excess() -> None:
    bench = Bench(_cap("20 credits", "finish_started"), *CAPPED)
    assert bench.ask(19).draws[0].caps[0].after == "19"
    assert bench.ask(30).draws[0].caps[0].after == "49"
    assert not bench.ask(1).allowed


@pytest.mark.rule("L8")
@pytest.mark.rule("T2")
def test_what_finishes_late_counts_in_no_period_after_its_own() -> None:
    bench = Bench(_cap("20 credits", "finish_started"), *CAPPED)
    bench.clock.set(instant_from_text("2026-10-31T23:55:00Z"))
    hold = bench.engine.reserve(bench.request(5)).hold
    assert hold is not None
    bench.clock.set(instant_from_text("2026-11-01T00:30:00Z"))
    assert bench.ask(3).draws[0].caps[0].after == "3"
    receipt = bench.engine.capture(hold.id, {"credits": 30})
    assert (receipt["covered"], receipt["draws"][0]["amount"]) == ("30", "30")
    assert bench.ask(4).draws[0].caps[0].after == "7"
    bench.engine.reverse(hold.id, id="v")
    assert bench.ask(1).draws[0].caps[0].after == "8"


@pytest.mark.rule("L8")
def test_what_is_held_counts_in_a_cap_and_goes_back() -> None:
    bench = Bench(_cap("20 credits"), *CAPPED)
    held = bench.engine.reserve(bench.request(15))
    assert held.hold is not None
    assert not bench.ask(6).allowed
    bench.engine.capture(held.hold.id, {"credits": 4})
    assert bench.ask(16).allowed
    assert not bench.ask(1).allowed


@pytest.mark.rule("L8")
def test_a_cap_of_an_account_that_is_not_named_does_not_apply() -> None:
    bench = Bench(_cap("1 credits").replace("per user", "per team"), *CAPPED)
    held = bench.engine.reserve(bench.request(5))
    assert held.draws[0].caps[0].limit is None
    assert held.hold is not None
    bench.engine.release(held.hold.id)
    assert bench.ask(100).allowed
    assert not bench.ask(2, team=True).allowed


@pytest.mark.rule("L8")
def test_a_cap_of_a_group_counts_what_any_of_its_members_draws() -> None:
    """Ana and Bob draw on pools of their own within the red team's cap."""
    bench = Bench(_cap("10 credits").replace("per user", "per team"), *CAPPED)
    bob = {"user": "bob", "team": "red"}
    bench.engine.grant({"user": "bob"}, "money", "100", id="B")

    def ask(credits: int, account: dict[str, str] = bob) -> Request:
        bench.count += 1
        return Request(id=f"b{bench.count}", account=account, meters={"credits": credits})

    first = bench.engine.reserve(bench.request(6, team=True))
    denied = bench.engine.decide(ask(5))
    assert denied.reason is not None
    assert (denied.reason.binding, denied.record.available) == ("seat", "4")
    assert first.hold is not None
    bench.engine.capture(first.hold.id, {"credits": 2})
    second = bench.engine.decide(ask(7))
    assert (second.draws[0].caps[0].before, second.draws[0].caps[0].after) == ("2", "9")
    assert not bench.ask(2, team=True).allowed
    assert bench.engine.decide(ask(50, {"user": "bob", "team": "blue"})).outcome == "deny"
    assert bench.engine.decide(ask(10, {"user": "bob", "team": "blue"})).allowed
    bench.engine.reverse(second.id, id="v")
    assert bench.ask(8, team=True).allowed


@pytest.mark.rule("L8")
def test_layers_within_one_cap_share_it_within_one_request() -> None:
    shared = "pool shared { per team; unit credits; }"
    bench = Bench(_cap("20 credits"), POOL, shared, _waterfall("draw shared within seat;", "draw money within seat;"))
    bench.engine.grant({"team": "red"}, "shared", "1", id="M")
    decision = bench.ask(20, team=True)
    assert decision.allowed
    assert decision.draws[-1].caps[0].after == "20"
    assert not bench.ask(1, team=True).allowed


@pytest.mark.rule("L11")
def test_an_overage_is_drawn_after_the_lots_up_to_its_bound_and_comes_back_first() -> None:
    pool = "pool money { per user; unit credits; overage up to user.ceiling per calendar month in UTC; }"
    bench = Bench(pool, _waterfall("draw money;"), lot="10")
    assert _causes(bench.ask(11)) == {"money": "empty"}
    bench.set(ceiling="5")
    assert _causes(bench.ask(16)) == {"money": "overage"}
    held = bench.engine.reserve(bench.request(14))
    overage = held.draws[0].overage
    assert overage is not None
    assert (held.charge, overage.before, overage.after, overage.limit) == ({"credits": "14"}, "0", "4", "5")
    assert held.hold is not None
    bench.engine.capture(held.hold.id, {"credits": 12})
    state = bench.engine.account(ANA)
    assert (state.windows["money.overage"][3], state.pools["money"]) == (2, ())


@pytest.mark.rule("L11")
def test_an_entitlement_is_an_allowance_in_its_time_and_never_a_charge() -> None:
    text = """entitlement gift { per user; unit credits;
      valid from 2026-10-05T12:00:00Z until 2026-12-05T12:00:00Z; up to 10 credits per 1mo from user.anchor; }"""
    bench = Bench(text, POOL, _waterfall("draw gift;", "draw money;"))
    first = bench.ask(12)
    assert (_draws(first), first.charge) == ({"gift": "10", "money": "2"}, {"credits": "2"})
    bench.clock.set(instant_from_text("2026-10-31T12:00:00Z"))
    assert _draws(bench.ask(3)) == {"gift": "3"}
    bench.clock.set(instant_from_text("2026-12-05T12:00:00Z"))
    assert _draws(bench.ask(3)) == {"money": "3"}


@pytest.mark.rule("L10")
def test_a_request_bounds_itself() -> None:
    gift = "entitlement gift { per user; unit credits; up to 5 credits per calendar month in UTC; }"
    lines = ("draw gift;", "draw money;", "on shortfall partial;")
    bench = Bench(gift, POOL, _waterfall(*lines), lot="10")
    assert _draws(bench.ask(4, only=("money",))) == {"money": "4"}
    capped = bench.ask(9, max_charge={"credits": "3"})
    assert (capped.outcome, _draws(capped)) == ("partial", {"gift": "5", "money": "3"})
    assert capped.reason is not None
    assert _causes(capped) == {"gift": "empty", "money": "max_charge"}
    assert bench.ask(9, at_least="4").outcome == "deny"
    assert bench.ask(9, at_least="3").granted == "3"


@pytest.mark.rule("S5")
def test_verify_only_holds_nothing_and_takes_captures() -> None:
    bench = Bench(POOL, _waterfall("draw money;", "admission verify_only;"), lot="10")
    holds = [bench.engine.reserve(bench.request(8)).hold for _ in range(2)]
    assert bench.engine.account(ANA).pools["money"][0][1] == 10
    covered = [bench.engine.capture(hold.id, {"credits": 8})["covered"] for hold in holds if hold is not None]
    assert covered == ["8", "2"]


@pytest.mark.rule("L8")
def test_a_concurrency_counts_open_holds_and_lets_go_of_them() -> None:
    streams = "concurrency streams { per user; at most 2 holds; }"
    bench = Bench(POOL, streams, _waterfall("draw money;", "occupy streams;"))
    first, second = (bench.engine.reserve(bench.request(1)).hold for _ in range(2))
    assert first is not None and second is not None
    denied = bench.ask(1)
    assert denied.reason is not None
    assert (denied.outcome, denied.reason.code, denied.reason.layers) == ("deny", "streams", ())
    bench.engine.capture(first.id, {"credits": 1})
    assert bench.ask(1).allowed
    assert bench.engine.reserve(bench.request(1)).allowed
    assert not bench.ask(1).allowed
    bench.clock.set(NOON + HOUR)
    assert bench.ask(1).allowed


@pytest.mark.rule("W4")
def test_the_windows_of_a_limit_are_a_conjunction_and_a_draw_counts_in_each() -> None:
    limit = """limit both { per user; unit credits; window short: 1h from first_use; window long: 5h from first_use;
      capacity short 6 credits, long 10 credits; }"""
    alone = "waterfall w { serves true; counts credits; draw both; otherwise deny used_up; }"
    bench = Bench(limit, alone, lot=None)
    assert [window.after for window in bench.ask(6).draws[0].windows] == ["6", "6"]
    bench.clock.set(NOON + HOUR)
    denied = bench.ask(5)
    assert denied.reason is not None
    assert (denied.reason.binding, denied.record.available) == ("long", "4")
    assert [window.after for window in bench.ask(4).draws[0].windows] == ["4", "10"]


@pytest.mark.rule("L6")
def test_a_bucket_and_a_lot_that_ends_while_it_refills_pass_together_in_time() -> None:
    rush = "limit rush { per user; unit credits; window w: bucket 5 credits per 60s burst 5 credits; }"
    bench = Bench(rush, POOL, _waterfall("draw rush;", "draw money;"), lot=None)
    assert bench.ask(5).allowed
    bench.engine.grant(ANA, "money", "8", id="short", expires_at="2026-10-05T12:00:59Z")
    assert bench.ask(10).retry_at == "2026-10-05T12:00:24Z"
    assert bench.ask(12).retry_at == "2026-10-05T12:00:48Z"
    assert bench.ask(13).retry_at is None
    bench.clock.set(NOON + 24 * SECOND)
    assert bench.ask(10).allowed


@pytest.mark.rule("L6")
@pytest.mark.rule("L7")
def test_a_condition_that_fails_denies_until_the_layers_before_it_cover_all() -> None:
    five = "limit five { per user; unit credits; window w: 5h from first_use; capacity 10 credits; }"
    bench = Bench(five, POOL, _waterfall("draw five;", "draw money when request.credits / request.spared > 0;"))
    assert bench.ask(8).allowed
    denied = bench.ask(5)
    assert denied.retry_at == "2026-10-05T17:00:00Z"
    assert [offer.offer for offer in denied.offers] == ["wait"]
    bench.clock.set(NOON + 5 * HOUR)
    assert bench.ask(5).allowed


LIMIT = """limit five { per user; unit credits; window w: 5h from first_use; capacity 10 credits; RESET }"""


def _limited(reset: str) -> Bench:
    return Bench(
        LIMIT.replace("RESET", reset), "waterfall w { serves true; counts credits; draw five; otherwise deny used_up; }"
    )


@pytest.mark.rule("W6")
@pytest.mark.parametrize(
    ("anchor", "ends_at"), [("keep_anchor", "2026-10-05T17:00:00Z"), ("restart_anchor", "2026-10-05T18:00:00Z")]
)
def test_a_reset_begins_a_generation_and_writes_no_account(anchor: str, ends_at: str) -> None:
    bench = _limited(f"reset party at 2026-10-05T13:00:00Z {anchor};")
    assert bench.ask(10).allowed
    assert bench.ask(1).retry_at == "2026-10-05T13:00:00Z"
    records = len(list(bench.engine.records()))
    bench.clock.set(NOON + HOUR + 10 * SECOND)
    window = bench.ask(1).draws[0].windows[0]
    assert (window.generation, window.before, window.ends_at) == (2, "0", ends_at)
    assert len(list(bench.engine.records())) == records + 1
    assert bench.ask(9).draws[0].windows[0].generation == 2


@pytest.mark.rule("W6")
@pytest.mark.parametrize(("before", "after", "again"), [("plus", "free", True), ("free", "plus", False)])
def test_a_resets_condition_is_that_of_its_instant(before: str, after: str, again: bool) -> None:
    bench = _limited('reset party at 2026-10-05T13:00:00Z keep_anchor when user.plan == "plus";')
    bench.set(plan=before)
    assert bench.ask(10).allowed
    bench.clock.set(NOON + 2 * HOUR)
    bench.set(plan=after)
    assert bench.ask(1).allowed is again


@pytest.mark.rule("W6")
@pytest.mark.parametrize(
    ("anchor", "ends_at"), [("keep_anchor", "2026-10-06T03:00:00Z"), ("restart_anchor", "2026-10-05T23:00:00Z")]
)
def test_a_closed_window_stays_closed_or_is_opened(anchor: str, ends_at: str) -> None:
    bench = _limited(f"reset party at 2026-10-05T18:00:00Z {anchor};")
    assert bench.ask(10).allowed
    bench.clock.set(NOON + 10 * HOUR)
    assert bench.ask(1).draws[0].windows[0].ends_at == ends_at
    newcomer = bench.engine.decide(Request(id="n", account={"user": "bob"}, meters={"credits": 1}))
    assert newcomer.draws[0].windows[0].ends_at == "2026-10-06T03:00:00Z"


@pytest.mark.rule("W6")
def test_a_period_that_is_opened_behind_a_reset_is_reset_no_more() -> None:
    limit = LIMIT.replace("5h from first_use", "calendar day in UTC")
    bench = Bench(
        limit.replace("RESET", "reset party at 2026-10-05T13:00:00Z keep_anchor;"),
        "waterfall w { serves true; counts credits; draw five; otherwise deny used_up; }",
        lot=None,
    )
    bench.set(plan="any")
    bench.clock.set(NOON + HOUR)
    assert bench.ask(7).allowed
    assert not bench.ask(4).allowed
    assert bench.ask(3).allowed


@pytest.mark.rule("W6")
def test_banked_resets_are_redeemed_once_each_the_earliest_expiry_first() -> None:
    bench = _limited("banked_reset valid 30d restart_anchor;")
    engine = bench.engine
    assert bench.ask(10).allowed
    with pytest.raises(Failure, match="none is left") as none:
        engine.redeem(ANA, "five", id="x")
    assert none.value.code == "no_reset"
    engine.grant_reset(ANA, "five", id="R1")
    bench.clock.set(NOON + HOUR)
    engine.grant_reset(ANA, "five", id="R2")
    used = engine.redeem(ANA, "five", id="x")
    assert (used["reset"], used["banked"], used["windows"][0]["ends_at"]) == ("R1", 1, "2026-10-05T18:00:00Z")
    assert engine.redeem(ANA, "five", id="x").json == used.json
    assert bench.ask(10).allowed
    assert [one[0] for one in engine.account(ANA).banked["five"]] == ["R2"]
    bench.clock.set(NOON + HOUR + 30 * DAY)
    with pytest.raises(Failure) as expired:
        engine.redeem(ANA, "five", id="y")
    assert expired.value.code == "reset_expired"


@pytest.mark.rule("W6")
def test_a_reset_that_would_change_nothing_is_kept() -> None:
    bench = _limited("banked_reset valid 30d keep_anchor;")
    bench.engine.grant_reset(ANA, "five", id="R1")
    with pytest.raises(Failure) as idle:
        bench.engine.redeem(ANA, "five", id="x")
    assert idle.value.code == "nothing_to_reset"
    assert len(bench.engine.account(ANA).banked["five"]) == 1
    with pytest.raises(Failure, match="has banked resets"):
        bench.engine.grant_reset(ANA, "fiv", id="R2")


@pytest.mark.rule("W6")
@pytest.mark.parametrize(("condition", "again"), [('user.id == "ana"', True), ('user.id == "bob"', False)])
@pytest.mark.parametrize("settles", [None, "set", "reset"])
def test_a_resets_condition_knows_whose_account_it_is(condition: str, again: bool, settles: str | None) -> None:
    """Whether a decision asks it, or a change of attributes or another reset that settles the reset first."""
    bench = _limited(f"reset party at 2026-10-05T13:00:00Z keep_anchor when {condition};")
    assert bench.ask(10).allowed
    bench.clock.set(NOON + 2 * HOUR)
    if settles == "set":
        bench.set(plan="plus")
    elif settles == "reset":
        generations = [one["generation"] for one in bench.engine.reset(ANA, "five", id="x")["windows"]]
        assert generations == [3 if again else 2]
    assert bench.ask(1).allowed is (again or settles == "reset")


TWO = """limit both {
  per user; unit credits; window hours: 5h from first_use; window day: calendar day in UTC; capacity hours 10 credits, day 30 credits;
}"""
COMMANDED: list[tuple[int, dict[str, Any], dict[str, tuple[int, str, str]]]] = [
    # hours after the first draw, how it is commanded, window → (generation, used, end) behind a draw of 1
    (1, {}, {"hours": (2, "1", "17:00"), "day": (2, "1", "00:00")}),
    (1, {"anchor": "restart_anchor"}, {"hours": (2, "1", "18:00"), "day": (2, "1", "00:00")}),
    (1, {"of": ("day",)}, {"hours": (1, "8", "17:00"), "day": (2, "1", "00:00")}),
    (1, {"of": ["hours"], "anchor": "restart_anchor"}, {"hours": (2, "1", "18:00"), "day": (1, "8", "00:00")}),
    (6, {}, {"hours": (2, "1", "23:00"), "day": (2, "1", "00:00")}),
    (6, {"anchor": "restart_anchor", "of": ["hours"]}, {"hours": (2, "1", "23:00"), "day": (1, "8", "00:00")}),
]


@pytest.mark.rule("W6")
@pytest.mark.parametrize(("after", "how", "windows"), COMMANDED)
def test_a_reset_is_commanded_for_one_account(
    after: int, how: dict[str, Any], windows: dict[str, tuple[int, str, str]]
) -> None:
    bench = Bench(TWO, _waterfall("draw both;"), lot=None)
    engine = bench.engine
    bob = Request(id="b", account={"user": "bob"}, meters={"credits": 7})
    assert bench.ask(7).allowed
    assert engine.decide(bob).allowed
    bench.clock.set(NOON + after * HOUR)
    receipt = engine.reset(ANA, "both", id="outage-7", **how)
    found = {
        one.window: (one.generation, one.after, (one.ends_at or "")[11:16]) for one in bench.ask(1).draws[0].windows
    }
    assert found == windows
    assert receipt["reset"].startswith("rst_")
    again = engine.reset(ANA, "both", id="outage-7", **how)
    assert (again.json, again.replayed) == (receipt.json, True)
    assert [one.after for one in bench.ask(1).draws[0].windows] == [
        str(int(used) + 1) for _, used, _ in windows.values()
    ]
    assert engine.account({"user": "bob"}).version == 1
    explained = engine.explain(receipt["reset"])
    assert explained is not None
    assert explained.record.answer["windows"] == receipt["windows"]


@pytest.mark.rule("W6")
def test_a_commanded_reset_of_what_is_not_in_use_is_recorded_and_begins_nothing() -> None:
    bench = Bench(TWO, _waterfall("draw both;"), lot=None)
    assert bench.engine.reset(ANA, "both", id="x")["windows"] == []
    assert [one.generation for one in bench.ask(1).draws[0].windows] == [1, 1]


@pytest.mark.rule("W6")
def test_a_commanded_reset_meets_the_declared_ones_before_it() -> None:
    bench = _limited("reset party at 2026-10-05T13:00:00Z restart_anchor;")
    assert bench.ask(10).allowed
    bench.clock.set(NOON + 2 * HOUR)
    [shown] = bench.engine.reset(ANA, "five", id="x")["windows"]
    assert shown == {"window": "five.w", "generation": 3, "ends_at": "2026-10-05T18:00:00Z"}


@pytest.mark.rule("W6")
@pytest.mark.rule("T2")
def test_a_commanded_reset_leaves_what_is_held_in_the_generation_before() -> None:
    bench = Bench(TWO, _waterfall("draw both;"), lot=None)
    hold = bench.engine.reserve(bench.request(6)).hold
    assert hold is not None
    bench.clock.advance(HOUR)
    bench.engine.reset(ANA, "both", id="x")
    bench.engine.capture(hold.id, {"credits": 8})
    assert [one.after for one in bench.ask(10).draws[0].windows] == ["10", "10"]


RESETS_REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    ({"limit": "boht"}, "unknown_limit", "no limit `boht` of a user is drawn on", "did you mean `both`?"),
    ({"account": {"team": "red"}}, "unknown_limit", "no limit `both` of a team", "limits that are: none"),
    ({"account": {"user": "ana", "team": "red"}}, "wrong_account", "name exactly one account", "such as"),
    ({"of": ["hour"]}, "unknown_window", "limit `both` has no window `hour`", "did you mean `hours`?"),
    ({"of": []}, "unknown_window", "`of` names no window", "leave it out for all"),
    ({"anchor": "keep"}, "unknown_anchor", "a reset has no anchor `keep`", "known: keep_anchor, restart_anchor"),
    ({"id": "a b"}, "invalid_id", "is no identifier", "use 1 to 128"),
]


@pytest.mark.rule("W6")
@pytest.mark.parametrize(("wrong", "code", "message", "help"), RESETS_REFUSED)
def test_a_reset_that_cannot_be_commanded_is_named(wrong: dict[str, Any], code: str, message: str, help: str) -> None:
    bench = Bench(TWO, _waterfall("draw both;"), lot=None)
    asked: dict[str, Any] = {"account": ANA, "limit": "both", "id": "x", **wrong}
    with pytest.raises(Failure) as refused:
        bench.engine.reset(asked.pop("account"), asked.pop("limit"), **asked)
    assert refused.value.code == code
    assert message in refused.value.message
    assert help in (refused.value.help or "")
    assert not list(bench.engine.records())


@pytest.mark.rule("M1")
def test_unlimited_is_above_all_amounts() -> None:
    assert UNLIMITED == 2**63 - 1


def test_conditions_read_the_accounts_that_one_is_a_member_of() -> None:
    bench = Bench(POOL, _waterfall('draw money when user.groups.exists(g, g.kind == "beta");'))
    assert not bench.ask(1).allowed
    bench.set(groups=("g1", "g2"))
    bench.engine.set_attributes({"groups": "g2"}, {"kind": "beta"}, id="k")
    held = bench.engine.reserve(bench.request(1))
    assert held.hold is not None
    facts = held.trace[0].facts  # type: ignore[union-attr]
    assert [one["kind"] for one in facts["user.groups"]] == ["plain", "beta"]  # type: ignore[union-attr, index]
    assert bench.engine.capture(held.hold.id, {"credits": 3})["covered"] == "3"

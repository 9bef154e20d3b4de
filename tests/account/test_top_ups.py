"""Top-up: when it is tested, what it buys, and why it does not (LANGUAGE.md U1, U2), each rule asked of an engine."""

from __future__ import annotations

from typing import Any

import pytest

from overspill import Engine, Failure, ManualClock, Receipt, Request
from overspill.runtime.payments import DECLINE, LOSE, WAIT, ScriptedPayments
from overspill.words.codec import json_decoder
from overspill.words.instants import DAY, HOUR, instant_from_text

NOON = instant_from_text("2026-10-05T12:00:00Z")
NOVEMBER = instant_from_text("2026-11-01T00:00:00Z")
ANA = {"user": "ana"}
POLICY = """policy p version 1;
language 1;
unit credits: decimal(2);
unit usd: decimal(2);
account user { plan: string = "plus"; }
request { model: string = "m"; hundredths: meter; }
rate_card card {
  price in credits per 100 by request.model;
  round half_even;
  from 2026-01-01T00:00:00Z { "m": hundredths 1; }
}
pool money {
  per user;
  unit credits;
  OVERSHOOT
  price 0.04 usd per 1 credits;
  top_up { settings user; on top_up_cap CAP; when WHEN; }
}
waterfall w { serves true; priced by card; draw money; otherwise deny used_up; }
"""
_decode = json_decoder(dict[str, Any]).decode


class Bench:
    """An engine at noon; Ana has a lot, and buys up to 20 whenever she has less than 5."""

    def __init__(
        self,
        lot: str | None = "10",
        *,
        maximum: str | None = None,
        enabled: bool = True,
        cap: str = "partial",
        overshoot: str = "",
        when: str = 'user.plan != "free"',
        db: str | None = None,
    ) -> None:
        self.clock = ManualClock(NOON)
        text = POLICY.replace("CAP", cap).replace("OVERSHOOT", overshoot).replace("WHEN", when)
        self.engine = Engine.open({"p.spill": text.encode()}, clock=self.clock, db=db)
        self.count = 0
        if lot is not None:
            self.engine.grant(ANA, "money", lot, id="L")
        self.set(enabled=enabled, maximum=maximum)

    def set(
        self, minimum: str = "5", target: str = "20", *, enabled: bool = True, maximum: str | None = None
    ) -> Receipt:
        self.count += 1
        return self.engine.set_top_up(
            ANA,
            "money",
            id=f"s{self.count}",
            enabled=enabled,
            minimum=minimum,
            target=target,
            monthly_maximum=maximum,
            actor="user/ana",
        )

    def request(self, hundredths: int) -> Request:
        self.count += 1
        return Request(id=f"r{self.count}", account=ANA, fields={}, meters={"hundredths": hundredths})

    def use(self, hundredths: int) -> None:
        assert self.engine.decide(self.request(hundredths)).allowed

    def at(self, instant: int) -> None:
        self.clock.set(instant)

    def run(self, *script: str) -> ScriptedPayments:
        payments = ScriptedPayments(script)
        self.engine.run_top_ups(payments)
        return payments

    @property
    def kept(self) -> Any:
        return self.engine.account(ANA).top_ups["money"]

    def tests(self) -> list[tuple[str, str]]:
        """(balance, what was bought or why nothing was) of each test on record; `-` where it is not below."""
        rows = [row for record in self.engine.records() for row in _decode(record.answer).get("pools", ())]
        return [(row["balance"], (row.get("purchase") or {}).get("amount") or row["reason"] or "-") for row in rows]


# ---- when it is tested, and what it buys

# What Ana uses of ten credits, one after the other, in hundredths → the tests on record.
USES = [
    ([500], []),
    ([501], [("4.99", "15.01")]),
    ([1000], [("0", "20")]),
    ([499, 2], [("4.99", "15.01")]),
    ([501, 100], [("4.99", "15.01"), ("3.99", "in_flight")]),
    ([501, 100, 100], [("4.99", "15.01"), ("3.99", "in_flight")]),
]


@pytest.mark.rule("U1")
@pytest.mark.parametrize(("uses", "tests"), USES)
def test_strictly_below_the_minimum_it_buys_up_to_the_target_one_at_a_time(
    uses: list[int], tests: list[tuple[str, str]]
) -> None:
    bench = Bench()
    for hundredths in uses:
        bench.use(hundredths)
    assert bench.tests() == tests


@pytest.mark.rule("U1")
def test_what_is_held_counts_and_so_does_what_comes_back() -> None:
    bench = Bench(enabled=False)
    held = bench.engine.reserve(bench.request(800))
    assert held.hold is not None
    assert bench.tests() == [("2", "no_consent")]
    bench.engine.release(held.hold.id)
    assert bench.tests() == [("2", "no_consent"), ("10", "-")]
    again = bench.engine.reserve(bench.request(800))
    assert again.hold is not None
    bench.engine.capture(again.hold.id, {"hundredths": 100})
    bench.clock.advance(DAY)
    late = bench.engine.reserve(bench.request(500))
    assert late.hold is not None
    assert [reason for _, reason in bench.tests()[2:]] == ["no_consent", "-", "no_consent"]
    bench.clock.advance(DAY)  # the hold times out as the account is met
    assert not bench.engine.preview(bench.request(5000)).allowed
    assert bench.tests()[-1] == ("9", "-")


@pytest.mark.rule("U1")
def test_each_way_that_a_balance_changes_is_tested() -> None:
    """(what happens, the tests that it adds)."""
    bench = Bench(enabled=False)
    bench.engine.set_attributes({"user": "bob"}, {"plan": "plus"}, id="s")
    steps: list[tuple[Any, list[tuple[str, str]]]] = [
        (lambda: bench.engine.void(ANA, "money", "L", id="v"), [("0", "no_consent")]),
        (lambda: bench.engine.grant(ANA, "money", "4.99", id="G1"), []),  # below as before, for the same reason
        (lambda: bench.engine.grant(ANA, "money", "0.01", id="G2"), [("5", "-")]),
        (lambda: bench.engine.transfer(ANA, "money", "G2", {"user": "bob"}, id="t"), [("4.99", "no_consent")]),
        (lambda: bench.set("5"), [("4.99", "15.01")]),  # on being enabled
    ]
    for happens, added in steps:
        before = len(bench.tests())
        happens()
        assert bench.tests()[before:] == added


@pytest.mark.rule("U1")
@pytest.mark.parametrize("written", ["by a sweep", "by whoever meets it"])
def test_a_lot_that_expires_leaves_a_balance_to_be_tested(written: str) -> None:
    bench = Bench(None, enabled=False)
    bench.engine.grant(ANA, "money", "10", id="L", expires_at="2026-10-05T13:00:00Z")
    bench.set()
    bench.at(NOON + HOUR)
    if written == "by a sweep":
        bench.engine.sweep()
    else:
        assert not bench.engine.preview(bench.request(1)).allowed
    assert bench.tests()[-1] == ("0", "20")


@pytest.mark.rule("U1")
def test_a_lot_that_is_not_usable_yet_is_part_of_the_balance() -> None:
    bench = Bench("5")
    bench.engine.grant(ANA, "money", "10", id="later", effective_at="2026-11-01T00:00:00Z")
    bench.use(500)
    assert bench.tests() == []
    bench.set("15", "20")
    assert bench.tests() == [("10", "10")]


def test_what_is_left_of_a_purchase_is_refunded_by_what_was_paid() -> None:
    bench = Bench()
    bench.set("0", "20")
    bench.use(1000)
    bench.set("5", "20")
    (purchase,) = bench.run().receipts
    bench.use(500)
    assert bench.engine.refund(ANA, "money", purchase, id="back")["money"] == {"usd": "0.6"}


@pytest.mark.rule("U1")
def test_the_attempt_is_on_record_with_the_change_that_caused_it() -> None:
    bench = Bench()
    bench.use(501)
    *_, cause, test = bench.engine.records()
    assert (cause.key[2], test.key[2], test.seq) == ("consume", "top_up", cause.seq + 1)
    assert test.key == ("default", "user/ana", "top_up", str(bench.engine.account(ANA).version - 1))
    (row,) = _decode(test.answer)["pools"]
    assert bench.engine.find(row["purchase"]["id"]) == test


@pytest.mark.rule("U1")
@pytest.mark.parametrize(
    ("left", "money"),
    [("4.99", "0.6"), ("4.88", "0.6"), ("4.87", "0.61"), ("4.62", "0.62"), ("4.63", "0.61"), ("0", "0.8")],
)
def test_the_money_is_price_times_amount_rounded_once_half_even(left: str, money: str) -> None:
    """15.01 × 0.04 is 0.6004, 15.12 × 0.04 is 0.6048, 15.13 × 0.04 is 0.6052, 15.38 × 0.04 is 0.6152."""
    bench = Bench(None if left == "0" else left)
    assert bench.kept.purchase.money == money


@pytest.mark.rule("U1")
def test_a_half_goes_to_the_even_cent_and_nothing_is_given_away_for_nothing() -> None:
    bench = Bench("5", maximum=None)
    bench.set("5", "5.12")
    bench.use(1)  # 0.13 × 0.04 = 0.0052
    assert bench.kept.purchase.money == "0.01"
    bench = Bench("5")
    bench.set("5", "5.11")
    bench.use(1)  # 0.12 × 0.04 = 0.0048: no payment
    assert bench.tests() == [("4.99", "not_applicable")]


# ---- the monthly maximum

# (on top_up_cap, the maximum, what was bought before) → the purchases of a month.
MAXIMA = [
    ("partial", "15.01", ["15.01"], "monthly_maximum"),
    ("partial", "20", ["15.01", "4.99"], "monthly_maximum"),
    ("none", "20", ["15.01"], "monthly_maximum"),
    ("partial", "15", ["15"], "monthly_maximum"),
    ("none", "15", [], "monthly_maximum"),
    ("partial", "0", [], "monthly_maximum"),
    ("partial", None, ["15.01", "20", "20"], ""),
]


@pytest.mark.rule("U1")
@pytest.mark.parametrize(("cap", "maximum", "bought", "reason"), MAXIMA)
def test_at_the_monthly_maximum_part_of_it_or_nothing_is_bought(
    cap: str, maximum: str | None, bought: list[str], reason: str
) -> None:
    bench = Bench(maximum=maximum, cap=cap)
    bench.use(501)
    for _ in range(2):
        bench.run()
        left = sum(lot[1] for lot in bench.engine.account(ANA).pools.get("money", ()))
        if left:
            bench.use(left)
    assert [what for _, what in bench.tests() if what[0].isdigit()] == bought
    assert bench.kept.reason == reason


@pytest.mark.rule("U1")
@pytest.mark.parametrize("met", ["by a denied request", "by a preview", "by the sweep"])
def test_a_new_month_begins_a_new_maximum(met: str) -> None:
    bench = Bench(maximum="15.01")
    bench.use(501)
    bench.run()
    bench.use(2000)
    assert bench.kept.reason == "monthly_maximum"
    bench.at(NOVEMBER - 1)
    assert bench.run().asked == []
    bench.at(NOVEMBER)
    if met == "by a denied request":
        assert not bench.engine.decide(bench.request(1)).allowed
    elif met == "by a preview":
        assert not bench.engine.preview(bench.request(1)).allowed
    asked = bench.run().asked
    assert [intent.amount for intent in asked] == ["15.01"]
    assert bench.kept.bought == 1501


@pytest.mark.rule("U1")
def test_what_the_maximum_leaves_may_be_too_little_to_pay_for_until_the_month_ends() -> None:
    bench = Bench(maximum="15.11")
    bench.use(501)
    bench.run()
    bench.use(2000)  # 0.1 is left of the maximum: 0.1 × 0.04 is 0.004
    assert bench.kept.reason == "monthly_maximum"
    bench.at(NOVEMBER)
    assert [intent.amount for intent in bench.run().asked] == ["15.11"]


@pytest.mark.rule("U1")
def test_what_is_declined_is_given_back_to_its_month() -> None:
    bench = Bench(maximum="20")
    bench.use(501)
    assert bench.kept.bought == 1501
    bench.run(DECLINE)
    assert bench.kept.bought == 0
    bench.at(NOON + HOUR)
    bench.run(WAIT)
    assert (bench.kept.purchase.state, bench.kept.bought) == ("pending", 1501)
    bench.at(NOVEMBER + HOUR)
    bench.run(DECLINE)  # the month of the attempt is over
    assert (bench.kept.purchase.state, bench.kept.bought) == ("declined", 0)


# ---- declined payments


@pytest.mark.rule("U1")
def test_a_declined_payment_backs_off_an_hour_doubling_to_a_day_and_is_visible() -> None:
    bench = Bench()
    bench.use(501)
    waits, now = [], NOON
    for _ in range(7):
        bench.run(DECLINE)
        assert (bench.kept.reason, bench.kept.purchase.state) == ("back_off", "declined")
        waits.append((bench.kept.next_at - now) // HOUR)
        bench.at(bench.kept.next_at - 1)
        assert bench.run().asked == []
        now = bench.kept.next_at
        bench.at(now)
    assert waits == [1, 2, 4, 8, 16, 24, 24]
    bench.run()
    assert (bench.kept.declines, bench.kept.next_at, bench.kept.purchase.state) == (0, 0, "succeeded")


def test_each_attempt_is_a_purchase_of_its_own() -> None:
    bench = Bench()
    bench.use(501)
    ids = [intent.id for intent in bench.run(DECLINE).asked]
    bench.at(NOON + HOUR)
    ids += [intent.id for intent in bench.run().asked]
    assert len(set(ids)) == 2


# ---- the payment


@pytest.mark.rule("U1")
def test_a_payment_is_a_paid_lot_under_the_purchases_name() -> None:
    bench = Bench()
    bench.use(501)
    (intent,) = bench.run().asked
    assert (intent.amount, intent.unit, intent.money, intent.currency) == ("15.01", "credits", "0.6", "usd")
    lots = {lot[0]: (lot[1], lot[5]) for lot in bench.engine.account(ANA).pools["money"]}
    assert lots == {"L": (499, 1), intent.id: (1501, 1)}
    assert bench.kept.purchase.state == "succeeded"


@pytest.mark.rule("U1")
def test_debt_is_repaid_first() -> None:
    bench = Bench("10", overshoot="on overshoot debt up to 4 credits;")
    held = bench.engine.reserve(bench.request(1000))
    assert held.hold is not None
    (purchase,) = bench.run(WAIT).asked
    assert purchase.amount == "20"
    bench.engine.capture(held.hold.id, {"hundredths": 1300})
    assert bench.engine.account(ANA).debts == {"money": 300}
    receipt = bench.engine.resolve_purchase(purchase.id, "succeeded", receipt="p1")
    assert (receipt["amount"], receipt["repaid"], receipt["balance"]) == ("20", "3", "17")
    assert bench.engine.account(ANA).debts == {}
    bench.use(1700)
    assert bench.tests()[-1] == ("0", "20")


@pytest.mark.rule("U1")
def test_a_debt_is_bought_beside_the_target() -> None:
    bench = Bench("10", overshoot="on overshoot debt up to 4 credits;", enabled=False)
    held = bench.engine.reserve(bench.request(1000))
    assert held.hold is not None
    bench.engine.capture(held.hold.id, {"hundredths": 1300})
    bench.set()
    assert bench.tests()[-1] == ("-3", "23")
    bench.run()
    assert [lot[1] for lot in bench.engine.account(ANA).pools["money"]] == [2000]


def test_whatever_is_delivered_twice_there_is_one_lot_for_a_receipt() -> None:
    bench = Bench()
    bench.use(501)
    payments = bench.run(LOSE)
    assert bench.kept.purchase.state == "pending"
    bench.engine.run_top_ups(payments)
    (id,) = payments.receipts
    again = bench.engine.resolve_purchase(id, "succeeded", receipt=payments.receipts[id])
    assert again.replayed
    assert len(payments.asked) == 2
    paid = [record for record in bench.engine.records() if record.key[2] == "purchase"]
    assert [_decode(record.answer)["receipt"] for record in paid] == list(payments.receipts.values())
    with pytest.raises(Failure, match="used before") as conflict:
        bench.engine.resolve_purchase(id, "succeeded", receipt="another")
    assert conflict.value.code == "idempotency_conflict"


def test_a_receipt_pays_for_one_purchase() -> None:
    bench = Bench()
    bench.use(501)
    first = bench.run().receipts
    bench.use(2000)
    (second,) = bench.run(WAIT).asked
    with pytest.raises(Failure) as used:
        bench.engine.resolve_purchase(second.id, "succeeded", receipt=next(iter(first.values())))
    assert used.value.code == "receipt_used"
    assert bench.kept.purchase.state == "pending"


@pytest.mark.parametrize("outcome", ["declined", "abandoned"])
def test_a_payment_that_comes_after_all_is_a_lot_and_counts(outcome: str) -> None:
    bench = Bench(maximum="20")
    bench.use(501)
    (intent,) = bench.run(WAIT).asked
    bench.engine.resolve_purchase(intent.id, outcome, actor="user/ops")
    assert (bench.kept.bought, bench.kept.reason) == (0, "back_off")
    bench.engine.resolve_purchase(intent.id, "succeeded", receipt="p1")
    assert (bench.kept.bought, bench.kept.declines, bench.kept.reason) == (1501, 0, "")
    with pytest.raises(Failure) as closed:
        bench.engine.resolve_purchase(intent.id, "declined" if outcome == "abandoned" else "abandoned", actor="user/x")
    assert closed.value.code == "purchase_closed"
    assert bench.engine.resolve_purchase(intent.id, outcome, actor="user/x").replayed
    assert bench.kept.bought == 1501


def test_a_payment_comes_after_the_next_attempt_too() -> None:
    bench = Bench()
    bench.use(501)
    (first,) = bench.run(DECLINE).asked
    bench.at(NOON + HOUR)
    (second,) = bench.run(WAIT).asked
    bench.engine.resolve_purchase(first.id, "succeeded", receipt="p1")
    assert (bench.kept.purchase.id, bench.kept.purchase.state, bench.kept.bought) == (second.id, "pending", 3002)


# ---- consent


@pytest.mark.rule("U2")
def test_consent_is_off_unless_somebody_gives_it_and_keeps_who_and_when() -> None:
    bench = Bench(None, enabled=False)
    for number in range(2):
        bench.engine.grant(ANA, "money", "3", id=f"G{number}")
        bench.use(300)
        bench.engine.set_attributes(ANA, {"plan": f"p{number}"}, id=f"a{number}")
    assert not bench.kept.settings.enabled
    assert bench.run().asked == []
    bench.clock.advance(HOUR)
    answer = bench.engine.set_top_up(ANA, "money", id="yes", enabled=True, minimum="5", target="20", actor="user/ana")
    assert answer["settings"] == {
        "version": 2,
        "enabled": True,
        "minimum": "5",
        "target": "20",
        "monthly_maximum": None,
        "actor": "user/ana",
        "at": "2026-10-05T13:00:00Z",
    }
    assert (bench.kept.settings.version, bench.kept.settings.actor, bench.kept.settings.at) == (
        2,
        "user/ana",
        NOON + HOUR,
    )
    assert len(bench.run().asked) == 1


@pytest.mark.rule("U2")
def test_an_account_that_has_set_nothing_buys_nothing_and_records_nothing() -> None:
    bench = Bench()
    bench.engine.grant({"user": "bob"}, "money", "5", id="L")
    before = len(list(bench.engine.records()))
    assert bench.engine.decide(Request(id="b", account={"user": "bob"}, fields={}, meters={"hundredths": 400})).allowed
    assert len(list(bench.engine.records())) == before + 1
    assert bench.engine.account({"user": "bob"}).top_ups == {}


@pytest.mark.rule("U2")
def test_who_takes_it_back_is_not_charged_for_what_was_not_asked_yet() -> None:
    bench = Bench(maximum="30")
    bench.use(501)
    assert bench.set(enabled=False, maximum="30")["abandoned"] == bench.kept.purchase.id
    assert (bench.kept.purchase.state, bench.kept.bought, bench.kept.reason) == ("abandoned", 0, "no_consent")
    assert bench.run().asked == []
    bench.set(maximum="30")
    bench.run(WAIT)
    assert "abandoned" not in bench.set(enabled=False, maximum="30").fields
    assert bench.kept.purchase.state == "pending"  # the provider has been asked: what it says counts
    bench.run()
    assert bench.kept.purchase.state == "succeeded"


@pytest.mark.rule("U1")
@pytest.mark.parametrize(
    ("when", "tests"),
    [('user.id == "ana"', [("4.99", "15.01")]), ('user.id == "bob"', [("4.99", "not_applicable")])],
)
def test_a_top_ups_condition_knows_whose_account_it_is(when: str, tests: list[tuple[str, str]]) -> None:
    bench = Bench(when=when)
    bench.use(501)
    assert bench.tests() == tests


@pytest.mark.rule("U1")
def test_where_the_policy_says_no_it_is_not_applicable() -> None:
    bench = Bench()
    bench.engine.set_attributes(ANA, {"plan": "free"}, id="a")
    bench.use(501)
    assert bench.tests() == [("4.99", "not_applicable")]
    bench.engine.set_attributes(ANA, {"plan": "plus"}, id="b")
    assert len(bench.run().asked) == 1


# ---- what is refused

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"minimum": "-1"}, "invalid_amount", "/minimum"),
    ({"minimum": "many"}, "invalid_amount", "/minimum"),
    ({"target": "4.999"}, "invalid_amount", "/target"),
    ({"target": "4"}, "invalid_target", "/target"),
    ({"minimum": "0", "target": "0"}, "invalid_target", "/target"),
    ({"monthly_maximum": "-5"}, "invalid_amount", "/monthly_maximum"),
    ({"pool": "gold"}, "unknown_pool", "/pool"),
    ({"account": {"team": "t"}}, "unknown_account", "/account"),
    ({"per": {"model": "m"}}, "wrong_per", "/per"),
    ({"actor": ""}, "invalid_actor", "/actor"),
]


@pytest.mark.parametrize(("wrong", "code", "pointer"), WRONG)
def test_settings_that_make_no_sense_change_nothing(wrong: dict[str, Any], code: str, pointer: str) -> None:
    bench = Bench()
    before = bench.engine.account(ANA)
    given: dict[str, Any] = {"account": ANA, "pool": "money", "minimum": "5", "target": "20"}
    given |= {"actor": "user/ana"} | wrong
    with pytest.raises(Failure) as failure:
        bench.engine.set_top_up(**given, id="x", enabled=True)
    assert (failure.value.code, failure.value.pointer) == (code, pointer)
    assert failure.value.message
    assert bench.engine.account(ANA) == before


@pytest.mark.parametrize(
    ("purchase", "outcome", "receipt", "code"),
    [
        ("pur_none", "succeeded", "p", "unknown_purchase"),
        ("L", "succeeded", "p", "unknown_purchase"),
        ("", "paid", "p", "invalid_outcome"),
        ("", "succeeded", "", "invalid_id"),
        ("", "succeeded", "no/slash", "invalid_id"),
    ],
)
def test_news_of_no_purchase_change_nothing(purchase: str, outcome: str, receipt: str, code: str) -> None:
    bench = Bench()
    bench.use(501)
    before = bench.engine.account(ANA)
    with pytest.raises(Failure) as failure:
        bench.engine.resolve_purchase(purchase or bench.kept.purchase.id, outcome, receipt=receipt)
    assert failure.value.code == code
    assert bench.engine.account(ANA) == before

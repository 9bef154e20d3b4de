"""Whatever happens to a pool that is topped up: the journal alone shows that each balance below the minimum has its attempt
or its reason, that what was charged is what was granted, and that running the commands again gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account.test_top_ups import ANA, Bench
from overspill import Failure
from overspill.account.effects import Effect, SetTopUp, apply
from overspill.account.purchases import month_of
from overspill.account.state import EMPTY
from overspill.book.receipts import paid, unmatched
from overspill.records.journal import Record
from overspill.runtime.payments import DECLINE, LOSE, PAY, WAIT, AnswerLost, ScriptedPayments
from overspill.words.codec import convert
from overspill.words.instants import DAY, HOUR, instant_text
from support.replays import replayed

KEY = "default/user/ana"
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("use"), st.sampled_from([1, 99, 250, 501, 1200])),
        st.tuples(st.just("hold"), st.sampled_from([300, 800])),
        st.tuples(st.just("capture"), st.sampled_from([0, 250, 1500])),
        st.tuples(st.just("grant"), st.sampled_from(["0.01", "3", "12"])),
        st.tuples(st.just("brief"), st.sampled_from(["0.01", "6"])),
        st.tuples(st.just("set"), st.sampled_from([(True, None), (True, "25"), (False, "25")])),
        st.tuples(st.just("run"), st.sampled_from([PAY, DECLINE, WAIT, LOSE])),
        st.tuples(st.just("wait"), st.sampled_from([HOUR // 2, HOUR, DAY, 27 * DAY])),
        st.tuples(st.just("preview"), st.just(1)),
    ),
    max_size=14,
)


def below_without_a_word(records: Sequence[Record]) -> list[int]:
    """The records behind which Ana's balance is below her minimum, with no attempt and no reason on record. A test stands
    right behind the change that it is of."""
    account, found = EMPTY, []
    for record, following in zip(records, [*records[1:], None], strict=True):
        effects = convert(record.effects.get(KEY, ()), list[Effect])
        account = apply(account, effects, record.at) if effects else account
        if following is not None and following.key[2] == "top_up" and following.at == record.at:
            continue
        kept = account.top_ups.get("money")
        if kept is None:
            continue
        free = sum(lot[1] for lot in account.pools.get("money", ())) - account.debts.get("money", 0)
        if free < kept.settings.minimum and not kept.reason and kept.open is None:
            found.append(record.seq)
    return found


def _happened(cap: str, steps: Sequence[tuple[str, Any]]) -> tuple[Bench, ScriptedPayments]:
    bench = Bench("8", cap=cap, overshoot="on overshoot debt up to 4 credits;", maximum="25")
    payments = ScriptedPayments()
    holds: list[str] = []
    for number, (what, how) in enumerate(steps):
        try:
            match what:
                case "use":
                    bench.engine.decide(bench.request(how))
                case "preview":
                    bench.engine.preview(bench.request(how))
                case "hold":
                    hold = bench.engine.reserve(bench.request(how)).hold
                    holds += [] if hold is None else [hold.id]
                case "capture" if holds:
                    bench.engine.capture(holds.pop(), {"hundredths": how})
                case "grant":
                    bench.engine.grant(ANA, "money", how, id=f"G{number}")
                case "brief":
                    ends = instant_text(bench.clock.now() + HOUR)
                    bench.engine.grant(ANA, "money", how, id=f"B{number}", expires_at=ends)
                case "set":
                    bench.set(enabled=how[0], maximum=how[1])
                case "run":
                    payments.next(how)
                    bench.engine.run_top_ups(payments)
                case "wait":
                    bench.clock.advance(how)
        except Failure as failure:
            assert failure.code == "hold_closed"
    return bench, payments


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["partial", "none"]), STEPS)
def test_the_journal_alone_shows_it(cap: str, steps: list[tuple[str, Any]]) -> None:
    bench, payments = _happened(cap, steps)
    while bench.kept.open is not None:  # until the provider has given all its answers
        bench.engine.run_top_ups(payments)
    records = list(bench.engine.records())
    assert below_without_a_word(records) == []
    provider = {
        receipt: f"{intent.money} {intent.currency} for {intent.id}"
        for intent in payments.asked
        for receipt in [payments.receipts.get(intent.id)]
        if receipt is not None
    }
    assert unmatched(paid(records), provider) == []
    assert replayed(records, bench.engine.policies.of) == ([], len(records))
    _within_the_maximum(records)


def _within_the_maximum(records: Sequence[Record]) -> None:
    """No attempt takes a month beyond what was the maximum then, and none is made while another one is open."""
    for record in records:
        if record.key[2] != "top_up":
            continue
        for effect in convert(record.effects[KEY], list[Effect]):
            assert isinstance(effect, SetTopUp)
            kept = effect.top_up
            most = kept.settings.monthly_maximum
            if kept.open is not None and kept.open.at == record.at and not kept.reason and most is not None:
                assert kept.month == month_of(record.at)
                assert kept.bought <= most


def test_the_check_finds_a_test_that_was_not_made() -> None:
    """The canaries: a test that is missing, a receipt without a lot, a lot without a receipt, a receipt for two."""
    bench, _ = _happened("partial", [("use", 501), ("set", (False, None))])
    records = list(bench.engine.records())
    kept = [record for record in records if record.key[2] != "top_up"]
    assert below_without_a_word(records) == []
    assert below_without_a_word(kept) != []
    assert len(unmatched([("a", "1 usd for x")], {})) == 1
    assert len(unmatched([], {"a": "1 usd for x"})) == 1
    assert len(unmatched([("a", "1 usd for x"), ("a", "1 usd for y")], {"a": "1 usd for x"})) == 1


@pytest.mark.rule("S6")
@pytest.mark.parametrize("script", [[LOSE], [LOSE, LOSE], [WAIT, LOSE], [DECLINE], [PAY]])
def test_a_process_that_ends_anywhere_leaves_one_lot_for_a_charge(script: list[str], tmp_path: Any) -> None:
    """A new engine on the same file goes on where the last one was, whatever the provider's answer did."""
    db = str(tmp_path / "x.db")
    bench = Bench(db=db)
    bench.use(501)
    payments = ScriptedPayments(script)
    for _ in range(4):
        bench.engine.run_top_ups(payments)
        bench.engine.close()
        bench = Bench(None, db=db)
        bench.clock.advance(2 * HOUR)
    assert bench.kept.purchase.state == "succeeded"
    lots = [lot[0] for lot in bench.engine.account(ANA).pools["money"]]
    assert sorted(lots) == sorted(["L", *payments.receipts])
    bench.engine.close()


def test_an_answer_that_is_lost_was_given_all_the_same() -> None:
    bench = Bench()
    bench.use(501)
    payments = ScriptedPayments([LOSE])
    assert len(bench.engine.run_top_ups(payments)) == 1
    with pytest.raises(AnswerLost):
        ScriptedPayments([LOSE]).charge(payments.asked[0])
    assert bench.engine.run_top_ups(payments)[0]["receipt"] == payments.receipts[payments.asked[0].id]


@pytest.mark.rule("U1")
def test_many_at_once_buy_once() -> None:
    """Balances that fall below the minimum again and again, and two runners: one purchase, one charge, one lot."""
    bench = Bench("10")
    payments = ScriptedPayments()
    requests = [bench.request(100) for _ in range(10)]
    with ThreadPoolExecutor(8) as pool:
        assert all(decision.allowed for decision in pool.map(bench.engine.decide, requests))
        intents = bench.engine.open_purchases()
        list(pool.map(lambda _: bench.engine.run_top_ups(payments), range(4)))
    assert [intent.id for intent in intents] == list(payments.receipts)
    assert bench.kept.bought == 1600  # at 4 credits, the first balance below 5
    assert [lot[:2] for lot in bench.engine.account(ANA).pools["money"]] == [(intents[0].id, 1600)]

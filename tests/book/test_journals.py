"""The book of whole journals: simulated worlds in which everything fails, and random histories of random policies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from random import Random

import pytest

from account.histories import History, policy_of
from account.test_layers import Bench, _waterfall
from account.test_overshoot import REFUND
from book.folds import Fold, as_read, debts_in, free_in, lots_of, simulated
from overspill.account.effects import apply, effects_in
from overspill.account.held import held
from overspill.account.state import EMPTY, Account
from overspill.book import chart
from overspill.book.amounts import billionths
from overspill.book.chart import LotKey, class_of, source_of
from overspill.book.pending import pending
from overspill.book.post import post
from overspill.book.state import Book
from overspill.records.journal import Record
from overspill.records.postings import Parked, Posted
from overspill.records.told import CounterTold, decision_told
from overspill.runtime.policies import compiled
from overspill.words.instants import MINUTE

SEEDS = (1, 2, 4, 11)
SCALE = 2
STEP = 10**7
"""A hundredth, in billionths: the smallest step of all units of the simulation."""


def states(records: Iterable[Record]) -> dict[str, Account]:
    """Accounts by `user/ana`, as the journal's effects leave them."""
    found: dict[str, Account] = {}
    for record in records:
        for key, effects in effects_in(record.effects).items():
            name = key.partition("/")[2]
            found[name] = apply(found.get(name, EMPTY), effects, record.at)
    return found


def held_by_state(accounts: Mapping[str, Account], step: int = STEP) -> dict[LotKey, int]:
    """What open holds have of lots, in billionths."""
    return {
        (name, pool, id): amount * step
        for name, account in accounts.items()
        for pool, lots in held(account, f"default/{name}").lots.items()
        for id, (_, amount) in lots.items()
        if amount
    }


def held_in(book: Book) -> dict[LotKey, int]:
    found = Counter[str]()
    for (account, _), amount in book.balances.items():
        if class_of(account) == "hold":
            found[source_of(account)] += amount
    return {key: found[chart.lot_account(key)] for key in book.lots if found[chart.lot_account(key)]}


# ---- what the engine has


@pytest.mark.rule("S6")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_book_has_what_the_accounts_have(seed: int) -> None:
    """Lots, holds and debts; and nothing is unexplained. Balances of each asset sum to nothing behind every record."""
    records = simulated(seed)
    fold = Fold()
    assets = Counter[str]()
    for record in records:
        transaction = fold.post(record).transaction
        for leg in () if transaction is None else transaction.legs:
            assets[leg.asset] += 1
    accounts = states(records)
    assert free_in(fold.book) == lots_of(accounts, SCALE)
    assert held_in(fold.book) == held_by_state(accounts)
    owed = {f"{name}/{pool}": debt * STEP for name, one in accounts.items() for pool, debt in one.debts.items()}
    assert debts_in(fold.book) == owed
    assert fold.findings() == []
    totals = Counter[str]()
    for (_, asset), balance in fold.book.balances.items():
        totals[asset] += balance
    assert not any(totals.values())
    assert {"credits", "usd", "win.included.five", "win.seat.month", "win.money.overage"} <= set(assets)


def test_worlds_have_every_kind_of_record() -> None:
    kinds = Counter(record.key[2] for seed in SEEDS for record in simulated(seed))
    whys = Counter(row.why for seed in SEEDS for row in Fold(simulated(seed)).rows if hasattr(row, "why"))
    wanted = ("consume", "reserve", "capture", "release", "expire", "expire_lot", "grant", "void", "refund", "transfer")
    assert [kind for kind in (*wanted, "reverse", "redeem", "purchase") if not kinds[kind]] == []
    reasons = ("usage", "overshoot_refunded", "debt_repaid", "reissued", "reversed", "repaid_back", "transferred")
    assert [why for why in reasons if not whys[why]] == []


@pytest.mark.rule("S1")
@pytest.mark.rule("S3")
@pytest.mark.rule("S4")
@pytest.mark.parametrize("policy", range(24))
def test_the_book_of_random_histories(policy: int) -> None:
    text, spec = policy_of(Random(policy))
    program = compiled({"generated.spill": text.encode()})
    for seed in range(6):
        history = History(program, spec, policy * 1_000_003 + seed)
        history.run(30)
        machine = history.engine
        made = {record.seq: record for record in machine.records.values()}
        fold = Fold(as_read(made[seq], machine.forms.__getitem__) for seq in sorted(made))
        accounts = {key.partition("/")[2]: account for key, account in machine.accounts.items()}
        shown = "\n".join([text, *history.lines])
        assert free_in(fold.book) == lots_of(accounts, 0), shown
        assert held_in(fold.book) == held_by_state(accounts, 10**9), shown
        assert fold.findings() == [], shown


@pytest.mark.rule("W2")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_window_has_what_its_limit_leaves(seed: int) -> None:
    """Behind every decision, where nothing was away; what was started below a cap may pass it."""
    book, seen = Book(), 0
    for record in simulated(seed):
        posted = post(book, record)
        assert isinstance(posted, Posted)
        if record.key[2] not in ("consume", "reserve") or record.away is not None:
            continue
        answer = decision_told(record.answer)
        told = [(entry, one) for draw in answer.draws for entry, one in _counted(answer.trace[-1].effects, draw)]
        for (account, key), one in dict(told).items():
            if one.limit not in (None, "unlimited"):
                window = book.windows[account, key]
                left = max(billionths(one.limit or "0") - billionths(one.before), 0)
                drawn = sum(
                    billionths(entry.amount)
                    for entry in answer.trace[-1].effects
                    if (entry.account, entry.window) == (account, key)
                )
                earlier = [other for place, other in told if place == (account, key)]
                if len(earlier) == 1:
                    assert book.balance(window.account, window.asset) == max(left - drawn, 0)
                    seen += 1
    assert seen > 100


def _counted(effects: Sequence[object], draw: object) -> list[tuple[tuple[str, str], CounterTold]]:
    names = {one.window: one for one in draw.windows}  # type: ignore[attr-defined]
    found = []
    for entry in effects:
        layer, _, rest = (entry.window or "").partition("|")[0].partition(".")  # type: ignore[attr-defined]
        if layer == draw.layer and rest in names:  # type: ignore[attr-defined]
            found.append(((entry.account, entry.window), names[rest]))  # type: ignore[attr-defined]
    return found


# ---- settled, pending, held, available


def _lot_of(account: str) -> str:
    """The account; of a hold's what it has something of."""
    return source_of(account) if class_of(account) == "hold" else account


def _flows(fold: Fold) -> dict[str, Counter[str]]:
    """By lot's account: what came from, less what went to, each class of accounts."""
    found: dict[str, Counter[str]] = {}
    for one in fold.transactions:
        for leg in one.legs:
            for own, other, sign in ((leg.debit, leg.credit, -1), (leg.credit, leg.debit, 1)):
                lot, source = _lot_of(own), _lot_of(other)
                if class_of(lot) == "lot" and lot != source:
                    found.setdefault(lot, Counter())[class_of(source)] += sign * billionths(leg.amount)
    return found


@pytest.mark.rule("G3")
@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_issued_is_somewhere(seed: int) -> None:
    """issued = available + held + posted usage + debt repaid + expired + voided + transferred out, net of what came back,
    for every lot: available and held are the accounts', all else the book's."""
    records = simulated(seed)
    for until in (len(records) // 3, len(records)):
        fold, accounts = Fold(records[:until]), states(records[:until])
        free, in_holds = lots_of(accounts, SCALE), held_by_state(accounts)
        flows = _flows(fold)
        for key in fold.book.lots:
            flow = flows[chart.lot_account(key)]
            assert set(flow) <= {"issuance", "usage", "debt", "breakage", "lot", "writeoff"}
            assert sum(flow.values()) == free.get(key, 0) + in_holds.get(key, 0)


MOVES_NOTHING_SETTLED = ("consume", "reserve", "capture", "release", "expire", "extend", "set", "top_up", "set_top_up")


@pytest.mark.rule("S6")
@pytest.mark.parametrize("seed", SEEDS)
def test_settled_is_available_and_held_and_pending(seed: int) -> None:
    """Where the book lags behind by usage alone."""
    records, tested = simulated(seed), 0
    chance = Random(seed)
    late = range(len(records) // 2, len(records))
    for start in chance.sample([at for at in late if _is_usage_alone(records[at])], 30):
        end = start
        while end < len(records) and _is_usage_alone(records[end]):
            end += 1
        book, accounts = Fold(records[:start]).book, states(records[:end])
        free, in_holds = lots_of(accounts, SCALE), held_by_state(accounts)
        for name in accounts:
            waiting = pending(records[start:end], name)
            for pool in {pool for owner, pool, _ in book.lots if owner == name}:
                keys = [key for key in book.lots if key[:2] == (name, pool)]
                settled = sum(book.settled(key) for key in keys)
                left = sum(free.get(key, 0) + in_holds.get(key, 0) for key in keys)
                assert settled == left + int(waiting.get(pool, Decimal(0)) * 10**9)
                tested += bool(waiting.get(pool))
    assert tested


def _is_usage_alone(record: Record) -> bool:
    told = (b'"expired":', b'"repaid_back":')
    return record.key[2] in MOVES_NOTHING_SETTLED and not any(word in bytes(record.answer) for word in told)


# ---- in another order


def _kept_by_account(records: Sequence[Record], chance: Random) -> list[Record]:
    """Another order, in which each account's records keep theirs."""
    touched = {record.id: {*record.effects, "/".join(record.key[:2])} for record in records}
    queues: dict[str, list[str]] = {}
    for record in records:
        for account in sorted(touched[record.id]):
            queues.setdefault(account, []).append(record.id)
    order, left = [], list(records)
    while left:
        for index in chance.sample(range(min(len(left), 60)), min(len(left), 60)):
            if all(queues[account][0] == left[index].id for account in touched[left[index].id]):
                record = left.pop(index)
                for account in touched[record.id]:
                    queues[account].pop(0)
                order.append(record)
                break
    return order


@pytest.mark.rule("S6")
@pytest.mark.parametrize("seed", SEEDS)
def test_records_of_different_accounts_may_come_in_any_order(seed: int) -> None:
    records = simulated(seed)
    order = _kept_by_account(records, Random(seed))
    assert order != list(records)
    book, expected = Book(), Book()
    found = {record.id: post(book, record) for record in order}
    assert found == {record.id: post(expected, record) for record in records}
    assert (book.balances, book.lots, book.windows, book.holds) == (
        expected.balances,
        expected.lots,
        expected.windows,
        expected.holds,
    )


@pytest.mark.rule("S6")
def test_what_names_something_unknown_is_parked() -> None:
    """Journals of which the grants are missing, and captures with them: what needs them is not posted, all the rest is. A
    reversal may give again what had no lot to go back to."""
    reasons = Counter[str]()
    for seed in SEEDS:
        records = [one for one in simulated(seed) if one.key[2] in ("consume", "reserve", "release", "reverse")]
        book = Book()
        for record in records:
            posted = post(book, record)
            reasons[posted.reason if isinstance(posted, Parked) else "posted"] += 1
        again = [bytes(record.answer) for record in records if record.key[2] == "reverse"]
        assert all(any(f'"{lot}"'.encode() in answer for answer in again) for _, _, lot in book.lots)
    assert set(reasons) == {"posted", "unknown_lot", "unknown_hold", "unknown_request"}


@pytest.mark.rule("S2")
@pytest.mark.parametrize(("last", "left"), [(True, 7), (False, 5)], ids=["in its last part", "in a further part"])
def test_what_a_late_stream_turns_out_not_to_use_is_in_its_lot_again(last: bool, left: int) -> None:
    card = "rate_card card { price in credits per 1 by request.kind; meter fresh = credits - spared; "
    card += 'from 2026-01-01T00:00:00Z { "a": fresh 1; } }'
    waterfall = _waterfall("draw money;").replace("counts credits;", "priced by card;")
    bench = Bench(REFUND + card, waterfall, lot="10")
    hold = bench.engine.reserve(bench.request(1)).hold
    assert hold is not None
    bench.clock.advance(20 * MINUTE)
    bench.engine.capture(hold.id, {"credits": 6}, id="1", final=False)
    bench.engine.capture(hold.id, {"credits": 0, "spared": 3}, id="2", final=last)
    if not last:
        bench.engine.capture(hold.id, {"credits": 2}, id="3")
    fold = Fold(bench.engine.records())
    assert free_in(fold.book) == {("user/ana", "money", "L"): left * 10**9}
    assert fold.findings() == []

"""Statements: what an account had, every entry, what it has then; at any instant what a fold of the journal up to it says."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random

import pytest

from book.folds import Fold, simulated
from book.scenes import ANA, NOON, Scene, short
from book.settled import copied, settled
from overspill.book import chart
from overspill.book.amounts import billionths, decimal_text
from overspill.book.chart import class_of, source_of
from overspill.book.state import Book
from overspill.ports.store import Store
from overspill.records.journal import Record
from overspill.records.postings import posted_from
from overspill.records.statement import PoolBalance, Statement, lines
from overspill.runtime.statements import statement
from overspill.store.opened import opened
from overspill.words.failures import Failure
from overspill.words.instants import HOUR, MINUTE, instant_text_micros

SEEDS = (1, 2, 3)
ACCOUNTS = ("user/ana", "user/bob", "user/cem", "workspace/red", "workspace/blue")


def _statement(scene: Scene, since: int | None = None, until: int | None = None) -> str:
    texts = [None if at is None else instant_text_micros(at) for at in (since, until)]
    scene.engine.settle()
    found = "\n".join(lines(scene.engine.statement(ANA, since=texts[0], as_of=texts[1])))
    return short(found).replace("2026-10-05T", "").replace(".000000Z", "")


@pytest.mark.rule("S6")
def test_a_statement_tells_every_entry_with_its_decision() -> None:
    """12:00 two lots; 12:10 five credits, 12:20 a hold of six, 12:30 captured with one and the rest back; 13:00 what is left of
    the first lot expires, and is met at 14:00 only."""
    scene = Scene("money")
    scene.grant("money", "4", "A", expires_at="2026-10-05T13:00:00Z")
    scene.grant("money", "10", "B")
    scene.clock.advance(10 * MINUTE)
    scene.consume(300)
    scene.clock.advance(10 * MINUTE)
    hold = scene.reserve(600)
    scene.clock.advance(10 * MINUTE)
    scene.engine.capture(hold, {"hundredths": 50})
    scene.clock.advance(90 * MINUTE)
    scene.engine.sweep()
    expected = """
ana  from 12:05:00 to 14:00:01, settled through record 6
opening
  money: 14 credits
    lot A: 4
    lot B: 10
12:10:00  usage      money/A  -3 → 1 credits  DEC
12:20:00  held       money/A  held +1 → 1 credits  DEC
12:20:00  held       money/B  held +5 → 5 credits  DEC
12:30:00  usage      money/A  -0.5 → 0.5  held -1 → 0 credits  DEC
12:30:00  released   money/B  held -5 → 0 credits  DEC
14:00:00  expired    money/A  -0.5 → 0 credits  EXL  as of 13:00:00
closing
  money: 10 credits
    lot B: 10
"""
    assert _statement(scene, NOON + 5 * MINUTE, NOON + 2 * HOUR + 1_000_000) == expected.strip("\n")


@pytest.mark.rule("S3")
def test_what_is_owed_and_what_is_drawn_beyond_lots_is_told() -> None:
    """A capture beyond its hold takes the lot's last credits, the overage, a debt, and the next grant repays it."""
    scene = Scene("money")
    scene.grant("money", "2", "C")
    scene.engine.capture(scene.reserve(400), {"hundredths": 1500})
    scene.grant("money", "7", "D")
    text = _statement(scene)
    expected = """
ana  from the beginning, settled through record 4
opening: nothing
"""
    assert text.startswith(expected.strip("\n"))
    told = [line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith("12:")]
    assert [line for line in told if "overage" in line or "owed" in line or "debt" in line] == [
        "held       money overage  held +2 → 2 credits  DEC",
        "overage    money overage  +4 → 4  held -2 → 0 credits  DEC",
        "owed       money debt  +5 → 5 credits  DEC",
        "debt_repaid money/D  -5 → 2 credits  GRT",
        "owed       money debt  -5 → 0 credits  GRT",
    ]


def test_an_account_that_nobody_met_has_an_empty_statement() -> None:
    store = settled(copied(1, opened(None), 300))
    found = statement(store, "default", "user/nobody", None, None)
    assert list(lines(found)) == [
        f"user/nobody  from the beginning, settled through record {store.head().seq}",
        "opening: nothing",
        "closing: nothing",
    ]
    assert statement(store, "other", "user/ana", None, None).entries == ()


@pytest.mark.parametrize(
    ("since", "as_of", "said"),
    [
        ("yesterday", None, "since: `yesterday` is not an instant in UTC"),
        (None, "2026-10-05", "as_of: `2026-10-05` is not an instant in UTC"),
        ("2026-10-06T00:00:00Z", "2026-10-05T00:00:00Z", "up to 2026-10-05T00:00:00Z has no time in it"),
    ],
)
def test_a_stretch_that_is_none_is_refused(since: str | None, as_of: str | None, said: str) -> None:
    with pytest.raises(Failure) as caught:
        statement(opened(None), "default", "user/ana", since, as_of)
    assert (caught.value.code, said in caught.value.message, bool(caught.value.help)) == ("invalid_range", True, True)


# ---- time travel


def _folded(book: Book, account: str) -> dict[tuple[str, str, str], tuple[str, str]]:
    """(pool, what, lot) → (settled, held) of the account, by the fold of a journal's records."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for (name, _), amount in book.balances.items():
        source = source_of(name) if class_of(name) == "hold" else name
        kind = class_of(source)
        if kind in ("lot", "debt", "overage") and source.startswith(f"{kind}:{account}/"):
            rest = source.removeprefix(f"{kind}:{account}/")
            pool, lot = rest.rsplit("/", 1) if kind == "lot" else (rest, "")
            both = found.setdefault((pool, kind, lot), [0, 0])
            both[0] += amount * chart.SIDES[kind]
            both[1] += amount if name != source else 0
    return {key: (decimal_text(both[0]), decimal_text(both[1])) for key, both in found.items() if any(both)}


def _stated(pools: Sequence[PoolBalance]) -> dict[tuple[str, str, str], tuple[str, str]]:
    found = {}
    for pool in pools:
        found.update({(pool.pool, "lot", lot.lot): (lot.settled, lot.held) for lot in pool.lots})
        found[(pool.pool, "debt", "")] = (pool.debt, "0")
        found[(pool.pool, "overage", "")] = (pool.overage, pool.overage_held)
        assert billionths(pool.settled) == sum(billionths(lot.settled) for lot in pool.lots)
    return {key: both for key, both in found.items() if both != ("0", "0")}


def _instants(records: Sequence[Record], chance: Random, count: int) -> Iterator[int]:
    """Anywhere, and on the very instants of records."""
    for _ in range(count):
        at = chance.choice(records).at
        yield from (at, at + 1, chance.randrange(records[0].at - 1, records[-1].at + 2))


@pytest.fixture(scope="module", params=SEEDS)
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def store(seed: int) -> Iterator[Store]:
    store = settled(copied(seed, opened(None)))
    yield store
    store.close()


def _at(store: Store, account: str, since: int | None, until: int | None) -> Statement:
    texts = [None if at is None else instant_text_micros(at) for at in (since, until)]
    return statement(store, "default", account, *texts)


@pytest.mark.rule("S6")
def test_the_balance_of_any_instant_is_the_fold_of_the_journal_up_to_it(seed: int, store: Store) -> None:
    records, chance, seen = simulated(seed), Random(seed), 0
    for at in _instants(records, chance, 8):
        book = Fold(records[: bisect_left(records, at, key=lambda one: one.at)]).book
        for account in ACCOUNTS:
            expected = _folded(book, account)
            assert _stated(_at(store, account, None, at).closing) == expected
            assert _stated(_at(store, account, at, None).opening) == expected
            seen += len(expected)
    assert seen > 100


@pytest.mark.rule("S6")
def test_balances_that_are_kept_change_what_it_costs_and_nothing_that_it_says(seed: int, store: Store) -> None:
    """From what is kept, back over the postings since; against a fold of all postings from the first."""
    records, chance = simulated(seed), Random(seed)
    for since in _instants(records, chance, 4):
        until = chance.choice([None, since, since + chance.randrange(10 * HOUR)])
        for account in ACCOUNTS:
            within, all_ = _at(store, account, since, until), _at(store, account, None, until)
            assert within.closing == all_.closing
            assert within.entries == tuple(one for one in all_.entries if one.at >= instant_text_micros(since))


@pytest.mark.rule("S6")
def test_statements_that_follow_each_other_fit(seed: int, store: Store) -> None:
    records, chance = simulated(seed), Random(seed)
    bounds = sorted(_instants(records, chance, 4))
    for account in ACCOUNTS:
        whole = _at(store, account, None, None)
        edges = [None, *bounds, None]
        parts = [_at(store, account, since, until) for since, until in pairwise(edges)]
        assert [one for part in parts for one in part.entries] == list(whole.entries)
        assert [part.opening for part in parts[1:]] == [part.closing for part in parts[:-1]]
        assert parts[-1].closing == whole.closing


@pytest.mark.rule("S7")
def test_every_balance_update_is_an_entry_with_the_balance_behind_it(seed: int, store: Store) -> None:
    updates = [update for _, body in store.ledger.postings(0) for update in posted_from(body).updates]
    for account in ACCOUNTS:
        entries = _at(store, account, None, None).entries
        told = [
            (one.at, one.pool, one.lot, one.amount, one.why, one.balance)
            for one in entries
            if one.of == "lot" and one.why not in ("held", "released")
        ]
        expected = [
            (one.at, one.pool, one.lot, one.amount, one.why, one.balance) for one in updates if one.account == account
        ]
        assert told == expected
        totals: dict[str, int] = {}
        for one in entries:
            totals[one.pool] = totals.get(one.pool, 0) + (billionths(one.amount) if one.of == "lot" else 0)
            assert billionths(one.pool_settled) == totals[one.pool]
            assert billionths(one.balance_held) >= 0


@pytest.mark.rule("S6")
def test_what_is_not_settled_yet_stands_apart(seed: int) -> None:
    """Settled and pending together are what is settled in the end, where usage alone waits."""
    store = settled(copied(seed, opened(None)), through=len(simulated(seed)) // 2)
    through = store.ledger.settled().through
    found = [statement(store, "default", account, None, None) for account in ACCOUNTS]
    assert {one.settled_through for one in found} == {through}
    assert max(entry.seq for one in found for entry in one.entries) <= through
    assert any(one.pending for one in found)
    at = instant_text_micros(simulated(seed)[through - 1].at)
    assert not any(statement(store, "default", account, None, at).pending for account in ACCOUNTS)

"""What the audit says of journals that are as they should be, of what waits, and of what is late, parked or changed in a store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from audit.day import day
from audit.exports import BUILD, exported, verdict_of
from book.folds import simulated_disk
from book.settled import copied, settled
from cli.test_commands import run
from overspill import Engine, ManualClock
from overspill.audit.amounts import amount_of, part_of, text_of
from overspill.audit.auditing import Bounds, Verdict
from overspill.audit.chart import CLASSES, MEET
from overspill.audit.findings import CLASSES as FINDING_CLASSES
from overspill.audit.orders import KEYS, ORDERS, Orders
from overspill.book.chart import SIDES
from overspill.cli.reconcile import of_database, of_folder, of_store
from overspill.ports.ledger import ParkedRecord
from overspill.records.postings import Parked
from overspill.store.export_writer import export
from overspill.store.opened import opened
from overspill.words.failures import Failure
from overspill.words.instants import DAY, MINUTE

SEEDS = (1, 2, 3, 4)
ANA = {"user": "u_ana"}


def _clean(verdict: Verdict) -> bool:
    assert verdict.findings == []
    return verdict.is_clean and verdict.explained == "100.000 %" and not verdict.unexplained


@pytest.mark.parametrize("seed", SEEDS)
def test_a_simulated_world_is_explained_whole(seed: int) -> None:
    found = simulated_disk(seed)
    verdict = verdict_of(exported(found.segments, found.forms), bounds=Bounds(sweep_within=1000 * DAY))
    assert _clean(verdict)
    assert verdict.entries > 2000


def test_an_export_of_a_store_and_the_store_itself_are_explained_alike(tmp_path: Path) -> None:
    store = settled(copied(2, opened(None)))
    beside = of_store(store, 0, Bounds(sweep_within=1000 * DAY))
    export(store, tmp_path / "e", BUILD, formats=("csv",))
    alone = of_folder(tmp_path / "e", Bounds(sweep_within=1000 * DAY))
    store.close()
    assert _clean(beside) and _clean(alone)
    assert beside == alone


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_part_of_a_journal_is_refused(tmp_path: Path, format_: str) -> None:
    store = settled(copied(2, opened(None)))
    export(store, tmp_path / "e", BUILD, since=50)
    store.close()
    done = run("reconcile", "--export", "e", "--format", format_, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "the export is a part" in done.err and "without --from and --to" in done.err


# ---- what waits


def _half() -> tuple[int, int]:
    """(a record in the middle of the day that moves something, the last)."""
    segments, _ = day()
    return segments[len(segments) // 2].last_seq, segments[-1].last_seq


def test_what_is_behind_the_settled_is_pending_and_nothing_is_missing() -> None:
    middle, last = _half()
    verdict = verdict_of(exported(*day(), settled_through=middle), bounds=Bounds(late_after=1000 * DAY))
    assert _clean(verdict)
    assert 0 < verdict.pending <= last - middle


def test_what_waits_too_long_is_late() -> None:
    middle, _ = _half()
    files = exported(*day(), settled_through=middle)
    verdict = verdict_of(files, now=2 * 10**15, bounds=Bounds(late_after=MINUTE))
    assert set(verdict.counts) == {"late"}
    assert verdict.counts["late"] == verdict.pending
    assert all(one.seq > middle for one in verdict.findings)


def test_a_hold_that_nobody_ends_is_late() -> None:
    """It lasts a quarter of an hour, may be captured for an hour more, and is swept within a day, or late (LED14)."""
    clock = ManualClock(1_791_194_400_000_000)
    with Engine.open("codex_sora", clock=clock, settle=False) as engine:
        engine.set_attributes(ANA, {"plan": "plus"}, id="s")
        from overspill import Request

        meters = {"input_tokens": 1000, "cached_input_tokens": 0, "output_tokens": 10}
        request = Request(id="r", account=ANA, fields={"product": "codex", "model": "gpt-5.5"}, meters=meters)
        assert engine.reserve(request).hold is not None
        engine.settle()
        assert _clean(of_store(engine._store, clock.now() + DAY))
        late = of_store(engine._store, clock.now() + 3 * DAY)
    assert [(one.klass, one.code) for one in late.findings] == [("late", "LED14")]


# ---- a store that somebody has changed

CHANGES: list[tuple[str, str, str]] = [
    ("a balance", "UPDATE balances SET amount = '1' WHERE account LIKE 'lot:%'", "amount"),
    ("a balance less", "DELETE FROM balances WHERE account LIKE 'usage:%'", "missing"),
    ("a posting", """UPDATE postings SET body = replace(body, '"amount":"50"', '"amount":"51"')""", "amount"),
    ("a posting less", "DELETE FROM postings WHERE seq = (SELECT max(seq) FROM postings)", "missing"),
    ("a posting that is none", "UPDATE postings SET body = '{' WHERE seq = 2", "malformed"),
    ("a posting of no record", "INSERT INTO postings SELECT 99999, body FROM postings LIMIT 1", "orphan"),
    ("a hash", "UPDATE segments SET hash = zeroblob(32) WHERE first_seq = 1", "chain"),
    ("a record less", "DELETE FROM segments WHERE first_seq = 1", "chain"),
    ("a snapshot", "UPDATE accounts SET state = zeroblob(8)", "malformed"),
    ("a policy less", "DELETE FROM policies", "missing"),
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert run("demo", "--db", "demo.db", cwd=folder).code == 0
    return folder / "demo.db"


def test_every_unit_of_the_demo_is_explained(demo: Path) -> None:
    assert _clean(of_database(str(demo)))
    done = run("reconcile", "--db", "demo.db", cwd=demo.parent)
    assert (done.code, done.out.splitlines()[-1]) == (0, "explained 100.000 %, unexplained: nothing")


@pytest.mark.parametrize(("what", "change", "klass"), CHANGES, ids=[one[0].replace(" ", "_") for one in CHANGES])
def test_a_change_of_a_database_is_found(demo: Path, tmp_path: Path, what: str, change: str, klass: str) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(demo.read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(change)
    connection.close()
    done = run("reconcile", "--db", "x.db", "--format", "json", cwd=tmp_path)
    assert done.code == 1, done
    assert f'"{klass}":' in done.out, done.out


def test_what_is_parked_is_missing_with_what_it_waits_for(tmp_path: Path) -> None:
    store = copied(2, opened(None))
    settled(store)
    store.ledger.begin_settling()
    through = store.ledger.settled().through
    first = next(iter(store.segments(0)))
    record = store.record(first.first_seq)
    store.ledger.settle(through, [], [], [], [ParkedRecord(Parked(record.id, "unknown_lot", "user/ana/money/X"), 1, 0)])
    store.commit()
    found = of_store(store, 0, Bounds(sweep_within=1000 * DAY)).findings
    store.close()
    assert [(one.klass, one.seq, one.id) for one in found] == [("missing", record.seq, record.id)]
    assert "unknown_lot user/ana/money/X" in found[0].what


# ---- its own parts


def test_what_is_named_must_be_an_export(tmp_path: Path) -> None:
    assert run("reconcile", "--export", "nowhere", cwd=tmp_path).code == 2
    assert run("reconcile", cwd=tmp_path).code == 2
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(Failure) as caught:
        of_folder(tmp_path)
    assert caught.value.code == "no_export"


@pytest.mark.parametrize("text", ["0", "-1", "12.5", "0.000000001", "-0.01", "123456789012.5"])
def test_an_amount_is_read_as_it_is_written(text: str) -> None:
    assert text_of(amount_of(text)) == text


@pytest.mark.parametrize("text", ["", "1.0", "01", "+1", "1e3", "-0", ".5", "1.", "1_0", "٣", " 1"])
def test_what_is_not_written_as_the_journal_writes_it_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError):
        amount_of(text)


@pytest.mark.parametrize(("amount", "expected"), [(1, 2), (3, 8), (5, 12), (0, 0), (4, 10)])
def test_a_part_of_a_cost_is_rounded_half_to_even(amount: int, expected: int) -> None:
    assert part_of(10, amount, 4) == expected


def test_the_chart_is_that_of_the_book() -> None:
    """Written twice, and the same: every class has its side, and those that meet are of the chart."""
    assert set(SIDES) == CLASSES
    assert {name.removeprefix("hold ") for pair in MEET for name in pair} | {"hold"} == CLASSES


def test_an_order_that_no_draw_contradicts_is_kept() -> None:
    assert len(ORDERS) == 65 and all(order[-1] == "id" for order in ORDERS)
    rank = {**dict.fromkeys(KEYS, 0), "id": "a"}
    soon, later = {**rank, "expires_at": 1}, {**rank, "expires_at": 2, "id": "b"}
    orders = Orders()
    assert orders.explains(("p", "money"), [{**later, "priority": 0}], [{**soon, "priority": 1}])  # by priority
    assert not orders.explains(("p", "money"), [{**soon, "priority": 1}], [{**later, "priority": 0}])
    assert orders.explains(("q", "money"), [soon], [later])  # another policy's own


def test_the_page_names_every_class() -> None:
    page = (Path(__file__).parents[2] / "docs" / "auditing.md").read_text("utf-8")
    assert all(f"| `{klass}` |" in page for klass in FINDING_CLASSES)

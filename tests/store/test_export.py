"""An export: exactly what the store has of a stretch, whole or not at all, and one error for whatever is no export."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from decimal import Decimal
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest

from book.folds import simulated, simulated_disk
from book.settled import copied, settled
from overspill.book.amounts import billionths, decimal_text
from overspill.ports.ledger import ParkedRecord
from overspill.ports.store import Store
from overspill.records.export import FILES, TABLES
from overspill.records.journal import GENESIS
from overspill.records.postings import Parked, posted_from
from overspill.store.export_reader import opened_export
from overspill.store.export_writer import At, export
from overspill.store.opened import opened
from overspill.syntax.validate import problems
from overspill.words.codec import json_bytes
from overspill.words.failures import Failure, StoreFailure
from overspill.words.instants import instant_from_text
from store.exports import BUILD, SEED, failure_of, lines_of

# ---- what is in it


def test_what_is_read_back_is_what_the_store_has(store: Store, tmp_path: Path) -> None:
    settled(copied(SEED, store))
    export(store, tmp_path / "x", BUILD)
    found = opened_export(tmp_path / "x")
    assert list(found.segments()) == list(store.segments(0)) == simulated_disk(SEED).segments
    assert list(found.records()) == list(simulated(SEED))
    posted = [posted_from(body) for _, body in store.ledger.postings(0)]
    assert list(found.transactions()) == [one.transaction for one in posted if one.transaction]
    assert list(found.usage_events()) == [one.usage for one in posted if one.usage]
    assert list(found.monetization_events()) == [one.monetization for one in posted if one.monetization]
    assert list(found.balance_updates()) == [update for one in posted for update in one.updates]
    assert [(one.owner, one.account, one.asset, billionths(one.amount)) for one in found.balances()] == [
        (one.owner, one.account, one.asset, one.amount) for one in store.ledger.balances()
    ]
    assert {one.digest: one.sources for one in found.policies()} == {
        one.digest: {name: text.decode() for name, text in one.sources.items()} for one in store.policies()
    }


def test_the_manifest_counts_and_hashes_every_file(whole: Path) -> None:
    manifest = opened_export(whole).manifest
    head = len(simulated(SEED))
    assert (manifest.version, manifest.from_, manifest.to, manifest.settled_through) == (1, 1, head, head)
    assert (manifest.previous_hash, manifest.hash) == (GENESIS.hex(), simulated_disk(SEED).segments[-1].hash.hex())
    assert (manifest.made_by, manifest.is_part) == (BUILD, False)
    assert {*manifest.files, "manifest.json"} == {path.name for path in whole.iterdir()}
    assert {*FILES} < {*manifest.files}
    for name, facts in manifest.files.items():
        body = (whole / name).read_bytes()
        assert (facts.bytes, facts.sha256) == (len(body), sha256(body).hexdigest())
        if name.endswith(".jsonl"):
            assert facts.rows == body.count(b"\n")


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("transactions", "transaction"),
        ("usage_events", "usage"),
        ("monetization_events", "monetization"),
        ("balance_updates", "balance"),
        ("manifest", "export"),
    ],
)
def test_every_row_is_what_its_schema_says(whole: Path, name: str, schema: str) -> None:
    shipped = json.loads((files("overspill_grammar") / "schemas" / f"{schema}.schema.json").read_text())
    rows = lines_of(whole / f"{name}.json{'' if name == 'manifest' else 'l'}")
    assert rows
    for row in rows[::7]:
        assert problems(row, shipped) == []
    assert problems({**rows[0], next(iter(rows[0])): []}, shipped), "the schema takes anything"


def test_the_journal_is_there_byte_for_byte(whole: Path) -> None:
    assert (whole / "journal.jsonl").read_bytes() == b"".join(one.body for one in simulated_disk(SEED).segments)


def test_what_waits_for_somebody_to_look_is_there(store: Store, tmp_path: Path) -> None:
    settled(copied(SEED, store), through=40)
    parked = ParkedRecord(Parked("cap_a", "unknown_hold", "hold_a"), 7, 99, b'{"seq":7}')
    store.ledger.begin_settling()
    store.ledger.settle(store.ledger.settled().through, [], [], [], [parked])
    store.commit()
    export(store, tmp_path / "x", BUILD)
    expected = {"record": "cap_a", "seq": 7, "at": 99, "reason": "unknown_hold", "of": "hold_a"}
    assert lines_of(tmp_path / "x" / "parked.jsonl") == [{**expected, "delivered": '{"seq":7}'}]


# ---- a stretch of it


def _segments(store: Store, seqs: tuple[int, int]) -> tuple[int, int]:
    """The records of the whole segments that hold these."""
    found = [one for one in store.segments(0) if one.last_seq >= seqs[0] and one.first_seq <= seqs[1]]
    return found[0].first_seq, found[-1].last_seq


@pytest.mark.parametrize(("since", "until"), [(1, 1), (1, 700), (333, 334), (700, 1525), (900, 10**9), (1, None)])
def test_a_stretch_is_whole_segments_and_its_own_rows(
    world: Store, tmp_path: Path, since: int, until: int | None
) -> None:
    manifest = export(world, tmp_path / "x", BUILD, since=since, until=until)
    first, last = _segments(world, (since, 10**9 if until is None else until))
    assert (manifest.from_, manifest.to) == (first, last)
    assert manifest.is_part == (first > 1 or last < manifest.settled_through)
    found = opened_export(tmp_path / "x")
    assert list(found.records()) == list(simulated(SEED)[first - 1 : last])
    assert [one.seq for one in found.transactions()] == [
        seq for seq, body in world.ledger.postings(first - 1) if seq <= last and posted_from(body).transaction
    ]
    assert next(found.segments()).previous_hash.hex() == manifest.previous_hash


def test_months_that_follow_each_other_have_every_record_once(world: Store, tmp_path: Path) -> None:
    """By instants: from the first is in, to the last is not."""
    records = simulated(SEED)
    bounds = [records[0].at, records[500].at, records[501].at, records[1200].at, records[-1].at + 1]
    seen: list[int] = []
    for number, (since, until) in enumerate(pairwise(bounds)):
        try:
            export(world, tmp_path / str(number), BUILD, since=At(since), until=At(until))
        except Failure as failure:
            assert (failure.code, since) == ("nothing_to_export", until)
            continue
        got = [one.seq for one in opened_export(tmp_path / str(number)).records()]
        wanted = [one.seq for one in records if since <= one.at < until]
        assert set(wanted) <= set(got), "a record is missing"
        first, last = _segments(world, (wanted[0], wanted[-1]))
        assert got == list(range(first, last + 1))
        seen += wanted
    assert seen == [one.seq for one in records]


def test_what_is_not_settled_has_no_rows_yet(store: Store, tmp_path: Path) -> None:
    settled(copied(SEED, store), through=500)
    through = store.ledger.settled().through
    manifest = export(store, tmp_path / "x", BUILD)
    assert manifest.settled_through == through < manifest.to
    assert not manifest.is_part
    assert max(one.seq for one in opened_export(tmp_path / "x").transactions()) <= through


def test_a_stretch_without_records_is_refused(world: Store, tmp_path: Path) -> None:
    first = simulated(SEED)[0].at
    for since, until in ((5, 4), (10**6, None), (At(first + 10**15), None), (1, At(first))):
        failure = failure_of(
            lambda since=since, until=until: export(world, tmp_path / "x", BUILD, since=since, until=until)
        )
        assert failure.code == "nothing_to_export"
        assert failure.help == f"it has the records 1 to {len(simulated(SEED))}"
    assert failure_of(lambda: export(opened(None), tmp_path / "x", BUILD)).help == "it is empty"
    assert list(tmp_path.iterdir()) == []


# ---- at one moment


def test_what_is_decided_and_settled_meanwhile_is_in_the_next_one(tmp_path: Path) -> None:
    """Balances, `settled_through` and rows are of one moment, whoever settles while the export is written."""
    path = tmp_path / "x.db"
    store, other = opened(path), opened(path)
    settled(copied(SEED, store, 2000), through=100)
    through, before = store.ledger.settled().through, list(store.ledger.balances())
    settling = iter([lambda: _settle_again(other)])

    def meanwhile(*_: object) -> None:
        next(settling, lambda: None)()

    manifest = export(store, tmp_path / "x", BUILD, progress=meanwhile)
    assert other.ledger.settled().through > through == manifest.settled_through
    found = opened_export(tmp_path / "x")
    assert [one.amount for one in found.balances()] == [decimal_text(one.amount) for one in before]
    assert max(one.seq for one in found.transactions()) <= through
    store.close()
    other.close()


def _settle_again(store: Store) -> None:
    store.ledger.begin_settling()
    store.ledger.settle(store.ledger.settled().through + 1, [], [], [], [])
    store.commit()


def test_a_store_is_read_as_of_one_moment(shared: Any) -> None:
    store, other = shared.open(), shared.open()
    copied(1, store, 500)
    with store.reading():
        assert store.ledger.settled().through == 0
        settled(other)
        assert store.ledger.settled().through == 0
        assert list(store.ledger.balances()) == []
    assert store.ledger.settled().through == store.head().seq
    assert list(store.ledger.balances()) == list(other.ledger.balances()) != []
    store.close()
    other.close()


# ---- whole or not at all


def test_no_folder_is_written_over(world: Store, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("there", "file", "link"):
        assert failure_of(lambda name=name: export(world, tmp_path / name, BUILD)).code == "exists"
    assert failure_of(lambda: export(world, tmp_path / "no" / "x", BUILD)).code == "no_such_folder"
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "there"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt(), StoreFailure("busy", "x")]
)
def test_an_export_that_is_not_finished_is_not_there(world: Store, tmp_path: Path, error: BaseException) -> None:
    def stops(what: str, done: int, total: int) -> None:
        if what == "postings":
            raise error

    with pytest.raises(type(error)):
        export(world, tmp_path / "x", BUILD, progress=stops)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, sys
from overspill.records.build import Build
from overspill.store.export_writer import export
from overspill.store.opened import opened
def progress(what, *_):
    if what == "postings":
        os.kill(os.getpid(), 9)
export(opened(sys.argv[1]), sys.argv[2], Build(overspill="", kernel="", tzdata=""), progress=progress)
"""


def test_an_export_that_is_killed_is_not_there(tmp_path: Path) -> None:
    store = opened(tmp_path / "x.db")
    settled(copied(SEED, store, 1000))
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "x.db", tmp_path / "x"], check=False)
    assert done.returncode == -9
    assert not (tmp_path / "x").exists()
    assert not list(tmp_path.rglob("manifest.json"))
    export(store, tmp_path / "x", BUILD)
    assert opened_export(tmp_path / "x").manifest.to == store.head().seq
    store.close()


def test_a_folder_that_comes_into_being_meanwhile_is_left_alone(world: Store, tmp_path: Path) -> None:
    def somebody(*_: object) -> None:
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / "mine").touch()

    assert failure_of(lambda: export(world, tmp_path / "x", BUILD, progress=somebody)).code == "exists"
    assert [path.name for path in tmp_path.rglob("*")] == ["x", "mine"]


def test_a_damaged_store_is_not_exported(tmp_path: Path) -> None:
    store = opened(tmp_path / "x.db")
    settled(copied(1, store, 300))
    store._execute("UPDATE segments SET body = X'7B0A' WHERE first_seq = 1")  # type: ignore[attr-defined]
    failure = failure_of(lambda: export(store, tmp_path / "x", BUILD))
    assert (failure.code, isinstance(failure, StoreFailure)) == ("corrupt", True)
    assert not (tmp_path / "x").exists()
    store.close()


# ---- the further forms


def _csv(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode()
    assert text.count("\r\n") == text.count("\n")
    return list(csv.DictReader(text.splitlines(keepends=True)))


@pytest.mark.parametrize("name", ["usage_events", "monetization_events", "balance_updates"])
def test_csv_says_what_jsonl_says(whole: Path, name: str) -> None:
    rows, expected = _csv(whole / f"{name}.csv"), lines_of(whole / f"{name}.jsonl")
    assert len(rows) == len(expected) > 50
    for row, want in zip(rows, expected, strict=True):
        assert list(row) == list(want)
        for key, value in want.items():
            cell = row[key]
            assert (json.loads(cell) if isinstance(value, (dict, list, int)) else cell or None) == value


def test_legs_are_those_of_the_transactions(whole: Path) -> None:
    expected = [
        (str(one["seq"]), str(number), one["cause"], one["kind"], *leg.values())
        for one in lines_of(whole / "transactions.jsonl")
        for number, leg in enumerate(one["legs"], 1)
    ]
    names = ("seq", "number", "cause", "kind", "debit", "credit", "asset", "amount")
    assert [tuple(row[name] for name in names) for row in _csv(whole / "legs.csv")] == expected


def _plain(value: Any) -> Any:
    """As JSONL has it: amounts as their shortest text, instants with all their digits, without what is absent."""
    if isinstance(value, Decimal):
        return decimal_text(int(value.scaleb(9)))
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if hasattr(value, "strftime") else value


def _parquet(path: Path) -> list[dict[str, Any]]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("name", ["usage_events", "monetization_events", "balance_updates"])
def test_parquet_says_what_jsonl_says(whole: Path, name: str) -> None:
    """Row by row, read back with DuckDB."""
    rows = _parquet(whole / f"{name}.parquet")
    expected = lines_of(whole / f"{name}.jsonl")
    assert [_plain(row) for row in rows] == [_without_null(row) for row in expected]
    assert list(rows[0]) == list(expected[0])


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(one) for key, one in value.items() if one is not None}
    return [_without_null(one) for one in value] if isinstance(value, list) else value


def test_legs_in_parquet_are_those_of_csv(whole: Path) -> None:
    rows = [{key: str(value) for key, value in _plain(row).items()} for row in _parquet(whole / "legs.parquet")]
    assert rows == [{key: cell for key, cell in row.items() if cell} for row in _csv(whole / "legs.csv")]


def test_nothing_in_parquet_is_a_float(whole: Path) -> None:
    with duckdb.connect(":memory:") as connection:
        for name in TABLES:
            path = str(whole / f"{name}.parquet")
            types = connection.execute("SELECT column_type FROM (DESCRIBE FROM read_parquet(?))", [path]).fetchall()
            assert types
            assert not [one for (one,) in types if "DOUBLE" in one or "FLOAT" in one or "REAL" in one]


def test_the_largest_amounts_are_exact(whole: Path, tmp_path: Path) -> None:
    """In both forms: the most that fits into an amount, in the smallest unit and in the largest."""
    from overspill.store.export_csv import write_csv
    from overspill.store.export_parquet import write_parquet

    amounts = ["9223372036854775806", "-9223372036854775806", "9223372036.854775806", "-0.000000001", "0"]
    row = lines_of(whole / "balance_updates.jsonl")[0]
    usage = {
        **lines_of(whole / "usage_events.jsonl")[0],
        "meters": {"tokens": 2**63 - 1},
        "charge": {"usd": amounts[0]},
    }
    for name in ("usage_events", "monetization_events", "balance_updates", "transactions"):
        (tmp_path / f"{name}.jsonl").touch()
    (tmp_path / "usage_events.jsonl").write_bytes(json_bytes(usage) + b"\n")
    (tmp_path / "balance_updates.jsonl").write_bytes(
        b"".join(json_bytes({**row, "amount": amount}) + b"\n" for amount in amounts)
    )
    assert write_csv(tmp_path)["balance_updates.csv"] == write_parquet(tmp_path)["balance_updates.parquet"] == 5
    assert [one["amount"] for one in _csv(tmp_path / "balance_updates.csv")] == amounts
    assert [_plain(one["amount"]) for one in _parquet(tmp_path / "balance_updates.parquet")] == amounts
    [read] = _parquet(tmp_path / "usage_events.parquet")
    assert (read["meters"], _plain(read["charge"])) == ({"tokens": 2**63 - 1}, {"usd": amounts[0]})


FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _dangerous(cell: str) -> bool:
    """A spreadsheet would calculate it: it begins as a formula does, and is no plain decimal."""
    return cell.startswith(FORMULA) and not cell.removeprefix("-").replace(".", "", 1).isdigit()


def test_no_cell_can_be_a_formula(whole: Path) -> None:
    cells = [cell for name in TABLES for row in _csv(whole / f"{name}.csv") for cell in row.values()]
    assert [cell for cell in cells if _dangerous(cell)] == []
    assert [_dangerous(cell) for cell in ("=1+1", "-1+1", "@SUM(A1)", "-5.25", "a")] == [True, True, True, False, False]


def test_an_instant_is_a_bound(world: Store, tmp_path: Path) -> None:
    at = simulated(SEED)[700].at
    manifest = export(world, tmp_path / "x", BUILD, since=At(at))
    assert simulated(SEED)[manifest.from_ - 1].at <= at <= simulated(SEED)[manifest.to - 1].at
    assert instant_from_text("2026-10-05T10:00:00Z") < at
    assert os.path.isdir(tmp_path / "x")

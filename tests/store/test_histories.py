"""Eight processes on one database: what each was told is what one process would have told that had run all commands one after
the other, in the journal's order, which is the order that they happened in. A twelfth of a full run's commands:
OVERSPILL_OPS=20000."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from overspill import Engine
from overspill.account.effects import apply, effects_in
from overspill.account.state import EMPTY, Account
from overspill.plan.program import Program
from overspill.records.journal import Record
from store.bank import KINDS, POLICY, TEAM, USERS, filled, key
from store.places import chain
from support.replays import replayed

OPS = int(os.environ.get("OVERSPILL_OPS", "1600"))
PROCESSES = 8
pytestmark = pytest.mark.timeout(300 + OPS // 10)
WORKER = Path(__file__).parent / "bank.py"
Told = dict[str, Any]


def _told(db: str) -> list[Told]:
    """What all processes were told."""
    paths = os.pathsep.join([str(WORKER.parents[1]), os.environ.get("PYTHONPATH", "")])
    workers = [
        subprocess.Popen(
            [sys.executable, str(WORKER), db, f"w{number}", str(OPS // PROCESSES)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        for number in range(PROCESSES)
    ]
    told: list[Told] = []

    def listen(worker: subprocess.Popen[str]) -> None:
        assert worker.stdout is not None
        with worker.stdout:
            told.extend(json.loads(line) for line in worker.stdout)

    threads = [threading.Thread(target=listen, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [worker.wait(60) for worker in workers] == [0] * PROCESSES
    assert len(told) == OPS // PROCESSES * PROCESSES
    return told


# ---- the history: what was told, beside the journal


def out_of_order(told: Sequence[Told], seq_of: dict[str, int]) -> list[str]:
    """Whatever began when something else was over already must stand behind it, or have read it."""
    found, before = [], 0
    events = sorted([(one["began"], 1, one) for one in told] + [(one["ended"], 0, one) for one in told], key=_at)
    at_begin: dict[int, int] = {}
    for _, begins, one in events:
        if begins:
            at_begin[id(one)] = before
        elif (seq := one.get("seq", seq_of.get(one.get("id", "")))) is not None:
            if not one.get("repeated") and seq < at_begin[id(one)] + ("seq" not in one):
                found.append(f"{one} stands at {seq}, and {at_begin[id(one)]} was over before it began")
            before = max(before, seq)
    return found


def _at(event: tuple[int, int, Told]) -> tuple[int, int]:
    return event[:2]


def misread(told: Sequence[Told], records: Sequence[Record], bank: int) -> list[str]:
    """Each read is the fold of the journal up to the record that it was made at; nothing is lost or made in the bank."""
    reads: dict[int, list[Told]] = {}
    for one in told:
        if "bank" in one:
            reads.setdefault(one["seq"], []).append(one)
    accounts: dict[str, Account] = {}
    found = []
    for record in records:
        for account, effects in effects_in(record.effects).items():
            accounts[account] = apply(accounts.get(account, EMPTY), effects, record.at)
        for read in reads.pop(record.seq, ()):
            now = {
                user: [[lot[0], lot[1]] for lot in accounts.get(key(user), EMPTY).pools.get("bank", ())]
                for user in USERS
            }
            total = sum(amount for lots in read["bank"].values() for _, amount in lots)
            if read["bank"] != now or total != bank:
                found.append(f"record {record.seq}: {read['bank']}, and the journal has {now}")
    return found + [f"record {seq} was read, and there is none" for seq in reads]


class Ran(NamedTuple):
    """What was told, and the journal; `bank` and `hot` are what was put into the pools, `left` is what is left of the hot one."""

    told: list[Told]
    records: list[Record]
    bank: int
    hot: int
    left: int
    program_of: Callable[[str], Program]

    @property
    def seq_of(self) -> dict[str, int]:
        return {record.id: record.seq for record in self.records}


def _ran(db: str) -> Ran:
    hot = OPS // 4
    bank = filled(db, hot)
    told = _told(db)
    with Engine.open(POLICY, db=db) as engine:
        chain(engine._store)
        assert list(engine._store.ledger.parked()) == []
        left = sum(lot[1] for lot in engine.account({"team": TEAM}).pools.get("hot", ()))
        return Ran(told, list(engine.records()), bank, hot, left, engine.policies.of)


@pytest.fixture(scope="module")
def ran(postgres: Any) -> Ran:
    return _ran(postgres.database())


def _holds(ran: Ran) -> None:
    assert {one["kind"] for one in ran.told} == set(KINDS)
    assert replayed(ran.records, ran.program_of) == ([], len(ran.records))
    assert {one["id"] for one in ran.told if "id" in one} <= set(ran.seq_of)
    assert out_of_order(ran.told, ran.seq_of) == []
    assert misread(ran.told, ran.records, ran.bank) == []
    assert (sum(one["granted"] for one in ran.told if one["kind"] == "hot"), ran.left) == (ran.hot, 0)


@pytest.mark.rule("V2")
def test_eight_processes_write_one_history_on_postgresql(ran: Ran) -> None:
    _holds(ran)


def test_eight_processes_write_one_history_on_a_file(tmp_path: Path) -> None:
    _holds(_ran(str(tmp_path / "x.db")))


# ---- canaries: histories that no serial order explains


def _read_late(told: list[Told]) -> list[Told]:
    """A read that shows less than what was over before it began."""
    last = max((one for one in told if "bank" in one), key=lambda one: one["seq"])
    return [*told, {**last, "seq": 30, "began": last["ended"] + 1, "ended": last["ended"] + 2}]


def _written_late(told: list[Told]) -> list[Told]:
    """Something that began when all else was over stands in the middle."""
    end = max(one["ended"] for one in told)
    first = next(one for one in told if one["kind"] == "hot")
    return [{**one, "began": end + 1, "ended": end + 2} if one is first else one for one in told]


def _wrong_read(told: list[Told]) -> list[Told]:
    """Of two accounts, one was read before a transfer between them, and one after it."""
    reads = sorted((one for one in told if "bank" in one), key=lambda one: int(one["seq"]))
    bank = {**reads[0]["bank"], "ana": reads[-1]["bank"]["ana"], "bob": reads[-1]["bank"]["bob"]}
    return [{**one, "bank": bank} if one is reads[0] else one for one in told]


@pytest.mark.parametrize("wrong", [_read_late, _written_late, _wrong_read])
def test_a_history_that_no_order_explains_is_found(ran: Ran, wrong: Callable[[list[Told]], list[Told]]) -> None:
    told = wrong(ran.told)
    assert out_of_order(told, ran.seq_of) + misread(told, ran.records, ran.bank) != []

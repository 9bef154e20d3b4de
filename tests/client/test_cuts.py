"""Whatever is cut when: each reservation is decided once, each capture booked once, nothing that was used is lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.both import NAMES, TURN, Both, Do
from overspill import Failure, Request
from overspill.cli.reconcile import of_store
from overspill.client import HoldJournal
from overspill.client.entries import Entry, Used
from overspill.records.journal import Record
from overspill.words.instants import HOUR
from support.services import Served, served
from support.serving import Died, Scripted, Time

FAULTS = st.sampled_from(
    ["pass"] * 8 + ["before", "after", "503", "500", "502", "unreachable", "after", "die", "die_after"]
)
USES = st.builds(
    lambda meter, amount: ("use", {meter: amount}),
    st.sampled_from(["input_tokens", "output_tokens"]),
    st.integers(0, 5_000),
)
BODIES = st.lists(USES | st.sampled_from([("capture", None), ("extend", None), ("raise", KeyError())]), max_size=5)
WAYS = st.sampled_from(["raise", "deny", "allow"])
PROCESSES = st.lists(st.lists(st.tuples(BODIES, WAYS), min_size=1, max_size=2), min_size=1, max_size=3)
_number = count()


class Process:
    """One that may die: from then on nothing is sent and nothing written, whatever still runs in it."""

    def __init__(self, one: Served, key: str, faults: Iterator[str]) -> None:
        self.way = Scripted(one.app, key, faults)
        self.dead = False
        self._send = self.way.send
        self.way.send = self.send  # type: ignore[method-assign]

    def send(self, call: Any, within: int) -> Any:
        if self.dead:
            raise Died
        try:
            return self._send(call, within)
        except Died:
            self.dead = True
            raise


class Mortal(HoldJournal):
    """The journal of a process, which also says what was used."""

    process: Process
    used: list[Used]

    def append(self, entry: Entry, durable: bool) -> None:
        if self.process.dead:
            raise Died
        super().append(entry, durable)
        if isinstance(entry, Used):
            self.used.append(entry)


def _journal(path: Path, process: Process, used: list[Used]) -> Mortal:
    journal = Mortal(path)
    journal.process, journal.used = process, used
    return journal


def _run(both: Both, request: Request, body: list[Do], journal: Mortal, if_away: str) -> Any:
    """The hold, if its block was begun."""
    seen: list[Any] = []
    with suppress(Failure, KeyError, Died):
        both.hold(request, body, journal=journal, if_away=if_away, seen=seen)
    return seen[0] if seen else None


def _clean(one: Served) -> list[Any]:
    """What the auditor finds, once all that is left has timed out."""
    one.clock.advance(3 * HOUR)
    one.engine.sweep()
    one.engine.settle()
    return of_store(one.engine._store, one.clock.now()).findings


def _expect_booked_once(records: list[Record], used: list[Used], ended: list[Any]) -> None:
    reserved: dict[str, str] = {}
    for record in records:
        answer = json.loads(bytes(record.answer))
        if record.key[2] == "reserve":
            assert record.key[3] not in reserved, "decided twice"
            reserved[record.key[3]] = (answer["hold"] or {}).get("id")
    holds = {hold: id for id, hold in reserved.items()}
    booked: Counter[tuple[str, str]] = Counter()
    numbers = []
    for record in records:
        if record.key[2] == "capture" and record.key[1] in holds:
            numbers.append((record.key[1], record.key[3]))
            for meter, amount in json.loads(bytes(record.command))["meters"].items():
                booked[holds[record.key[1]], meter] += amount
        assert record.key[2] != "release" or record.key[1] not in {hold for hold, _ in numbers}
    assert len(numbers) == len(set(numbers)), "booked twice"
    told: Counter[tuple[str, str]] = Counter()
    for entry in used:
        for meter, amount in entry.meters.items():
            told[entry.of.rpartition("/")[2], meter] += amount
    assert +booked == +told
    for hold in ended:  # whose process lived
        counted = Counter({(hold._work.id, meter): amount for meter, amount in hold.counted.items()})
        assert +counted == +Counter({at: amount for at, amount in told.items() if at[0] == hold._work.id})


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_cut_when_all_is_decided_and_booked_once(name: str, tmp_path: Path) -> None:
    with served() as one:

        @given(PROCESSES, st.lists(FAULTS, max_size=30))
        def holds(processes: list[list[tuple[list[Do], str]]], faults: list[str]) -> None:
            user, fault, number = f"u{next(_number)}", iter(faults), count()
            before = one.engine._store.head().seq
            one.all.post(f"/v1/accounts/user/{user}/attributes", {"attributes": {"plan": "pro"}}, "s")
            used: list[Used] = []
            ended = []
            path = tmp_path / f"{user}.jsonl"
            for blocks in processes:
                process = Process(one, one.all.key, fault)
                both = Both(name, process.way, time=Time())
                with _journal(path, process, used) as journal:
                    try:
                        both.recover(journal)
                    except Died:
                        continue
                    for body, if_away in blocks:
                        request = Request(id=f"{user}-{next(number)}", **{**TURN, "account": {"user": user}})
                        hold = _run(both, request, body, journal, if_away)
                        if hold is not None and not process.dead:
                            ended.append(hold)
            last = Process(one, one.all.key, iter(()))
            with _journal(path, last, used) as journal:
                for found in Both(name, last.way, time=Time()).recover(journal):
                    assert found.outcome in ("captured", "released", "left"), found
                assert journal.left() == []
            _expect_booked_once(list(one.engine.records(before)), used, ended)

        holds()
        assert _clean(one) == []

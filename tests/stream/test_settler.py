"""Settlement over a stream: whatever becomes of the messages, each record is posted once, as the journal's fold posts it
(ASSURANCE.md section 3.2, rows 19 to 24)."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from overspill.cli.main import run as overspill
from overspill.runtime.settler import Settler
from overspill.stream.broker import CONSUMER
from overspill.words.failures import StreamFailure
from store.ledgers import written
from stream.scenes import (
    Alarms,
    acknowledged,
    all_acknowledged,
    all_of,
    connected,
    decided,
    holds,
    messages,
    opened_store,
    outlasted,
    records,
    relayed,
    relaying,
    run,
    settled,
    settling,
)
from support.nats import Server

pytestmark = pytest.mark.rule("S6")


# ---- the same for a settler in the process and for one that a stream wakes

Deliver = Callable[[str], int]


def _in_process(db: str) -> int:
    with opened_store(db) as store:
        settler, total = Settler(store, lambda: 7), 0
        while count := settler.run():
            total += count
        return total


@pytest.fixture(params=["in process", "NATS"])
def deliver(request: pytest.FixtureRequest) -> Deliver:
    """Has everything settled that waits: how many records that were."""
    if request.param == "in process":
        return _in_process
    nats: Server = request.getfixturevalue("nats")
    stream = nats.stream()

    async def over_nats(db: str) -> int:
        await relayed(nats, db, stream)
        return await settled(nats, db, stream)

    return lambda db: asyncio.run(over_nats(db))


def test_what_is_settled_is_the_fold_of_the_journal(deliver: Deliver, db: str) -> None:
    """The journal of a simulated world: streams, holds, reversals, purchases, resets."""
    with opened_store(db) as store:
        count = len(written(store))
    assert deliver(db) == count
    holds(db)
    assert deliver(db) == 0
    holds(db)


def test_what_comes_later_is_settled_behind_it(deliver: Deliver, db: str) -> None:
    for name in "abc":
        decided(db, name)
        assert deliver(db) == 25
        holds(db)


def test_many_at_once_settle_each_record_once(deliver: Deliver, db: str) -> None:
    with opened_store(db) as store:
        count = len(written(store))

    async def test() -> None:
        counts = await asyncio.gather(*(asyncio.to_thread(deliver, db) for _ in range(3)))
        assert sum(counts) == count

    run(test)
    holds(db)


# ---- what becomes of messages


async def _published(server: Server, stream: str, found: list[Any], times: int = 1) -> None:
    """Messages once more, under ids that the server has not seen."""
    async with connected(server) as context:
        for time in range(times):
            for one in found:
                body = json.loads(one.data)
                await context.publish(one.subject, one.data, headers={"Nats-Msg-Id": f"{body['id']}/{time}"})


async def _nothing(*_: object) -> None:
    """The stream as it was relayed."""


async def _doubled(server: Server, stream: str) -> None:
    await _published(server, stream, await messages(server, stream), 2)


async def _shuffled(server: Server, stream: str) -> None:
    found = await messages(server, stream)
    random.Random(3).shuffle(found)
    await _again(server, stream, found)


async def _by_shard(server: Server, stream: str) -> None:
    """One shard behind the other, each backwards."""
    found = await messages(server, stream)
    found.reverse()
    await _again(server, stream, sorted(found, key=lambda one: one.subject))


async def _lost(server: Server, stream: str) -> None:
    """Two of three messages never come."""
    await _again(server, stream, (await messages(server, stream))[::3])


async def _all_lost(server: Server, stream: str) -> None:
    async with connected(server) as context:
        await context.purge_stream(stream)


async def _acknowledged_and_not_settled(server: Server, stream: str) -> None:
    """By a settler that acknowledges first, and dies."""
    async with connected(server) as context:
        await context.add_consumer(stream, ConsumerConfig(durable_name=CONSUMER, ack_policy=AckPolicy.EXPLICIT))
        pull = await context.pull_subscribe_bind(CONSUMER, stream)
        for _ in range(25):
            for one in await pull.fetch(1, timeout=10):
                await one.ack_sync()


async def _again(server: Server, stream: str, found: list[Any]) -> None:
    await _all_lost(server, stream)
    await _published(server, stream, found)


Change = Callable[[Server, str], Awaitable[None]]
CHANGES: list[Change] = [
    *(_nothing, _doubled, _shuffled, _by_shard, _lost, _all_lost),
    _acknowledged_and_not_settled,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_the_order_and_number_of_messages_change_nothing(nats: Server, db: str, stream: str, change: Change) -> None:
    decided(db)

    async def test() -> None:
        await relayed(nats, db, stream)
        await change(nats, stream)
        assert await settled(nats, db, stream) == 25
        await all_acknowledged(nats, stream)

    run(test)
    holds(db)


async def _new_consumer(server: Server, db: str, stream: str) -> None:
    """From the stream's beginning on."""
    async with connected(server) as context:
        await context.delete_consumer(stream, CONSUMER)


async def _new_stream(server: Server, db: str, stream: str) -> None:
    async with connected(server) as context:
        await context.delete_stream(stream)
    assert await relayed(server, db, stream) == 25


async def _all_again(server: Server, db: str, stream: str) -> None:
    """The outbox from its first row on."""
    assert await relayed(server, db, stream, begin=1) == 25
    await _doubled(server, stream)


@pytest.mark.parametrize(
    "rewind", [_new_consumer, _new_stream, _all_again], ids=lambda rewind: rewind.__name__.strip("_")
)
def test_a_rewind_changes_nothing(
    nats: Server, db: str, stream: str, rewind: Callable[[Server, str, str], Awaitable[None]]
) -> None:
    """However long ago it was settled: the numbers are kept for ever, no window is relied on."""
    decided(db)

    async def test() -> None:
        await relayed(nats, db, stream)
        assert await settled(nats, db, stream) == 25
        await rewind(nats, db, stream)
        assert await settled(nats, db, stream) == 0
        await all_acknowledged(nats, stream)

    run(test)
    holds(db)


def test_a_settler_goes_on_when_its_stream_is_made_anew(nats: Server, file: str, stream: str) -> None:
    """And settles while there is none."""
    decided(file)

    async def test() -> None:
        async with settling(nats.url(), file, stream) as settler:
            with pytest.raises(StreamFailure) as failure:
                await settler.step()
            assert (failure.value.code, settler.settled) == ("no_stream", 25)
            await relayed(nats, file, stream)
            await all_of(settler.step)
            async with connected(nats) as context:
                await context.delete_stream(stream)
            decided(file, "b")
            with pytest.raises(StreamFailure):
                await settler.step()
            assert settler.settled == 50
            assert await relayed(nats, file, stream) == 50
            await all_of(settler.step)
            await all_acknowledged(nats, stream)

    run(test)
    holds(file)


# ---- what dies


def test_a_server_that_is_killed_is_outlasted(file: str) -> None:
    """What it had acknowledged it still has, and what it does not tell is settled all the same."""

    async def test() -> None:
        with Server() as server:
            decided(file)
            async with relaying(server.url(), file, "s") as relay, settling(server.url(), file, "s") as settler:
                await all_of(relay.step)
                for name in "bcd":
                    decided(file, name)
                    server.kill()
                    with pytest.raises(StreamFailure):
                        await relay.step()
                    server.start()
                    await asyncio.gather(outlasted(relay.step), outlasted(settler.step))
                await outlasted(settler.step)
                assert settler.settled == 100
                assert len(await messages(server, "s")) >= 100
                while not await acknowledged(server, "s"):
                    await outlasted(settler.step)

    run(test)
    holds(file)


def test_a_settler_that_dies_before_it_acknowledges_has_settled(nats: Server, db: str, stream: str) -> None:
    decided(db)

    async def test() -> None:
        await relayed(nats, db, stream)
        async with connected(nats) as context:  # as a settler makes it, with less patience
            soon = ConsumerConfig(durable_name=CONSUMER, ack_policy=AckPolicy.EXPLICIT, ack_wait=1)
            await context.add_consumer(stream, soon)
        for _ in range(2):
            worker = Path(__file__).parent / "worker.py"
            paths = os.pathsep.join([str(worker.parents[1]), str(worker.parents[2] / "tools")])
            command = [sys.executable, str(worker), nats.url(), db, stream]
            process = await asyncio.to_thread(subprocess.run, command, env={**os.environ, "PYTHONPATH": paths})
            assert process.returncode == -9
            await asyncio.to_thread(holds, db)
            assert not await acknowledged(nats, stream)
        async with settling(nats.url(), db, stream) as settler:
            while not await acknowledged(nats, stream):
                await settler.step()
            assert settler.settled == 0

    run(test)
    holds(db)


# ---- what the journal does not have


def _unknown(db: str) -> list[tuple[str, int, str]]:
    """(record, number, what is wrong) of what is parked."""
    with opened_store(db) as store:
        return [(one.parked.record, one.seq, one.parked.of) for one in store.ledger.parked()]


def test_a_record_that_the_journal_does_not_have_is_parked(nats: Server, db: str, stream: str) -> None:
    """With all that it says; told once, never dropped, never posted, and it stops nothing."""
    decided(db)
    third, last = records(db)[2], records(db)[-1]
    lost, other = "dec_" + "a" * 26, "dec_" + "b" * 26
    bodies = [
        b'{"seq":%d,"id":"%s","kind":"consume","accounts":[],"record":{"answer":7}}' % (last.seq + 1, lost.encode()),
        b'{"seq":3,"id":"%s"}' % other.encode(),
        b'{"seq":4,"id":"%s"}' % third.id.encode(),
    ]
    alarms: Alarms = []

    async def test() -> None:
        async with connected(nats) as context:
            for _ in range(2):
                await relayed(nats, db, stream)
                for body in bodies:
                    await context.publish(f"{stream}.default.0", body)
                await settled(nats, db, stream, alarm=lambda event, **facts: alarms.append((event, facts)))
                await all_acknowledged(nats, stream)

    run(test)
    holds(db, unknown=3)
    fourth = records(db)[3].id
    expected = [
        (other, 3, f"record 3: the journal has {third.id} there"),
        (third.id, 4, f"record 4: the journal has {fourth} there"),
        (lost, last.seq + 1, f"record {last.seq + 1}: the journal ends before it"),
    ]
    assert _unknown(db) == expected
    with opened_store(db) as store:
        assert {one.body for one in store.ledger.parked()} == set(bodies)
    assert sorted(facts["record"] for _, facts in alarms) == sorted([lost, other, third.id])
    assert {(event, facts["reason"]) for event, facts in alarms} == {("record_parked", "unknown_record")}


JUNK = [b"", b"\x00\xff", b"[]", b"{}", b'{"seq":0,"id":"dec_' + b"a" * 26 + b'"}', b'{"seq":1,"id":"x"}', b'{"seq":99999999999999999999,"id":"x"}']  # fmt: skip


def test_what_tells_of_no_record_is_parked(nats: Server, db: str, stream: str, tmp_path: Path) -> None:
    """And exported, whatever it is."""
    decided(db)

    async def test() -> None:
        await relayed(nats, db, stream)
        async with connected(nats) as context:
            for body in [*JUNK, *JUNK]:
                await context.publish(f"{stream}.a.b.c", body)
        assert await settled(nats, db, stream) == 25
        await all_acknowledged(nats, stream)

    run(test)
    holds(db, unknown=len(JUNK))
    with opened_store(db) as store:
        assert sorted(one.body for one in store.ledger.parked()) == sorted(JUNK)
    assert {what for _, _, what in _unknown(db)} == {"tells of no record"}
    assert overspill(["export", "--db", db, "--out", str(tmp_path / "export")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "export" / "parked.jsonl").read_text().splitlines()]
    assert {line["delivered"] for line in lines} >= {None, "\x00\\xff", "[]"}


def test_what_an_old_backup_has_lost_is_listed(nats: Server, file: str, stream: str, tmp_path: Path) -> None:
    """Also what a client has asked for again since, which stands in the journal at another place."""
    decided(file)
    backup = str(tmp_path / "backup.db")
    with opened_store(file):
        pass  # the log is in the file
    shutil.copy(file, backup)
    decided(file, "lost")
    lost = {(record.id, record.seq) for record in records(file)[30:] if record.moves}

    async def test() -> None:
        await relayed(nats, file, stream)
        await asyncio.to_thread(decided, backup, "after", 1)
        await asyncio.to_thread(decided, backup, "lost")
        await settled(nats, backup, stream)
        await all_acknowledged(nats, stream)

    run(test)
    assert len(lost) == 25
    assert {(record, seq) for record, seq, _ in _unknown(backup)} == lost
    holds(backup, unknown=25)

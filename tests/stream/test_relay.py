"""The relay: what has something to settle stands in the stream, whatever dies, is lost or works beside it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from nats.js.api import StreamConfig

from book.settled import settled
from overspill.runtime.retention import compact
from overspill.store.identity import journal_id
from overspill.store.sqlite_ledger import SqliteLedger
from overspill.stream.broker import JOURNAL
from overspill.stream.message import shard_of
from overspill.words.failures import StoreFailure, StreamFailure
from stream.scenes import (
    NAMES,
    Alarms,
    all_of,
    connected,
    decided,
    messages,
    opened_store,
    outlasted,
    relayed,
    relaying,
    run,
    to_settle,
)
from support.nats import Server


def _told(found: list[object]) -> list[tuple[int, str]]:
    bodies = [json.loads(one.data) for one in found]  # type: ignore[attr-defined]
    return [(body["seq"], body["id"]) for body in bodies]


def test_each_record_that_has_something_to_settle_is_a_message(nats: Server, db: str, stream: str) -> None:
    """In the journal's order, on the subject of its account, with its id and with its line."""
    decided(db)

    async def test() -> None:
        assert await relayed(nats, db, stream) == 25
        found = await messages(nats, stream)
        assert _told(found) == to_settle(db)
        with opened_store(db) as store:
            lines = [line for segment in store.segments(0) for line in segment.body.splitlines()]
        for one in found:
            body = json.loads(one.data)
            account = body["accounts"][0]
            assert one.subject == f"{stream}.default.{shard_of(account)}"
            assert one.headers["Nats-Msg-Id"] == body["id"]
            assert json.dumps(body["record"]) == json.dumps(json.loads(lines[body["seq"] - 1]))
            assert lines[body["seq"] - 1] in one.data
        assert {json.loads(one.data)["accounts"][0] for one in found} == {f"default/user/{name}" for name in NAMES}
        assert [json.loads(one.data)["kind"] for one in found] == ["grant"] * 5 + ["consume"] * 20

    run(test)


def test_what_was_relayed_is_not_relayed_again(nats: Server, db: str, stream: str) -> None:
    decided(db)

    async def test() -> None:
        assert await relayed(nats, db, stream) == 25
        assert await relayed(nats, db, stream) == 0
        decided(db, "b", 1)
        assert await relayed(nats, db, stream) == 10
        assert _told(await messages(nats, stream)) == to_settle(db)
        assert await relayed(nats, db, stream, begin=21) == 5 + 10
        assert await relayed(nats, db, stream) == 0

    run(test)


def test_what_the_outbox_has_forgotten_is_relayed_all_the_same(nats: Server, db: str, stream: str) -> None:
    """Settled and compacted before any relay was there, and after it: also to a stream that is to have all again."""
    decided(db)
    with opened_store(db) as store:
        settled(store)
        assert compact(store) > 0

    async def test() -> None:
        assert await relayed(nats, db, stream) == 25
        decided(db, "b", 1)
        with opened_store(db) as store:
            compact(settled(store))
        assert await relayed(nats, db, stream) == 10
        assert _told(await messages(nats, stream)) == to_settle(db)
        assert await relayed(nats, db, stream, begin=1) == 35

    run(test)


def test_a_relay_that_dies_before_it_remembers_publishes_again(
    nats: Server, file: str, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(file)

    def dies(*_: object) -> bool:
        raise StoreFailure("busy", "it dies here")

    async def test() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(SqliteLedger, "relay", dies)
            with pytest.raises(StoreFailure):
                await relayed(nats, file, stream)
        assert _told(await messages(nats, stream)) == to_settle(file)
        assert await relayed(nats, file, stream) == 25
        assert set(_told(await messages(nats, stream))) == set(to_settle(file))

    run(test)


def test_two_relays_at_once_leave_nothing_out(nats: Server, db: str, stream: str) -> None:
    for name in "abcdef":
        decided(db, name)

    async def test() -> None:
        counts = await asyncio.gather(*(relayed(nats, db, stream) for _ in range(3)))
        assert sum(counts) >= 6 * 25
        assert set(_told(await messages(nats, stream))) == set(to_settle(db))
        assert await relayed(nats, db, stream) == 0

    run(test)


def test_who_finds_that_another_relay_went_on_waits(nats: Server, file: str, stream: str) -> None:
    decided(file)

    async def test() -> None:
        async with relaying(nats.url(), file, stream) as slow:
            await all_of(slow.step)
            decided(file, "b", 1)
            assert await relayed(nats, file, stream) == 10
            assert not await slow.step()  # its mark is an old one: it has published for nothing
            assert not await slow.step()
            assert slow.published == 25 + 10

    run(test)


def test_a_relay_that_works_meanwhile_is_no_rewind(
    nats: Server, file: str, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks, at the mark and at the stream, both may be somewhere else."""
    decided(file)
    alarms: Alarms = []

    async def test() -> None:
        async with relaying(
            nats.url(), file, stream, alarm=lambda event, **facts: alarms.append((event, facts))
        ) as slow:
            stands = slow._broker.stream

            async def late(*arguments: Any) -> Any:
                found = await stands(*arguments)
                await relayed(nats, file, stream)
                return found

            monkeypatch.setattr(slow._broker, "stream", late)
            await all_of(slow.step)
            monkeypatch.undo()
            await all_of(slow.step)
        assert alarms == []
        assert set(_told(await messages(nats, stream))) == set(to_settle(file))

    run(test)


# ---- what a server loses


async def _made(server: Server, db: str, stream: str, before: int = 0) -> None:
    """The stream, by somebody else, with messages that are nobody's."""
    with opened_store(db) as store:
        journal = journal_id(store)
    async with connected(server) as context:
        await context.add_stream(StreamConfig(name=stream, subjects=[f"{stream}.>"], metadata={JOURNAL: str(journal)}))
        for _ in range(before):
            await context.publish(f"{stream}.x.1", b"")


async def _deleted(server: Server, stream: str) -> None:
    async with connected(server) as context:
        await context.delete_stream(stream)


@pytest.mark.parametrize("before", [None, 0, 20, 40])
@pytest.mark.parametrize("idle", [True, False], ids=["found while idle", "found while it publishes"])
def test_a_stream_that_is_not_what_it_was_gets_all_again(
    nats: Server, file: str, stream: str, before: int | None, idle: bool
) -> None:
    """It is gone; or it was made again, and has fewer messages than it had; or will have as many when it is met."""
    decided(file)
    alarms: Alarms = []

    async def test() -> None:
        async with relaying(
            nats.url(), file, stream, alarm=lambda event, **facts: alarms.append((event, facts))
        ) as relay:
            await all_of(relay.step)
            assert alarms == []
            await _deleted(nats, stream)
            if before is not None:
                await _made(nats, file, stream, min(before, 24))
            if idle:
                relay._checked_at = -1e9
            else:
                decided(file, "b", 4)
            if before is None and not idle:
                with pytest.raises(StreamFailure) as failure:
                    await relay.step()
                assert failure.value.code == "no_stream"
            await all_of(relay.step)
            assert [event for event, _ in alarms] == ["stream_rewound"]
            assert alarms[0][1]["published_again_from"] == 1
        found = [one for one in await messages(nats, stream) if one.data]
        assert set(_told(found)) == set(to_settle(file))
        assert await relayed(nats, file, stream) == 0

    run(test)


def test_a_server_that_is_killed_is_waited_for(file: str) -> None:
    for name in "abcdef":
        decided(file, name)

    async def test() -> None:
        with Server() as server:
            async with relaying(server.url(), file, "s") as relay:
                await relay.step()
                for name in "ghi":
                    decided(file, name)
                    server.kill()
                    with pytest.raises(StreamFailure) as failure:
                        await relay.step()
                    assert failure.value.code == "stream_away"
                    server.start()
                    await outlasted(relay.step)
            assert set(_told(await messages(server, "s"))) == set(to_settle(file))

    run(test)

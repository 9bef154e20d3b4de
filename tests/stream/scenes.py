"""What the tests of streams share: a journal of a few accounts, a relay of it, and looking at a stream from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any

from nats.aio.client import Client
from nats.js.client import JetStreamContext

from overspill import Engine, Request
from overspill.ports.store import Store
from overspill.records.journal import Record, records_of
from overspill.runtime.clock import SystemClock
from overspill.store.opened import opened
from overspill.stream.broker import CONSUMER, Broker, _parsed
from overspill.stream.relay import Relay
from overspill.stream.settler import StreamSettler
from overspill.stream.work import Work
from overspill.words.failures import StreamFailure
from store.ledgers import same_as_the_fold
from store.places import POLICY
from support.nats import Server

NAMES = ("ana", "bob", "cid", "dan", "eva")
Alarms = list[tuple[str, dict[str, Any]]]


def decided(db: str, name: str = "a", rounds: int = 4) -> None:
    """Five accounts: a grant each, then requests in turn. The last round of all is denied, and has nothing to settle."""
    with Engine.open(POLICY, db=db, settle=False) as engine:
        for account in NAMES:
            engine.grant({"user": account}, "money", str(3 * rounds), id=f"{name}_C")
        for round in range(rounds):
            for account in NAMES:
                engine.decide(Request(id=f"{name}{round}", account={"user": account}, meters={"credits": 2}))
        for account in NAMES:
            denied = engine.decide(Request(id=f"{name}_no", account={"user": account}, meters={"credits": 10**9}))
            assert denied.outcome == "deny"


@contextmanager
def opened_store(db: str) -> Iterator[Store]:
    with closing(opened(db)) as store:
        yield store


def records(db: str) -> list[Record]:
    with opened_store(db) as store:
        return list(records_of(store.segments(0), store.form))


def to_settle(db: str) -> list[tuple[int, str]]:
    """(number, id) of each record that a stream is told of."""
    return [(record.seq, record.id) for record in records(db) if record.moves]


@asynccontextmanager
async def connected(server: Server, secret: str = "") -> AsyncIterator[JetStreamContext]:
    client = Client()
    await client.connect(server.url(), **_parsed(server.url(secret))[1])
    yield client.jetstream()
    await client.close()


@asynccontextmanager
async def relaying(url: str, db: str, stream: str, **options: Any) -> AsyncIterator[Relay]:
    """A relay of its own store and connection."""
    work, broker = Work(), Broker(url)
    with opened_store(db) as store:
        try:
            await broker.connect()
            yield Relay(store, broker, stream, SystemClock(), work, **options)
        finally:
            await broker.close()
            work.close()


@asynccontextmanager
async def settling(url: str, db: str, stream: str, every: float = 0.2, **options: Any) -> AsyncIterator[StreamSettler]:
    """A settler of its own store and connection, which finds out soon that there are no more messages."""
    work, broker = Work(), Broker(url)
    with opened_store(db) as store:
        try:
            await broker.connect()
            yield StreamSettler(store, broker, stream, lambda: 7, work, every=every, **options)
        finally:
            await broker.close()
            work.close()


async def settled(server: Server, db: str, stream: str, **options: Any) -> int:
    """All messages, by a settler that then ends: how many records it settled."""
    async with settling(server.url(), db, stream, **options) as settler:
        await all_of(settler.step)
        return settler.settled


async def acknowledged(server: Server, stream: str, secret: str = "") -> bool:
    """Whether no message waits for a settler."""
    async with connected(server, secret) as context:
        info = await context.consumer_info(stream, CONSUMER)
        return (info.num_pending, info.num_ack_pending) == (0, 0)


async def all_acknowledged(server: Server, stream: str, secret: str = "") -> None:
    """The server counts acknowledgements when it comes to it."""
    while not await acknowledged(server, stream, secret):
        pass


def holds(db: str, unknown: int = 0) -> None:
    """What is settled is the fold of the journal, whole and once."""
    with opened_store(db) as store:
        same_as_the_fold(store, list(records_of(store.segments(0), store.form)), unknown)


async def all_of(step: Callable[[], Awaitable[bool]]) -> None:
    while await step():
        pass


async def outlasted(step: Callable[[], Awaitable[bool]]) -> None:
    """The same where the server may not be back yet."""
    while True:
        try:
            return await all_of(step)
        except StreamFailure:
            continue


async def relayed(server: Server, db: str, stream: str, **options: Any) -> int:
    """All that there is, by a relay that then ends: how many messages."""
    async with relaying(server.url(), db, stream, **options) as relay:
        await all_of(relay.step)
        return relay.published


async def messages(server: Server, stream: str) -> list[Any]:
    """All that stand in the stream, in order."""
    async with connected(server) as context:
        count = (await context.stream_info(stream)).state.messages
        pull = await context.pull_subscribe("", stream=stream)
        found: list[Any] = []
        while len(found) < count:
            found += await pull.fetch(count - len(found), timeout=10)
        return found


def run(test: Callable[[], Awaitable[None]]) -> None:
    """A test of asyncio, within a minute."""

    async def limited() -> None:
        await asyncio.wait_for(test(), 60)  # type: ignore[arg-type]

    asyncio.run(limited())

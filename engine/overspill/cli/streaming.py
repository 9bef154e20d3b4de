"""`relay`, and what the commands that speak to a NATS server share: their options, and an end that a signal asks for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import TypeVar

import click

from overspill.cli.io import anchor_option, existing_db_option, format_option, out, out_json, say
from overspill.runtime.clock import SystemClock
from overspill.store.known import refuse_restored
from overspill.store.opened import named, opened
from overspill.store.settlement import Settlement, settlement
from overspill.stream.opened import broker_at
from overspill.stream.work import Work, may_pass
from overspill.words.failures import StoreFailure, StreamFailure

T = TypeVar("T")

_NATS = "nats://USER:PASSWORD@HOST:4222, several with commas; better in the environment, as OVERSPILL_NATS_URL."
nats_option = click.option("--nats", "url", envvar="OVERSPILL_NATS_URL", metavar="URL", help=f"Be woken by: {_NATS}")
needed_nats_option = click.option(
    "--nats", "url", envvar="OVERSPILL_NATS_URL", metavar="URL", required=True, help=f"The server: {_NATS}"
)
stream_option = click.option(
    "--stream", default="overspill", show_default=True, help="The stream, and the first word of its subjects."
)


def until_stopped(act: Callable[[Work], Awaitable[T]]) -> T:
    """Runs it; SIGTERM and SIGINT ask for the end of its work."""

    async def ran() -> T:
        work = Work()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, work.stop)
        try:
            return await act(work)
        finally:
            work.close()

    return asyncio.run(ran())


def settled_from_stream(
    db: str, anchor: str | None, url: str, stream: str, once: bool, every: int
) -> tuple[int, Settlement]:
    """What `worker --nats` does: how many records it settled, and how settlement then stands."""
    broker = broker_at(url, stream)

    async def settled(work: Work) -> tuple[int, Settlement]:
        from overspill.stream.settler import StreamSettler

        with closing(opened(db, anchor=anchor)) as store:
            one = StreamSettler(store, broker, stream, SystemClock().now, work, every=1 if once else every / 1000)
            try:
                refuse_restored(store)
                await broker.connect()
                say(f"settling {named(db)}, woken by the stream {stream} of {broker.name}")
                await _stepped(work, one.step, once)
            finally:
                await broker.close()
            return one.settled, settlement(store)

    return until_stopped(settled)


async def _stepped(work: Work, step: Callable[[], Awaitable[bool]], once: bool) -> None:
    """Until it is stopped; `once`: until nothing is left. What is wrong from the start and will stay so is said at once."""
    try:
        more = await step()
        while once and more and not work.stopped:
            more = await step()
    except (StoreFailure, StreamFailure) as failure:
        if once or not may_pass(failure):
            raise
    if not once:
        await work.run(step)


@click.command()
@existing_db_option
@anchor_option
@needed_nats_option
@stream_option
@click.option("--from", "begin", type=click.IntRange(min=1), help="Publish again from the record of this number on.")
@click.option(
    "--replicas", type=click.IntRange(1, 5), default=1, show_default=True, help="Of the stream, where it is made."
)
@click.option("--once", is_flag=True, help="End when everything that is there is published.")
@format_option("text", "json")
def relay(
    db: str, anchor: str | None, url: str, stream: str, begin: int | None, replicas: int, once: bool, format_: str
) -> int:
    """Publish what is to be settled to a stream of NATS JetStream, as it comes, until stopped.

    \b
    overspill relay --db postgresql://… --nats nats://127.0.0.1:4222
    """
    broker = broker_at(url, stream)

    async def relayed(work: Work) -> int:
        from overspill.stream.relay import Relay

        with closing(opened(db, anchor=anchor)) as store:
            try:
                refuse_restored(store)
                await broker.connect()
                one = Relay(store, broker, stream, SystemClock(), work, begin=begin, replicas=replicas)
                say(f"relaying {named(db)} into the stream {stream} of {broker.name}")
                await _stepped(work, one.step, once)
                return one.published
            finally:
                await broker.close()

    count = until_stopped(relayed)
    if format_ == "json":
        out_json({"published": count})
    else:
        out(f"{count} {'message' if count == 1 else 'messages'} published")
    return 0

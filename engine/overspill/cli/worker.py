"""`overspill worker`: settles what engines have decided, until it is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

import click

from overspill.cli.io import anchor_option, existing_db_option, format_option, out, out_json, say
from overspill.cli.streaming import nats_option, settled_from_stream, stream_option
from overspill.ports.store import Store
from overspill.runtime.clock import SystemClock
from overspill.runtime.outage import COMMIT_UNKNOWN, PASSING
from overspill.runtime.settler import Settler
from overspill.store.known import refuse_restored
from overspill.store.opened import named, opened
from overspill.store.settlement import Settlement, settlement
from overspill.words.failures import StoreFailure

EVERY, EVERY_WOKEN = 200, 5000
TOLD_EVERY = 10_000
"""Records after which a worker that has much to do says how far it is."""


@click.command()
@existing_db_option
@anchor_option
@click.option("--once", is_flag=True, help="Settle what waits now, then end.")
@click.option(
    "--every",
    type=click.IntRange(1, 3_600_000),
    help=f"Milliseconds between two looks.  [default: {EVERY}; with --nats {EVERY_WOKEN}]",
)
@nats_option
@stream_option
@format_option("text", "json")
def worker(
    db: str, anchor: str | None, once: bool, every: int | None, url: str | None, stream: str, format_: str
) -> int:
    """Post what was decided on the database: usage, its price, and the double entry.

    Any number of workers may run on one database, beside engines that settle by themselves. Each record is posted once,
    whatever is killed when. A store that is away is asked again; one that must be opened again, or was put back, ends it.

    With --nats the messages of `overspill relay` wake it; it looks now and then without one.
    """
    if url is None:
        count, last = _settled(db, anchor, once, every or EVERY)
    else:
        count, last = settled_from_stream(db, anchor, url, stream, once, every or EVERY_WOKEN)
    if format_ == "json":
        out_json({"settled": count, "through": last.through, "waiting": last.waiting, "parked": last.parked})
    else:
        out(f"{count} records settled, through {last.through}{_rest(last)}")
    return 1 if last.parked else 0


def _settled(db: str, anchor: str | None, once: bool, every: int) -> tuple[int, Settlement]:
    over = threading.Event()
    before = {one: signal.signal(one, _stopping(over)) for one in (signal.SIGTERM, signal.SIGINT)}
    store = opened(db, anchor=anchor)
    try:
        refuse_restored(store)
        return _work(store, db, over, once, every), settlement(store)
    finally:
        store.close()
        for one, handler in before.items():
            signal.signal(one, handler)


def _stopping(over: threading.Event) -> Callable[[int, FrameType | None], None]:
    def stop(_: int, __: FrameType | None) -> None:
        over.set()

    return stop


def _work(store: Store, db: str, over: threading.Event, once: bool, every: int) -> int:
    """How many records were settled."""
    clock = SystemClock()
    say(f"settling {named(db)}")
    settler, total, told, failed = Settler(store, clock.now), 0, 0, ""
    while not over.is_set():
        try:
            count = settler.run()
            failed = ""
            total += count
            if total - told >= TOLD_EVERY or (told < total and not count):
                told = total
                state = settlement(store)
                say(
                    f"{named(db)}: {total} settled, through {state.through}, {state.lag(clock.now()) // 1000} ms behind"
                )
        except StoreFailure as failure:
            if once or failure.code not in (*PASSING, COMMIT_UNKNOWN):
                raise
            if failure.code != failed:  # told once for as long as it lasts
                failed = failure.code
                say(f"not settled: {failure}")
            over.wait(1)
            continue
        if not count:
            if once:
                break
            over.wait(every / 1000)
    return total


def _rest(last: Settlement) -> str:
    parts = [f", {last.waiting} wait" if last.waiting else "", f", {last.parked} parked" if last.parked else ""]
    return "".join(parts)

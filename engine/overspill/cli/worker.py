"""`overspill worker`: settles what engines have decided, until it is told to stop."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

import click

from overspill.cli.io import anchor_option, existing_db_option, format_option, out, out_json, say
from overspill.cli.streaming import nats_option, settled_from_stream, stream_option
from overspill.ports.store import Store
from overspill.runtime.alarms import alarm
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
@click.option("--beside", is_flag=True, hidden=True, help="End with standard input, of which each line wakes it.")
@nats_option
@stream_option
@format_option("text", "json")
def worker(
    db: str, anchor: str | None, once: bool, every: int | None, beside: bool, url: str | None, stream: str, format_: str
) -> int:
    """Post what was decided on the database: usage, its price, and the double entry.

    Any number of workers may run on one database, beside engines that settle by themselves. Each record is posted once,
    whatever is killed when. A store that is away is asked again; one that must be opened again, or was put back, ends it.

    With --nats the messages of `overspill relay` wake it; it looks now and then without one.
    """
    if url is None:
        count, last = _settled(db, anchor, once, every or EVERY, beside)
    else:
        count, last = settled_from_stream(db, anchor, url, stream, once, every or EVERY_WOKEN)
    if format_ == "json":
        out_json({"settled": count, "through": last.through, "waiting": last.waiting, "parked": last.parked})
    else:
        out(f"{count} record{'' if count == 1 else 's'} settled, through {last.through}{_rest(last)}")
    return 1 if last.parked else 0


class _Waking:
    """When the next look is due: `end` may come from a signal, `wake` from another thread."""

    def __init__(self) -> None:
        self.is_over = False
        self._woken = threading.Event()

    def end(self, _: int = 0, __: FrameType | None = None) -> None:
        self.is_over = True
        self._woken.set()

    def wait(self, seconds: float) -> None:
        """As long, or until it is woken."""
        if self._woken.wait(seconds) and not self.is_over:
            self._woken.clear()

    def listen(self) -> None:
        """To standard input, until that ends."""
        while os.read(sys.stdin.fileno(), 65536):
            self._woken.set()
        self.end()


def _settled(db: str, anchor: str | None, once: bool, every: int, beside: bool) -> tuple[int, Settlement]:
    waking = _Waking()
    before = {one: signal.signal(one, waking.end) for one in (signal.SIGTERM, signal.SIGINT)}
    store = opened(db, anchor=anchor)
    try:
        refuse_restored(store)
        if beside:
            threading.Thread(target=waking.listen, daemon=True).start()
        return _work(store, db, waking, once, every, beside), settlement(store)
    finally:
        store.close()
        for one, handler in before.items():
            signal.signal(one, handler)


def _quiet(_: str) -> None:
    """Who works beside somebody has nothing to tell but what is wrong."""


def _said(failure: StoreFailure) -> None:
    say(f"not settled: {failure}")


def _alarmed(failure: StoreFailure) -> None:
    alarm("not_settled", code=failure.code, what=str(failure), help=failure.help or "")


def _work(store: Store, db: str, waking: _Waking, once: bool, every: int, beside: bool) -> int:
    """How many records were settled."""
    clock, tell, complain = SystemClock(), _quiet if beside else say, _alarmed if beside else _said
    tell(f"settling {named(db)}")
    settler, total, told, failed = Settler(store, clock.now), 0, 0, ""
    while not waking.is_over:
        try:
            count = settler.run()
            failed = ""
            total += count
            if total - told >= TOLD_EVERY or (told < total and not count):
                told = total
                state = settlement(store)
                behind = state.lag(clock.now()) // 1000
                tell(f"{named(db)}: {total} settled, through {state.through}, {behind} ms behind")
        except StoreFailure as failure:
            if once or failure.code not in (*PASSING, COMMIT_UNKNOWN):
                raise
            if failure.code != failed:  # told once for as long as it lasts
                failed = failure.code
                complain(failure)
            waking.wait(1)
            continue
        if not count:
            if once:
                break
            waking.wait(every / 1000)
    return total


def _rest(last: Settlement) -> str:
    parts = [f", {last.waiting} wait" if last.waiting else "", f", {last.parked} parked" if last.parked else ""]
    return "".join(parts)

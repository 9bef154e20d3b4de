"""Mistakes that were made before, here or elsewhere, put into the wiring: each must be found within its seeds.

A bug is a function that patches the engine's modules, or the store's, for one run. The second column is how many seeds
it may take, the third who made it before or what rule it breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from overspill.account import holds as account_holds
from overspill.account.holds import Homeless, Kept
from overspill.account.kernel import freed
from overspill.account.state import Account, Hold
from overspill.decide import decide
from overspill.plan.counting import given_back
from overspill.plan.program import Program
from overspill.plan.resets import after_reset
from overspill.plan.shapes import LOT_LEFT, WindowState
from overspill.ports.store import Snapshot
from overspill.runtime import clock, snapshots
from overspill.runtime.clock import SystemClock
from overspill.runtime.ids import Ids
from overspill.runtime.outage import Outage
from overspill.runtime.states import Folded, States
from overspill.step import lots, purchases, resets, reversal, settle
from overspill.step import top_ups as step_top_ups
from overspill.step.accounts import Change
from overspill.step.step import Batch
from overspill.words.codec import replace
from overspill.words.ids import derived_id
from simulator.disk import Disk
from simulator.process import Plans
from simulator.store import SimulatedStore
from simulator.wiring import Patches

Bug = Callable[[Patches], None]


def reply_before_commit(patches: Patches) -> None:
    """The answer leaves before the commit is durable."""
    patches.put(SimulatedStore, "sync", lambda self: None)


def key_forgotten_after_restart(patches: Patches) -> None:
    """What is folded at a start does not bring its keys."""
    fold = States._fold

    def folded(self: States, record: Folded) -> None:
        note = self.ids.note
        self.ids.note = lambda record: None  # type: ignore[method-assign]
        try:
            fold(self, record)
        finally:
            self.ids.note = note  # type: ignore[method-assign]

    patches.put(States, "_fold", folded)


def retry_as_new(patches: Patches) -> None:
    """A repeated command is not looked for."""
    patches.put(Ids, "find", lambda self, ids: {})


def applied_twice(patches: Patches) -> None:
    """A record that is read at a start is applied as often as it is read."""
    fold = States._fold

    def folded(self: States, record: Folded) -> None:
        fold(self, record)
        fold(self, record)

    patches.put(States, "_fold", folded)


def wall_clock(patches: Patches) -> None:
    """Holds are reaped by the wall clock."""
    patches.put(SystemClock, "now", lambda self: _wall())


def _wall() -> int:
    """What the wall clock says, where the engine's own clock reads it."""
    return int(vars(clock)["time"].time_ns()) // 1000


def max_clock(patches: Patches) -> None:
    """`max(last, wall)`: a jump forward and back stops the clock."""
    last = [0]

    def latest(self: SystemClock) -> int:
        last[0] = max(last[0], _wall())
        return last[0]

    patches.put(SystemClock, "now", latest)


def time_out_gives_back_twice(patches: Patches) -> None:
    expired = settle.expired

    def twice(hold: Hold, *rest: Any) -> settle.Settled:
        return expired(replace(hold, legs=hold.legs * 2), *rest)

    patches.put(settle, "expired", twice)


def wrong_lot_gets_back(patches: Patches) -> None:
    """What was drawn first goes back first."""

    def lots_back(draft: Any, hold: Hold, kept: Kept, at: int) -> list[Homeless]:
        account = hold.accounts[kept.leg.kind]
        keep = kept.amount
        for pool, lot, part in reversed(kept.leg.lots):
            used, back = freed(part, keep)
            keep -= used
            if back:
                now = draft.lot(account, pool, lot[0])
                draft.set_lot(account, pool, (lot[0], (0 if now is None else now[LOT_LEFT]) + back, *lot[2:]))
        return []

    patches.put(account_holds, "_lots_back", lots_back)


def wrong_generation(patches: Patches) -> None:
    """What comes back late comes back to the window that is open now."""

    def back(state: WindowState, _: int, amount: int) -> WindowState:
        return given_back(state, state[0], amount)

    patches.put(account_holds, "given_back", back)


def denial_consumes(patches: Patches) -> None:
    """What layers had is drawn, and then the request is denied."""
    outcome_of = decide.outcome_of

    def drawing(waterfall: Any, raw: Any, at_least: int = 0) -> tuple[str, int, tuple[int, ...]]:
        outcome, granted, drawn = outcome_of(waterfall, raw, at_least)
        return outcome, granted, decide._took(raw) if outcome == decide.DENY else drawn

    patches.put(decide, "outcome_of", drawing)


def torn_segment_accepted(patches: Patches) -> None:
    """Neither the disk's frames nor the journal's hashes are checked."""
    patches.put(States, "_verify", lambda self, segment: None)
    patches.put(Disk, "checks_frames", False)


def snapshot_drops_recent_ids(patches: Patches) -> None:
    """The index misses some of the ids that are forgotten with the snapshot."""
    leave = Ids.leave

    def some(self: Ids) -> list[tuple[int, int]]:
        return [pair for pair in leave(self) if pair[1] % 8]

    patches.put(Ids, "leave", some)


def earlier_parts_ignored(patches: Patches) -> None:
    """A capture is priced without what was booked before it."""
    captured = settle.captured

    def alone(program: Program, hold: Hold, *rest: Any, **more: Any) -> settle.Settled:
        return captured(program, replace(hold, meters={}), *rest, **more)

    patches.put(settle, "captured", alone)


def transfer_creates(patches: Patches) -> None:
    """The lot stays where it was, and is at its target too."""
    transfer = lots.transfer

    def copied(*arguments: Any) -> Change:
        change = transfer(*arguments)
        source = next(iter(change.effects))
        return Change({**change.effects, source: ()}, change.answer)

    patches.put(lots, "transfer", copied)


def voided_lot_returns(patches: Patches) -> None:
    """A lot is voided while a hold has a part of it."""
    void = lots.void

    def unheld(plan: Any, command: Any, account_of: Callable[[str], Account], *rest: Any) -> Change:
        return void(plan, command, lambda key: replace(account_of(key), holds={}), *rest)

    patches.put(lots, "void", unheld)


def batch_forgets(patches: Patches) -> None:
    """Commands of one batch meet the state before it: two spend the same."""

    def meet(self: Batch, keys: Sequence[str | None]) -> tuple[Account | None, ...]:
        return tuple([None if key is None else self._account_of(key) for key in keys])

    patches.put(Batch, "meet", meet)


def captured_by_todays_policy(patches: Patches) -> None:
    """A hold is priced by the version that is active, not by its own (LANGUAGE.md T2)."""
    patches.put(Plans, "of", lambda self, digest: self.active())


def captured_when_over(patches: Patches) -> None:
    """A capture is taken however late it comes."""
    hold_of = settle.hold_of
    patches.put(settle, "hold_of", lambda account, hold, now: hold_of(account, hold, 0))


def stale_snapshot(patches: Patches) -> None:
    """A snapshot says that it holds one record more than it does."""
    snapshot = States.snapshot

    def ahead(self: States, key: str) -> Snapshot:
        one = snapshot(self, key)
        return replace(one, seq=one.seq + 1)

    patches.put(States, "snapshot", ahead)


def part_for_the_whole(patches: Patches) -> None:
    """The first part of a snapshot says that all of it is there."""
    part = snapshots._Pass.part

    def last(self: snapshots._Pass, most: int) -> snapshots.Part:
        return replace(part(self, most), through=self.through)

    patches.put(snapshots._Pass, "part", last)


def reset_keeps_use(patches: Patches) -> None:
    """A redeemed reset begins a new generation with the use of the old one."""

    def kept(state: WindowState | None, *rest: Any) -> WindowState | None:
        after = after_reset(state, *rest)
        return after if after is None or state is None else (*after[:3], state[3])

    patches.put(resets, "after_reset", kept)


def nothing_ends(patches: Patches) -> None:
    """What has ended on an account is not written down when the account is met."""

    def meet(self: Batch, keys: Sequence[str | None]) -> tuple[Account | None, ...]:
        return tuple([None if key is None else self.account(key) for key in keys])

    patches.put(Batch, "meet", meet)


def lot_expires_twice(patches: Patches) -> None:
    """What a hold gives back to a lot that has expired is free again, until it expires once more."""
    lots_back = account_holds._lots_back

    def alive(draft: Any, hold: Hold, kept: Kept, at: int) -> list[Homeless]:
        return lots_back(draft, hold, kept, 0)

    patches.put(account_holds, "_lots_back", alive)


def reversed_twice(patches: Patches) -> None:
    """Nobody remembers what was reversed."""
    number = count()
    patches.put(reversal, "reversal_id", lambda decision: derived_id(decision, "rev", next(number)))


def receipt_granted_twice(patches: Patches) -> None:
    """A receipt is not looked for: whatever purchase a message names with it is granted."""
    number = count()
    patches.put(purchases, "receipt_id", lambda tenant, receipt: derived_id(receipt, "rcpt", next(number)))


def two_in_flight(patches: Patches) -> None:
    """A purchase that is under way keeps nobody from the next."""
    hindered = step_top_ups._hindered

    def hasty(*arguments: Any) -> str:
        reason = hindered(*arguments)
        return "" if reason == step_top_ups.IN_FLIGHT else reason

    patches.put(step_top_ups, "_hindered", hasty)


def outage_forgotten(patches: Patches) -> None:
    """What was granted while the store was away is not stored when it is back."""
    patches.put(Outage, "journalled", lambda self, seq: ([], {}))


BUGS: dict[Bug, int] = {
    reply_before_commit: 10,
    key_forgotten_after_restart: 10,
    retry_as_new: 2,
    applied_twice: 10,
    wall_clock: 10,
    max_clock: 10,
    time_out_gives_back_twice: 2,
    wrong_lot_gets_back: 10,
    wrong_generation: 10,
    denial_consumes: 2,
    torn_segment_accepted: 20,
    snapshot_drops_recent_ids: 10,
    earlier_parts_ignored: 5,
    transfer_creates: 5,
    voided_lot_returns: 20,
    batch_forgets: 10,
    captured_by_todays_policy: 20,
    captured_when_over: 10,
    stale_snapshot: 20,
    part_for_the_whole: 20,
    reset_keeps_use: 5,
    nothing_ends: 2,
    lot_expires_twice: 10,
    reversed_twice: 5,
    receipt_granted_twice: 10,
    two_in_flight: 10,
    outage_forgotten: 10,
}
"""Each bug and its seeds."""

"""What holds of each commit, and in every state that the small world can be in (ASR: L1 to L6, P1 to P8, P10)."""

from __future__ import annotations

from typing import Any

from overspill.account.due import due_at
from overspill.account.holds import booked, lots_used
from protocol import DEBT_MAX, HOLD, HOLDS, INSTANTS, LATE, OPS, Broken, Op, Served, State, read


def checked(before: State, after: State, op: Op, served: Served) -> None:
    """What holds of each commit and in each state behind it. Raises Broken."""
    now, ghost = INSTANTS[after.instant], after.ghost
    lots = after.account.pools.get("money", ())
    left = sum(lot[1] for lot in lots)
    held = sum(_held(hold) for hold in after.account.holds.values() if hold.open)
    known = left + held + ghost.captured + ghost.repaid + ghost.expired
    _hold("issued is left, held, captured, repaid or expired (L1, L3, L5)", ghost.issued == known)
    due = due_at(after.account.pools, after.account.holds, after.account.top_ups)
    _hold("the account knows what ends next", after.account.due_at == due)
    _hold("nothing is negative (L2)", min([0, *(lot[1] for lot in lots)]) == 0)
    debt = after.account.debts.get("money", 0)
    _hold("debt is what captures owe and purchases have not repaid", debt == ghost.owed - ghost.repaid)
    _hold("debt is bounded", 0 <= debt <= DEBT_MAX)
    _hold("usage is posted once (L4)", max(ghost.posted) <= 1)
    _hold("one of the captures under one key (L4, P3)", ghost.posted[2] + ghost.posted[3] <= 1)
    for client, id in enumerate(HOLDS):
        _one_way(before, after, client, id, now)
    if served.reply and op.uses:
        answer = read(served.reply)
        _hold("what is posted is what is reported (L6, P3)", answer["used"] == str(op.uses))
        sums = int(answer["covered"]) + int(answer["absorbed"]) == op.uses
        drawn = sum(int(draw["base"]) for draw in answer["draws"]) == int(answer["covered"])
        _hold("usage is covered or absorbed (L6)", sums and drawn)
        within = op.uses <= 2 and served.fresh and not answer["late"] and answer.get("total", "0") in "012"
        _hold("within the estimate nothing is absorbed (P6)", not within or answer["absorbed"] == "0")
    if op.uses and served.fresh:
        until = ghost.reserved_at[op.client] + HOLD + LATE
        _hold("no capture comes in when it is too late (P1)", now < until)
    if op.uses and served.code == "hold_closed":
        until = ghost.reserved_at[op.client] + HOLD + LATE
        over = now >= until or _ended(before, op.client)
        _hold("a capture in its time is taken (P7)", over)
    if served.fresh and op.name.startswith(("reserve", "capture", "part", "last")):
        overdue = [hold for hold in after.account.holds.values() if hold.open and hold.expires_at <= now]
        _hold("no hold outlasts its time when its account is met (P8)", not overdue)


def _ended(state: State, client: int) -> bool:
    """Whether the hold was released, or captured for good."""
    names = ("capture0 of 1", "capture0 of 3", "release0") if client == 0 else ("last1 of 2",)
    return any(op.command.id in state.keys for op in OPS if op.name in names)


def _one_way(before: State, after: State, client: int, id: str, now: int) -> None:
    """P1, P4, P5: none → open → over, or → closed → over, and no time-out before its time."""
    was, is_now = before.account.holds.get(id), after.account.holds.get(id)
    if was is not None and is_now is not None:
        _hold("a hold does not open again (P1)", was.open or not is_now.open)
    if was is None and is_now is not None:
        fresh = before.ghost.reserved_at[client] < 0
        _hold("a hold that is over stays over (P1)", fresh and is_now.open)
        _hold("it holds what was asked (P4)", _held(is_now) == 2)
    if was is not None and was.open and is_now is not None and not is_now.open:
        _hold("no hold times out before its time (P5)", now >= before.ghost.reserved_at[client] + HOLD)


def _held(hold: Any) -> int:
    parts = sum(part for leg in hold.legs for _, _, part in leg.lots)
    return parts - sum(used for leg in hold.legs for _, _, used in lots_used(booked(leg)))


def _hold(invariant: str, holds: bool) -> None:
    if not holds:
        raise Broken(invariant)


def acknowledged(state: State, event: str) -> None:
    """P10: no reply that somebody has heard is missing from the store."""
    for reply in state.replies:
        stored = not reply or any(reply == written.json for _, written in state.keys.values())
        if not stored:
            raise Broken("what is acknowledged is durable (P10)", event)

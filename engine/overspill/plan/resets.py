"""Resets of windows (LANGUAGE.md W6): declared in the policy, in force for all accounts at once, and written to none.

An account's windows show what a reset has done to them as soon as anybody looks: one that was opened before it begins
anew. Whether the account's attributes satisfied the reset's condition can be told as long as they have not changed
since: `since` is the instant of their last change, up to which every reset is settled in the windows themselves.
"""

from __future__ import annotations

from collections.abc import Iterable

from overspill.plan.evaluate import test
from overspill.plan.parts import Bucket, FirstUse, Sliding, WindowKind
from overspill.plan.plan import Reset
from overspill.plan.raw import Facts
from overspill.plan.shapes import ENDS_AT, GENERATION, OPENED_AT, WindowState
from overspill.words.lengths import instant_after


def pending(resets: Iterable[Reset], since: int, facts: Facts, now: int) -> list[Reset]:
    """Those that are in force at `now` and not settled yet, for an account of these facts, the earliest first."""
    return [
        reset for reset in resets if since < reset.at <= now and (reset.when is None or test(reset.when, facts) is True)
    ]


def reset_states(state: WindowState | None, kind: WindowKind, resets: Iterable[Reset]) -> WindowState | None:
    """The window after these resets, each at its instant."""
    for reset in resets:
        if state is None or state[OPENED_AT] < reset.at:
            state = after_reset(state, kind, reset.restart, reset.at)
    return state


def after_reset(state: WindowState | None, kind: WindowKind, restart: bool, at: int) -> WindowState | None:
    """The window after a reset at the instant `at`: a new generation with zero use. `keep_anchor` keeps the end, and a
    window that was closed stays so; `restart_anchor` opens it at that instant. The end of a schedule's or a calendar's
    window is not the account's to restart."""
    generation = 1 if state is None else state[GENERATION] + 1
    if restart and isinstance(kind, FirstUse):
        return (generation, at, instant_after(at, kind.length), 0)
    if state is None:
        return None
    if isinstance(kind, Sliding | Bucket):
        return (generation, at, at, 0)
    return (generation, at, state[ENDS_AT], 0) if at < state[ENDS_AT] else state

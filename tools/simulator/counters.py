"""How a window may change: counted up in its generation, given back to it, begun anew, refilled by time."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.book import ENDS, FORM, GENERATION, OPENED, USED, Finding, Window

SLIDING, BUCKET = 1, 2


def parts(state: Window | None) -> dict[int, tuple[int, int]]:
    """Generation → (counts until, amount) of a sliding window."""
    if state is None or len(state) == FORM:
        return {}
    flat = state[FORM + 1 :]
    return {flat[at]: (flat[at + 1], flat[at + 2]) for at in range(0, len(flat), 3)}


def missing(state: Window | None, at: int) -> int:
    """What a bucket lacks at an instant."""
    if state is None or len(state) == FORM:
        return 0
    used, (since, rest, refill, per) = state[USED], state[FORM + 1 :]
    return max(-(-(used * per - rest - (at - since) * refill) // per), 0)


def at_most(before: Window | None, gone: Mapping[int, int]) -> Mapping[int, int]:
    """What comes back, as far as there is use of it: a window to which use of an earlier one came back has less of its
    own than was counted in it, and never less than nothing."""
    if before is None or before[FORM:][:1] == [BUCKET]:
        return gone
    used = {before[GENERATION]: before[USED]}
    if len(before) != FORM:
        used = {generation: amount for generation, (_, amount) in parts(before).items()}
    return {generation: min(amount, used.get(generation, 0)) for generation, amount in gone.items()}


def check(
    name: str, before: Window | None, after: Window, at: int, added: tuple[int, int], back: Mapping[int, int]
) -> None:
    """Whether the window changed by what was counted, `added` being the least and the most of it, and by what came back,
    by generation. Raises Finding."""
    if len(after) == FORM:
        least = _plain(name, before, after, at, back)
    elif after[FORM] == SLIDING:
        least = _sliding(name, before, after, at, back)
    else:
        _bucket(name, before, after, at, added, sum(back.values()))
        return
    if not least + added[0] <= after[USED] <= least + added[1]:
        raise Finding(f"window {name} went from {before} to {after}: counted {added}, back {dict(back)}")


def _plain(name: str, before: Window | None, after: Window, at: int, back: Mapping[int, int]) -> int:
    """The use without what was added."""
    if before is None:
        return 0
    if before[GENERATION] == after[GENERATION]:
        if before[OPENED : ENDS + 1] != after[OPENED : ENDS + 1]:
            raise Finding(f"window {name} kept its generation and moved: {before}, {after}")
        return before[USED] - back.get(before[GENERATION], 0)
    ended = before[ENDS] <= at or after[OPENED] > before[OPENED]
    if after[GENERATION] < before[GENERATION] or not ended:
        raise Finding(f"window {name} began anew too early: {before}, {after}")
    return 0


def _sliding(name: str, before: Window | None, after: Window, at: int, back: Mapping[int, int]) -> int:
    old, new = parts(before), parts(after)
    for generation, (until, amount) in old.items():
        if generation not in new and (at < until and amount):
            raise Finding(f"window {name} forgot {amount} too early: {before}, {after}")
    newest = max(new)
    for generation, (_, amount) in new.items():
        was = old.get(generation, (0, 0))[1] - back.get(generation, 0)
        if generation != newest and amount != was:
            raise Finding(f"window {name} changed its past: {before}, {after}, back {dict(back)}")
    return sum(
        old.get(generation, (0, 0))[1] - (back.get(generation, 0) if generation in old else 0) for generation in new
    )


def _bucket(name: str, before: Window | None, after: Window, at: int, added: tuple[int, int], back: int) -> None:
    refilled = missing(before, at)
    stale = 0 if before is None else before[USED]
    least = max(refilled - back, 0) + added[0]
    most = (max(stale - back, 0) if back else refilled) + added[1]
    if not least <= after[USED] <= most:
        raise Finding(f"bucket {name} went from {before} to {after} at {at}: counted {added}, back {back}")

"""Capacity: what the account of a window has behind each decision, and what holds have of it.

The account of a window has what the window's limit leaves of the present generation, as its latest decision told it
(`after` of `limit`); what a later capture draws takes from that as far as it goes, and what comes back is there again.
What was counted in a generation that is over, or comes back to it, has no account.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overspill.audit.amounts import amount_of
from overspill.audit.chart import capacity_asset, counter_account, receivable
from overspill.audit.shapes import Counted
from overspill.audit.work import Work
from overspill.audit.world import Counter, Hold, Window

ACCOUNTS, EXPIRES_AT, LATE_UNTIL, LEGS = 1, 5, 6, 11
"""Places of a hold in an effect."""
LAYER, KIND, BASE, LEG_AMOUNT, COUNTS, LOTS, USED_BASE, USED = range(8)
"""Those of a leg."""
GENERATION, STATE_USED = 0, 3
"""Those of a window."""


def window_of(work: Work, account: str, counter: str, layer: str, unit: str, beyond: bool) -> Window:
    """The window, made when it is met first; `beyond`: it bounds what a pool gives beyond its lots."""
    windows = work.world.windows
    found = windows.get((account, counter))
    if found is None:
        name = counter_account(account, counter, layer, beyond)
        owed = receivable(account, counter) if beyond else ""
        found = windows[account, counter] = Window(name, capacity_asset(counter), owed, unit)
    return found


def begin(work: Work, window: Window, generation: int) -> None:
    """A new generation has nothing of the one before."""
    work.capacity(window.account, window.asset, -window.left)
    window.left, window.generation = 0, generation


def set_left(work: Work, window: Window, left: int) -> None:
    if left != window.left:
        work.capacity(window.account, window.asset, left - window.left)
        window.left = left


def decided(work: Work, window: Window, generation: int, told: Counted, amount: int) -> None:
    """A decision counts `amount` and tells how much of which limit is used then."""
    if generation < window.generation:
        return
    if generation > window.generation:
        begin(work, window, generation)
    if work.record.away is not None:  # nobody knew what the counter had come to
        set_left(work, window, max(window.left - amount, 0))
    elif told.limit is None or told.limit == "unlimited":
        set_left(work, window, 0)
    else:
        set_left(work, window, max(amount_of(told.limit) - amount_of(told.after), 0))


def drawn_free(work: Work, window: Window, generation: int, amount: int) -> None:
    """A capture draws `amount` beyond its hold; by which limit it does not tell."""
    if generation < window.generation:
        return
    if generation > window.generation:
        begin(work, window, generation)
    set_left(work, window, max(window.left - amount, 0))


def came_back(work: Work, window: Window, generation: int, amount: int) -> None:
    if amount < 0:
        work.wrong("LED4", f"takes from {window.account} by giving it back", "amount")
    if generation == window.generation:
        set_left(work, window, window.left + amount)


# ---- what holds have


def parts_of(hold: Hold, legs: Sequence[Sequence[Any]]) -> tuple[dict[Any, int], dict[Any, int], dict[str, int]]:
    """A hold's legs, as effects tell them → what is held, and what is used, of each counter and lot; and used by layer. The
    legs of concurrencies, which have a base of 0, hold no value."""
    held: dict[Any, int] = {}
    used: dict[Any, int] = {}
    layers: dict[str, int] = {}
    for leg in legs:
        if not leg[BASE]:
            continue
        layer, amount, gone = leg[LAYER], leg[LEG_AMOUNT], leg[USED]
        step = hold.steps[layer]
        layers[layer] = layers.get(layer, 0) + gone * step
        for kind, counter, generation, counted in leg[COUNTS]:
            account = hold.accounts[kind]
            if account is not None:
                own = max(gone - (amount - counted), 0)  # an overage counts what comes behind the lots
                _part(held, used, (account, counter, generation), counted, own, step)
        for pool, lot, part in leg[LOTS]:
            own = min(part, gone)
            gone -= own
            _part(held, used, (hold.accounts[leg[KIND]], pool, lot[0]), part, own, step)
    return held, used, layers


def _part(held: dict[Any, int], used: dict[Any, int], place: object, all_of_it: int, own: int, step: int) -> None:
    held[place] = held.get(place, 0) + (all_of_it - own) * step
    used[place] = used.get(place, 0) + own * step


def is_counter(place: tuple[Any, ...]) -> bool:
    return type(place[2]) is int


def change_hold(
    work: Work,
    hold: Hold,
    held: dict[Any, int],
    used: dict[Any, int],
    free: dict[Counter, int],
    usage: str,
) -> None:
    """The hold has and has used this now: its accounts, what is used of counters, and what of them comes back. `free` is
    what was drawn beside the hold in this very record. Lots are told apart, only what is held of them changes here."""
    world = work.world
    for place in dict.fromkeys((*hold.held, *held, *used)):
        more = held.get(place, 0) - hold.held.get(place, 0)
        if not is_counter(place):
            lot = world.lot(place)
            if more:
                work.move(f"hold:{hold.id}:{lot.account}", lot.asset, more)
                work.keep(lot, more)
            continue
        gone = used.get(place, 0) - hold.used.get(place, 0)
        if not more and not gone and place not in free:
            continue
        account, counter, generation = place
        window, taken = world.window(account, counter), free.get(place, 0)
        work.capacity(f"hold:{hold.id}:{window.account}", window.asset, more)
        work.capacity(usage, window.asset, gone)
        if taken:
            drawn_free(work, window, generation, taken)
        came_back(work, window, generation, taken - more - gone)
        if window.receivable:
            work.move(f"hold:{hold.id}:{window.receivable}", window.unit, more)
            work.move(usage, window.unit, gone)
            work.move(window.receivable, window.unit, -more - gone)
    hold.held = {place: amount for place, amount in held.items() if amount}
    hold.used = used

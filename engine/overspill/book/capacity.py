"""Windows and caps as accounts of capacity: what is left in the present generation.

A generation is funded when its first draw opens it, by its limit less what was used before; a draw or a hold takes from
it; what comes back to it is there again; and what is left of it is swept when the next one opens. A decision tells the
limit and the use that it found: the account is made to agree, so that a changed limit, a window that fills up again by
itself, and one without a bound need nothing of their own. What a capture draws beyond its hold is not told with a
limit: as much is added as it lacks. A generation that is over has no account any more: what is counted in it comes
straight from where capacity comes from, and what comes back to it goes there.
"""

from __future__ import annotations

from overspill.book import chart
from overspill.book.amounts import billionths
from overspill.book.entry import Entry
from overspill.book.state import Window, WindowKey
from overspill.words.codec import replace

UNBOUND = (None, "unlimited")


def window_of(entry: Entry, key: WindowKey, layer: str, unit: str, beyond: bool) -> Window:
    """The window, made when it is met first. One that is not named after its layer is a cap; one that bounds what a pool
    gives `beyond` its lots has a receivable in the pool's `unit`."""
    windows = entry.book.windows
    try:
        return windows[key]
    except KeyError:  # once a window
        pass
    account, counter = key
    own = counter.partition(".")[0] == layer and not beyond
    name = f"{'win' if own else 'cap'}:{account}/{counter}"
    overage = chart.overage_account(account, counter) if beyond else ""
    window = windows[key] = Window(name, chart.capacity_asset(counter), 0, overage, unit if beyond else "")
    return window


def take(
    entry: Entry,
    window: Window,
    generation: int,
    amount: int,
    target: str,
    before: str | None = None,
    limit: str | None = None,
) -> None:
    """`amount` of a generation's capacity goes to `target`; `before` and `limit` are what a decision told."""
    if generation < window.generation:
        entry.move(chart.CAPACITY, target, window.asset, amount)
        return
    if generation > window.generation:
        begin(entry, window, generation)
    left = entry.book.balance(window.account, window.asset)
    if before is None:
        fund = max(amount - left, 0)
    elif limit in UNBOUND:
        fund = amount - left
    else:
        assert limit is not None
        fund = max(billionths(limit) - billionths(before), amount) - left
    entry.move(chart.CAPACITY, window.account, window.asset, fund)
    entry.move(window.account, target, window.asset, amount)


def begin(entry: Entry, window: Window, generation: int) -> None:
    """What is left of the generation before is swept."""
    entry.move(window.account, chart.CAPACITY, window.asset, entry.book.balance(window.account, window.asset))
    entry.book.windows[chart.window_key(window.account)] = replace(window, generation=generation)


def give_back(entry: Entry, window: Window, generation: int, amount: int, source: str) -> None:
    """`amount` from `source` is there again in the generation, where that is the present one."""
    target = window.account if generation == window.generation else chart.CAPACITY
    entry.move(source, target, window.asset, amount)

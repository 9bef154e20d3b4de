"""Accounts while one record changes them: what is read is what the changes so far have made of it."""

from __future__ import annotations

from collections.abc import Callable

from overspill.account.effects import Effect, SetClosed, SetLot, SetWindow, apply
from overspill.account.state import Account
from overspill.plan.shapes import GENERATION, LOT_ID, Lot, WindowState, closed_key

AccountOf = Callable[[str], Account]


class Draft:
    """Windows and lots over the states that `account_of` gives; `effects` are the changes by account, each thing that
    changed once, with its last value, and whatever was added."""

    def __init__(self, account_of: AccountOf) -> None:
        self._account_of = account_of
        self._windows: dict[tuple[str, str], WindowState] = {}
        self._closed: dict[tuple[str, str, int], WindowState] = {}
        self._lots: dict[tuple[str, str, str], Lot] = {}
        self._added: dict[str, list[Effect]] = {}
        self._touched: dict[str, None] = {}

    def account(self, key: str) -> Account:
        """The state before the record."""
        return self._account_of(key)

    def window(self, account: str, key: str) -> WindowState | None:
        found = self._windows.get((account, key))
        return self._account_of(account).windows.get(key) if found is None else found

    def set_window(self, account: str, key: str, state: WindowState) -> None:
        self._touched[account] = None
        self._windows[account, key] = state

    def closed(self, account: str, key: str, generation: int) -> WindowState | None:
        """A window's generation that is over, as far as an open hold may still count in it."""
        kept = self._account_of(account).closed
        if not kept:
            return None
        found = self._closed.get((account, key, generation))
        return kept.get(closed_key(key, generation)) if found is None else found

    def set_closed(self, account: str, key: str, state: WindowState) -> None:
        self._touched[account] = None
        self._closed[account, key, state[GENERATION]] = state

    def lot(self, account: str, pool: str, id: str) -> Lot | None:
        """The lot as it is; None for one that has left the state with nothing in it."""
        found = self._lots.get((account, pool, id))
        if found is not None:
            return found
        lots = self._account_of(account).pools.get(pool, ())
        return next((lot for lot in lots if lot[LOT_ID] == id), None)

    def set_lot(self, account: str, pool: str, lot: Lot) -> None:
        self._touched[account] = None
        self._lots[account, pool, lot[LOT_ID]] = lot

    def add(self, account: str, effect: Effect) -> None:
        self._touched[account] = None
        self._added.setdefault(account, []).append(effect)

    def effects(self) -> dict[str, list[Effect]]:
        """Account key → its changes."""
        found: dict[str, list[Effect]] = {key: [] for key in self._touched}
        for (account, key), state in self._windows.items():
            found[account].append(SetWindow(key, state))
        for (account, key, _), state in self._closed.items():
            found[account].append(SetClosed(key, state))
        for (account, pool, _), lot in self._lots.items():
            found[account].append(SetLot(pool, lot))
        for account, effects in self._added.items():
            found[account] += effects
        return found

    def after(self, account: str, now: int) -> Account:
        """The state with all changes so far."""
        return apply(self._account_of(account), self.effects().get(account, ()), now)

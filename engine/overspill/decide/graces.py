"""Graces that ask for work that began funded (LANGUAGE.md L12): which keys a request funds, and which it found funded.

A key that is funded has its counter in the account, opened by the first request that funded it. Whether an earlier one
did is settled at the admission: what captures ask beyond their hold is the same request.
"""

from __future__ import annotations

from collections.abc import Iterator

from overspill.account.effects import SetWindow
from overspill.decide.decide import DENY, Decided
from overspill.plan.interpret import has_key, is_funded, key_of
from overspill.plan.periods import window_at
from overspill.plan.plan import Counter, GraceLayer
from overspill.plan.shapes import AccountFacts


def marks(decided: Decided) -> Iterator[tuple[int, SetWindow]]:
    """(account kind, effect) for each grace whose key the request is the first to fund."""
    for account, counter, key in funds(decided):
        state = account.windows.get(key)
        begun = window_at(state, counter.kind, decided.now)
        if begun != state:
            yield counter.account, SetWindow(key, begun)


def funds(decided: Decided) -> Iterator[tuple[AccountFacts, Counter, str]]:
    """(account, counter, its key) for each grace whose key the request funds: it was admitted with a draw, and with none on
    the grace itself."""
    if not decided.waterfall.has_funded or decided.outcome == DENY or not decided.drawing:
        return
    for index, layer, account in _asking(decided):
        if index not in decided.drawing:
            yield account, layer.counters[0], key_of(layer.counters[0], decided.raw[4])


def found_funded(decided: Decided) -> tuple[str, ...]:
    """The names of the graces whose key an earlier request had funded."""
    facts, now = decided.raw[4], decided.now
    return tuple([layer.name for _, layer, account in _asking(decided) if is_funded(layer, facts, account, now)])


def _asking(decided: Decided) -> Iterator[tuple[int, GraceLayer, AccountFacts]]:
    """(index, grace, account) for each one that asks for what was funded before, where the request has its key."""
    if not decided.waterfall.has_funded:
        return
    for index, layer in enumerate(decided.waterfall.layers):
        if isinstance(layer, GraceLayer) and layer.started_funded and has_key(layer, decided.raw[4]):
            account = decided.accounts[layer.account]
            if account is not None:
                yield index, layer, account

"""LED7: the order in which a policy draws lots, found out from its draws.

An answer does not name its pool's order (LANGUAGE.md G2), but all draws of one policy from one pool have the same. Of all
orders there can be, those are kept that explain every draw so far; when none is left, the last draw was not by the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise, permutations
from typing import Final

KEYS: Final = ("priority", "expires_at", "category", "granted_at")
Order = tuple[str, ...]
ORDERS: Final[tuple[Order, ...]] = tuple(
    (*some, "id") for length in range(len(KEYS), -1, -1) for some in permutations(KEYS, length)
)
"""Every total order: it ends with the id."""
Rank = Mapping[str, int | str]


class Orders:
    """(policy's digest, pool) → the orders that explain its draws so far."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], tuple[Order, ...]] = {}

    @property
    def left(self) -> Mapping[tuple[str, str], tuple[Order, ...]]:
        return self._left

    def keep(self, of: tuple[str, str], orders: Iterable[Order]) -> bool:
        """Whether some order explains these draws and others, of which these orders were left."""
        others = {tuple(order) for order in orders}
        self._left[of] = tuple([order for order in self._left.get(of, ORDERS) if order in others])
        return bool(self._left[of])

    def explains(self, of: tuple[str, str], drawn: Sequence[Rank], left: Sequence[Rank]) -> bool:
        """Whether some order has the drawn lots one behind the other and in front of all that are left. One that nothing
        explains changes nothing for the next."""
        found = tuple(
            [
                order
                for order in self._left.get(of, ORDERS)
                if _in_front([*map(_key(order), drawn)], [*map(_key(order), left)])
            ]
        )
        if found:
            self._left[of] = found
        return bool(found)


def _key(order: Order) -> Callable[[Rank], tuple[int | str, ...]]:
    return lambda rank: tuple([rank[name] for name in order])


def _in_front(drawn: list[tuple[int | str, ...]], left: list[tuple[int | str, ...]]) -> bool:
    return all(one < other for one, other in pairwise(drawn)) and all(drawn[-1] < one for one in left)

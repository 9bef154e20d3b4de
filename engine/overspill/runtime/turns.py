"""Whose commands are decided next: all that wait, as long as one tenant asks; a share of each, as soon as several do.

A batch takes as long as it has commands, and whoever asks next waits for it. So that one tenant's hundreds are not in front of
another one's only command, a batch of several tenants has few of each; and as it cannot be known who asks in a moment, it stays so
for some time behind the last command of another one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from overspill.runtime.combiner import BATCH_MAX
from overspill.runtime.waiting import Waiting


class Asker(Protocol):
    """Whoever has asked for some commands. Neither method raises anything."""

    @property
    def expects(self) -> bool:
        """Whether there is anything to do in `expect`."""
        ...

    def expect(self) -> None:
        """What they come to unless the commit fails stands in them (`Waiting.expected`), and is nobody's to know yet."""

    def answer(self) -> None:
        """They are done."""


SHARE = 16
"""Commands of a tenant in a batch of several."""
SHARED_SECONDS = 1.0
_Asked = tuple[Sequence[Waiting], Asker]


class Turns:
    """What waits, by tenant, in the order in which they have their turn. `time` is any clock, in seconds."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._waiting: dict[str, deque[_Asked]] = {}
        self._last = ""
        self._shared_until = 0.0
        self.count = 0
        """Commands that wait."""

    def add(self, commands: Sequence[Waiting], asker: Asker) -> None:
        """Behind the tenant's own; all of them are one tenant's, and stay together."""
        tenant = commands[0].command.key[0]
        queue = self._waiting.get(tenant)
        if queue is None:
            if self._waiting or tenant != (self._last or tenant):
                self._shared_until = self._time() + SHARED_SECONDS
            queue = self._waiting[tenant] = deque()
            self._last = tenant
        queue.append((commands, asker))
        self.count += len(commands)

    @property
    def is_full(self) -> bool:
        """Whether the next batch need not wait for more."""
        return self.count >= BATCH_MAX or (self.count >= SHARE and self._is_shared())

    def _is_shared(self) -> bool:
        return bool(self._shared_until) and self._time() < self._shared_until

    def take(self) -> tuple[list[Waiting], list[Asker]]:
        """The next batch: its commands, and whom to tell."""
        most = SHARE if self._is_shared() else BATCH_MAX
        if self.count <= most:
            return self._take_all()
        commands: list[Waiting] = []
        askers: list[Asker] = []
        for tenant in list(self._waiting):
            queue = self._waiting[tenant]
            if not _has_room(commands, queue):
                break  # it is the first of the next batch
            del self._waiting[tenant]
            taken = 0
            while queue and taken < most and _has_room(commands, queue):
                own, asker = queue.popleft()
                commands += own
                askers.append(asker)
                taken += len(own)
            if queue:
                self._waiting[tenant] = queue  # behind all others
        self.count -= len(commands)
        return commands, askers

    def _take_all(self) -> tuple[list[Waiting], list[Asker]]:
        asked = [one for queue in self._waiting.values() for one in queue]
        self._waiting.clear()
        self.count = 0
        return [command for own, _ in asked for command in own], [asker for _, asker in asked]


def _has_room(commands: Sequence[Waiting], queue: deque[_Asked]) -> bool:
    """Whether what is next in the queue, which stays together, fits into the batch; into an empty one all does."""
    return not commands or len(commands) + len(queue[0][0]) <= BATCH_MAX

"""Whether and when to ask again. Pure: the time that is left and the chance are handed in."""

from __future__ import annotations

from collections.abc import Callable

from overspill.words.codec import Struct
from overspill.words.failures import Failure

Jitter = Callable[[int], int]
"""n → a whole number from 0 to n, drawn by chance where nobody tests."""


class Patience(Struct, frozen=True, kw_only=True):
    """All in milliseconds. `total` bounds a call with all that is asked again and waited for in between, `attempt` what is
    asked once. Where the service does not say when, the first wait is `first_wait` at most, each next one twice that, and
    none longer than `longest_wait`."""

    total: int = 10_000
    attempt: int = 5_000
    first_wait: int = 100
    longest_wait: int = 2_000

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                what = f"`{name}` is {value!r}, not a number of milliseconds"
                raise Failure("invalid_argument", what, help="give a whole number above 0", pointer=f"/{name}")


def wait_before(patience: Patience, asked: int, after: int | None, left: int, jitter: Jitter) -> int | None:
    """Milliseconds to wait before asking again, having asked `asked` times, or None: there is no time for it.

    `after` is what the service asked for: never less is waited, and up to half more, so that not all come at once; where
    that is not `left`, there is nothing to wait for. Who is asked to come at once does so once: a service that says it again and
    again is not asked without a pause. Otherwise half of the wait is fixed and half is chance.
    """
    if after is not None and (after or asked == 1):
        return None if after >= left else after + jitter(min(after // 2, left - after - 1))
    wait = min(patience.longest_wait, patience.first_wait << min(asked - 1, 20))
    wait = (wait + 1) // 2 + jitter(wait // 2)
    return wait if wait < left else None

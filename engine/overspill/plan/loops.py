"""What runs around operands that can fail: `&&` and `||`, and the macros over lists and keys (cel-spec, "Macros").

`all` and `exists` absorb errors as `&&` and `||` do; the other macros end with the first error.
"""

from __future__ import annotations

from collections.abc import Callable

from overspill.plan.values import CelError

Body = Callable[[object], object]
Items = tuple[object, ...]


def absorb(stop: bool, left: Callable[[], object], right: Callable[[], object]) -> bool:
    """`&&` (stop False) and `||` (stop True): an operand that decides absorbs the other's error."""
    try:
        if left() is stop:
            return stop
    except CelError as error:
        if right() is stop:
            return stop
        raise error
    return right() is stop if stop else right() is not stop


def tried(run: Callable[[], object]) -> object:
    """What `run` returns, or the CelError it raises."""
    try:
        return run()
    except CelError as error:
        return error


def settled(verdict: object) -> bool:
    """A bool, or a CelError that is to be raised: as a new one, since a raised error keeps where it was raised."""
    if isinstance(verdict, CelError):
        raise CelError(*verdict.args)
    return verdict is True


def every(test: Body, items: Items, _: Body | None = None) -> bool:
    """`all`: false where one is false; else the first error; else true."""
    return not _found(False, test, items)


def some(test: Body, items: Items, _: Body | None = None) -> bool:
    """`exists`: true where one is true; else the first error; else false."""
    return _found(True, test, items)


def _found(stop: bool, test: Body, items: Items) -> bool:
    """Whether `test` gives `stop` for an item."""
    first: CelError | None = None
    for item in items:
        try:
            if test(item) is stop:
                return True
        except CelError as error:
            first = first or error
    if first is not None:
        raise first
    return False


def exactly_one(test: Body, items: Items, _: Body | None = None) -> bool:
    """`exists_one`: every item is tested."""
    return sum([test(item) is True for item in items]) == 1


def mapped(body: Body, items: Items, test: Body | None = None) -> Items:
    """`map`, over those items for which `test` holds, where there is one."""
    if test is None:
        return tuple([body(item) for item in items])
    return tuple([body(item) for item in items if test(item)])


def kept(test: Body, items: Items, _: Body | None = None) -> Items:
    """`filter`."""
    return tuple([item for item in items if test(item)])


LOOPS: dict[str, Callable[[Body, Items, Body | None], object]] = {
    function.__name__: function for function in (every, some, exactly_one, mapped, kept)
}
"""By the name that `Loop` in a plan's expressions has."""

"""Bounds of caps, allowances and graces: amounts written out or found among a decision's facts (LANGUAGE.md L8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from overspill.plan.functions import ABSENT
from overspill.words.codec import Struct


class SlotAmount(Struct, frozen=True, kw_only=True):
    """The amount in a slot; absent where the slot is. `path` is how the policy calls it."""

    slot: int
    path: str


class Members(Struct, frozen=True, kw_only=True):
    """The amounts of one attribute over all accounts of a many-valued kind, which stand in a slot."""

    slot: int
    path: str


class Choice(Struct, frozen=True, kw_only=True):
    """`first_set` or `max`."""

    function: str
    args: tuple[Source, ...]


Source = int | SlotAmount | Members | Choice
"""A bound: steps (UNLIMITED for none), or where it is found."""

Found = tuple[int, str]
"""(steps, the path it was found at; empty for what is written out)."""


def slots_of(source: Source) -> Iterator[int]:
    """The slots that a bound may be found in."""
    match source:
        case int():
            return
        case SlotAmount(slot=slot) | Members(slot=slot):
            yield slot
        case Choice(args=args):
            for arg in args:
                yield from slots_of(arg)
        case _:
            assert_never(source)


def bound_of(source: Source, facts: tuple[object, ...]) -> int | None:
    """What a bound comes to in steps; None where all that it may come from is absent."""
    found = found_in(source, facts)
    return None if found is None else found[0]


def found_in(source: Source, facts: tuple[object, ...]) -> Found | None:
    """The same with the place that it came from. Of equal amounts under `max` the first written."""
    match source:
        case int():
            return source, ""
        case SlotAmount(slot=slot, path=path):
            value = facts[slot]
            return None if value is ABSENT else (value, path)  # type: ignore[return-value]
        case Members(slot=slot, path=path):
            amounts: tuple[int, ...] = facts[slot]  # type: ignore[assignment]
            return (max(amounts), path) if amounts else None
        case Choice(function=function, args=args):
            entries = [found for arg in args if (found := found_in(arg, facts)) is not None]
            if not entries:
                return None
            return entries[0] if function == "first_set" else max(entries, key=lambda entry: entry[0])
        case _:
            assert_never(source)

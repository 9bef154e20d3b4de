"""Accounts of a many-valued kind, as decisions read them: all together (LANGUAGE.md: `user.groups`, ordered by id)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overspill.plan.parts import AccountKind, Instant
from overspill.plan.times import timestamp_of_micros
from overspill.plan.values import Map

IDS = "id"
Member = tuple[str, Mapping[str, object]]
"""(id, attributes)."""


def together(kind: AccountKind, members: Sequence[Member]) -> dict[str, tuple[object, ...]]:
    """What facts hold of these accounts: each attribute of all that have it, in the order of ids; under the kind's own
    name the accounts as expressions see them."""
    found: dict[str, tuple[object, ...]] = {}
    for name, declared in kind.attributes.items():
        values = [attributes.get(name, declared.default) for _, attributes in members]
        found[name] = tuple([value for value in values if value is not None])
    found[kind.name] = tuple([_record(kind, id, attributes) for id, attributes in members])
    return found


def _record(kind: AccountKind, id: str, attributes: Mapping[str, object]) -> Map:
    entries: list[tuple[object, object]] = [(IDS, id)]
    for name, declared in kind.attributes.items():
        value = attributes.get(name, declared.default)
        if value is not None:
            entries.append((name, timestamp_of_micros(value) if declared.type is Instant else value))  # type: ignore[arg-type]
    return Map(entries)

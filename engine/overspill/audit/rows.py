"""Rows of the three datasets against what their record says that they must be (LED2, LED6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from overspill.audit.amounts import amount_of, worth
from overspill.audit.findings import Findings
from overspill.audit.shapes import (
    Monetization,
    Rows,
    Update,
    Usage,
    id_from,
    monetization_from,
    update_from,
    usage_from,
    worth_from,
)
from overspill.audit.work import Work
from overspill.words.codec import JsonFault, Struct

AMOUNTS = ("base", "amount", "balance", "charge", "coverage")


def compare_rows(work: Work, rows: Rows, found: Findings) -> None:
    """Of one record that is settled."""
    if rows.usage != work.usage_line:
        _one("usage event", work.usage, rows.usage, usage_from, found)
    if rows.monetization != work.monetization_line:
        _one("monetization event", work.monetization, rows.monetization, monetization_from, found)
    if rows.updates != work.update_lines:
        _updates(work, rows.updates, found)


def _one(
    what: str,
    must_be: Usage | Monetization | None,
    line: bytes,
    read: Callable[[bytes], Usage | Monetization],
    found: Findings,
) -> None:
    if not line:
        assert must_be is not None
        found.add("missing", "LED6", must_be.event, f"is missing: the {what}", worth(must_be.unit, must_be.base))
        return
    try:
        is_so = read(line)
    except (JsonFault, UnicodeDecodeError) as fault:
        id = "" if must_be is None else must_be.event
        found.add("malformed", "ROWS", id, f"cannot be read, as a {what}: {str(fault)[:160]}")
        return
    if must_be is None:
        found.add(
            "orphan", "LED6", is_so.event, f"is there, and the record has no {what}", worth(is_so.unit, is_so.base)
        )
    elif must_be != is_so:
        _differs(must_be.event, must_be, is_so, "LED6", found)


def _updates(work: Work, lines: Sequence[bytes], found: Findings) -> None:
    there: dict[str, bytes] = {}
    for line in lines:
        try:
            id = id_from(line).id
        except (JsonFault, UnicodeDecodeError) as fault:
            found.add(
                "malformed", "ROWS", work.record.id, f"has a balance update that cannot be read: {str(fault)[:160]}"
            )
            continue
        if id in there:
            found.add("duplicate", "LED5", id, "is there twice, among the balance updates")
        there[id] = line
    for one in work.updates:
        line = there.pop(one.update, b"")
        if not line:
            found.add("missing", "LED2", one.update, "is missing: the balance update", worth(one.unit, one.amount))
        else:
            _update(one, line, found)
    for id, line in there.items():
        found.add("orphan", "LED2", id, "is there, and the record changes no such lot", worth_from(line))


def _update(must_be: Update, line: bytes, found: Findings) -> None:
    try:
        is_so = update_from(line)
    except (JsonFault, UnicodeDecodeError) as fault:
        found.add("malformed", "ROWS", must_be.update, f"cannot be read, as a balance update: {str(fault)[:160]}")
        return
    if is_so != must_be:
        _differs(must_be.update, must_be, is_so, "LED2", found)


def _differs(id: str, must_be: Struct, is_so: Struct, code: str, found: Findings) -> None:
    """One finding a field: those of amounts with how much they are away."""
    for name in must_be.__struct_fields__:
        expected, actual = getattr(must_be, name), getattr(is_so, name)
        if expected == actual:
            continue
        what = f"says {name} {_shown(actual)}, the record {_shown(expected)}"
        if name in AMOUNTS:
            found.add("amount", code, id, what, _away(getattr(must_be, "unit", ""), expected, actual))
        else:
            found.add("differs", code, id, what)


def _away(unit: str, expected: object, actual: object) -> list[tuple[str, int]]:
    if not isinstance(expected, str) or not isinstance(actual, str):
        return []
    try:
        return [(unit, amount_of(expected) - amount_of(actual))]
    except ValueError:
        return [(unit, amount_of(expected))]


def _shown(value: object) -> str:
    return f"`{str(value)[:160]}`"

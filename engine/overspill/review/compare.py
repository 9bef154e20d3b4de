"""Expectations against an answer → differences, each with what was expected, what came, and where it was written."""

from __future__ import annotations

from collections.abc import Mapping

from overspill.review.answers import ABSENT, PARTS, Answer, Part
from overspill.review.suite import Expected
from overspill.words.codec import Struct
from overspill.words.spans import Span


class Difference(Struct, frozen=True):
    """`name` is a part of the answer (`granted`), or one of its keys (`draws.promo`)."""

    name: str
    expected: str
    got: str
    span: Span


def differences(answer: Answer, expect: tuple[Expected, ...]) -> list[Difference]:
    """What differs, in the order written; an error that was not expected is one difference and hides all others."""
    expects_error = any(one.name == "error" for one in expect)
    if answer.failure is not None and not expects_error:
        return []
    return [found for one in expect for found in _of(one, PARTS[one.name], answer)]


def _of(one: Expected, part: Part, answer: Answer) -> list[Difference]:
    found = part.find(answer)
    if isinstance(one.value, str):
        got = ABSENT if not isinstance(found, str) else found
        return [] if same(part, one.value, got) else [Difference(one.name, one.value, got, one.span)]
    by_key = found if isinstance(found, Mapping) else {}
    keys = [*one.value, *(key for key in by_key if key not in one.value and not part.named_only)]
    rows = [(key, one.value.get(key, ABSENT), by_key.get(key, part.missing)) for key in keys]
    return [
        Difference(f"{one.name}.{key}", expected, got, one.span)
        for key, expected, got in rows
        if not same(part, expected, got)
    ]


def same(part: Part, expected: str, got: str) -> bool:
    """Equal text; of amounts the number alone, where one of them names no unit."""
    if expected == got:
        return True
    if part.shape not in ("amount", "amounts") or (" " in expected and " " in got):
        return False
    return expected.split(" ", 1)[0] == got.split(" ", 1)[0]

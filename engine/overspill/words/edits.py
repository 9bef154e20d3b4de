"""Edits of a text: applied together, from the last to the first, and never over one another."""

from __future__ import annotations

from collections.abc import Iterable

from overspill.words.diagnostics import Edit, Fault


def edited(text: str, edits: Iterable[Edit], start: int = 0) -> str:
    """`text`, which stands at `start` of its source, with the edits made. None of them may overlap."""
    parts: list[str] = []
    end = len(text)
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end), reverse=True):
        parts += [text[edit.span.end - start : end], edit.text]
        end = edit.span.start - start
    parts.append(text[:end])
    return "".join(reversed(parts))


def compatible(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Those with a fix, in the order of their places, without the ones that touch what an earlier one changes.

    All faults are of one source. What is left out is found again when the text is checked again.
    """
    chosen: list[Fault] = []
    end = -1
    for first, fault in sorted(((_first(fault), fault) for fault in faults if fault.fix), key=lambda pair: pair[0]):
        if first > end:
            chosen.append(fault)
            end = max(edit.span.end for edit in fault.fix)
    return tuple(chosen)


def _first(fault: Fault) -> int:
    return min(edit.span.start for edit in fault.fix)

"""Ignores: `// overspill: ignore[OSP360] reason "…"` takes warnings and hints of a line out of the findings.

The comment stands behind the line or alone above it, in either surface with its own comment sign. It names one or more
codes and a reason. Errors stay, whatever a comment says: a policy that holds one means nothing. An ignore that covers
nothing is a finding itself, so that none outlives its cause. Comments are no part of the meaning: the digest is the
same with and without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from overspill.syntax import tree
from overspill.words.codec import Struct
from overspill.words.diagnostics import Edit, Fault, Note, Severity
from overspill.words.spans import Source, Span

_OURS = "overspill:"
_IGNORE = (
    r"(?://|#)\s*overspill:\s*ignore\[(?P<codes>\s*OSP[0-9]{3}\s*(?:,\s*OSP[0-9]{3}\s*)*)\]"
    r"(?P<reason>\s+reason\s*=?\s*\"(?P<why>[^\"]*)\")?\s*"
)
"""Compiled when the first ignore is met."""
_FORM = 'write `overspill: ignore[OSP360] reason "why it may stay"`'


class _Ignore(Struct):
    """One comment: the codes it names, the line it covers, and which of its codes were met there."""

    comment: tree.Comment
    codes: tuple[str, ...]
    codes_span: Span
    line: int
    used: set[str] = set()


def judged(bundle: tree.Bundle, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """The findings that stay and those about the ignores themselves, by place; the same one only once."""
    kept = _without_ignored(bundle, faults)
    return tuple(dict.fromkeys(sorted(kept, key=lambda fault: (fault.span.source.name, fault.span.start, fault.code))))


def _without_ignored(bundle: tree.Bundle, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    own: list[Fault] = []
    ignores = [ignore for file in bundle.files for ignore in _ignores(file, own)]
    if not ignores:
        return (*faults, *own)
    covers = {(ignore.codes_span.source, ignore.line, code): ignore for ignore in ignores for code in ignore.codes}
    kept: list[Fault] = []
    for fault in faults:
        ignore = covers.get((fault.span.source, fault.span.source.position(fault.span.start)[0], fault.code))
        if ignore is None or fault.severity is Severity.ERROR:
            kept.append(fault)
        if ignore is not None:
            ignore.used.add(fault.code)
            own += [_refused(ignore, fault)] if fault.severity is Severity.ERROR else []
    if not any(fault.severity is Severity.ERROR for fault in faults):  # with errors not all findings are known
        own += [_unused(ignore) for ignore in ignores if len(ignore.used) < len(set(ignore.codes))]
    return (*kept, *own)


def _ignores(file: tree.File, faults: list[Fault]) -> Iterator[_Ignore]:
    """Those of a file. What begins like one and is none adds a fault."""
    comments = [comment for comment in file.comments if comment.text.lstrip("/# \t").startswith(_OURS)]
    alone = {_line(comment) for comment in file.comments if _is_alone(comment)} if comments else set()
    for comment in comments:
        match = re.fullmatch(_IGNORE, comment.text)
        if match is None or not (match["why"] or "").strip():
            faults.append(_malformed(comment, match is not None))
            continue
        start = comment.span.start + match.start("codes")
        line = _line(comment)
        while line in alone:
            line += 1
        codes = tuple(code.strip() for code in match["codes"].split(","))
        yield _Ignore(comment, codes, Span(file.source, start, start + len(match["codes"])), line)


def _line(comment: tree.Comment) -> int:
    return comment.span.source.position(comment.span.start)[0]


def _is_alone(comment: tree.Comment) -> bool:
    return not comment.span.source.text[_line_start(comment) : comment.span.start].strip()


def _line_start(comment: tree.Comment) -> int:
    return comment.span.start - comment.span.source.position(comment.span.start)[1] + 1


def _malformed(comment: tree.Comment, lacks_reason: bool) -> Fault:
    return Fault(
        code="OSP401",
        span=comment.span,
        message="the ignore states no reason" if lacks_reason else "the comment is no ignore",
        label="nothing is ignored by it",
        help=_FORM,
        severity=Severity.WARNING,
    )


def _refused(ignore: _Ignore, fault: Fault) -> Fault:
    return Fault(
        code="OSP402",
        span=ignore.codes_span,
        message=f"`{fault.code}` is an error here, and errors cannot be ignored",
        notes=(Note(fault.span, "the error"),),
        help="correct the error, and delete the ignore",
        severity=Severity.WARNING,
    )


def _unused(ignore: _Ignore) -> Fault:
    unused = [code for code in dict.fromkeys(ignore.codes) if code not in ignore.used]
    return Fault(
        code="OSP403",
        span=ignore.codes_span,
        message=f"there is no {' and no '.join(f'`{code}`' for code in unused)} to ignore here",
        help=f"delete {'it from the ignore' if ignore.used else 'the ignore'}",
        severity=Severity.WARNING,
        fix=(_narrowed(ignore) if ignore.used else _deleted(ignore.comment),),
    )


def _narrowed(ignore: _Ignore) -> Edit:
    return Edit(ignore.codes_span, ", ".join(code for code in dict.fromkeys(ignore.codes) if code in ignore.used))


def _deleted(comment: tree.Comment) -> Edit:
    """The comment, with its line where it stands alone, else with the spaces before it."""
    source: Source = comment.span.source
    start, end = comment.span.start, comment.span.end
    if _is_alone(comment):
        start = _line_start(comment)
        line_break = re.compile(r"\r?\n").match(source.text, end)
        end = line_break.end() if line_break else end
    else:
        before = source.text[_line_start(comment) : start]
        start -= len(before) - len(before.rstrip())
    return Edit(Span(source, start, end), "")

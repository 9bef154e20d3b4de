"""Results and coverage → text for people, JSON for programs, JUnit for build servers. Pure: who prints it is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any
from xml.etree import ElementTree as Xml

from overspill.records.sentences import explain as explained
from overspill.review.cases import Problem, Result
from overspill.review.coverage import KINDS, Coverage, Point, percent
from overspill.review.matrix import TABLE
from overspill.words.spans import Span

MARKS = {True: "✓", False: "✗"}


def place(span: Span) -> str:
    """`file:line`."""
    return span.place.rsplit(":", 1)[0]


def text_report(results: Iterable[Result], explain: bool) -> list[str]:
    """The lines for every case that does not hold."""
    lines: list[str] = []
    for result in results:
        if not result.holds:
            lines.append(f"✗ {place(result.case.span)}: {result.case.name}")
            for where, group in groupby(result.problems, key=lambda one: one.where):
                problems = list(group)
                lines.append(f"    {where}  {place(problems[0].step)}")
                lines += [f"      {line}" for problem in problems for line in _lines(problem)]
                lines += [f"        {line}" for line in _explanation(problems, explain)]
    return lines


def _lines(problem: Problem) -> Iterator[str]:
    if problem.message:
        yield from problem.message.splitlines()
    elif problem.where == TABLE:
        yield from (f"{mark} {row}" for mark, row in (("-", problem.expected), ("+", problem.got)) if row)
    else:
        yield f"{problem.name}: expected {problem.expected}, got {problem.got}"


def _explanation(problems: Sequence[Problem], explain: bool) -> list[str]:
    answer = next((problem.answer for problem in problems if problem.answer), b"")
    if not explain or not answer.startswith(b'{"decision"'):
        return []
    return explained(json.loads(answer))


def json_report(results: Sequence[Result], coverages: Sequence[Coverage] | None, explain: bool) -> dict[str, Any]:
    """Everything, as one object."""
    failed = sum(not result.holds for result in results)
    found: dict[str, Any] = {
        "passed": len(results) - failed,
        "failed": failed,
        "cases": [_case_object(result, explain) for result in results],
    }
    return found if coverages is None else {**found, "coverage": coverage_object(coverages)}


def _case_object(result: Result, explain: bool) -> dict[str, Any]:
    problems = [
        {
            "where": problem.where,
            **_file_and_line(problem.span),
            "part": problem.name or None,
            "expected": problem.expected or None,
            "got": problem.got or None,
            "message": problem.message or None,
            **({"explanation": _explanation([problem], explain)} if explain else {}),
        }
        for problem in result.problems
    ]
    head = {**_file_and_line(result.case.span), "case": result.case.name}
    return {**head, "passed": result.holds, "problems": problems}


def _file_and_line(span: Span) -> dict[str, Any]:
    return {"file": span.source.name, "line": span.source.position(span.start)[0]}


def junit_report(results: Sequence[Result], explain: bool) -> str:
    """JUnit's XML: a suite for each file, a test case for each case."""
    root = Xml.Element("testsuites", name="overspill")
    for file, group in groupby(results, key=lambda result: result.case.span.source.name):
        cases = list(group)
        failures = sum(not result.holds for result in cases)
        suite = Xml.SubElement(root, "testsuite", name=file, tests=str(len(cases)), failures=str(failures))
        for result in cases:
            where = _file_and_line(result.case.span)
            one = Xml.SubElement(
                suite, "testcase", name=result.case.name, classname=file, file=file, line=str(where["line"])
            )
            if not result.holds:
                text = "\n".join(text_report([result], explain))
                Xml.SubElement(one, "failure", message=f"{len(result.problems)} problems").text = text
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, encoding="unicode")


# ---- coverage


def coverage_text(coverages: Sequence[Coverage]) -> list[str]:
    """One line for each subject, with every side of it seen or not; what is missing again at the end, with places."""
    lines: list[str] = []
    for one in coverages:
        lines.append(f"{one.policy}: {one.counted - len(one.missing)} of {one.counted} points seen")
        for kind in KINDS:
            lines += [f"  {line}" for line in _subjects(kind, one)]
        lines += [f"  never tested: {_name(point)}  {one.points[point]}" for point in one.missing]
        lines += [f"  declared unreachable, and seen: {_name(point)}" for point in one.stale]
    return [*lines, f"coverage {percent(coverages)} %"]


def _subjects(kind: str, one: Coverage) -> Iterator[str]:
    sides: dict[str, list[str]] = {}
    for point in one.points:
        if point.kind == kind:
            mark = "–" if point in one.unreachable else MARKS[point in one.seen]
            sides.setdefault(point.subject, []).append(f"{point.side} {mark}")
    width = max(map(len, sides), default=0)
    for subject, shown in sides.items():
        yield f"{kind:<9}  {subject:<{width}}  {'  '.join(shown)}"


def _name(point: Point) -> str:
    """What `unreachable` calls it."""
    return f"{point.kind} {point.subject}: {point.side}"


def named(points: Iterable[Point]) -> Mapping[str, Point]:
    """Points by the names that reports and `unreachable` give them."""
    return {_name(point): point for point in points}


def coverage_object(coverages: Sequence[Coverage]) -> dict[str, Any]:
    """The same as JSON."""
    policies = [
        {
            "policy": one.policy,
            "seen": one.counted - len(one.missing),
            "points": one.counted,
            "missing": [_name(point) for point in one.missing],
            "stale": [_name(point) for point in one.stale],
            "unreachable": [{"point": _name(point), "reason": reason} for point, reason in one.unreachable.items()],
            "sides": [
                {
                    "kind": point.kind,
                    "subject": point.subject,
                    "side": point.side,
                    "seen": point in one.seen,
                    "source": source,
                }
                for point, source in one.points.items()
            ],
        }
        for one in coverages
    ]
    return {"percent": percent(coverages), "policies": policies}

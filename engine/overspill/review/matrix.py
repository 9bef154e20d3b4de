"""A matrix: every combination of its axes' choices decided in a world of its own → an aligned table; two tables → the
rows that differ.

A table is text that people read and keep: a head, one row a combination, axes left of `|`, parts of the answer right
of it. Two tables are compared cell by cell, so that alignment never makes a difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product, takewhile, zip_longest

from overspill.plan.program import Program
from overspill.review.answers import NOTHING, PARTS, Answer
from overspill.review.cases import Problem, Result, run_step, world_of
from overspill.review.suite import Ask, Case, Choice, Given, Matrix
from overspill.review.vocabulary import Vocabulary
from overspill.syntax.yaml_nodes import read_nodes
from overspill.words.codec import replace
from overspill.words.diagnostics import Fault
from overspill.words.failures import PolicyFaults
from overspill.words.spans import Source

EMPTY = "-"
TABLE = "table"
"""Where a problem is that only the golden table has."""
_GAP = re.compile(" {2,}")

Row = tuple[tuple[str, ...], tuple[str, ...]]
"""(cells of the axes, cells of the answer)."""


def run_matrix(program: Program, words: Vocabulary, case: Case, golden: str) -> Result:
    """All rows of a case's matrix, against the golden table's text. Raises PolicyFaults."""
    matrix = case.matrix
    assert matrix is not None
    problems: list[Problem] = []
    decisions: list[bytes] = []
    rows: list[Row] = [(tuple(axis.name for axis in matrix.axes), matrix.columns)]
    for choices in product(*(axis.choices for axis in matrix.axes)):
        labels = tuple(_cell(choice.label) for choice in choices)
        answer, found = _row(program, words, case, matrix, choices)
        problems += found
        if answer.is_decision:
            decisions.append(answer.bytes)
        rows.append((labels, _results(matrix.columns, answer)))
    if golden.strip():
        problems = [*_compared(golden, rows, matrix), *problems]
    else:
        problems = [_problem(matrix, message="there is no golden table yet: `--update` writes it"), *problems]
    table = _with_remarks(golden, table_text(rows))
    return Result(case=case, problems=tuple(problems), decisions=tuple(decisions), table=table)


def _row(
    program: Program, words: Vocabulary, case: Case, matrix: Matrix, choices: tuple[Choice, ...]
) -> tuple[Answer, list[Problem]]:
    given, ask = case.given, matrix.step.action
    assert isinstance(ask, Ask)
    values: dict[str, str] = dict(ask.values)
    for choice in choices:
        given = _over(choice.given, given)
        values |= choice.values
    world = world_of(program, words, replace(case, given=given))
    step = replace(matrix.step, action=replace(ask, values=values))
    where = f"row {' '.join(choice.label for choice in choices)}"
    return run_step(world, step, 1, where, case.invariants)


def _over(given: Given, shared: Given) -> Given:
    return shared if given == Given() else given.over(shared)


def _results(columns: Sequence[str], answer: Answer) -> tuple[str, ...]:
    if answer.failure is not None:
        return (f"error {answer.failure.code}", *[EMPTY] * (len(columns) - 1))
    return tuple(_cell(_result(name, answer)) for name in columns)


def _result(name: str, answer: Answer) -> str:
    part = PARTS[name]
    text = _shown(part.find(answer))
    return text.split(" ", 1)[0] if part.shape == "amount" else text


def _shown(found: str | Mapping[str, str] | None) -> str:
    """Amounts as their number alone: the policy says in which unit a layer counts."""
    if isinstance(found, Mapping):
        return ", ".join(f"{key} {text.split(' ', 1)[0]}" for key, text in found.items()) or EMPTY
    return EMPTY if found in (None, NOTHING) else str(found)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split()) or EMPTY


# ---- tables


def table_text(rows: Sequence[Row]) -> str:
    """The rows, aligned; every line ends with a line break."""
    lefts = _aligned([row[0] for row in rows])
    rights = _aligned([row[1] for row in rows])
    return "".join(f"{left} | {right}".rstrip() + "\n" for left, right in zip(lefts, rights, strict=True))


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of equal columns; a row that somebody wrote with fewer cells ends early."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return ["  ".join(cell.ljust(width) for cell, width in _padded(row, widths)) for row in rows]


def _padded(row: tuple[str, ...], widths: list[int]) -> Iterator[tuple[str, int]]:
    yield from zip((*row, *[""] * (len(widths) - len(row))), widths, strict=True)


def rows_of(text: str) -> list[Row]:
    """A table's rows, its head first; lines without `|` are remarks."""
    found: list[Row] = []
    for line in text.splitlines():
        left, bar, right = line.partition("|")
        if bar:
            found.append((tuple(_GAP.split(left.strip())), tuple(_GAP.split(right.strip()))))
    return found


def _with_remarks(golden: str, table: str) -> str:
    """The new table with the remarks of the old one: those above it above, all others below."""
    lines = golden.splitlines()
    above = list(takewhile(lambda line: "|" not in line, lines))
    below = [line for line in lines[len(above) :] if "|" not in line]
    return "".join(f"{line}\n" for line in above) + table + "".join(f"{line}\n" for line in below)


def _compared(golden: str, rows: Sequence[Row], matrix: Matrix) -> Iterator[Problem]:
    """How many rows changed, then one problem for each that changed, came or went, in the order of the table."""
    before, after = dict(rows_of(golden)), dict(rows)
    keys = [key for key in [*after, *(key for key in before if key not in after)] if before.get(key) != after.get(key)]
    if not keys:
        return
    sides = [(key, side[key]) for key in keys for side in (before, after) if key in side]
    head, *lines = table_text([rows[0], *sides]).splitlines()
    texts = dict(zip(sides, lines, strict=True))
    yield _problem(matrix, message=f"{len(keys)} of {len(rows) - 1} rows differ\n  {head}")
    for key in keys:
        old, new = (texts[key, side[key]] if key in side else "" for side in (before, after))
        yield _problem(matrix, name=" ".join(key), expected=old, got=new)


def _problem(matrix: Matrix, name: str = "", expected: str = "", got: str = "", message: str = "") -> Problem:
    span = matrix.table.span
    return Problem(where=TABLE, step=span, span=span, name=name, expected=expected, got=got, message=message)


# ---- updates


def updated(source: Source, changes: Sequence[tuple[Matrix, str]]) -> str:
    """The test file's text with the tables of `changes` in it, written as literal blocks. Raises PolicyFaults where a
    table stands inside braces, which no block can."""
    text = source.text
    for matrix, table in sorted(changes, key=lambda change: -change[0].table.span.start):
        span, indent = matrix.table.span, " " * matrix.table.indent
        tail = text[span.start : span.end]
        tail = tail[len(tail.rstrip()) :]
        block = "".join(f"\n{indent}{line}".rstrip(" ") for line in table.splitlines())
        text = f"{text[: span.start]}|{block}{tail}{text[span.end :]}"
        if read_nodes(Source(source.name, text))[0] is None:
            message = "the table cannot be written here"
            fault = Fault(code="OSP204", span=span, message=message, help="write the matrix on lines, without braces")
            raise PolicyFaults((fault,))
    return text if text.endswith("\n") else f"{text}\n"

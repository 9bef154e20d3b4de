"""Test files from text, read and run against the small policy that tests share."""

from __future__ import annotations

from functools import lru_cache

from overspill.plan.program import Program
from overspill.review.cases import Result, run_steps
from overspill.review.matrix import run_matrix
from overspill.review.suite import Suite
from overspill.review.suite_reader import read_suite
from overspill.review.vocabulary import Vocabulary, vocabulary_of
from overspill.runtime.policies import compiled
from overspill.syntax.yaml_nodes import read_nodes
from overspill.words.diagnostics import Fault
from overspill.words.spans import Source
from support.texts import DSL

STEPS = """given: {attributes: {plan: plus}}
cases:
  - name: c
    steps:
"""
ASK = "decide: {product: text, model: m1, tokens: 1000}"


@lru_cache
def program_of(dsl: str = DSL) -> tuple[Program, Vocabulary]:
    program = compiled({"t.spill": dsl.encode()})
    return program, vocabulary_of(program.plan)


def read(text: str, dsl: str = DSL) -> tuple[Suite | None, tuple[Fault, ...]]:
    source = Source("t.test.yaml", text)
    top, faults = read_nodes(source)
    return (None, faults) if top is None else read_suite(top, source, program_of(dsl)[1])


def suite_of(text: str, dsl: str = DSL) -> Suite:
    suite, faults = read(text, dsl)
    assert suite is not None, [(fault.span.place, fault.message) for fault in faults]
    return suite


def run(text: str, dsl: str = DSL, golden: str | None = None) -> list[Result]:
    """Every case of the file; `golden` stands for the file beside it."""
    program, words = program_of(dsl)
    results = []
    for case in suite_of(text, dsl).cases:
        if case.matrix is None:
            results.append(run_steps(program, words, case))
        else:
            results.append(run_matrix(program, words, case, case.matrix.table.text if golden is None else golden))
    return results


def said(result: Result) -> list[str]:
    """The problems of a case as short lines."""
    return [one.message or f"{one.name}: expected {one.expected}, got {one.got}" for one in result.problems]


def steps(*lines: str) -> str:
    """A file of one case, each line a step: `decide: … ; expect: …` gives two keys."""
    return STEPS + "".join(f"      - {line.replace(' ; ', chr(10) + '        ')}\n" for line in lines)

"""Matrices: every combination decided apart, golden tables that people read, and the rows that changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.review.matrix import Row, rows_of, table_text, updated
from overspill.review.report import text_report
from overspill.words.failures import PolicyFaults
from support.suites import run, said, suite_of

HEAD = """cases:
  - name: plans and usage
    given: {attributes: {plan: plus}}
    matrix:
      axes:
        plan: [free, plus]
        tokens: [6666, 6667, 6673]
        money:
          none: {}
          some: {lots: {money: [{id: C1, amount: 0.02 credits}]}}
      decide: {product: text, model: m1}
      table: """
TABLE = """|
        plan  tokens  money | outcome  granted  draws                      code
        free  6666    none  | deny     0        -                          used_up
        free  6666    some  | deny     0        -                          used_up
        free  6667    none  | deny     0        -                          used_up
        free  6667    some  | deny     0        -                          used_up
        free  6673    none  | deny     0        -                          used_up
        free  6673    some  | deny     0        -                          used_up
        plus  6666    none  | allow    10       plan_limit 10              -
        plus  6666    some  | allow    10       plan_limit 10              -
        plus  6667    none  | allow    10       plan_limit 10              -
        plus  6667    some  | allow    10       plan_limit 10              -
        plus  6673    none  | deny     0        -                          used_up
        plus  6673    some  | allow    10.01    plan_limit 10, money 0.01  -
"""


def test_a_table_that_is_as_it_was_holds() -> None:
    (result,) = run(HEAD + TABLE)
    assert said(result) == []
    assert len(result.decisions) == 12


def test_alignment_and_remarks_make_no_difference() -> None:
    narrow = "\n".join("  ".join(line.split("  ")) for line in TABLE.splitlines())
    text = HEAD + narrow.replace("|\n", "|\n        What the plans include:\n", 1) + "\n"
    assert [said(result) for result in run(text)] == [[]]


def test_the_rows_that_changed_are_shown_and_no_others() -> None:
    table = TABLE.replace(
        "allow    10.01    plan_limit 10, money 0.01  -", "deny     0        -                          used_up"
    )
    table = table.replace("        free  6666    none  | deny     0        -                          used_up\n", "")
    table += "        team  6666    none  | allow    10       plan_limit 10              -\n"
    (result,) = run(HEAD + table)
    assert text_report([result], explain=False) == [
        "✗ t.test.yaml:2: plans and usage",
        "    table  t.test.yaml:12",
        "      3 of 12 rows differ",
        "        plan  tokens  money | outcome  granted  draws                      code",
        "      + free  6666    none  | deny     0        -                          used_up",
        "      - plus  6673    some  | deny     0        -                          used_up",
        "      + plus  6673    some  | allow    10.01    plan_limit 10, money 0.01  -",
        "      - team  6666    none  | allow    10       plan_limit 10              -",
    ]


def test_a_row_with_too_few_cells_is_a_row_that_changed() -> None:
    (result,) = run(HEAD + TABLE.replace("allow    10.01    plan_limit 10, money 0.01  -", "allow"))
    assert said(result)[0].startswith("1 of 12 rows differ")


@pytest.mark.parametrize("empty", ['""\n', "|\n"])
def test_a_table_is_written_where_none_is_and_holds_then(empty: str) -> None:
    (result,) = run(HEAD + empty)
    assert said(result) == ["there is no golden table yet: `--update` writes it"]
    suite = suite_of(HEAD + empty)
    assert suite.cases[0].matrix is not None and result.table is not None
    text = updated(suite.source, [(suite.cases[0].matrix, result.table)])
    assert text == HEAD + TABLE


def test_several_tables_of_a_file_are_written_and_all_else_stays() -> None:
    other = (
        "\n\n  # a remark\n"
        + HEAD.removeprefix("cases:\n").replace("plans and usage", "more")
        + "|\n        old | new\n\n  - name: last\n    steps: []\n"
    )
    text = HEAD + TABLE.replace("allow", "deny") + other
    suite = suite_of(text)
    changes = [(case.matrix, result.table) for case, result in zip(suite.cases, run(text), strict=True) if case.matrix]
    after = updated(suite.source, changes)  # type: ignore[arg-type]
    assert [said(result) for result in run(after)] == [[], [], []]
    assert after.count(TABLE) == 2
    assert after.replace(TABLE, "") == text.replace(TABLE.replace("allow", "deny"), "").replace(
        "|\n        old | new\n", ""
    )
    again = [
        (case.matrix, result.table)
        for case, result in zip(suite_of(after).cases, run(after), strict=True)
        if case.matrix
    ]
    assert updated(suite_of(after).source, again) == after  # type: ignore[arg-type]


def test_remarks_stay_where_a_table_is_written_again() -> None:
    above = "|\n        What each plan comes to.\n\n        plan  tokens"
    text = HEAD + TABLE.replace("|\n        plan  tokens", above, 1) + "\n        Seen by finance.\n"
    suite = suite_of(text)
    (result,) = run(text)
    assert said(result) == []
    assert suite.cases[0].matrix is not None and result.table is not None
    assert updated(suite.source, [(suite.cases[0].matrix, result.table)]) == text


CELL = st.lists(st.text("abc09.-", min_size=1, max_size=4), min_size=1, max_size=3).map(" ".join)


@given(st.lists(st.tuples(st.tuples(CELL, CELL), st.tuples(CELL, CELL, CELL)), min_size=1, max_size=6))
def test_a_table_reads_as_it_was_written(rows: list[Row]) -> None:
    assert rows_of(table_text(rows)) == rows


def test_a_table_inside_braces_cannot_be_written() -> None:
    text = (
        'cases: [{name: c, matrix: {axes: {plan: [free]}, decide: {product: text, model: m1, tokens: 1}, table: ""}}]\n'
    )
    suite = suite_of(text)
    (result,) = run(text)
    assert suite.cases[0].matrix is not None and result.table is not None
    with pytest.raises(PolicyFaults, match="cannot be written here"):
        updated(suite.source, [(suite.cases[0].matrix, result.table)])


def test_a_table_beside_the_file_is_compared_too() -> None:
    text = HEAD + "plans.golden.txt\n"
    golden = "\n".join(line.strip() for line in TABLE.splitlines()[1:]) + "\n"
    assert [said(result) for result in run(text, golden=golden)] == [[]]
    assert [said(result) for result in run(text, golden="")] == [["there is no golden table yet: `--update` writes it"]]


def test_an_error_is_a_rows_result_and_columns_are_any_part_of_the_answer() -> None:
    text = """cases:
  - name: c
    invariants: {small: 'granted < 400'}
    matrix:
      axes: {at: ["2025-01-01T00:00:00Z", "2026-10-05T10:00:00Z"], user.plan: [plus], model: [m1, m2, m9]}
      preview: {product: text, tokens: 3000}
      columns: [outcome, available, layers, windows]
      table: |
        at                    user.plan  model | outcome               available  layers                              windows
        2025-01-01T00:00:00Z  plus       m1    | error no_price_yet    -          -                                   -
        2025-01-01T00:00:00Z  plus       m2    | error no_price_yet    -          -                                   -
        2025-01-01T00:00:00Z  plus       m9    | error no_price_yet    -          -                                   -
        2026-10-05T10:00:00Z  plus       m1    | allow                 -          plan_limit drew, money not_reached  plan_limit.day 0
        2026-10-05T10:00:00Z  plus       m2    | allow                 -          plan_limit not_reached, money not_reached  plan_limit.day 0
        2026-10-05T10:00:00Z  plus       m9    | error unknown_model   -          -                                   -
"""
    (result,) = run(text)
    assert said(result) == ["invariant small: it is false: granted < 400"]
    assert result.problems[0].where == "row 2026-10-05T10:00:00Z plus m1"

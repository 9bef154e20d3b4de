"""The shipped parse tables are those of the grammar, and the grammar has no conflict."""

from __future__ import annotations

from overspill.cel import tables


def test_the_shipped_tables_are_made_from_the_grammar_as_it_is() -> None:
    assert tables.is_current(), "run python tools/tables.py"


def test_the_grammar_is_strict_lalr_without_conflicts() -> None:
    parser = tables.build()
    assert parser.options.strict and parser.options.parser == "lalr"

"""Numbers of I-JSON (RFC 7493 section 2.2), where a standard lets callers say what they like: exact, and never floats."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from overspill import Failure
from overspill.words.strict_json import json_from_text

READ: dict[str, Any] = {
    "0": 0,
    "-0": 0,
    "9007199254740991": 2**53 - 1,
    "1.5": Decimal("1.5"),
    "0.1": Decimal("0.1"),
    "1e3": Decimal("1E+3"),
    "1.7976931348623157e308": Decimal("1.7976931348623157E+308"),
    "1e-400": Decimal("1E-400"),
}
REFUSED = (
    *("9007199254740992", "-9007199254740992", "1" * 40, "1e309", "-1e309", "1e99999999999999999999"),
    *("NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1."),
)


@pytest.mark.parametrize("text", READ)
def test_what_every_parser_reads_is_read_exactly(text: str) -> None:
    found = json_from_text(text, fractions=True)
    assert (found, type(found)) == (READ[text], type(READ[text]))


@pytest.mark.parametrize("text", REFUSED)
def test_what_parsers_disagree_about_is_refused(text: str) -> None:
    with pytest.raises(Failure) as failure:
        json_from_text(text, fractions=True)
    assert failure.value.code == "invalid_json"


@pytest.mark.parametrize("text", ["1.5", "1e3"])
def test_where_nothing_is_said_there_are_whole_numbers_only(text: str) -> None:
    with pytest.raises(Failure, match="holds the number"):
        json_from_text(text)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '"\\ud800"', "[" * 40 + "]" * 40])
def test_all_else_is_refused_as_ever(text: str) -> None:
    with pytest.raises(Failure):
        json_from_text(text, fractions=True)

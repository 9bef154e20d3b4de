"""Texts are kept by what they are of; Python's `True` is 1 as far as a dictionary knows, and a damaged record may say it."""

from __future__ import annotations

import pytest

from overspill.words import texts
from overspill.words.kept import kept


@pytest.mark.parametrize(
    "read", [texts.digits, texts.amount_text_of(0), texts.amount_text_of(6), texts.limit_text_of(0)]
)
def test_what_a_damaged_record_says_is_in_no_other_text(read: type[str]) -> None:
    read.__self__.clear()  # type: ignore[attr-defined]  # as if it were the first to be read
    damaged = [read(True), read(False)]
    assert [read(1), read(0)] == damaged
    assert not {"True", "False"} & {*damaged}


def test_a_text_that_takes_things_as_they_are_would_be_found() -> None:
    """The canary."""
    assert kept(str)(True) == "True"

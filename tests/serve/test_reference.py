"""The reference that is shipped is the service's own: for people and for machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference import COMMON, DOCS, EVERY, description, texts


@pytest.mark.parametrize("name", ["openapi.json", "api.md"])
def test_the_reference_is_current(name: str) -> None:
    """Otherwise: python tools/reference.py"""
    assert Path(DOCS, name).read_text("utf-8") == texts()[name]


@pytest.mark.parametrize("name", COMMON)
def test_what_the_page_says_once_of_all_operations_is_so_of_each(name: str) -> None:
    for methods in description()["paths"].values():
        for one in methods.values():
            told = [answer["headers"] for status, answer in one["responses"].items() if COMMON[name] in (EVERY, status)]
            assert [headers for headers in told if name not in headers] == [], one["operationId"]

"""The reference that is shipped is the service's own: for people and for machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference import DOCS, texts


@pytest.mark.parametrize("name", ["openapi.json", "api.md"])
def test_the_reference_is_current(name: str) -> None:
    """Otherwise: python tools/reference.py"""
    assert Path(DOCS, name).read_text("utf-8") == texts()[name]

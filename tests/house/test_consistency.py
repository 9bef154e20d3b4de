"""The consistency argument points at what is there: claims that are proved, files, and constraints of the schemas."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from overspill.prove.proof import CLAIMS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "consistency.md").read_text("utf-8")
PROVED = sorted(
    {name for part in re.findall(r"Proved[^|]*", PAGE) for name in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", part)}
)
FILES = sorted(set(re.findall(r"`((?:tests|runtime|migrations|tools)/[a-z_0-9/?*.]+)`", PAGE)))
CONSTRAINTS = ["FOREIGN KEY (previous_seq, previous_hash)", "UNIQUE (last_seq, hash)", "CHECK (amount"]


@pytest.mark.parametrize("name", PROVED)
def test_a_claim_that_it_names_is_proved(name: str) -> None:
    assert name in {claim.name for claim in CLAIMS}


@pytest.mark.parametrize("path", FILES)
def test_a_file_that_it_names_is_there(path: str) -> None:
    under = [ROOT, ROOT / "engine" / "overspill", ROOT / "engine" / "overspill" / "store"]
    assert any(list(folder.glob(path)) for folder in under)


@pytest.mark.parametrize("text", CONSTRAINTS)
def test_a_constraint_that_it_names_is_in_a_schema(text: str) -> None:
    schemas = (ROOT / "engine" / "overspill" / "store" / "migrations").rglob("*.sql")
    assert any(text in path.read_text("utf-8") for path in schemas)


def test_it_names_many() -> None:
    assert (len(PROVED) >= 8, len(FILES) >= 6) == (True, True)

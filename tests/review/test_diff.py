"""The structural difference of two policies: each change is of one thing, and says where that stands."""

from __future__ import annotations

import pytest

from overspill.review.diff import compare, read_side
from support.everything import EVERYTHING
from support.texts import DSL

SIDES = {"tiny": {"tiny.spill": DSL.encode()}, "everything": {"everything.spill": EVERYTHING.encode()}}


@pytest.mark.parametrize(("old", "new"), [("tiny", "everything"), ("everything", "tiny")])
def test_every_change_has_a_place(old: str, new: str) -> None:
    changes = compare(read_side(SIDES[old]), read_side(SIDES[new]))
    assert len(changes) > 30
    assert [change.path for change in changes if change.place is None] == []


def test_the_first_of_a_kind_is_new_by_its_name() -> None:
    changed = DSL + "let is_new = user.blocked;\n"
    (change,) = compare(read_side(SIDES["tiny"]), read_side({"tiny.spill": changed.encode()}))
    assert (change.path, change.old, change.new) == ("lets.is_new", None, "user.blocked")
    assert change.place == f"tiny.spill:{len(DSL.splitlines()) + 1}:1"

"""Statements are the same on every store."""

from __future__ import annotations

import pytest

from book.settled import copied, settled
from overspill.ports.store import Store
from overspill.runtime.statements import statement
from overspill.store.opened import opened

AT = "2026-10-06T10:00:00Z"


@pytest.mark.rule("S6")
def test_a_statement_is_the_same_on_every_store(store: Store) -> None:
    expected = settled(copied(1, opened(None)), through=600)
    settled(copied(1, store), through=600)
    for account in ("user/ana", "user/bob", "workspace/red"):
        for since, as_of in ((None, None), (AT, None), (None, AT)):
            found = statement(store, "default", account, since, as_of)
            assert found == statement(expected, "default", account, since, as_of)
        assert found.closing
    expected.close()

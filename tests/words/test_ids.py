"""Ids that are made together are those made one by one."""

from __future__ import annotations

from base64 import b32encode
from hashlib import sha256

import pytest

from overspill.words.ids import derived_id, derived_ids


@pytest.mark.parametrize("kind", ["dec", "a", "abcdefgh"])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 16, 17, 100])
def test_ids_that_are_made_together_are_those_made_one_by_one(kind: str, count: int) -> None:
    for first in range(0, 300, count or 300):  # every digit in every place
        keys = [f"default\0user/an\u00e1\0consume\0r-{first + own}" for own in range(count)]
        digests = [sha256(f"{key}\0{kind}\0000".encode()).digest() for key in keys]
        expected = [f"{kind}_{b32encode(digest).decode()[:26].lower()}" for digest in digests]
        assert derived_ids(keys, kind) == [derived_id(key, kind) for key in keys] == expected

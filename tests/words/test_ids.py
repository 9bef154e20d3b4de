"""Ids that are made together are those made one by one."""

from __future__ import annotations

import tracemalloc
from base64 import b32encode
from collections.abc import Callable, Sequence
from hashlib import sha256

import pytest

from overspill.words.ids import derived_id, derived_ids, ids_of


@pytest.mark.parametrize("kind", ["dec", "a", "abcdefgh"])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 16, 17, 100, 256, 257, 300])
def test_ids_that_are_made_together_are_those_made_one_by_one(kind: str, count: int) -> None:
    for first in range(0, 300, count or 300):  # every digit in every place
        keys = [f"default\0user/an\u00e1\0consume\0r-{first + own}" for own in range(count)]
        digests = [sha256(f"{key}\0{kind}\0000".encode()).digest() for key in keys]
        expected = [f"{kind}_{b32encode(digest).decode()[:26].lower()}" for digest in digests]
        assert derived_ids(keys, kind) == [derived_id(key, kind) for key in keys] == expected


@pytest.mark.parametrize("make", [lambda keys: derived_ids(keys, "dec"), ids_of("dec", "bal")], ids=["one", "two"])
def test_ids_need_memory_as_they_are_many(make: Callable[[Sequence[str]], object]) -> None:
    """Four kilobytes for each of a thousand: whoever decides a month's requests in one go has as many."""
    keys = [f"default\0user/ana\0consume\0r-{own}" for own in range(1000)]
    tracemalloc.start()
    try:
        make(keys)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * 1024 * len(keys)

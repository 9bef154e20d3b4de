"""Keys as both databases keep them: found by their digest, found by their id, each alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from overspill.ports.registry import ApiKey, Registry
from overspill.store.opened import opened
from overspill.store.registry import opened_registry
from overspill.words.codec import replace
from store.places import Place


@pytest.fixture
def registry(shared: Place) -> Iterator[Registry]:
    opened(shared.db).close()
    with closing(opened_registry(shared.db)) as found:
        yield found


def _key(number: int, tenant: str = "acme") -> ApiKey:
    return ApiKey(
        id=f"key_{number}",
        tenant=tenant,
        name=f"name {number}",
        scopes=("decide", "operate"),
        digest=bytes([number]) * 32,
        created_at=number,
        expires_at=None if number % 2 else 900,
    )


def test_a_key_is_found_by_its_digest_and_by_its_id(registry: Registry) -> None:
    first, second = _key(1), _key(2, "umbrella")
    for key in (first, second):
        registry.put_key(key)
    assert [registry.key(key.id) for key in (first, second)] == [first, second]
    assert [registry.key_of(key.digest) for key in (first, second)] == [first, second]
    assert (registry.key("key_3"), registry.key_of(b"\0" * 32)) == (None, None)


def test_a_revoked_key_is_found_as_revoked(registry: Registry) -> None:
    registry.put_key(_key(1))
    assert [registry.revoke_key("key_1", at) for at in (50, 60)] == [True, False]
    assert registry.key("key_1") == replace(_key(1), revoked_at=50)

"""Who may call, and what: keys, scopes, ends, revocation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from overspill import Failure
from overspill.ports.registry import ApiKey
from overspill.serve.call import Operation
from overspill.serve.credentials import FRESH_MICROS, SCOPES, Credentials
from overspill.serve.operations import OPERATIONS
from support.asgi import acall, call
from support.services import TURN, Caller, Served, served

SCOPED = [one for one in OPERATIONS if one.scope is not None]


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield found


def _asked(caller: Caller, operation: Operation) -> int:
    path = operation.path.replace(":path", "").format(
        path="a", hold="h", decision="d", kind="user", account="a", lot="l", purchase="p", digest="x", hook="w"
    )
    return caller.get(path).status if operation.method == "GET" else caller.post(path, {}, "k").status


@pytest.mark.parametrize("operation", SCOPED, ids=[one.id for one in SCOPED])
def test_an_operation_is_for_its_scope_alone(one: Served, operation: Operation) -> None:
    others = one.caller("acme", *[scope for scope in SCOPES if scope != operation.scope])
    own = one.caller("acme", str(operation.scope))
    assert (_asked(others, operation), _asked(own, operation) == 403) == (403, False)


def test_whoever_has_no_credential_is_nobody(one: Served) -> None:
    answer = call(one.app, "POST", "/v1/decisions", TURN, {"Idempotency-Key": "r1"})
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="overspill"')


@pytest.mark.parametrize("is_known", [True, False])
def test_who_asks_many_times_at_once_is_looked_up_once(
    one: Served, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    key_of, asked = one.service.registry.key_of, []

    def counted(digest: bytes) -> ApiKey | None:
        asked.append(digest)
        return key_of(digest)

    async def together() -> list[int]:
        header = {"Authorization": f"Bearer {one.all.key if is_known else 'osk_unknown'}"}
        calls = [acall(one.app, "GET", "/v1/policies", None, header) for _ in range(30)]
        return [answer.status for answer in await asyncio.gather(*calls)]

    monkeypatch.setattr(one.service.registry, "key_of", counted)
    assert asyncio.run(together()) == [200 if is_known else 401] * 30
    assert len(asked) == 1


KEYS = {
    "empty": "",
    "another scheme": "Basic dXNlcjpwYXNz",
    "no text": "Bearer ",
    "unknown": "Bearer osk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "latin-1": "Bearer \xe4\xf6",
    "very long": "Bearer " + "x" * 10_000,
}


@pytest.mark.parametrize("header", KEYS.values(), ids=KEYS)
def test_a_key_that_is_none_is_refused(one: Served, header: str) -> None:
    answer = call(one.app, "GET", "/v1/policies", None, {"Authorization": header})
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")


def test_a_key_ends_at_its_time_also_where_it_is_remembered(one: Served) -> None:
    caller = one.caller("acme", "author", expires_at=one.clock.now() + 1_000_000)
    before = caller.get("/v1/policies").status
    one.clock.advance(1_000_000)
    assert (before, caller.get("/v1/policies").status) == (200, 401)


def test_a_revoked_key_does_nothing_any_more_within_seconds(one: Served) -> None:
    caller = one.caller("acme", "author")
    before = caller.get("/v1/policies").status
    [key] = [key for key in one.registry.list_keys("acme") if key.scopes == ("author",)]
    assert one.registry.revoke_key(key.id, one.clock.now())
    one.clock.advance(FRESH_MICROS + 1)
    assert (before, caller.get("/v1/policies").status) == (200, 401)
    assert not one.registry.revoke_key(key.id, one.clock.now())


def test_a_rotated_key_may_do_the_same_and_the_old_one_goes_on(one: Served) -> None:
    old = one.caller("acme", "author", "audit")
    [key] = [key for key in one.registry.list_keys("acme") if key.scopes == ("author", "audit")]
    text, made = Credentials(one.registry, one.clock.now).rotated(key.id, None)
    assert made.scopes == key.scopes
    assert [caller.get("/v1/policies").status for caller in (old, Caller(one.app, text))] == [200, 200]


def test_who_rotates_a_key_reads_no_other(one: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {key.id: key for key in one.registry.list_keys()}

    def all_keys(tenant: str | None = None) -> list[ApiKey]:
        raise AssertionError("all keys are read")

    monkeypatch.setattr(one.registry, "list_keys", all_keys)
    credentials = Credentials(one.registry, one.clock.now)
    for id, key in keys.items():
        assert credentials.rotated(id, 5)[1].scopes == key.scopes


def test_a_key_that_is_none_or_was_revoked_is_not_rotated(one: Served) -> None:
    [key] = one.registry.list_keys()
    one.registry.revoke_key(key.id, one.clock.now())
    for id in (key.id, "key_none", key.id[:-1], f"{key.id}' OR '1"):
        with pytest.raises(Failure) as caught:
            Credentials(one.registry, one.clock.now).rotated(id, None)
        assert caught.value.code == "unknown_key_id"


def test_the_text_of_a_key_is_kept_nowhere(one: Served) -> None:
    kept = repr([(key.id, key.digest, key.name) for key in one.registry.list_keys()])
    assert one.all.key not in kept
    assert one.all.key.removeprefix("osk_") not in kept


def test_when_a_key_was_used_last_is_written_down(one: Served) -> None:
    one.caller("acme", "author").get("/v1/policies")
    one.service.credentials.tell()
    used = {key.scopes: key.last_used_at for key in one.registry.list_keys("acme")}
    assert used == {SCOPES: None, ("author",): one.clock.now()}

"""Tokens of an issuer: one that is good, and everything that is nearly one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from overspill.serve.tokens import tokens_from
from overspill.words.failures import Failure
from support.services import NOON, Caller, Served, served

RSA = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ISSUER, AUDIENCE = "https://id.example", "overspill"
NOW = NOON // 1_000_000


def _jwk(algorithm: Any, key: Any, kid: str, alg: str) -> dict[str, Any]:
    found = json.loads(algorithm.to_jwk(key.public_key()))
    return {name: found[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in found} | {
        "kid": kid,
        "alg": alg,
    }


RSA_JWK = _jwk(jwt.algorithms.RSAAlgorithm, RSA, "r1", "RS256")
EC_JWK = _jwk(jwt.algorithms.ECAlgorithm, EC, "e1", "ES256")
ISSUERS = {
    "issuers": [
        {"issuer": ISSUER, "audience": AUDIENCE, "keys": [RSA_JWK, EC_JWK]},
        {"issuer": "https://umbrella.example", "audience": AUDIENCE, "keys": [RSA_JWK], "tenant": "umbrella"},
    ]
}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "ana@example.com",
    "exp": NOW + 600,
    "tenant": "acme",
    "scope": "openid overspill:author overspill:audit overspill:root",
}


@pytest.fixture(scope="module")
def one() -> Iterator[Served]:
    with served(tokens=tokens_from(json.dumps(ISSUERS).encode(), "issuers.json")) as found:
        yield found


def made(
    key: Any = RSA, kid: str | None = "r1", alg: str = "RS256", without: str = "", header: Any = None, **claims: Any
) -> str:
    told = {name: value for name, value in {**CLAIMS, **claims}.items() if name != without}
    return jwt.encode(told, key, algorithm=alg, headers={**({} if kid is None else {"kid": kid}), **(header or {})})


def test_a_good_token_is_its_tenant_and_its_scopes(one: Served) -> None:
    for token in (made(), made(EC, "e1", "ES256")):
        caller = Caller(one.app, token)
        assert [caller.get("/v1/policies").status, caller.get("/v1/log").status] == [200, 200]
        assert caller.post("/v1/decisions", {}, "k").status == 403


def test_where_an_issuer_is_one_tenants_the_claim_does_not_count(one: Served) -> None:
    other = Caller(one.app, made(iss="https://umbrella.example", tenant="acme", scope="overspill:operate"))
    path = "/v1/accounts/user/u_1/attributes"
    receipt = other.post(path, {"attributes": {"plan": "pro"}}, "k").json
    assert one.caller("umbrella", "audit").get(f"/v1/decisions/{receipt['set']}").status == 200
    assert one.caller("acme", "audit").get(f"/v1/decisions/{receipt['set']}").status == 404
    assert receipt["actor"].startswith("sub_")


def test_it_ends_by_the_engines_clock_also_where_it_is_remembered() -> None:
    with served(tokens=tokens_from(json.dumps(ISSUERS).encode(), "issuers.json")) as one:
        caller = Caller(one.app, made(exp=NOW + 1))
        before = caller.get("/v1/policies").status
        one.clock.advance(1_000_000)
        assert (before, caller.get("/v1/policies").status) == (200, 401)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unsigned(alg: str = "none", signature: bytes = b"") -> str:
    header = {"alg": alg, "kid": "r1", "typ": "JWT"}
    return ".".join([_b64(json.dumps(header).encode()), _b64(json.dumps(CLAIMS).encode()), _b64(signature)])


def _signed_with_the_public_key() -> str:
    """RFC 8725 section 2.1: an asymmetric key taken for a shared secret."""
    head, body, _ = _unsigned("HS256").split(".")
    secret = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return ".".join([head, body, _b64(hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest())])


def _swapped() -> str:
    """The claims of one token under the signature of another."""
    head, _, signature = made().split(".")
    return ".".join([head, made(tenant="umbrella").split(".")[1], signature])


def _cut() -> str:
    return made()[:-8]


WRONG: dict[str, Callable[[], str]] = {
    "no signature": _unsigned,
    "no algorithm, in capitals": lambda: _unsigned("NONE"),
    "a shared secret out of the public key": _signed_with_the_public_key,
    "claims under another signature": _swapped,
    "a signature that is cut off": _cut,
    "an empty signature": lambda: _unsigned("RS256"),
    "another key": lambda: made(OTHER),
    "another key of another kind": lambda: made(EC, "r1", "ES256"),
    "another algorithm than the key's": lambda: made(RSA, "r1", "PS256"),
    "a larger digest than the key's": lambda: made(RSA, "r1", "RS512"),
    "no key id": lambda: made(kid=None),
    "an unknown key id": lambda: made(kid="r2"),
    "a key of its own in the header": lambda: made(OTHER, header={"jwk": RSA_JWK}),
    "a critical header that nobody knows": lambda: made(header={"crit": ["exp2"], "exp2": 1}),
    "no issuer": lambda: made(without="iss"),
    "another issuer": lambda: made(iss="https://evil.example"),
    "an issuer with a slash more": lambda: made(iss=ISSUER + "/"),
    "another issuer's key": lambda: made(EC, "e1", "ES256", iss="https://umbrella.example"),
    "no audience": lambda: made(without="aud"),
    "another audience": lambda: made(aud="billing"),
    "an audience of the same beginning": lambda: made(aud="overspill2"),
    "no end": lambda: made(without="exp"),
    "an end that has passed": lambda: made(exp=NOW - 1),
    "an end that is now": lambda: made(exp=NOW),
    "an end that is no number": lambda: made(exp="tomorrow"),
    "an end beyond all calendars": lambda: made(exp=10**15),
    "not yet": lambda: made(nbf=NOW + 60),
    "no subject": lambda: made(without="sub"),
    "an empty subject": lambda: made(sub=""),
    "no tenant": lambda: made(without="tenant"),
    "a tenant that is no identifier": lambda: made(tenant="acme/../umbrella"),
    "a list of tenants": lambda: made(tenant=["acme"]),
    "two parts": lambda: ".".join(made().split(".")[:2]),
    "no token at all": lambda: "abc",
    "more than a token may have": lambda: made(pad="x" * 9000),
}


@pytest.mark.parametrize("token", WRONG.values(), ids=WRONG)
def test_what_is_nearly_a_token_is_refused_and_not_told_why(one: Served, token: Callable[[], str]) -> None:
    answer = Caller(one.app, token()).get("/v1/policies")
    assert (answer.status, answer.json["detail"]) == (401, "the token is not good here")


def test_without_issuers_no_token_is_good() -> None:
    with served() as one:
        assert Caller(one.app, made()).get("/v1/policies").status == 401


SHORT = _jwk(jwt.algorithms.RSAAlgorithm, rsa.generate_private_key(65537, 1024), "k", "RS256")
CURVED = _jwk(jwt.algorithms.ECAlgorithm, ec.generate_private_key(ec.SECP384R1()), "k", "ES256")
FILES: dict[str, tuple[Any, str]] = {
    "a shared secret": ({"issuers": [{"issuer": "i", "audience": "a", "keys": [{"kid": "k", "kty": "oct", "alg": "HS256"}]}]}, "there is no `HS256` here"),
    "no algorithm": ({"issuers": [{"issuer": "i", "audience": "a", "keys": [{"kid": "k", "kty": "RSA"}]}]}, "`alg` is missing"),
    "a key that is none": ({"issuers": [{"issuer": "i", "audience": "a", "keys": [{"kid": "k", "kty": "RSA", "alg": "RS256"}]}]}, "cannot be read"),
    "an RSA key that is too short": ({"issuers": [{"issuer": "i", "audience": "a", "keys": [SHORT]}]}, "the key k has fewer than 2048 bits"),
    "a key of another curve": ({"issuers": [{"issuer": "i", "audience": "a", "keys": [CURVED]}]}, "the key k is of another curve than ES256"),
    "a key to encrypt with": ({"issuers": [{"issuer": "i", "audience": "a", "keys": [{**RSA_JWK, "use": "enc"}]}]}, "the key r1 is not for signatures"),
    "an unknown key": ({"issuers": [], "more": 1}, "there is no `more` here"),
    "a list": ([], "is no JSON object"),
}  # fmt: skip


@pytest.mark.parametrize("value, what", FILES.values(), ids=FILES)
def test_issuers_that_cannot_be_told_are_refused(value: Any, what: str) -> None:
    with pytest.raises(Failure, match=r"issuers\.json") as caught:
        tokens_from(json.dumps(value).encode(), "issuers.json")
    assert caught.value.code == "invalid_issuers"
    assert what in caught.value.message

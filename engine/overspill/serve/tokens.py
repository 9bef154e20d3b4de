"""Tokens of an issuer (OIDC, JWT; RFC 7519, RFC 8725): which key, which algorithm, who issued it, for whom, until when.

The algorithm is the key's own, never the token's word for it, and asymmetric: who can check a token cannot make one.
Tenant and scopes are claims. Whatever is not exactly so is one refusal that does not say what it was: nobody is helped to
guess. The engine's clock decides what has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import jwt
from jwt import PyJWK

from overspill.serve.credentials import SCOPES, Caller, unauthenticated
from overspill.serve.reading import shaped
from overspill.words.codec import Struct
from overspill.words.failures import Failure
from overspill.words.ids import derived_id
from overspill.words.names import is_identifier
from overspill.words.strict_json import json_from_text

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
RSA_BITS_MIN = 2048
"""RFC 7518, sections 3.3 to 3.5."""
TOKEN_MAX = 8192
SECOND = 1_000_000
INSTANT_MAX = 253_402_300_800
"""The end of the year 9999, in seconds."""


class Key(Struct, frozen=True, kw_only=True):
    """One public key as a JWK (RFC 7517), its algorithm included."""

    kid: str
    alg: Literal[ALGORITHMS]  # type: ignore[valid-type]
    kty: str
    use: str = "sig"
    n: str | None = None
    e: str | None = None
    crv: str | None = None
    x: str | None = None
    y: str | None = None


class Issuer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose tokens are good here. The tenant is a claim, or, where one issuer is one tenant's, `tenant`."""

    issuer: str
    audience: str
    keys: tuple[Key, ...]
    tenant: str | None = None
    tenant_claim: str = "tenant"
    scope_prefix: str = "overspill:"
    """`overspill:decide` in the claim `scope` is the scope `decide`."""


class Issuers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    issuers: tuple[Issuer, ...]


class JwtTokens:
    """Reads the tokens of some issuers."""

    def __init__(self, issuers: Issuers) -> None:
        self._keys: dict[tuple[str, str], tuple[Issuer, PyJWK]] = {}
        for issuer in issuers.issuers:
            for key in issuer.keys:
                self._keys[issuer.issuer, key.kid] = issuer, _loaded(key)

    def caller(self, text: bytes, now: int) -> Caller:
        """Raises Failure `unauthenticated`."""
        if len(text) > TOKEN_MAX:
            raise _refused()
        try:
            kid = jwt.get_unverified_header(text).get("kid")
            claimed = jwt.decode(text, options={"verify_signature": False}).get("iss")
            known = self._keys.get((claimed, kid)) if isinstance(claimed, str) and isinstance(kid, str) else None
            if known is None:
                raise _refused()
            issuer, key = known
            claims = jwt.decode(
                text,
                key.key,
                algorithms=[str(key.algorithm_name)],
                audience=issuer.audience,
                issuer=issuer.issuer,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,  # by the engine's clock, below
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise _refused() from None
        return _caller(issuer, claims, now)


def tokens_from(data: bytes, name: str) -> JwtTokens:
    """The issuers of a JSON file. Raises Failure."""
    value = json_from_text(data, name=name)
    if not isinstance(value, dict):
        raise Failure("invalid_issuers", f"{name} is no JSON object", help='write {"issuers": [...]}')
    try:
        return JwtTokens(shaped(value, Issuers))
    except Failure as failure:
        raise Failure(
            "invalid_issuers", f"{name}: {failure.message} at `{failure.pointer}`", help=failure.help
        ) from None


def _loaded(key: Key) -> PyJWK:
    parts = {name: getattr(key, name) for name in Key.__struct_fields__}
    try:
        found = PyJWK({name: value for name, value in parts.items() if value is not None}, algorithm=key.alg)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        what = f"the key {key.kid[:64]} cannot be read: {type(error).__name__}"
        raise Failure(
            "invalid_issuers", what, help="give public keys as JWKs, with kid, alg, kty", pointer="/keys"
        ) from None
    if (unfit := _unfit(key, found)) is not None:
        what = f"the key {key.kid[:64]} {unfit}"
        raise Failure("invalid_issuers", what, help="give the keys that tokens are signed with", pointer="/keys")
    return found


def _unfit(key: Key, found: PyJWK) -> str | None:
    """Why no token may be checked with it."""
    if key.use != "sig":
        return "is not for signatures"
    if CURVES.get(key.alg, key.crv) != key.crv:
        return f"is of another curve than {key.alg}"
    if key.kty == "RSA" and found.key.key_size < RSA_BITS_MIN:
        return f"has fewer than {RSA_BITS_MIN} bits"
    return None


def _caller(issuer: Issuer, claims: Mapping[str, Any], now: int) -> Caller:
    until, since, subject = _instant(claims, "exp"), _instant(claims, "nbf"), claims["sub"]
    tenant = issuer.tenant if issuer.tenant is not None else claims.get(issuer.tenant_claim)
    if until is None or until <= now or (since is not None and since > now):
        raise _refused()
    if not isinstance(tenant, str) or not is_identifier(tenant) or not isinstance(subject, str) or not subject:
        raise _refused()
    said = claims.get("scope", "")
    words = (
        said.split()
        if isinstance(said, str)
        else [one for one in said if isinstance(one, str)]
        if isinstance(said, list)
        else []
    )
    scopes = frozenset(word.removeprefix(issuer.scope_prefix) for word in words if word.startswith(issuer.scope_prefix))
    return Caller(derived_id(f"{issuer.issuer}\0{subject}", "sub"), tenant, scopes & frozenset(SCOPES), until)


def _instant(claims: Mapping[str, Any], name: str) -> int | None:
    """A claim's seconds in microseconds; None where it is not there."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < INSTANT_MAX:
        raise _refused()
    return int(value) * SECOND


def _refused() -> Failure:
    return unauthenticated("the token is not good here")

"""Header fields of answers: what each is called, what it tells, of what form it is. Who sends one takes its name from here, and
the operation that may send it says so (`Operation.sends`), which is what its description tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overspill.words.codec import Struct, replace

Header = tuple[bytes, bytes]
NAME = "[a-z][a-z0-9_]*"


class Field(Struct, frozen=True, kw_only=True):
    """`always`: it is there in every answer that it is said of; else where it has something to tell. `schema` is a JSON Schema of its value."""

    name: str
    about: str
    schema: Mapping[str, Any]
    always: bool = False

    @property
    def wire(self) -> bytes:
        """Its name as it is sent."""
        return self.name.lower().encode()

    def of(self, value: str) -> Header:
        return self.wire, value.encode()


def always(field: Field) -> Field:
    """The same where it is there in every answer."""
    return replace(field, always=True)


def _listed(item: str) -> Mapping[str, Any]:
    """Of a list of structured fields (RFC 9651)."""
    return {"type": "string", "pattern": f"^{item}(, {item})*$"}


REQUEST_ID = Field(
    name="X-Request-ID",
    about="What this call is named by: your own, or one that the service has made.",
    schema={"type": "string", "minLength": 1, "maxLength": 256},
    always=True,
)
IDEMPOTENCY_REPLAYED = Field(
    name="Idempotency-Replayed",
    about="The same was asked before under its key: this is the answer of then.",
    schema={"type": "string", "enum": ["true"]},
)
RATE_LIMIT_POLICY = Field(
    name="RateLimit-Policy",
    about="The limits of the windows that it met, each in the unit beside it (draft-ietf-httpapi-ratelimit-headers-10).",
    schema=_listed(f'"{NAME}";q=[0-9]{{1,15}};overspill-unit="{NAME}"'),
)
RATE_LIMIT = Field(
    name="RateLimit",
    about="What is left of them, and in how many seconds there is more (draft-ietf-httpapi-ratelimit-headers-10).",
    schema=_listed(f'"{NAME}";r=[0-9]{{1,15}}(;t=[0-9]+)?'),
)
RETRY_AFTER = Field(
    name="Retry-After",
    about="Seconds after which it may be asked again.",
    schema={"type": "integer", "minimum": 1},
)
CHALLENGE = Field(
    name="WWW-Authenticate",
    about="Which credential is wanted (RFC 6750).",
    schema={"type": "string", "enum": ['Bearer realm="overspill"']},
)
ALLOW = Field(name="Allow", about="The methods that there are.", schema={"type": "string"})
CACHE_CONTROL = Field(
    name="Cache-Control",
    about="Whether it may be kept: not where the service was not told its own address.",
    schema={"type": "string", "enum": ["max-age=3600", "no-store"]},
    always=True,
)

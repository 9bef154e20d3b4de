"""What is sent: one call of the service for each thing that can be asked. Pure: a call is data, and nobody is asked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit

from overspill.records.request import Request
from overspill.words.codec import Light, json_bytes
from overspill.words.failures import Failure
from overspill.words.names import IDENTIFIER_HELP, is_identifier, shown
from overspill.words.typed import expect

Mode = Literal["consume", "reserve", "preview"]
Account = Mapping[str, str]
ONLY = "1"
"""The id of a capture, or a release, that is the only one of its hold."""
JSON, TEXT = "application/json", "text/plain"


class Call(Light, frozen=True, kw_only=True):
    """`path` is below the service's URL, with its query. `again` says why it may be sent twice: its key makes the second
    time an echo of the first, so do the ids of what is in it, or it has no effect at all. There is no other call. `trace` are
    the fields that say whose trace it belongs to."""

    method: Literal["GET", "POST"]
    path: str
    body: bytes = b""
    key: str = ""
    again: Literal["key", "ids", "no_effect"]
    media: str = JSON
    trace: tuple[tuple[str, str], ...] = ()


class Place(Light, frozen=True, kw_only=True):
    """Where a service is. `prefix` stands before every path."""

    secure: bool
    host: str
    port: int
    prefix: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.secure else ''}://{host}:{self.port}{self.prefix}"


def place_of(url: str) -> Place:
    """`https://usage.example/prefix` → its parts. Raises Failure `invalid_url`."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise _invalid_url(url) from None
    odd = parts.username is not None or parts.query or parts.fragment or not url.isascii() or not url.isprintable()
    if parts.scheme not in ("http", "https") or not parts.hostname or odd or " " in url:
        raise _invalid_url(url)
    secure = parts.scheme == "https"
    return Place(
        secure=secure, host=parts.hostname, port=port or (443 if secure else 80), prefix=parts.path.rstrip("/")
    )


def _invalid_url(url: str) -> Failure:
    what = f"{shown(url.rpartition('@')[2])} is no URL of a service"
    return Failure("invalid_url", what, help="write `https://host:port`, with a path if it has one, and nothing else")


def headers_of(call: Call, credential: str) -> dict[str, str]:
    """The fields that a call is sent with."""
    found = {
        **dict(call.trace),
        "authorization": f"Bearer {credential}",
        "accept": f"{call.media}, application/problem+json",
        "accept-encoding": "identity",
        "user-agent": "overspill-client",
    }
    if call.body:
        found["content-type"] = JSON
    if call.key:
        found["idempotency-key"] = call.key
    return found


def checked_credential(text: str) -> str:
    """Raises Failure for what cannot be sent in a header; it is not shown."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise Failure("invalid_credential", "the credential is no key or token", help="copy it whole: `osk_…`")
    return text


# ---- decisions


def decision(mode: Mode, request: Request) -> Call:
    """One decision. Raises Failure for a request that cannot be written."""
    body = b'{"mode":"%b",%b' % (mode.encode(), request_json(request)[1:])
    key = "" if mode == "preview" else _identifier(request.id, "/id")
    return Call(
        method="POST", path="/v1/decisions", body=body, key=key, again="no_effect" if mode == "preview" else "key"
    )


def decision_again(mode: Mode, id: str, request: bytes) -> Call:
    """The same for a request as it was written before."""
    body = b'{"mode":"%b",%b' % (mode.encode(), request[1:])
    return Call(method="POST", path="/v1/decisions", body=body, key=id, again="key")


def decisions(mode: Mode, requests: Sequence[Request]) -> Call:
    """Many decisions: the id of each request is its key."""
    body = b'{"mode":"%b","requests":[%b]}' % (mode.encode(), b",".join([request_json(one) for one in requests]))
    return Call(method="POST", path="/v1/decisions", body=body, again="no_effect" if mode == "preview" else "ids")


def request_json(request: Request) -> bytes:
    """As the service reads it. Raises Failure."""
    if type(request) is not Request:
        expect(request, Request)
    return _json(request)


def show(id: str) -> Call:
    return Call(method="GET", path=f"/v1/decisions/{_identifier(id, '/id')}", again="no_effect")


def explain(id: str) -> Call:
    path = f"/v1/decisions/{_identifier(id, '/id')}/explanation"
    return Call(method="GET", path=path, again="no_effect", media=TEXT)


# ---- holds


def capture(hold: str, meters: Mapping[str, int], id: str | None, final: bool) -> Call:
    """Raises Failure `missing_id` for a part without an id, which could not be told from the same part sent again."""
    if id is None and not final:
        help = 'give each of them its own, the last one too: id="1", id="2" …'
        raise Failure("missing_id", "a part of a capture has no `id`", help=help, pointer="/id")
    body = {"meters": meters, "final": final}
    return posted(f"/v1/holds/{_identifier(hold, '/hold')}/capture", body, ONLY if id is None else id)


def extend(hold: str, id: str) -> Call:
    return posted(f"/v1/holds/{_identifier(hold, '/hold')}/extend", None, id)


def release(hold: str, id: str) -> Call:
    return posted(f"/v1/holds/{_identifier(hold, '/hold')}/release", None, id)


# ---- accounts


def status(account: Account) -> Call:
    owner = owner_of(account)
    others = [("with", f"{kind}/{id}") for kind, id in account.items() if f"{kind}/{id}" != owner]
    return _get(f"/v1/accounts/{_account_path(owner)}", others)


def statement(account: Account, since: str | None, as_of: str | None) -> Call:
    query = [(name, text) for name, text in (("since", since), ("as_of", as_of)) if text is not None]
    return _get(f"/v1/accounts/{_account_path(owner_of(account))}/statement", query)


def of_account(account: Account, part: str, body: Mapping[str, Any], id: str) -> Call:
    """What is put under one account."""
    return posted(f"/v1/accounts/{_account_path(owner_of(account))}/{part}", body, id)


def of_lot(lot: str, done: str, body: Mapping[str, Any], id: str) -> Call:
    return posted(f"/v1/lots/{_identifier(lot, '/lot')}/{done}", body, id)


def purchases() -> Call:
    return _get("/v1/purchases", ())


def resolve(purchase: str, body: Mapping[str, Any]) -> Call:
    """The purchase is its own key."""
    path = f"/v1/purchases/{_identifier(purchase, '/purchase')}/resolve"
    return Call(method="POST", path=path, body=_json(body), again="ids")


def owner_of(account: Account) -> str:
    """`user/u_ana`: the user where one is named, else the first account named (LANGUAGE.md I1). Raises Failure."""
    if not account:
        raise Failure("missing_account", "no account is named", help='name one: {"user": "…"}', pointer="/account")
    kind = "user" if "user" in account else min(account)
    for name, id in account.items():
        _identifier(name, "/account")
        _identifier(id, f"/account/{name}")
    return f"{kind}/{account[kind]}"


# ---- parts of calls


def posted(path: str, body: Mapping[str, Any] | None, id: str) -> Call:
    """What changes something, under its key. What is None in the body is left out."""
    told = None if body is None else {name: value for name, value in body.items() if value is not None}
    return Call(
        method="POST", path=path, body=b"" if told is None else _json(told), key=_identifier(id, "/id"), again="key"
    )


def _get(path: str, query: Sequence[tuple[str, str]]) -> Call:
    return Call(method="GET", path=f"{path}?{urlencode(query)}" if query else path, again="no_effect")


def _account_path(owner: str) -> str:
    return quote(owner, safe="/:@")


def _identifier(text: object, pointer: str) -> str:
    if not isinstance(text, str) or not is_identifier(text):
        raise Failure("invalid_id", f"{shown(text)} is no identifier", help=IDENTIFIER_HELP, pointer=pointer)
    return text


def _json(value: Any) -> bytes:
    try:
        return json_bytes(value)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(value, Request):
            expect(value, Request)
        what = f"what is to be sent is no JSON: {error}"
        raise Failure("invalid_argument", what, help="give texts, whole numbers, and mappings of them") from None

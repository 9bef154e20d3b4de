"""One call of the service as its operations see it, and what they reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from overspill.serve.credentials import Caller
from overspill.serve.fields import IDEMPOTENCY_REPLAYED, Field
from overspill.serve.fields import Header as Header
from overspill.words.codec import Struct
from overspill.words.failures import Failure

if TYPE_CHECKING:
    from overspill.runtime.engine import Engine
    from overspill.serve.service import Service

JSON: Header = (b"content-type", b"application/json")
TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")
REPLAYED = IDEMPOTENCY_REPLAYED.of("true")


class Call(Struct, eq=False):
    """`path` are the values in the path, `key` is the Idempotency-Key, `headers` are by lower-case name; `engine` is that of
    the caller's tenant; `target` is the path as it was sent, its %-codes in it."""

    service: Service
    engine: Engine
    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    headers: Mapping[bytes, bytes]
    body: bytes
    key: str
    request_id: str
    method: str
    target: bytes

    def asked(self, name: str) -> str | None:
        """A value of the query that may be there once. Raises Failure."""
        values = self.query.get(name, ())
        if len(values) > 1:
            raise Failure("invalid_query", f"`{name}` stands in the query {len(values)} times", help="send it once")
        return values[0] if values else None


class Reply(Struct, frozen=True):
    """`outcomes` are those of the decisions that it tells of; `decision` is the id of the one that there is, where the body is not
    the decision itself."""

    body: bytes
    status: int = 200
    headers: tuple[Header, ...] = ()
    media: Header = JSON
    outcomes: tuple[str, ...] = ()
    decision: str | None = None


Act = Callable[[Call], Awaitable[Reply]]
Method = Literal["GET", "POST", "ANY"]
Scope = Literal["decide", "operate", "author", "audit"]
Schema = Mapping[str, Any]


class Param(Struct, frozen=True):
    """Of the query: a text, or some of one name."""

    name: str
    about: str
    many: bool = False


class Operation(Struct, frozen=True, kw_only=True):
    """One operation: what is asked, what is answered, and what does it. Routes, OpenAPI and reference are made of these.

    `scope` None: whoever can reach the service may ask. `keyed`: whether it needs an Idempotency-Key, by itself or by
    what is asked. `problems` are the statuses of failures of its own, beside those that every operation has; those of
    `as_400` are told as 400, where a standard knows no others. `body` and `answer` are shapes, or JSON Schemas; so are the
    `told` of a status, where its problem may say more than any other. `sends` are the header fields of a status, beside those
    that every answer has, every problem of that status (problems.py), and what has an Idempotency-Key.

    The method ANY is every method, with any query and any body, which nobody reads: for who passes on the calls of others
    (`{path:path}` is any path below).
    """

    id: str
    method: Method
    path: str
    tag: str
    summary: str
    about: str = ""
    scope: Scope | None
    body: type[Struct] | Schema | None = None
    answer: type[Struct] | Schema
    answers: tuple[int, ...] = (200,)
    media: str = "application/json"
    query: tuple[Param, ...] = ()
    keyed: Literal["never", "maybe", "always"] = "never"
    problems: tuple[int, ...] = ()
    as_400: tuple[int, ...] = ()
    told: Mapping[int, type[Struct] | Schema] = {}
    sends: Mapping[int, tuple[Field, ...]] = {}
    act: Act

    @property
    def is_administrative(self) -> bool:
        """Whether it changes accounts, policies or the service otherwise than by a decision."""
        return self.scope in ("operate", "author") and self.method != "GET"


def receipt(json: bytes, replayed: bool) -> Reply:
    """An answer of the engine in its exact bytes; that it was given before is said beside them."""
    return Reply(json, headers=(REPLAYED,) if replayed else ())

"""Failures as problem details (RFC 9457): a status, a stable code, the remedy, and the place in the body.

`type` is `/problems/{code}`, relative to the service, which says there what it means (`problem_types`). A denial is no
problem: it is an answer with status 200.
"""

from __future__ import annotations

from overspill.runtime.alarms import alarm
from overspill.serve.fields import CHALLENGE, RETRY_AFTER, Field, Header, always
from overspill.words.codec import Struct, json_bytes
from overspill.words.failures import Failure, StoreFailure

MEDIA_TYPE = "application/problem+json"

AGAIN = 503
"""It may be asked again, with the same key."""
STATUSES = {
    "invalid_json": 400,
    "invalid_request": 400,
    "invalid_query": 400,
    "unknown_key": 400,
    "missing_id": 400,
    "missing_account": 400,
    "missing_header": 400,
    "invalid_header": 400,
    "invalid_path": 400,
    "missing_idempotency_key": 400,
    "unauthenticated": 401,
    "not_allowed": 403,
    "no_rule": 403,
    "not_found": 404,
    "unknown_hold": 404,
    "unknown_request": 404,
    "unknown_purchase": 404,
    "unknown_policy": 404,
    "unknown_hook": 404,
    "method_not_allowed": 405,
    "in_flight": 409,
    "replayed": 409,
    "hold_closed": 409,
    "hold_open": 409,
    "lot_held": 409,
    "purchase_closed": 409,
    "already_reversed": 409,
    "nothing_to_reverse": 409,
    "nothing_to_reset": 409,
    "not_enough": 409,
    "receipt_used": 409,
    "too_many_hooks": 409,
    "hook_deleted": 409,
    "too_large": 413,
    "wrong_media_type": 415,
    "internal_error": 500,
    "busy": AGAIN,
    "engine_closed": AGAIN,
}
"""Code → status; a StoreFailure that is not here is 503, every other Failure 422: it can be read, and cannot be done."""
RETRY_SECONDS = 1
"""After which a 409 of a request under way, and a 503, may be asked again: with the same key."""
RETRIED = ("in_flight",)
UNAUTHENTICATED = "unauthenticated"


class Place(Struct, frozen=True, kw_only=True):
    """`pointer` is a JSON Pointer (RFC 6901) as a URI fragment, into the body that was sent."""

    pointer: str
    detail: str


class Problem(Struct, frozen=True, kw_only=True):
    """What could not be done. `code` is stable, `detail` for people, `help` the remedy."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    help: str | None
    errors: tuple[Place, ...]
    request_id: str


def status_of(failure: Failure) -> int:
    return STATUSES.get(failure.code) or (AGAIN if isinstance(failure, StoreFailure) else 422)


def type_of(code: str) -> str:
    return f"/problems/{code}"


def title_of(code: str) -> str:
    return code.replace("_", " ").capitalize()


def problem_of(failure: Failure, request_id: str, status: int | None = None) -> Problem:
    """`status` where it is another than the code's own."""
    places: tuple[Place, ...] = ()
    if failure.pointer is not None:
        places = (Place(pointer=f"#{failure.pointer}", detail=failure.message),)
    return Problem(
        type=type_of(failure.code),
        title=title_of(failure.code),
        status=status or status_of(failure),
        code=failure.code,
        detail=failure.message,
        help=failure.help,
        errors=places,
        request_id=request_id,
    )


def retry_after(failure: Failure) -> int | None:
    """Seconds."""
    return RETRY_SECONDS if status_of(failure) == AGAIN or failure.code in RETRIED else None


def fields_of(failure: Failure) -> tuple[Header, ...]:
    """The header fields of its problem."""
    if failure.code == UNAUTHENTICATED:
        return (CHALLENGE.of('Bearer realm="overspill"'),)
    seconds = retry_after(failure)
    return () if seconds is None else (RETRY_AFTER.of(str(seconds)),)


def fields_told(status: int, is_keyed: bool) -> tuple[Field, ...]:
    """Those that a problem of this status has, or may have where a call with the same key may be under way."""
    if status == STATUSES[UNAUTHENTICATED]:
        return (always(CHALLENGE),)
    if status == AGAIN:
        return (always(RETRY_AFTER),)
    return (RETRY_AFTER,) if is_keyed and status in {STATUSES[code] for code in RETRIED} else ()


def problem_bytes(failure: Failure, request_id: str, status: int | None = None) -> bytes:
    return json_bytes(problem_of(failure, request_id, status))


def told(error: Exception, request_id: str) -> Failure:
    """What the caller is told: of the store, and of a defect, nothing from inside; that goes to whoever runs the service."""
    if isinstance(error, StoreFailure):
        alarm("store_failure", code=error.code, message=error.message, request=request_id)
        help = "ask again, with the same key: it is answered once and for all"
        return StoreFailure(error.code, "the store cannot serve now", help=help)
    if isinstance(error, Failure):
        return error.with_traceback(None)  # whose frames hold the call, which holds the failure: a cycle each
    alarm("internal_error", error=type(error).__name__, request=request_id)
    help = "ask again, with the same key: it is answered once and for all; report it with its X-Request-ID"
    return Failure("internal_error", "the service failed inside", help=help)

"""Requests as JSON from strangers → `Request`: every key known, every value of its type, nothing guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overspill.records.request import Request
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.strict_json import json_from_text

_KEYS = ("id", "account", "fields", "meters", "initiator", "only", "max_charge", "at_least")
_DIGITS_MAX = 19


def request_from_json(text: str | bytes, *, name: str = "the request") -> Request:
    """One request from its JSON text. Raises Failure naming the key and the remedy."""
    return request_from_value(json_from_text(text, name=name))


def request_from_value(value: Any) -> Request:
    """One request from decoded JSON."""
    if not isinstance(value, dict):
        raise _invalid("a request is a JSON object", "")
    for key in value:
        if key not in _KEYS:
            help = did_you_mean(key, _KEYS) or f"known: {', '.join(_KEYS)}"
            raise Failure("unknown_key", f"a request has no `{key[:64]}`", help=help, pointer=f"/{key[:64]}")
    for key in ("id", "account"):
        if key not in value:
            raise Failure(f"missing_{key}", f"the request has no `{key}`", help="send it", pointer=f"/{key}")
    id, initiator = value["id"], value.get("initiator", "user")
    for key, text in (("id", id), ("initiator", initiator)):
        if not isinstance(text, str):
            raise _invalid(f"`{key}` is no string", f"/{key}")
    return Request(
        id=id,
        account=_strings(value["account"], "/account"),
        fields=_object(value.get("fields", {}), "/fields"),
        meters={key: meter_of(key, meter) for key, meter in _object(value.get("meters", {}), "/meters").items()},
        initiator=initiator,
        only=None if value.get("only") is None else _names(value["only"], "/only"),
        max_charge=None if value.get("max_charge") is None else _strings(value["max_charge"], "/max_charge"),
        at_least=None if value.get("at_least") is None else _text(value["at_least"], "/at_least"),
    )


def meter_of(name: str, value: Any) -> int:
    """An integer, or the text of one. Anything else stays as it is, for `admit` to name."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX:
        return int(value)
    return value  # type: ignore[no-any-return]


def _object(value: Any, pointer: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _invalid("expected an object", pointer)
    return value


def _strings(value: Any, pointer: str) -> Mapping[str, str]:
    found = _object(value, pointer)
    for key, text in found.items():
        if not isinstance(text, str):
            raise _invalid(f"`{key[:64]}` is no string", f"{pointer}/{key[:64]}")
    return found


def _names(value: Any, pointer: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _invalid("expected a list of names", pointer)
    return tuple([_text(one, f"{pointer}/{index}") for index, one in enumerate(value)])


def _text(value: Any, pointer: str) -> str:
    if not isinstance(value, str):
        raise _invalid("expected a string", pointer)
    return value


def _invalid(message: str, pointer: str) -> Failure:
    return Failure("invalid_request", message, help="see `overspill schema request`", pointer=pointer)

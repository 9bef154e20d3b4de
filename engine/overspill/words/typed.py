"""What a Python caller gave → the same in plain values of the types that a record states, or one Failure that names the
place.

Records are not checked when they are made: the decision path makes many, and meets by itself what is wrong in them. Here
it gets its name, by the record's own annotations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from overspill.words.codec import Struct, as_dict, convert
from overspill.words.failures import Failure
from overspill.words.names import IDENTIFIER_HELP, is_torn, shown

R = TypeVar("R", bound=Struct)
_CODES = {
    "id": "invalid_id",
    "meters": "invalid_meter",
    "amount": "invalid_amount",
    "cost": "invalid_amount",
    "category": "invalid_category",
    "priority": "invalid_priority",
    "attributes": "invalid_attribute",
    "effective_at": "invalid_instant",
    "expires_at": "invalid_instant",
}
"""Fields of which everything that is wrong has a code of its own; else it is `invalid_argument`."""
Place = tuple[Any, Any, str, str]
"""(a value, the type that is stated for it, its JSON pointer, the code of what would be wrong with it)."""


def typed(record: R) -> R:
    """The record with plain containers. Raises Failure for the first field that is not as the record states."""
    try:
        return convert(_plain(record), type(record))
    except Exception:
        expect(record, type(record))
        raise


def _plain(value: Any) -> Any:
    """Of records, mappings and texts that are more than that what they are besides."""
    if isinstance(value, Struct):
        return _plain(as_dict(value))
    if isinstance(value, Mapping):
        return {_plain(name): _plain(one) for name, one in value.items()}
    return str.__str__(value) if isinstance(value, str) and type(value) is not str else value


def expect(value: Any, kind: Any, pointer: str = "") -> None:
    """Raises Failure for a value that is not of the type, naming the first place that is not."""
    failure = _misfit(value, kind, pointer, _code_of(pointer[1:]))
    if failure is not None:
        raise failure


def _misfit(value: Any, kind: Any, pointer: str, code: str) -> Failure | None:
    """Why a value is not of a type; None where it is."""
    if get_origin(kind) in (Union, UnionType):
        if value is None and NoneType in get_args(kind):
            return None
        kinds = [part for part in get_args(kind) if part is not NoneType]
        nearest = [part for part in kinds if _stated(part)[1](value)] or kinds
        if len(nearest) > 1:
            return _wrong(value, " or ".join([_stated(part)[0] for part in kinds]), pointer, code)
        kind = nearest[0]
    what, fits = _stated(kind)
    if not fits(value):
        return _wrong(value, what, pointer, code)
    wrong = (_misfit(*place) for place in _places(value, kind, pointer, code))
    return next((failure for failure in wrong if failure is not None), None)


_LEAVES: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    str: ("a string", lambda value: isinstance(value, str) and not is_torn(value)),
    int: ("a whole number of at most 63 bits", lambda value: type(value) is int and -(2**63) <= value < 2**63),
    bool: ("true or false", lambda value: type(value) is bool),
    bytes: ("bytes", lambda value: isinstance(value, bytes)),
}
_LISTS = (tuple, Sequence)


def _stated(kind: Any) -> tuple[str, Callable[[Any], bool]]:
    """A type, for people, and whether a value is of it, but for what is inside."""
    if get_origin(kind) in _LISTS:
        return "a list", lambda value: isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if get_origin(kind) is not None:
        return "a mapping by name", lambda value: isinstance(value, Mapping)
    return _LEAVES.get(kind) or (f"a `{kind.__name__}`", lambda value: isinstance(value, kind))


def _places(value: Any, kind: Any, pointer: str, code: str) -> Iterator[Place]:
    """What is inside of a value that is of its type by itself."""
    parts = get_args(kind)
    if get_origin(kind) in _LISTS:
        yield from ((one, parts[0], f"{pointer}/{index}", code) for index, one in enumerate(value))
    elif parts:
        yield from ((name, parts[0], f"{pointer}/{shown(name)[1:-1]}", code) for name in value)
        yield from ((one, parts[1], f"{pointer}/{shown(name)[1:-1]}", code) for name, one in value.items())
    elif isinstance(value, Struct):
        yield from (
            (getattr(value, name), hint, f"/{name}", _code_of(name)) for name, hint in get_type_hints(kind).items()
        )


def _code_of(field: str) -> str:
    return _CODES.get(field, "invalid_argument")


def _wrong(value: object, what: str, pointer: str, code: str) -> Failure:
    name = pointer.rpartition("/")[2] or "what was given"
    help = IDENTIFIER_HELP if code == "invalid_id" else f"give {what}"
    if what == "a string" and isinstance(value, int | float):
        help += f', such as "{value!r}"'
    return Failure(code, f"{shown(name)} is {shown(value)}, not {what}", help=help, pointer=pointer or None)

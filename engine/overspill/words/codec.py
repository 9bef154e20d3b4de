"""The one door to msgspec's encoders: compact JSON and MessagePack, with keys in the order given.

msgspec is before its 1.0; everything that would feel a change of it stands here and in the records typed with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

Struct = msgspec.Struct
"""The base of frozen records that are many or made often: quicker to define, to make and to encode than dataclasses."""


class Light(msgspec.Struct, frozen=True, gc=False):
    """The base of records on the decision path. Frozen and made of values they stand in no cycle, so the collector need
    not look at them; hundreds of thousands a second are made."""


replace = msgspec.structs.replace
"""A copy of a record with some fields otherwise."""
as_dict = msgspec.structs.asdict
"""A record's fields by name, each as it is."""
as_tuple = msgspec.structs.astuple
"""A record's fields in their order, each as it is."""
Raw = msgspec.Raw
"""JSON bytes that are put into, or kept out of, a larger text unread."""

convert = msgspec.convert
"""Plain decoded values → records of a shape."""

json_bytes = msgspec.json.Encoder().encode
"""A value of records, dicts, lists, strings, integers, booleans → compact JSON bytes, keys in the order given."""
sorted_json_bytes = msgspec.json.Encoder(order="sorted").encode
"""The same with sorted keys: equal values give equal bytes."""
json_lines = msgspec.json.Encoder().encode_lines
"""Records → one compact line of JSON each, with a line feed behind it."""
packed_bytes = msgspec.msgpack.Encoder().encode


def defaults_of(shape: type[Struct]) -> dict[str, Any]:
    """What a record of the shape has in fields that nobody gave."""
    fields = msgspec.structs.fields(shape)
    made = {one.name: one.default_factory() for one in fields if one.default_factory is not msgspec.NODEFAULT}
    return made | {one.name: one.default for one in fields if one.default is not msgspec.NODEFAULT}


def types_of(shape: type[Struct]) -> dict[str, Any]:
    """The types of a record's fields, by their names in JSON."""
    return {one.encode_name: one.type for one in msgspec.structs.fields(shape)}


def quoted(text: str) -> str:
    """The text as a JSON string, as short as can be."""
    return json_bytes(text).decode()


JsonFault = msgspec.MsgspecError


class Decoder(Generic[T]):
    """Made by `make` when it is first used: to look at all that a shape says takes milliseconds."""

    __slots__ = ("_made", "_make", "_shape")

    def __init__(self, make: Callable[[type[T]], Any], shape: type[T]) -> None:
        self._make, self._shape = make, shape
        self._made: Any = None

    def decode(self, data: bytes | Raw | str) -> T:
        found: T = (self._made or self._begin()).decode(data)
        return found

    def decode_lines(self, text: bytes) -> list[T]:
        """Of JSON alone."""
        found: list[T] = (self._made or self._begin()).decode_lines(text)
        return found

    def _begin(self) -> Any:
        self._made = self._make(self._shape)
        return self._made


def json_decoder(shape: type[T]) -> Decoder[T]:
    """A decoder of JSON that our own encoders wrote (strangers' JSON goes through `words.strict_json`)."""
    return Decoder(msgspec.json.Decoder, shape)


def whole_decoder(fraction: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """A decoder of any JSON of which `fraction` reads the numbers that are not whole."""
    return msgspec.json.Decoder(float_hook=fraction).decode


def packed_decoder(shape: type[T]) -> Decoder[T]:
    return Decoder(msgspec.msgpack.Decoder, shape)

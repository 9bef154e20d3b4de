"""Forms without what a reader passes over: an answer that is read for some of its fields need not be written out whole.

Whoever reads JSON by a shape reads the same from both: a member that the shape does not name is not looked at.
"""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin

from overspill.records.written import Form, count_of
from overspill.words.codec import Struct, types_of

_HOLE = "\0"
"""Where a value stands: in no JSON text, which has control characters escaped."""


def lean(form: Form, shape: type[Struct]) -> Form:
    """The form, under its id, without members that `shape` does not name."""
    writer = _Writer(_HOLE.join(form.pieces))
    writer.value(0, shape)
    text = "".join(writer.texts)
    holes = tuple([form.holes[one] for one in writer.holes])
    return Form(form.id, tuple(text.split(_HOLE)), holes, form.count or count_of(form.holes))


class _Writer:
    """Reads compact JSON with holes, as this program writes it; `texts` are those of it that stay, `holes` the numbers of the
    holes in them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.texts: list[str] = []
        self.holes: list[int] = []

    def value(self, start: int, shape: Any) -> int:
        """Where the value that begins there ends, of which stays what the shape names."""
        first = self._text[start]
        if first == "{" and (members := _members_of(shape)) is not None:
            return self._object(start, members)
        if first == "[" and (item := _item_of(shape)) is not None:
            return self._array(start, item)
        return self._kept(start, self._end(start))

    def _object(self, start: int, members: dict[str, Any]) -> int:
        self.texts.append("{")
        at, between = start + 1, ""
        while self._text[at] != "}":
            at += self._text[at] == ","
            colon = self._end(at)
            name = self._text[at:colon]
            if name[1:-1] in members or _HOLE in name:  # with a hole it may be any
                self.texts.append(between)
                between = ","
                self._kept(at, colon + 1)
                at = self.value(colon + 1, members.get(name[1:-1]))
            else:
                at = self._end(colon + 1)
        self.texts.append("}")
        return at + 1

    def _array(self, start: int, item: Any) -> int:
        at = self._kept(start, start + 1)
        while self._text[at] != "]":
            if self._text[at] == ",":
                at = self._kept(at, at + 1)
            at = self.value(at, item)
        return self._kept(at, at + 1)

    def _kept(self, start: int, end: int) -> int:
        text = self._text
        before = text.count(_HOLE, 0, start)
        self.texts.append(text[start:end])
        self.holes += range(before, before + text.count(_HOLE, start, end))
        return end

    def _end(self, start: int) -> int:
        """Where the value, or the name, that begins there ends."""
        text, at, depth, is_string = self._text, start, 0, False
        while True:
            one = text[at]
            at += 2 if is_string and one == "\\" else 1
            if is_string:
                is_string = one != '"'
            elif one == '"':
                is_string = True
            elif one in "{[":
                depth += 1
            elif one in "}]":
                depth -= 1
            if not depth and not is_string and (one in '"}]' or text[at] in ",:}]"):
                return at


def _parts_of(shape: Any) -> tuple[Any, ...]:
    """What a value may be."""
    return get_args(shape) if get_origin(shape) in (Union, UnionType) else (shape,)


def _members_of(shape: Any) -> dict[str, Any] | None:
    """The members that an object is read for; None where it is not read by a shape."""
    for part in _parts_of(shape):
        if isinstance(part, type) and issubclass(part, Struct):
            return types_of(part)
    return None


def _item_of(shape: Any) -> Any:
    """What an array's items are; None where that is not said."""
    for part in _parts_of(shape):
        if get_origin(part) is tuple and get_args(part)[1:] == (...,):
            return get_args(part)[0]
    return None

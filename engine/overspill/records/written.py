"""An answer's exact bytes, either as they are or as a form and what stands in it.

Most answers of one kind differ in two dozen facts only. The text around these, the form, is stored once and for ever;
an answer then is its form's id and its values, as plain as they were decided. Putting the two together needs no
knowledge of what they say, only how a value reads (`READS`, which never changes): the same bytes come out whatever
version of the engine wrote them, and nobody writes text that nobody looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any

from overspill.words.codec import Light, Struct, json_bytes
from overspill.words.kept import kept
from overspill.words.texts import (
    amount_text_of,
    digits,
    end_json,
    f_string,
    instant_text_of,
    limit_text_of,
    quantity_json_of,
    string_json,
)

Value = str | int | bool | None
RECORDED = 5
"""So many values, the first, stand in the record itself: (id, the caller's id, fingerprint, taken or not, canonical JSON
of the command, its instant)."""


_BOOLS = {True: "true", False: "false", None: "null"}

READS: dict[str, Callable[[int], Callable[[Any], str]]] = {
    "text": lambda _: str,
    "digits": lambda _: digits,
    "string": lambda _: string_json,
    "int": lambda _: lambda value: "null" if value is None else str(value),
    "bool": lambda _: _BOOLS.__getitem__,
    "amount": amount_text_of,
    "limit": limit_text_of,
    "quantity": quantity_json_of,
    "instant": lambda _: instant_text_of,
    "end": lambda _: end_json,
    "moment": lambda _: lambda instant: "null" if instant is None else end_json(instant),
}
"""How a value reads, by name and by the scale of the unit it is in: text as it is; digits; a string, an int or a bool as
JSON, with null for what is absent; steps as decimal text; the same with `unlimited`; the same as JSON with null; an
instant to the microsecond; an instant as JSON with null for never, and with null for what is absent."""


class Fingerprint(Struct, eq=False, gc=False):
    """SHA-256 of a command's canonical JSON, in hex: `str()` of it. Taken when the first asks."""

    payload: bytes
    taken: str = ""

    def __str__(self) -> str:
        self.taken = self.taken or sha256(self.payload).hexdigest()
        return self.taken


FEW = ("string", "bool")
FEW_MAX = 4096
"""Neighbouring facts of these kinds (plan, speed, a switch) are mostly the same from decision to decision: at least three
of them are one text, kept by their values."""


class Hole(Struct, frozen=True, array_like=True):
    """Which value stands here, and how it reads."""

    value: int
    reads: str
    scale: int = 0


class Form(Struct, frozen=True, eq=False, dict=True, omit_defaults=True):
    """`pieces` of text with a hole between each two. Two of one `id` are alike."""

    id: str
    pieces: tuple[str, ...]
    holes: tuple[Hole, ...]
    count: int = 0
    """So many values there are, where not all of them have a hole (`records/lean.py`)."""

    @cached_property
    def json_of(self) -> Callable[[Sequence[Value]], bytes]:
        """Values → the bytes with the values in their places."""
        return _joined(self.pieces, self.holes, self.count or count_of(self.holes))


def count_of(holes: Sequence[Hole]) -> int:
    return 1 + max(hole.value for hole in holes)


def _joined(pieces: Sequence[str], holes: Sequence[Hole], count: int) -> Callable[[Sequence[Value]], bytes]:
    """A form's function, as one f-string: put together piece by piece it would take twice as long."""
    unpacked = "".join(f"v{index}, " for index in range(count))
    names: dict[str, object] = {}
    texts, expressions, lines = [pieces[0]], [], [f"def json_of(values):\n {unpacked}= values"]
    for start, length in _runs(holes):
        hole = holes[start]
        if length > 1:
            text = f"run_{start}"
            names[f"of_{start}"] = _kept_run(pieces[start + 1 : start + length], holes[start : start + length])
            lines.append(
                f" {text} = of_{start}(({''.join(f'v{one.value}, ' for one in holes[start : start + length])}))"
            )
        elif hole.reads == "text":  # an f-string reads it so by itself
            text = f"v{hole.value}"
        else:
            read = f"{hole.reads}{hole.scale}"
            text = f"{read}_{hole.value}"
            if text not in expressions:
                names[read] = READS[hole.reads](hole.scale)
                lines.append(f" {text} = {read}(v{hole.value})")
        expressions.append(text)
        texts.append(pieces[start + length])
    while (run := _repeated(texts, expressions)) is not None:
        first, second, length = run
        part = f"p{len(lines)}"
        between = ["", *texts[first + 1 : first + length], ""]
        lines.append(f" {part} = {f_string(between, expressions[first : first + length])}")
        for start in (second, first):
            expressions[start : start + length] = [part]
            del texts[start + 1 : start + length]
    source = "\n".join([*lines, f" return {f_string(texts, expressions)}.encode()"])
    exec(compile(source, "<form>", "exec"), names)
    return names["json_of"]  # type: ignore[return-value]


def _runs(holes: Sequence[Hole]) -> Iterator[tuple[int, int]]:
    """(first hole, how many) for each run of `FEW`, and for each other hole by itself."""
    start = 0
    while start < len(holes):
        end = start
        while end < len(holes) and holes[end].reads in FEW:
            end += 1
        length = end - start if end - start >= 3 else 1
        yield start, length
        start += length


def _kept_run(between: Sequence[str], holes: Sequence[Hole]) -> Callable[[Sequence[Value]], str]:
    """The values of neighbouring holes → their texts with what stands between."""
    reads = [READS[hole.reads](hole.scale) for hole in holes]

    def text(values: Sequence[Value]) -> str:
        texts = [read(value) for read, value in zip(reads, values, strict=True)]
        return "".join([texts[0], *(part for pair in zip(between, texts[1:], strict=True) for part in pair)])

    return kept(text, FEW_MAX)


def _repeated(pieces: Sequence[str], expressions: Sequence[str]) -> tuple[int, int, int] | None:
    """(first, second, length) of the longest run of at least four expressions, with the pieces between them, that stands
    in two places: a draw's windows stand in the trace too. `pieces[i]` stands before expression i."""
    places: dict[tuple[str, str, str], list[int]] = {}
    best = (0, 0, 3)
    for second in range(len(expressions) - 1):
        before = places.setdefault((expressions[second], pieces[second + 1], expressions[second + 1]), [])
        for first in before:
            length = 1
            while (
                first + length < second
                and second + length < len(expressions)
                and expressions[first + length] == expressions[second + length]
                and pieces[first + length] == pieces[second + length]
            ):
                length += 1
            if length > best[2]:
                best = (first, second, length)
        before.append(second)
    return best if best[2] > 3 else None


def form_of(pieces: tuple[str, ...], holes: tuple[Hole, ...]) -> Form:
    """The form of at least two holes, with the id that its content gives it."""
    return Form("form_" + sha256(json_bytes((pieces, holes))).hexdigest()[:26], pieces, holes)


class Written(Light, frozen=True):
    """Either `body`, or a form with its values."""

    body: bytes
    form: Form | None = None
    values: tuple[Value, ...] = ()

    @property
    def json(self) -> bytes:
        """The exact bytes."""
        return self.body if self.form is None else self.form.json_of(self.values)

    @property
    def at(self) -> int | None:
        """The instant that it was made at, in microseconds, where that is known without a look into its text."""
        return None if self.form is None else self.values[RECORDED - 1]  # type: ignore[return-value]

"""Marks: a form → the function that reads values as its decision.

With a mark in each of its holes a form is an answer like any other, which the decoder of answers reads. Where a mark comes
out, a value belongs; all else is what the form says of every record. What nobody reads has no mark that comes out.

A decision repeats its command and the command's fingerprint. Only forms are read so that put them in from the record's own,
from which they cannot differ then: both are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from overspill.audit import shapes
from overspill.audit.amounts import PLACES, steps_text_of
from overspill.audit.shapes import NOTHING, Decided, HoldShown, Step, decided_from
from overspill.records.written import READS, Form, Hole, Value
from overspill.words.codec import JsonFault, Struct, json_bytes, json_decoder, replace
from overspill.words.kept import kept
from overspill.words.texts import f_string

_string = json_decoder(str | None).decode  # type: ignore[arg-type]
_steps = json_decoder(tuple[Step, ...]).decode
FINGERPRINT, COMMAND = 2, 3
"""Which of the values are the record's own (`records/written.py`)."""
NUMBERS: Final = 10**17
"""A whole number has this and its place among the values as its mark."""
IN_STRINGS: Final = ("digits", "int", "bool", "amount", "limit", "instant")
"""What stands in a JSON string without an escape, however it reads; text does where it is plain."""
DOUBTFUL: Final = ("text", "instant", "end", "moment")
"""What of some values cannot be read at all: that is tried even where nobody needs it."""
UNREADABLE = (KeyError, ValueError, TypeError, IndexError, OverflowError, SyntaxError, JsonFault)
_marks_of: Final = re.compile("\ue000([a-z_0-9]+)\ue001").split
_without_escapes: Final = re.compile(r"\\.", re.DOTALL).sub
_is_plain: Final = re.compile(r"[ !#-\[\]-~]*").fullmatch
Read = Callable[[Sequence[Value]], "Decided | None"]
"""Values → the decision; None where text that stands in a string is not plain. Raises what is in UNREADABLE."""


def read_of(form: Form) -> Read | None:
    """None for a form of which values must not be read by themselves."""
    try:
        return _Marked(form).function()
    except UNREADABLE:
        return None


class _Marked:
    """A form's template, and the function's locals that stand in it: `v9` is the value numbered 9, `amount6_9` what it reads
    as an amount of scale 6, `value_end0_9` what JSON's decoder reads of it as an end, `s1` a part that is made of such."""

    def __init__(self, form: Form) -> None:
        self.names: dict[str, Any] = {**vars(shapes), "is_plain": _is_plain}
        self.lines: dict[str, str] = {}
        """Local → what it is."""
        self.tried: set[str] = set()
        """Locals that are made even where nobody needs them."""
        self.constants: dict[str, str] = {}
        """What no mark is in, as Python writes it → its name."""
        self.parts: dict[str, str] = {}
        """What a part is → its local."""
        self.plain: dict[str, None] = {}
        """Text that stands in strings."""
        text, self._is_inside = form.pieces[0], _turns(form.pieces[0])
        for hole, piece in zip(form.holes, form.pieces[1:], strict=True):
            text += self._mark(hole, text) + piece
            self._is_inside ^= _turns(piece)
        self.count = 1 + max(hole.value for hole in form.holes)
        self.template = _without_own(decided_from(text), form)

    def function(self) -> Read:
        decided = self._varying(self.template)
        needed = f"{decided} {' '.join(self.parts)}"
        made = {name: made for name, made in self.lines.items() if name in self.tried or name in needed}
        made |= {name: made for made, name in self.parts.items()}
        source = [
            "def read(values):",
            f"{''.join(f'v{number}, ' for number in range(self.count))}= values",
            f"if not is_plain({f_string([''] * (len(self.plain) + 1), [*self.plain])}): return None",
            *(f"{name} = {made}" for name, made in made.items()),
            f"return {decided}",
        ]
        exec(compile("\n ".join(source), "<form>", "exec"), self.names)
        return self.names["read"]  # type: ignore[no-any-return]

    # ---- with marks

    def _mark(self, hole: Hole, before: str) -> str:
        """What stands in a hole behind the text before it."""
        reads, read = hole.reads, READS[hole.reads](hole.scale)
        if self._is_inside:
            if reads == "amount" and 0 <= hole.scale <= PLACES:
                read = steps_text_of(hole.scale)
            if reads == "text":
                self.plain[f"v{hole.value}"] = None
                return _marked(f"v{hole.value}")
            if reads not in IN_STRINGS:
                raise ValueError(f"`{reads}` in a string may need an escape")
            return self._made(hole, reads, read)
        if reads in ("digits", "int"):
            return str(NUMBERS + hole.value)
        if reads == "bool":
            return "true"  # of what the audit reads nothing is
        if reads == "text" and before[-1] != ":":
            return f'{{"step":"{self._made(hole, "steps", kept(_steps_of))}"}},'
        if before.endswith('"hold":'):
            hold = json_decoder(HoldShown | None).decode  # type: ignore[arg-type]
            return f'{{"id":"{self._made(hole, f"hold_{reads}", kept(lambda value: hold(read(value))))}","expires_at":null}}'
        return f'"{self._made(hole, f"value_{reads}", kept(lambda value: _string(read(value))))}"'

    def _made(self, hole: Hole, kind: str, read: Callable[[Any], Any]) -> str:
        """The mark of what `read` makes of a value."""
        function = f"{kind}{hole.scale}"
        name = f"{function}_{hole.value}"
        self.names[function] = read
        self.lines[name] = f"{function}(v{hole.value})"
        if hole.reads in DOUBTFUL and hole.value != COMMAND:  # a command is JSON
            self.tried.add(name)
        return _marked(name)

    # ---- without

    def _varying(self, told: Any) -> str | None:
        """A part of the template as Python; None where no mark is in it."""
        if isinstance(told, str):
            pieces = _marks_of(told)
            if len(pieces) == 3 and pieces[0] == pieces[2] == "":
                return pieces[1]
            return self._shared(f_string(pieces[::2], pieces[1::2])) if len(pieces) > 1 else None
        if isinstance(told, int):
            return f"v{told - NUMBERS}" if told >= NUMBERS else None
        if isinstance(told, Step | HoldShown) and (whole := _whole(told)):
            return whole
        if isinstance(told, Struct):
            parts = self._parts([getattr(told, name) for name in told.__struct_fields__])
            return parts and self._shared(f"{type(told).__name__}({parts})")
        if isinstance(told, tuple):
            parts = self._parts(told)
            return parts and f"({parts})"
        if isinstance(told, dict):
            named = [f"{self._constant(name)}: " for name in told]
            parts = self._parts([*told.values()], named)
            return parts and f"{{{parts}}}"
        return None

    def _parts(self, parts: Sequence[Any], named: Sequence[str] = ()) -> str:
        """Parts in a row, each with its name; empty where no mark is in any."""
        varying = [self._varying(part) for part in parts]
        if not any(varying):
            return ""
        triples = zip(named or [""] * len(parts), parts, varying, strict=True)
        return "".join([f"{name}{found or self._constant(part)}, " for name, part, found in triples])

    def _shared(self, made: str) -> str:
        """The local of a part: what is drawn stands in the trace too."""
        return self.parts.setdefault(made, f"s{len(self.parts)}")

    def _constant(self, told: Any) -> str:
        name = self.constants.setdefault(repr(told), f"c{len(self.constants)}")
        self.names[name] = told
        return name


def _turns(piece: str) -> bool:
    """Whether a string begins or ends in a piece of JSON."""
    return bool(_without_escapes("", piece).count('"') & 1)


def _marked(name: str) -> str:
    return f"\ue000{name}\ue001"


def _steps_of(text: str) -> tuple[Step, ...]:
    """What stands in front of a trace's step: steps, each with a comma."""
    return _steps(f'[{text}{{"step":""}}]')[:-1]


def _whole(told: Step | HoldShown) -> str:
    """The local that is told whole."""
    pieces = _marks_of(told.step if isinstance(told, Step) else told.id)
    if len(pieces) == 3 and pieces[1].startswith(("steps", "hold")):
        return f"*{pieces[1]}" if isinstance(told, Step) else pieces[1]
    return ""


def _without_own(told: Decided, form: Form) -> Decided:
    """The template without the record's command and its fingerprint, which must stand in their places and nowhere else."""
    inputs, others = told.trace[0], told.trace[1:]
    stands = (inputs.request_digest, bytes(inputs.request))
    own = sorted([hole.value for hole in form.holes if hole.value in (FINGERPRINT, COMMAND)])
    if own != [FINGERPRINT, COMMAND] or stands != (
        f"sha256:{_marked(f'v{FINGERPRINT}')}",
        json_bytes(_marked(f"value_text0_{COMMAND}")),
    ):
        raise ValueError("the form puts the command or its fingerprint elsewhere")
    return replace(told, trace=(replace(inputs, request=NOTHING, request_digest=""), *others))

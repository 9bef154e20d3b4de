"""Pattern text → nodes, in RE2's syntax (github.com/google/re2/wiki/Syntax); what RE2 refuses is refused.

Read: literals, `.`, classes, `\\d \\s \\w \\D \\S \\W`, `[[:alpha:]]`, `\\pL \\p{Lu}` (general categories), `^ $ \\A \\z \\b \\B`,
groups with or without names, flags `i m s U`, `* + ? {n,m}` and their lazy forms, `\\Q…\\E`, octal and hex escapes. Not
read, as a fault: names of scripts such as `\\p{Greek}`, and `\\C`, a single byte.
"""

from __future__ import annotations

import re

from overspill.patterns.nodes import Chars, Choice, Edge, Item, Node, Repeat, Sequence
from overspill.words.codec import Struct, replace

BYTES_MAX = 256
REPEAT_MAX = 1000
"""RE2's limit, for nested repetitions together."""
_DEPTH_MAX = 32
_ANY = Item(((0, 0x10FFFF),))
_NEWLINE = Item(((10, 10),))
_WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
_PERL = {"d": ((48, 57),), "s": ((9, 10), (12, 13), (32, 32)), "w": _WORD}
_POSIX: dict[str, tuple[tuple[int, int], ...]] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": ((48, 57),),
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": _WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
_CATEGORIES = frozenset(
    [
        "C",
        "Cc",
        "Cf",
        "Co",
        "Cs",
        "L",
        "Ll",
        "Lm",
        "Lo",
        "Lt",
        "Lu",
        "M",
        "Mc",
        "Me",
        "Mn",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Pe",
        "Pf",
        "Pi",
        "Po",
        "Ps",
        "S",
        "Sc",
        "Sk",
        "Sm",
        "So",
        "Z",
        "Zl",
        "Zp",
        "Zs",
    ]
)
_SIMPLE = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_EDGES = {"A": "text_start", "z": "text_end", "b": "word", "B": "not_word"}
_COUNT = re.compile(r"\{(\d{1,5})(,(\d{0,5}))?\}", re.ASCII)
_HEX = re.compile(r"\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2})")
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}")
_PROPERTY = re.compile(r"([pP])(?:\{(\^?)(\w+)\}|(\w))", re.ASCII)
_POSIX_CLASS = re.compile(r"\[:(\^?)(\w+):\]", re.ASCII)
_GROUP = re.compile(r"\?(?:P?<([^>]*)>|([imsU]*)(-[imsU]+)?([:)]))", re.ASCII)


class PatternFault(ValueError):
    """A pattern that is none, or that is not read here."""


class _Flags(Struct, frozen=True):
    fold: bool = False
    lines: bool = False
    dot_all: bool = False


def parse(pattern: str) -> Node:
    """The pattern's nodes. Raises PatternFault with what is wrong, in a phrase."""
    if len(pattern.encode("utf-8", "surrogatepass")) > BYTES_MAX:
        raise PatternFault(f"it is longer than {BYTES_MAX} bytes")
    parser = _Parser(pattern)
    node = parser.choice(_Flags(), 0)
    if parser.at < len(pattern):
        raise PatternFault("a `)` has no `(`")
    if _repeats(node) > REPEAT_MAX:
        raise PatternFault(f"it repeats something more than {REPEAT_MAX} times")
    return node


def _repeats(node: Node) -> int:
    """How often the most repeated part is repeated; counts of nested repetitions multiply."""
    match node:
        case Repeat(part=part, least=least, most=most):
            return max(least if most is None else most, 1) * _repeats(part)
        case Sequence(parts=parts) | Choice(parts=parts):
            return max(map(_repeats, parts), default=1)
        case _:
            return 1


class _Parser:
    """Recursive descent over `text`; `at` is the next character to read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self, what: str) -> bool:
        return self.text.startswith(what, self.at)

    def take(self, what: str) -> bool:
        found = self.peek(what)
        self.at += len(what) if found else 0
        return found

    def read(self, form: re.Pattern[str]) -> re.Match[str] | None:
        """The next characters, where they have this form."""
        match = form.match(self.text, self.at)
        self.at = self.at if match is None else match.end()
        return match

    def next(self) -> str:
        self.at += 1
        return self.text[self.at - 1]

    # ---- structure

    def choice(self, flags: _Flags, depth: int) -> Node:
        """Alternatives, up to a `)` or the end. `(?i)` holds to the end of the group, later alternatives included."""
        if depth > _DEPTH_MAX:
            raise PatternFault(f"its groups are nested deeper than {_DEPTH_MAX}")
        parts: list[Node] = []
        alternatives: list[Node] = []
        while self.at < len(self.text) and not self.peek(")"):
            if self.take("|"):
                alternatives.append(Sequence(tuple(parts)))
                parts = []
            elif self.take(r"\Q"):
                parts.extend(self.quoted(flags))
            else:
                part, flags = self.part(flags, depth)
                parts.extend([] if part is None else [part])
        last = Sequence(tuple(parts))
        return Choice((*alternatives, last)) if alternatives else last

    def part(self, flags: _Flags, depth: int) -> tuple[Node | None, _Flags]:
        """One part with its repetition, or new flags."""
        if self.count() is not None:
            raise PatternFault("a repetition has nothing to repeat")
        part: Node | None
        if self.take("("):
            part, flags = self.group(flags, depth)
        else:
            part = self.atom(flags)
        return (None, flags) if part is None else (self.repeated(part), flags)

    def group(self, flags: _Flags, depth: int) -> tuple[Node | None, _Flags]:
        """After `(`: a group, or flags for what follows."""
        inner = flags
        if self.peek("?"):
            match = self.read(_GROUP)
            if match is None:
                raise PatternFault(f"`({self.text[self.at : self.at + 2]}` begins no group of RE2")
            if match[1] is not None:
                if not re.fullmatch(r"\w+", match[1]):
                    raise PatternFault(f"`{match[1]}` is no name of a group")
            else:
                inner = _changed(flags, match[2], match[3] or "")
                if match[4] == ")":
                    return None, inner
        part = self.choice(inner, depth + 1)
        if not self.take(")"):
            raise PatternFault("a `(` has no `)`")
        return part, flags

    def repeated(self, part: Node) -> Node:
        """The part with the one repetition behind it; lazy or not, it matches the same texts."""
        found = self.count()
        if found is None:
            return part
        self.take("?")
        if self.count() is not None:
            raise PatternFault("a repetition is itself repeated without a group")
        return Repeat(part, *found)

    def count(self) -> tuple[int, int | None] | None:
        for sign, least, most in (("*", 0, None), ("+", 1, None), ("?", 0, 1)):
            if self.take(sign):
                return least, most
        match = self.read(_COUNT)
        if match is None:
            return None
        least = int(match[1])
        most = least if match[2] is None else int(match[3]) if match[3] else None
        if max(least, most or 0) > REPEAT_MAX or (most is not None and most < least):
            raise PatternFault(f"`{match[0]}` counts from less to more, up to {REPEAT_MAX}")
        return least, most

    # ---- one character

    def atom(self, flags: _Flags) -> Node:
        char = self.next()
        match char:
            case ".":
                return Chars((_ANY,)) if flags.dot_all else Chars((_NEWLINE,), negated=True)
            case "^":
                return Edge("line_start" if flags.lines else "text_start")
            case "$":
                return Edge("line_end" if flags.lines else "text_end")
            case "[":
                return self.char_class(flags)
            case "\\":
                return self.escaped(flags)
            case _:
                return _one(ord(char), flags)

    def escaped(self, flags: _Flags) -> Node:
        """After a backslash."""
        edge = _EDGES.get(self.text[self.at : self.at + 1])
        if edge is not None:
            self.at += 1
            return Edge(edge)
        item = self.class_escape()
        return _one(self.code(), flags) if item is None else Chars((item,), fold=flags.fold)

    def class_escape(self) -> Item | None:
        r"""After a backslash: `d`, `W`, `pL`, `P{Lu}`."""
        letter = self.text[self.at : self.at + 1]
        if letter.lower() in _PERL:
            self.at += 1
            return Item(_PERL[letter.lower()], negated=letter.isupper())
        if letter not in ("p", "P"):
            return None
        match = self.read(_PROPERTY)
        name = "" if match is None else match[3] or match[4]
        negated = match is not None and (match[1] == "P") != (match[2] == "^")
        if name == "Any":
            return _ANY._replace(negated=negated)
        if name not in _CATEGORIES:
            raise PatternFault(f"`\\p` takes a general category such as `L` or `Lu`, not `{name}`")
        # What no character is assigned to is in no category of RE2's.
        return Item((), ("Cc", "Cf", "Co", "Cs") if name == "C" else (name,), negated)

    def code(self) -> int:
        r"""After a backslash: the one character that `n`, `x41`, `x{1F600}`, `101` or `.` stands for."""
        octal = self.read(_OCTAL)
        if octal is not None:
            return int(octal[0], 8)
        if self.at == len(self.text):
            raise PatternFault("it ends with a backslash")
        char = self.next()
        if char == "x":
            digits = self.read(_HEX)
            value = -1 if digits is None else int(digits[1] or digits[2], 16)
            if not 0 <= value <= 0x10FFFF:
                raise PatternFault(r"`\x` takes two digits, or up to 10FFFF in braces")
            return value
        if char in _SIMPLE:
            return _SIMPLE[char]
        if char.isascii() and not char.isalnum():
            return ord(char)
        raise PatternFault(f"`\\{char}` is no escape that is read here")

    def quoted(self, flags: _Flags) -> list[Node]:
        r"""After `\Q`: literal text up to `\E` or the end; a repetition behind it takes its last character."""
        end = self.text.find(r"\E", self.at)
        stop = len(self.text) if end < 0 else end
        chars: list[Node] = [_one(ord(char), flags) for char in self.text[self.at : stop]]
        self.at = len(self.text) if end < 0 else end + 2
        return [*chars[:-1], self.repeated(chars[-1])] if chars else []

    # ---- classes

    def char_class(self, flags: _Flags) -> Chars:
        """After `[`."""
        negated = self.take("^")
        items: list[Item] = []
        while not (items and self.peek("]")):
            if self.at >= len(self.text):
                raise PatternFault("a `[` has no `]`")
            items.append(self.class_item())
        self.at += 1
        return Chars(tuple(items), negated, flags.fold)

    def class_item(self) -> Item:
        posix = self.read(_POSIX_CLASS)
        if posix is not None:
            ranges = _POSIX.get(posix[2])
            if ranges is None:
                raise PatternFault(f"`{posix[0]}` is no class")
            return Item(ranges, negated=bool(posix[1]))
        if self.take("\\"):
            item = self.class_escape()
            if item is not None:
                return item
            low = self.code()
        else:
            low = ord(self.next())
        high = low
        if self.peek("-") and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
            self.at += 1
            high = self.code() if self.take("\\") else ord(self.next())
        if high < low:
            raise PatternFault(f"the range `{chr(low)}-{chr(high)}` is backwards")
        return Item(((low, high),))


def _one(code: int, flags: _Flags) -> Chars:
    return Chars((Item(((code, code),)),), fold=flags.fold)


def _changed(flags: _Flags, on: str, off: str) -> _Flags:
    for letters, value in ((on, True), (off, False)):
        flags = replace(
            flags,
            fold=value if "i" in letters else flags.fold,
            lines=value if "m" in letters else flags.lines,
            dot_all=value if "s" in letters else flags.dot_all,
        )
    return flags

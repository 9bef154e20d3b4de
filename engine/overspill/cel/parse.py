"""Expression text → tree, or one fault: the door for expressions that stand alone or inside a YAML scalar."""

from __future__ import annotations

import re
import threading
from functools import lru_cache

from lark import Token, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from overspill.cel.build import DEPTH_MAX, CelBuilder, SyntaxStop
from overspill.cel.drive import Driver
from overspill.cel.limits import SHORTEN, TEXT_MAX, TOO_LONG
from overspill.cel.tables import load
from overspill.cel.tree import Expr
from overspill.words.diagnostics import Fault
from overspill.words.spans import Source, Span

_LOCK = threading.Lock()

_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a string",
    "TIMESTAMP": "an instant",
    "DURATION": "a length of time",
    "ZONE": "a time zone",
    "CEL_INT": "a number",
    "CEL_UINT": "a number",
    "CEL_DOUBLE": "a number",
    "CEL_STRING": "a string",
    "CEL_BYTES": "bytes",
    "ESC_NAME": "a name",
    "REL_OP": "a comparison",
    "ADD_OP": "`+`",
    "MUL_OP": "`*`",
    "AND_OP": "`&&`",
    "OR_OP": "`||`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "SEMICOLON": "`;`",
    "COLON": "`:`",
    "COMMA": "`,`",
    "DOT": "`.`",
    "EQUAL": "`=`",
    "QMARK": "`?`",
    "BANG": "`!`",
    "MINUS": "`-`",
}
_EXPRESSION_STARTS = frozenset({"NAME", "CEL_INT", "CEL_STRING", "LPAR", "BANG"})
_OPERATORS = frozenset({"ADD_OP", "MUL_OP", "REL_OP", "AND_OP", "OR_OP", "IN", "QMARK", "DOT", "LSQB", "LPAR"})
"""What may follow a complete operand."""
_HABITS = {"=": "`==`", "and": "`&&`", "&": "`&&`", "or": "`||`", "|": "`||`"}
"""Other languages' operators, and CEL's."""


@lru_cache(maxsize=1)
def _parser() -> tuple[Driver, CelBuilder]:
    builder = CelBuilder()
    return Driver(load(builder, _uncommented), _uncommented), builder


def _uncommented(token: Token) -> Token:
    return token


def parse(source: Source, start: int = 0, end: int | None = None) -> Expr | Fault:
    """The expression that stands at `start` to `end` of `source`."""
    text = source.text[start:end]
    return parse_text(text, source, start)


def parse_text(text: str, source: Source, offset: int, whole: Span | None = None) -> Expr | Fault:
    """The expression `text`. Its spans start at `offset` of `source`; with `whole` given every fault is there."""
    too_big = size_fault(text, whole or Span(source, offset, offset + len(text)))
    if too_big is not None:
        return too_big
    with _LOCK:
        parser, builder = _parser()
        try:
            return parser.parse(text, "expr", lambda: builder.begin(source, offset))  # type: ignore[return-value]
        except UnexpectedInput as error:
            fault = syntax_fault(error, text, source, offset, "OSP130")
        except SyntaxStop as stop:
            fault = stop.fault
    return fault if whole is None else Fault(code=fault.code, span=whole, message=fault.message, help=fault.help)


def size_fault(text: str, span: Span) -> Fault | None:
    """Expressions are at most 4 KiB, with brackets at most 64 deep."""
    if len(text) > TEXT_MAX:
        return Fault(code="OSP102", span=span, message=TOO_LONG, help=SHORTEN)
    if nesting(text) > DEPTH_MAX:
        message = f"the expression is nested deeper than {DEPTH_MAX}"
        return Fault(code="OSP103", span=span, message=message, help=SHORTEN)
    return None


_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_SKIPPED_OR_BRACKET = re.compile(
    r"""//[^\r\n]*"""
    r"""|[bB]?[rR](?:\"{3}[\s\S]*?(?:\"{3}|\Z)|'{3}[\s\S]*?(?:'{3}|\Z)|\"[^\"\r\n]*\"?|'[^'\r\n]*'?)"""
    r"""|\"{3}(?:\\[\s\S]|[^\\])*?(?:\"{3}|\Z)|'{3}(?:\\[\s\S]|[^\\])*?(?:'{3}|\Z)"""
    r"""|\"(?:\\[^\r\n]|[^\"\\\r\n])*\"?|'(?:\\[^\r\n]|[^'\\\r\n])*'?"""
    r"""|[()\[\]{}]"""
)
"""A comment, a string, or a bracket outside of both. A string that does not end is taken as far as it goes: looked for
again from each quote in it, it would take quadratic time."""


def nesting(text: str) -> int:
    """The deepest nesting of brackets, those in comments and strings aside; one pass before anything is parsed."""
    depth = deepest = 0
    for found in _SKIPPED_OR_BRACKET.findall(text):
        if found in _OPENING:
            depth += 1
            deepest = max(deepest, depth)
        elif found in _CLOSING:
            depth = max(depth - 1, 0)
    return deepest


def bracket_below(text: str, most: int) -> int:
    """Where the first bracket opens that is nested deeper than `most`; 0 where none is."""
    depth = 0
    for found in _SKIPPED_OR_BRACKET.finditer(text):
        if found[0] in _OPENING:
            depth += 1
            if depth > most:
                return found.start()
        elif found[0] in _CLOSING:
            depth = max(depth - 1, 0)
    return 0


def syntax_fault(error: UnexpectedInput, text: str, source: Source, offset: int, code: str) -> Fault:
    """What was found and what was expected, in the author's words."""
    expected = set()
    if isinstance(error, UnexpectedToken):
        token: Token = error.token
        ended = token.type == "$END"
        start = len(text.rstrip()) if ended else (token.start_pos or 0)
        end = start if ended else (token.end_pos or start)
        expected = set(error.accepts or error.expected)
        found = "end" if ended else f"`{text[start:end][:40]}`"
    else:
        start = error.pos_in_stream or 0
        end = start + 1
        if isinstance(error, UnexpectedCharacters):
            expected = set(error.allowed or ())
        found = _character(text[start])
        if text[start : start + 1] in ('"', "'"):
            return Fault(
                code=code,
                span=Span(source, offset + start, offset + end),
                message="the string is not closed on its line",
                help="close it with the quote that opened it",
            )
    wanted = words_of(expected)
    help = _habit(text, start, end, expected) or (f"expected {wanted}" if wanted else None)
    if not text[start:end].isascii() and text[start:end].isprintable():
        help = "names are of ASCII letters, digits and `_`; other text stands in quotes"
    return Fault(code=code, span=Span(source, offset + start, offset + end), message=f"unexpected {found}", help=help)


def _character(char: str) -> str:
    """A character as it shows, with its code point where it may show nothing or as another."""
    if not char.isprintable():
        return f"the invisible character U+{ord(char):04X}"
    return f"`{char}`" if char.isascii() else f"`{char}` (U+{ord(char):04X})"


def _habit(text: str, start: int, end: int, expected: set[str]) -> str | None:
    """What CEL writes for an operator of other languages that stands where an operator may stand."""
    if "REL_OP" not in expected:
        return None
    if text[:start].rstrip().endswith("not") and text[:start].split()[-1] == "not":
        return "write `!` for not"
    wanted = _HABITS.get(text[start:end])
    return None if wanted is None else f"write {wanted}"


def words_of(terminals: set[str]) -> str:
    """`a name`, `;` or `,`: the expected terminals as an author would say them."""
    if terminals >= _EXPRESSION_STARTS:
        return "an expression"
    operators = {"an operator"} if "REL_OP" in terminals else set()
    others = terminals - _OPERATORS if operators else terminals
    names = sorted({_WORDS.get(name, f"`{name.lower()}`") for name in others if not name.startswith("$")} | operators)
    if not names or len(names) > 14:
        return ""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"

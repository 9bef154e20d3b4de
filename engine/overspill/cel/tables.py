"""The parser: the shipped LALR tables of the one grammar, loaded with a builder's callbacks.

The tables are a module made from `policy.lark` by `tools/tables.py`; nothing is generated, pickled or cached when the
program runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from importlib.resources import files

from lark import Lark, Token
from lark.lark import PostLex

GRAMMAR = "policy.lark"
TABLES = "tables.py"


class WholeWords(PostLex):
    """A word is always lexed whole; it is a keyword only where the parser expects that keyword."""

    always_accept = ("NAME",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


def load(builder: object, comment: Callable[[Token], Token]) -> Lark:
    """A parser for `start` (a policy file) and `expr`, which calls `builder` for nodes and `comment` for comments."""
    from overspill_grammar.tables import DATA, MEMO

    parser: Lark = Lark.__new__(Lark)
    parser._load(
        {"data": DATA, "memo": MEMO},
        transformer=builder,
        postlex=WholeWords(),
        lexer_callbacks={"COMMENT": comment},
    )
    return parser


def build() -> Lark:
    """The parser made from the grammar itself, strict: a conflict raises. For tools and tests only."""
    text = (files("overspill_grammar") / GRAMMAR).read_text("utf-8")
    return Lark(
        text,
        parser="lalr",
        lexer="contextual",
        strict=True,
        start=["start", "expr"],
        keep_all_tokens=True,
        maybe_placeholders=False,
        propagate_positions=False,
        postlex=WholeWords(),
    )


def grammar_digest() -> str:
    """SHA-256 of the grammar's text, in hex: the tables carry the one they were made from."""
    return sha256((files("overspill_grammar") / GRAMMAR).read_bytes()).hexdigest()


def is_current() -> bool:
    """Whether the shipped tables were made from the grammar as it is."""
    from overspill_grammar.tables import DIGEST

    return bool(grammar_digest() == DIGEST)


def tables_text() -> str:
    """The tables as the Python module that is shipped."""
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    data, memo = build().memo_serialize([TerminalDef, Rule])
    data["options"] |= {"postlex": None, "source_path": None}
    head = f'"""Parse tables, made from {GRAMMAR} by tools/tables.py."""\n\nDIGEST = "{grammar_digest()}"\n'
    return f"{head}DATA = {data!r}\nMEMO = {memo!r}\n"

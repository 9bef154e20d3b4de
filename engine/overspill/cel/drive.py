"""Text → what the builder makes of it: one loop over lark's tables, scanners and callbacks.

It reads as lark's own loops do (the scanner of the state before the next token, keywords out of whole words, reductions
with the builder's callbacks), without their lines, columns and objects for each token's history, which nothing here
asks for: twice as fast. What it cannot read it leaves to lark, which reads the text again and says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from lark import Lark, Token
from lark.lexer import BasicLexer, ContextualLexer, UnlessCallback
from lark.parsers.lalr_analysis import Shift

_END = "$END"
Callback = Callable[[list[object]], object]


class _Reduce(NamedTuple):
    """So many values become what `callback` makes of them, which is an `origin`."""

    size: int
    callback: Callback
    origin: str


class _State(NamedTuple):
    """What a state of the parser does: how the next token is matched, its keywords by word, what each kind leads to."""

    match: Callable[[str, int], re.Match[str] | None]
    words: Mapping[str, Mapping[str, str]]
    actions: Mapping[str, int | _Reduce]


class _UnreadError(Exception):
    """Lark's to explain."""


class Driver:
    """One parser's tables, made ready. `comment` is called with each comment's token."""

    def __init__(self, parser: Lark, comment: Callable[[Token], Token]) -> None:
        self._lark = parser
        self._comment = comment
        frontend = parser.parser
        tables, callbacks = frontend.parser._parse_table, frontend.parser.parser.callbacks
        lexer = frontend.lexer.lexer
        assert isinstance(lexer, ContextualLexer)
        self._ignored = frozenset(lexer.root_lexer.ignore_types)  # type: ignore[attr-defined]
        self._starts, self._ends = tables.start_states, tables.end_states
        self._actions = {
            state: {
                name: arg if action is Shift else _Reduce(len(arg.expansion), callbacks[arg], arg.origin.name)
                for name, (action, arg) in row.items()
            }
            for state, row in tables.states.items()
        }
        self._lexers = lexer.lexers
        self._scanners: dict[int, tuple[Callable[..., re.Match[str] | None], Mapping[str, Mapping[str, str]]]] = {}
        self._states: dict[int, _State] = {}

    def parse(self, text: str, start: str, begin: Callable[[], None]) -> object:
        """What the builder makes of the text; `begin` makes it ready. Raises lark's UnexpectedInput, and what the
        builder raises."""
        begin()
        try:
            return self._run(text, start)
        except _UnreadError:
            begin()
            return self._lark.parse(text, start=start)

    def _run(self, text: str, start: str) -> object:
        known, ignored, end_state = self._states, self._ignored, self._ends[start]
        stack = [self._starts[start]]
        values: list[object] = []
        position = 0
        while True:
            state = known.get(stack[-1]) or self._state(stack[-1])
            found = state.match(text, position)
            while found is not None and found.lastgroup in ignored:
                if found.lastgroup == "COMMENT":
                    self._comment(_token("COMMENT", found))
                position = found.end()
                found = state.match(text, position)
            if found is None:
                if position < len(text):
                    raise _UnreadError
                kind, token = _END, None
            else:
                kind = found.lastgroup or ""
                if kind in state.words:
                    kind = state.words[kind].get(found[0], kind)
                token = _token(kind, found)
                position = found.end()
            while True:
                action = state.actions.get(kind)
                if action.__class__ is int:
                    stack.append(action)  # type: ignore[arg-type]
                    values.append(token)
                    break
                if action is None:
                    raise _UnreadError
                size, callback, origin = action  # type: ignore[misc]
                children: list[object] = []
                if size:
                    children = values[-size:]
                    del stack[-size:], values[-size:]
                values.append(callback(children))
                target = self._actions[stack[-1]][origin]
                stack.append(target)  # type: ignore[arg-type]
                if target == end_state and kind == _END:
                    return values[-1]
                state = known.get(stack[-1]) or self._state(stack[-1])

    def _state(self, number: int) -> _State:
        """The state of this number, made when it is first met."""
        lexer = self._lexers[number]
        assert isinstance(lexer, BasicLexer)
        scanner = self._scanners.get(id(lexer))
        if scanner is None:
            scanner = self._scanners[id(lexer)] = _scanner(lexer)
        state = self._states[number] = _State(*scanner, self._actions[number])
        return state


def _scanner(lexer: BasicLexer) -> tuple[Callable[..., re.Match[str] | None], Mapping[str, Mapping[str, str]]]:
    """(match at a position, the keywords among the words of each kind)."""
    (pattern,) = lexer.scanner._mres
    keywords = {
        kind: {term.pattern.value: term.name for term in callback.scanner.terminals}
        for kind, callback in lexer.callback.items()
        if isinstance(callback, UnlessCallback)
    }
    return pattern.match, keywords


def _token(kind: str, found: re.Match[str]) -> Token:
    """A token with its range, and no line or column."""
    token: Token = str.__new__(Token, found[0])
    token.type = kind
    token.start_pos, token.end_pos = found.span()
    return token

"""Nodes → a program of steps, and its run over a text: all ways at once, so that time is linear in the text.

The program is Thompson's NFA (swtch.com/~rsc/regexp/regexp2.html). The set of steps that are alive after a character is
a state; states and their successors are kept as they are met, up to a bound, so that texts that are alike cost one look
per character. Whether there is a match is all that is asked: not where.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from overspill.patterns.nodes import Chars, Choice, Edge, Node, Repeat, Sequence
from overspill.patterns.parse import PatternFault, parse

STEPS_MAX = 2_000
_STATES_MAX = 200
Roots = tuple[int, ...]
Context = frozenset[str]
_NOWHERE: Context = frozenset()


class Step(NamedTuple):
    """Go on to `next`: over a character or an edge, or, where `test` is None, freely; without `next`: a match."""

    test: Chars | Edge | None
    next: Roots


class _State(NamedTuple):
    matched: bool
    alive: tuple[Step, ...]
    successors: dict[str, Roots]


class Matcher:
    """One compiled pattern. Safe to share: what is kept is the same whoever finds it."""

    __slots__ = ("_has_edges", "_states", "start", "steps")

    def __init__(self, pattern: str) -> None:
        """Raises PatternFault."""
        self.steps: list[Step] = []
        self.start = self._compiled(parse(pattern), self._add(Step(None, ())))
        self._has_edges = any(isinstance(step.test, Edge) for step in self.steps)
        self._states: dict[tuple[Roots, Context], _State] = {}

    # ---- the program, from its end to its start

    def _add(self, step: Step) -> int:
        if len(self.steps) >= STEPS_MAX:
            raise PatternFault(f"it comes to more than {STEPS_MAX} steps; repeat less")
        self.steps.append(step)
        return len(self.steps) - 1

    def _compiled(self, node: Node, after: int) -> int:
        """The index of the first step of `node`, behind which `after` follows."""
        match node:
            case Chars() | Edge():
                return self._add(Step(node, (after,)))
            case Sequence(parts=parts):
                for part in reversed(parts):
                    after = self._compiled(part, after)
                return after
            case Choice(parts=parts):
                return self._add(Step(None, tuple([self._compiled(part, after) for part in parts])))
            case Repeat(part=part, least=least, most=most):
                return self._repeated(part, least, most, after)
            case _:
                assert_never(node)

    def _repeated(self, part: Node, least: int, most: int | None, after: int) -> int:
        """`least` copies, then a loop, or copies that may each be left out."""
        if most is None:
            loop = self._add(Step(None, ()))
            self.steps[loop] = Step(None, (self._compiled(part, loop), after))
            after = loop
        else:
            end = after
            for _ in range(most - least):
                after = self._add(Step(None, (self._compiled(part, after), end)))
        for _ in range(least):
            after = self._compiled(part, after)
        return after

    # ---- the run

    def matches(self, text: str) -> bool:
        """Whether the pattern matches a part of `text`."""
        start = (self.start,)
        roots: Roots = start
        states = self._states
        for index in range(len(text) + 1):
            key = (roots, _context(text, index) if self._has_edges else _NOWHERE)
            state = states.get(key)
            if state is None:
                if len(states) >= _STATES_MAX:
                    states.clear()
                state = states[key] = self._state(*key)
            if state.matched:
                return True
            if index == len(text):
                return False
            char = text[index]
            following = state.successors.get(char)
            if following is None:
                if len(state.successors) >= _STATES_MAX:
                    state.successors.clear()
                alive = {step.next for step in state.alive if step.test.admits(char)}  # type: ignore[union-attr]
                following = state.successors[char] = (*start, *sorted({root for next in alive for root in next}))
            roots = following
        return False

    def _state(self, roots: Roots, context: Context) -> _State:
        """Everything that can be reached from `roots` without a character."""
        seen: set[int] = set()
        alive: list[Step] = []
        waiting = list(roots)
        while waiting:
            index = waiting.pop()
            if index in seen:
                continue
            seen.add(index)
            step = self.steps[index]
            if not step.next:
                return _State(True, (), {})
            match step.test:
                case Chars():
                    alive.append(step)
                case Edge(kind=kind):
                    waiting.extend(step.next if kind in context else ())
                case None:
                    waiting.extend(step.next)
        return _State(False, tuple(alive), {})


def _context(text: str, index: int) -> Context:
    """Which edges lie before `text[index]`."""
    before, after = text[index - 1 : index], text[index : index + 1]
    found = {"word" if _is_word(before) != _is_word(after) else "not_word"}
    found |= {"text_start", "line_start"} if index == 0 else set()
    found |= {"text_end", "line_end"} if index == len(text) else set()
    found |= {"line_start"} if before == "\n" else set()
    found |= {"line_end"} if after == "\n" else set()
    return frozenset(found)


def _is_word(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char == "_")

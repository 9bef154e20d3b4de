"""Nodes → a program of steps, and its run over a text: all ways at once, so that time is linear in the text.

The program is Thompson's NFA (swtch.com/~rsc/regexp/regexp2.html). The set of steps that are alive after a character is
a state; states and their successors are kept as they are met, up to a bound, so that texts that are alike cost one look
per character. Whether there is a match is all that is asked: not where.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from overspill.patterns.nodes import Chars, Choice, Edge, Node, Repeat, Sequence, folded
from overspill.patterns.parse import PatternFault, parse

STEPS_MAX = 2_000
_STATES_MAX = 200
_SUCCESSORS_MAX = 300
Roots = tuple[int, ...]
_OUTSIDE, _NEWLINE, _WORD, _OTHER = range(4)
"""What stands beside a place between characters: an end of the text, or one of three kinds of character."""


class Step(NamedTuple):
    """Go on to `next`: over a character or an edge, or, where `test` is None, freely; without `next`: a match."""

    test: Chars | Edge | None
    next: Roots


class _State(NamedTuple):
    """What is alive at a place: whether there is a match, and what follows each character that was met there."""

    matched: bool
    alive: tuple[tuple[Chars, Roots], ...]
    successors: dict[str, _Node]


class _Node(NamedTuple):
    """Steps that were reached; what is alive depends on what stands before (`// 4`) and behind (`% 4`) the place."""

    roots: Roots
    states: dict[int, _State]


class Matcher:
    """One compiled pattern. Safe to share: what is kept is the same whoever finds it."""

    __slots__ = ("_has_edges", "_nodes", "start", "steps")

    def __init__(self, pattern: str) -> None:
        """Raises PatternFault."""
        self.steps: list[Step] = []
        self.start = self._compiled(parse(pattern), self._add(Step(None, ())))
        self._has_edges = any(isinstance(step.test, Edge) for step in self.steps)
        self._nodes: dict[Roots, _Node] = {}
        if any(isinstance(step.test, Chars) and step.test.fold for step in self.steps):
            folded("")  # the table of cases is made now, not while a request waits

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
        node = self._node((self.start,))
        before = _OUTSIDE
        for char in text:
            after = _kind(char) if self._has_edges else _OTHER
            place = before * 4 + after
            state = node.states.get(place) or self._state(node, place)
            if state.matched:
                return True
            node = state.successors.get(char) or self._successor(state, char)
            before = after
        place = before * 4 + _OUTSIDE
        return (node.states.get(place) or self._state(node, place)).matched

    def _node(self, roots: Roots) -> _Node:
        node = self._nodes.get(roots)
        if node is None:
            if len(self._nodes) >= _STATES_MAX:
                self._nodes.clear()
            node = self._nodes[roots] = _Node(roots, {})
        return node

    def _successor(self, state: _State, char: str) -> _Node:
        """What is reached over `char`, and, since a match may begin anywhere, the start again."""
        reached = {root for test, roots in state.alive if test.admits(char) for root in roots}
        if len(state.successors) >= _SUCCESSORS_MAX:
            state.successors.clear()
        node = state.successors[char] = self._node((self.start, *sorted(reached - {self.start})))
        return node

    def _state(self, node: _Node, place: int) -> _State:
        """Everything that can be reached from the node's roots without a character."""
        seen: set[int] = set()
        alive: list[tuple[Chars, Roots]] = []
        waiting = list(node.roots)
        matched = False
        while waiting:
            index = waiting.pop()
            if index in seen:
                continue
            seen.add(index)
            step = self.steps[index]
            matched = matched or not step.next
            match step.test:
                case Chars() as test:
                    alive.append((test, step.next))
                case Edge(kind=kind):
                    waiting.extend(step.next if _holds(kind, place // 4, place % 4) else ())
                case None:
                    waiting.extend(step.next)
        state = node.states[place] = _State(matched, () if matched else tuple(alive), {})
        return state


def _kind(char: str) -> int:
    if char.isascii() and (char.isalnum() or char == "_"):
        return _WORD
    return _NEWLINE if char == "\n" else _OTHER


def _holds(edge: str, before: int, after: int) -> bool:
    """Whether this edge lies between what stands before and behind a place."""
    match edge:
        case "text_start":
            return before == _OUTSIDE
        case "text_end":
            return after == _OUTSIDE
        case "line_start":
            return before in (_OUTSIDE, _NEWLINE)
        case "line_end":
            return after in (_OUTSIDE, _NEWLINE)
        case _:
            return ((before == _WORD) != (after == _WORD)) == (edge == "word")

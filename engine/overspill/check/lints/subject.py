"""What the passes look at: the rules, the tree they came from, and every record of the rules by its type.

The records are found by walking the rules' fields, whatever they are: a construct that is new to the language is seen by
the passes about inputs, units and conditions without a line here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import is_dataclass
from functools import lru_cache
from typing import Any, TypeVar

from overspill.check.lints.expressions import Facts, narrowed
from overspill.check.rules import Condition, RateCard, Rules, Skip, Waterfall
from overspill.syntax import tree
from overspill.words.amounts import Unit
from overspill.words.codec import Struct
from overspill.words.spans import Span

T = TypeVar("T")
_DECLARED = ("units", "accounts", "request")
"""What declares, and uses nothing."""
_LEAVES = (str, int, bool, type(None))


class Subject(Struct, frozen=True):
    """`records`: everything that the rules hold beside their declared inputs and units, in order, each once."""

    rules: Rules
    bundle: tree.Bundle
    records: tuple[object, ...]
    cards_used: frozenset[int]
    """The identities of the rate cards that something beside the list of cards refers to."""

    def skips(self) -> Iterator[tuple[Skip, ...]]:
        """The skips of each layer, of whatever kind."""
        return (found for record in self.records if (found := getattr(record, "skips", ())))

    def of(self, kind: type[T]) -> Iterator[T]:
        """The records of a type."""
        return (record for record in self.records if isinstance(record, kind))

    def items(self, kind: type[T]) -> Iterator[T]:
        """The top-level items of the tree of a type."""
        return (item for file in self.bundle.files for item in file.items if isinstance(item, kind))


class Situation(Struct, frozen=True):
    """A condition, and what is known wherever it is evaluated: `serves` of its waterfall, where it belongs to one."""

    condition: Condition
    facts: Facts
    serves: Span | None


def subject_of(rules: Rules, bundle: tree.Bundle) -> Subject:
    seen: set[int] = set()
    uses = [getattr(rules, name) for name in Rules.__struct_fields__ if name not in (*_DECLARED, "cards")]
    used = list(_records(uses, seen))
    cards = frozenset(id(record) for record in used if isinstance(record, RateCard))
    return Subject(rules, bundle, (*used, *_records(rules.cards, seen)), cards)


def situations(subject: Subject) -> Iterator[Situation]:
    """Every condition but the `serves`, once."""
    known = {id(condition) for waterfall in subject.rules.waterfalls for condition in serves_of(waterfall)}
    for waterfall in subject.rules.waterfalls:
        serves = serves_of(waterfall)
        facts = _facts(serves)
        own = [guard.when for guard in waterfall.guards]
        own += [draw.when for draw in waterfall.draws if draw.when is not None]
        known |= {id(condition) for condition in own}
        yield from (Situation(condition, facts, serves[0].span) for condition in own)
    for condition in subject.of(Condition):
        if id(condition) not in known:
            yield Situation(condition, {}, None)


def serves_of(waterfall: Waterfall) -> tuple[Condition, ...]:
    """The conditions of which one holds for each of the waterfall's requests."""
    return waterfall.serves


def _facts(serves: Sequence[Condition]) -> Facts:
    """What is known where any of them holds: an input that each of them tests, with the values of all."""
    known = [narrowed({}, condition.expr) for condition in serves]
    shared = [path for path in known[0] if all(path in facts for facts in known)]
    return {path: frozenset().union(*(facts[path] for facts in known)) for path in shared}


def _records(roots: Iterable[object], seen: set[int]) -> Iterator[object]:
    """The dataclasses and units below, each once, outer ones first."""
    stack: list[object] = [roots]
    while stack:
        value = stack.pop()
        if isinstance(value, (tuple, list)):
            stack += [part for part in reversed(value) if type(part) not in _LEAVES]
        elif id(value) not in seen:
            seen.add(id(value))
            kind: Any = type(value)
            names = _names(kind)
            if names is not None:
                yield value
                stack += [getattr(value, name) for name in reversed(names)]


@lru_cache(maxsize=256)
def _names(kind: Any) -> tuple[str, ...] | None:
    """The fields of a record that is walked through; a unit's say nothing further."""
    if kind is Unit:
        return ()
    found: tuple[str, ...] | None = getattr(kind, "__struct_fields__", None)
    if found is not None:
        return found
    return tuple(kind.__dataclass_fields__) if is_dataclass(kind) else None

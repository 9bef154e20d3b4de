"""What is never reached: a guard, a skip or a draw that something before it always answers for.

Decided by the shapes of the conditions alone: `a` answers for `a && b`, `a || b` for `a`. Of the many guards that could
be compared only those that share a clause are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overspill.cel.typed import TypedExpr, conjuncts
from overspill.check.lints.expressions import disjuncts, implies, shape, truth
from overspill.check.lints.subject import Subject
from overspill.check.rules import Condition, Draw, Guard, Limit, Skip, Waterfall
from overspill.words.amounts import UNLIMITED
from overspill.words.codec import Struct
from overspill.words.diagnostics import Fault, Note, Severity
from overspill.words.spans import Span

CANDIDATES_MAX = 8
"""Earlier conditions compared for one clause."""
_DRAW_KNOWN = frozenset(["span", "layer", "ratio", "on_error", "when"])
_LIMIT_KNOWN = frozenset(
    ["span", "name", "label", "account", "per", "unit", "windows", "capacity", "multiplier", "skips"]
)
"""What is looked at below; a statement besides these may bound the layer otherwise, and then nothing is said."""


class _Named(Struct, frozen=True):
    """A guard or a skip."""

    name: str
    when: Condition


class _Earlier:
    """Conditions met so far, by their clauses."""

    def __init__(self) -> None:
        self.by_clause: dict[object, list[_Named]] = {}

    def add(self, item: _Named) -> None:
        clauses = (*disjuncts(item.when.expr), conjuncts(item.when.expr)[0])
        for clause in dict.fromkeys(map(shape, clauses)):
            found = self.by_clause.setdefault(clause, [])
            if len(found) < CANDIDATES_MAX:
                found.append(item)

    def answering(self, expr: TypedExpr) -> _Named | None:
        """The first condition met that holds wherever `expr` does."""
        clauses = (*conjuncts(expr), *disjuncts(expr), expr)
        near = [item for clause in clauses for item in self.by_clause.get(shape(clause), ())]
        return next((item for item in near if implies(expr, item.when.expr)), None)


def shadowed_guards(subject: Subject) -> Iterator[Fault]:
    """OSP361, for guards."""
    for waterfall in subject.rules.waterfalls:
        yield from _shadowed("guard", waterfall.guards, "denies first")


def shadowed_skips(subject: Subject) -> Iterator[Fault]:
    """OSP361, for skips."""
    for skips in subject.skips():
        yield from _shadowed("skip", skips, "skips first")


def _shadowed(what: str, items: Sequence[Guard | Skip], label: str) -> Iterator[Fault]:
    earlier = _Earlier()
    for item in items:
        other = earlier.answering(item.when.expr)
        if other is not None:
            yield Fault(
                code="OSP361",
                span=item.when.span,
                message=f"{what} `{item.name}` never names a cause: `{other.name}` holds whenever it does",
                notes=(Note(other.when.span, label),),
                help=f"put `{item.name}` before `{other.name}`, or delete it",
                severity=Severity.WARNING,
            )
        earlier.add(_Named(item.name, item.when))


def unreached_draws(subject: Subject) -> Iterator[Fault]:
    """OSP362: behind a layer that covers everything, or where a guard has denied already."""
    roots = frozenset(kind.name for kind in subject.rules.accounts if kind.of is None)
    for waterfall in subject.rules.waterfalls:
        guards = _Earlier()
        for guard in waterfall.guards:
            guards.add(_Named(guard.name, guard.when))
        endless: Draw | None = None
        for draw in waterfall.draws:
            guard_first = None if draw.when is None else guards.answering(draw.when.expr)
            if endless is not None:
                why = f"`{endless.layer.name}` before it covers everything"
                yield _unreached(draw, why, endless.span, "bound the layer before it, or delete the draw")
            elif guard_first is not None:
                why = f"`{guard_first.name}` denies before it"
                yield _unreached(draw, why, guard_first.when.span, "correct one of the conditions, or delete the draw")
            if endless is None and _covers_everything(draw, waterfall, roots):
                endless = draw


def _unreached(draw: Draw, why: str, place: Span, help: str) -> Fault:
    return Fault(
        code="OSP362",
        span=draw.span,
        message=f"layer `{draw.layer.name}` is never drawn here: {why}",
        notes=(Note(place, "this comes first"),),
        help=help,
        severity=Severity.WARNING,
    )


def _covers_everything(draw: Draw, waterfall: Waterfall, roots: frozenset[str]) -> bool:
    """An unlimited limit of an account that is always there, drawn under no condition."""
    limit = draw.layer
    if not isinstance(limit, Limit) or limit.account not in roots or limit.skips:
        return False
    if draw.when is not None and truth(draw.when.expr, {}) is not True:
        return False
    if _states_more(draw, _DRAW_KNOWN) or _states_more(limit, _LIMIT_KNOWN):
        return False
    bounds = [bounds for _, bounds in limit.capacity.rows]
    bounds += [] if limit.capacity.default is None else [limit.capacity.default]
    return all(bound == UNLIMITED for row in bounds for bound in row)


def _states_more(record: Draw | Limit, known: frozenset[str]) -> bool:
    return any(getattr(record, name) for name in record.__struct_fields__ if name not in known)

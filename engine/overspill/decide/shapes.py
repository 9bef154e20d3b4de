"""The names that a request sends → one function that admits its values: who asks sends the same names again and again.

A function is made of the first request that was admitted name by name (`admit.py`), and admits those of its names alone;
whatever it does not admit is looked at name by name again, and told what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from overspill.plan.plan import Plan
from overspill.records.request import Request
from overspill.words.kept import kept
from overspill.words.names import is_identifier

TEXT_MAX = 256
METER_BITS = 63
"""A meter is from 0 to 2^63 - 1."""
FEW = 8
"""So many functions, at most, are made for as many fields, meters and accounts."""

Ids = tuple[str | None, ...]
"""An account id for each kind of the plan, None where the request names none."""
Admits = Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], Ids | None]
"""(fields, meters, accounts) → the ids; None where other names are sent, or something may be wrong."""

_made: dict[tuple[str, int, int, int], tuple[Admits, ...]] = {}
"""By policy, and how many fields, meters and accounts there are."""


@kept
def is_text(value: str) -> bool:
    """Whether a field's text, which mostly came before, is short and shows itself."""
    return len(value) <= TEXT_MAX and value.isprintable()


def ids_of(plan: Plan, request: Request) -> Ids | None:
    """The ids of a request that is admitted as others were before; None for any other."""
    fields, meters, account = request.fields, request.meters, request.account
    for admits in _made.get((plan.digest, len(fields), len(meters), len(account)), ()):
        ids = admits(fields, meters, account)
        if ids is not None:
            return ids
    return None


def learn(plan: Plan, request: Request) -> None:
    """Has requests of these names, all of them declared, admitted by a function."""
    fields, meters, account = request.fields, request.meters, request.account
    size = plan.digest, len(fields), len(meters), len(account)
    made = _made.get(size, ())
    if len(made) < FEW:
        _made[size] = (*made, _admits(plan, fields, meters, account))


def _admits(plan: Plan, fields: Mapping[str, Any], meters: Mapping[str, Any], account: Mapping[str, Any]) -> Admits:
    """With the plan's own names: those of the request are only equal to them."""
    reads, tests, ids = [], [], []
    for index, (name, kind) in enumerate(plan.field_types.items()):
        if name in fields:
            reads.append(f"f{index} = F[{name!r}]")
            tests.append(f"type(f{index}) is {kind.__name__}" + (f" and is_text(f{index})" if kind is str else ""))
    counted = [name for name in sorted(plan.meters) if name in meters]
    for index, name in enumerate(counted):
        reads.append(f"m{index} = M[{name!r}]")
        tests.append(f"type(m{index}) is int")
    if counted:
        tests.append(f"not ({' | '.join(f'm{index}' for index in range(len(counted)))}) >> {METER_BITS}")
    for index, name in enumerate(plan.kind_names):
        ids.append(f"a{index}" if name in account else "None")
        if name in account:
            reads.append(f"a{index} = A[{name!r}]")
            tests.append(f"type(a{index}) is str and is_identifier(a{index})")
    lines = [
        "def admits(F, M, A):",
        " try:",
        *(f"  {read}" for read in reads),
        " except KeyError:",
        "  return None",
        f" return ({', '.join(ids)},) if {' and '.join(tests)} else None",
    ]
    names: dict[str, Any] = {"is_text": is_text, "is_identifier": is_identifier}
    exec(compile("\n".join(lines), "<admits>", "exec"), names)
    return names["admits"]  # type: ignore[no-any-return]

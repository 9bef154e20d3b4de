"""Who serves what: the constant tests in a waterfall's `serves`, by which waterfalls are told apart and found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from overspill.cel.typed import Apply, Constant, Input, ListOf, TypedExpr, conjuncts
from overspill.check.rules import Condition


@dataclass(frozen=True, slots=True)
class ConstantTests:
    """`values`: request field → the strings that `serves` admits; `is_whole`: it says nothing else."""

    values: Mapping[str, frozenset[str]]
    is_whole: bool

    def disjoint(self, other: ConstantTests) -> bool:
        """Whether some field's values differ throughout, so that no request passes both."""
        return any(not (values & other.values[field]) for field, values in self.values.items() if field in other.values)


def constant_tests(serves: Sequence[Condition]) -> ConstantTests:
    """What any of the conditions admits: a field that each of them tests, with the values of all."""
    tests = [_tests(condition.expr) for condition in serves]
    if len(tests) == 1:
        return tests[0]
    shared = [field for field in tests[0].values if all(field in test.values for test in tests)]
    values = {field: frozenset().union(*(test.values[field] for test in tests)) for field in shared}
    # `a == "x"` or `b == "y"`: the fields apart would admit more than either does.
    is_whole = all(test.is_whole and len(test.values) == 1 for test in tests) and len(shared) == 1
    return ConstantTests(values, is_whole)


def _tests(serves: TypedExpr) -> ConstantTests:
    """The clauses of the top-level `&&` that compare a request field with string constants."""
    values: dict[str, frozenset[str]] = {}
    is_whole = True
    for clause in conjuncts(serves):
        found = string_test(clause)
        if found is None or not found[0].startswith("request."):
            is_whole = False
        else:
            field, admitted = found[0].removeprefix("request."), found[1]
            values[field] = values.get(field, admitted) & admitted
    return ConstantTests(values, is_whole and len(values) == len(conjuncts(serves)))


def string_test(clause: TypedExpr) -> tuple[str, frozenset[str]] | None:
    """(path, admitted strings) of `path == "a"` and `path in ["a", "b"]`, where reading the path cannot fail."""
    if not isinstance(clause, Apply) or clause.function not in ("equal", "in_list"):
        return None
    left, right = clause.args
    if clause.function == "equal" and isinstance(left, Constant):
        left, right = right, left
    if not isinstance(left, Input) or left.can_fail:
        return None
    items = right.items if isinstance(right, ListOf) else (right,)
    strings = [item.value for item in items if isinstance(item, Constant) and isinstance(item.value, str)]
    return (left.path, frozenset(strings)) if len(strings) == len(items) else None

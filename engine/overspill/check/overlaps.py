"""Between waterfalls: two that could serve one request would need an order, which cannot be written."""

from __future__ import annotations

from collections.abc import Sequence

from overspill.check.names import Faults
from overspill.check.rules import Waterfall
from overspill.check.serves import ConstantTests, constant_tests


class _Seen:
    """Waterfalls by their values of one field, so that a bundle of thousands is not compared pair by pair."""

    def __init__(self, tests: list[ConstantTests], field: str) -> None:
        self.by_value: dict[str, list[int]] = {}
        self.others: list[int] = []
        for index, test in enumerate(tests):
            values = test.values.get(field)
            if values is None:
                self.others.append(index)
            for value in sorted(values or ()):
                self.by_value.setdefault(value, []).append(index)

    def before(self, index: int, values: frozenset[str]) -> list[int]:
        """The waterfalls before `index` that may meet one with these values."""
        found = [other for value in sorted(values) for other in self.by_value[value]]
        return sorted({other for other in (*found, *self.others) if other < index})


class Overlaps:
    """Compares the waterfalls of one bundle."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._seen: dict[str, _Seen] = {}

    def find(self, waterfalls: Sequence[Waterfall]) -> None:
        """Two waterfalls that could serve one request would need an order, which cannot be written."""
        tests = [constant_tests(waterfall.serves) for waterfall in waterfalls]
        for index, waterfall in enumerate(waterfalls):
            for other in self._near(tests, index):
                earlier = waterfalls[other]
                if not tests[index].disjoint(tests[other]):
                    self.faults.add(
                        "OSP303",
                        waterfall.serves[0].span,
                        f"waterfalls `{earlier.name}` and `{waterfall.name}` may serve one request",
                        note=(earlier.serves[0].span, f"what `{earlier.name}` serves"),
                        help='tell them apart by constants of one field: request.product == "…" in each',
                    )

    def _near(self, tests: list[ConstantTests], index: int) -> list[int]:
        """The earlier waterfalls that share a value of the first field tested, or do not test it: only these can meet."""
        own = tests[index].values
        if not own:
            return list(range(index))
        field = min(own)
        if field not in self._seen:
            self._seen[field] = _Seen(tests, field)
        return self._seen[field].before(index, own[field])

"""What a stream's programs ask a journal: the ids of its records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from overspill.ports.store import Store
from overspill.records.journal import Segment
from overspill.words.codec import Light, json_decoder


class _Named(Light, frozen=True):
    id: str


_decode = json_decoder(_Named).decode


def ids_at(store: Store, numbers: Iterable[int]) -> Mapping[int, str]:
    """The ids of the records of these numbers, of those that there are."""
    found: dict[int, str] = {}
    coming: Iterator[Segment] = iter(())
    segment: Segment | None = None
    lines: list[bytes] = []
    for number in sorted(numbers):
        if segment is None or number > segment.last_seq:
            segment = next(coming, None)
            if segment is None or number > segment.last_seq:  # not the next one
                coming = store.segments(number - 1)
                segment = next(coming, None)
            if segment is None:
                break
            lines = segment.body.splitlines()
        found[number] = _decode(lines[number - segment.first_seq]).id
    return found

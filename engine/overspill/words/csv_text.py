"""Rows of one shape → CSV by RFC 4180: CRLF, one header row, quotes where a cell needs them.

What nests is canonical JSON in one cell, and what is absent an empty one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from overspill.words.codec import Light, sorted_json_bytes


class _Told:
    """A file that gives back what is written."""

    def write(self, text: str) -> str:
        return text


def csv_lines(shape: type[Light], rows: Iterable[Light]) -> Iterator[str]:
    """The header, and a line for each row, with their ends."""
    columns = shape.__struct_fields__
    line = csv.writer(_Told(), lineterminator="\r\n").writerow
    yield line(columns)
    for row in rows:
        yield line([_cell(getattr(row, column)) for column in columns])


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else sorted_json_bytes(value).decode()

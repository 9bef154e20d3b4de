"""folder of an export → its tables as CSV by RFC 4180: CRLF, one header row, quotes where a cell needs them, UTF-8.

Amounts are decimal text and ids text, as in JSONL; what nests (meters, charge, coverage) is canonical JSON in one cell,
and what is absent an empty one. Nothing is altered for a spreadsheet, and no cell can be a formula there: text begins with
a letter, a digit or a bracket, since that is what ids and names are made of, and what begins with `-` is a plain decimal.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from overspill.records.export import TABLES, TRANSACTIONS, LegRow, leg_rows
from overspill.records.postings import Transaction
from overspill.words.codec import Light, json_decoder, sorted_json_bytes

T = TypeVar("T")


def write_csv(folder: Path) -> Mapping[str, int]:
    """Writes the CSV files of the folder; gives their names with their rows behind the header."""
    return {f"{name}.csv": _write(folder, name, shape) for name, shape in TABLES.items()}


def _write(folder: Path, name: str, shape: type[Light]) -> int:
    columns = shape.__struct_fields__
    count = 0
    with (folder / f"{name}.csv").open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(columns)
        for row in _rows(folder, name, shape):
            writer.writerow([_cell(getattr(row, column)) for column in columns])
            count += 1
    return count


def _rows(folder: Path, name: str, shape: type[Light]) -> Iterator[Light]:
    if shape is LegRow:
        for one in _lines(folder / TRANSACTIONS, Transaction):
            yield from leg_rows(one)
    else:
        yield from _lines(folder / f"{name}.jsonl", shape)


def _lines(path: Path, shape: type[T]) -> Iterator[T]:
    with path.open("rb") as file:
        yield from map(json_decoder(shape).decode, file)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else sorted_json_bytes(value).decode()

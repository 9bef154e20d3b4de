"""folder of an export → its tables as CSV by RFC 4180 (`words/csv_text.py`), in UTF-8.

Amounts are decimal text and ids text, as in JSONL; what nests (meters, charge, coverage) is canonical JSON in one cell,
and what is absent an empty one. Nothing is altered for a spreadsheet, and no cell can be a formula there: text begins with
a letter, a digit or a bracket, since that is what ids and names are made of, and what begins with `-` is a plain decimal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from overspill.records.export import TABLES, TRANSACTIONS, LegRow, leg_rows
from overspill.records.postings import Transaction
from overspill.words.codec import Light, json_decoder
from overspill.words.csv_text import csv_lines

T = TypeVar("T")


def write_csv(folder: Path) -> Mapping[str, int]:
    """Writes the CSV files of the folder; gives their names with their rows behind the header."""
    return {f"{name}.csv": _write(folder, name, shape) for name, shape in TABLES.items()}


def _write(folder: Path, name: str, shape: type[Light]) -> int:
    count = -1  # the header
    with (folder / f"{name}.csv").open("x", encoding="utf-8", newline="") as file:
        for line in csv_lines(shape, _rows(folder, name, shape)):
            file.write(line)
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

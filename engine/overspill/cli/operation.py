"""Commands that ask an engine for one thing and print its receipt."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from overspill.cli.io import existing_db_option, format_option, needed_db_option, out, policy_option
from overspill.records.answers import Receipt
from overspill.runtime.engine import Engine
from overspill.words.codec import json_bytes


def operation(act: Callable[..., Receipt]) -> Callable[..., int]:
    """A command's function of an engine and of its own options, as one that opens the file and prints the receipt."""
    return _command(act, existing_db_option)


def first_operation(act: Callable[..., Receipt]) -> Callable[..., int]:
    """The same for what may come before everything else: the file is made when it is not there."""
    return _command(act, needed_db_option)


def _command(
    act: Callable[..., Receipt], db_option: Callable[[Callable[..., int]], Callable[..., int]]
) -> Callable[..., int]:
    @policy_option
    @db_option
    @format_option("json", "text", default="json")
    @wraps(act)
    def run(policy: str, db: str, format_: str, **given: Any) -> int:
        with Engine.open(policy, db=db) as engine:
            receipt = act(engine, **given)
        if format_ == "json":
            out(receipt.json.decode())
        else:
            for name, value in receipt.fields.items():
                out(f"{name:<10} {value if isinstance(value, str) else json_bytes(value).decode()}")
        return 0

    return run

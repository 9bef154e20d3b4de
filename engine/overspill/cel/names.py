"""Names: how a dotted one is written, and what it may stand for in a namespace (langdef.md, "Name Resolution")."""

from __future__ import annotations

from overspill.cel.tree import Expr, Ident, Select

TYPE_NAMES = frozenset(
    [
        "bool",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "null_type",
        "list",
        "map",
        "type",
        "google.protobuf.Timestamp",
        "google.protobuf.Duration",
    ]
)
"""The types that can be named as values."""


def dotted(expr: Expr) -> str:
    """`a.b.c` for names and points alone, with the leading point of an absolute name; else empty."""
    match expr:
        case Ident(name=name):
            return name
        case Select(operand=operand, field=field) if field.isidentifier():
            before = dotted(operand)
            return f"{before}.{field}" if before else ""
        case _:
            return ""


def candidates(name: str, container: str) -> tuple[str, ...]:
    """What `y` may stand for in `a.b`: `a.b.y`, `a.y`, `y`, in this order; `.y` is `y` alone."""
    if name.startswith("."):
        return (name[1:],)
    parts = container.split(".") if container else []
    return tuple(".".join([*parts[:count], name]) for count in range(len(parts), -1, -1))

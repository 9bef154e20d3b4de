"""`request.initiator`: declared by no policy, always there, and one of a few words; another word is a slip of the pen."""

from __future__ import annotations

from collections.abc import Iterator

from overspill.cel.typed import Apply, Constant, Input, ListOf, TypedExpr
from overspill.cel.types import STRING, FieldType
from overspill.check.names import Faults
from overspill.check.rules import Field
from overspill.syntax import tree
from overspill.words.codec import Struct
from overspill.words.initiators import DEFAULT_INITIATOR, INITIATOR, INITIATOR_PATH, INITIATORS
from overspill.words.spans import Source, Span

TYPE = FieldType(INITIATOR, STRING)
FIELD = Field(
    span=Span(Source("", ""), 0, 0),
    name=INITIATOR,
    type=STRING,
    unit=None,
    is_meter=False,
    optional=False,
    from_request=False,
    default=DEFAULT_INITIATOR,
)
"""As if every policy declared it."""


def unknown_initiators(expr: TypedExpr, faults: Faults) -> None:
    """A fault for each word that the initiator is compared with and never is."""
    for word in _words(expr):
        if word.value not in INITIATORS:
            faults.unknown(INITIATOR, tree.Name(str(word.value), word.span), INITIATORS)


def _words(part: object) -> Iterator[Constant]:
    """The constants that an expression compares the initiator with."""
    if isinstance(part, tuple):
        for one in part:
            yield from _words(one)
    elif isinstance(part, Struct) and not isinstance(part, Span):
        if isinstance(part, Apply) and any(isinstance(arg, Input) and arg.path == INITIATOR_PATH for arg in part.args):
            yield from _compared(part)
        for name in part.__struct_fields__:
            yield from _words(getattr(part, name))


def _compared(test: Apply) -> Iterator[Constant]:
    if test.function in ("equal", "not_equal", "in_list"):
        for arg in test.args:
            for item in arg.items if isinstance(arg, ListOf) else (arg,):
                if isinstance(item, Constant):
                    yield item

"""Invariants: what holds for every decision, over the inputs and the draws."""

from __future__ import annotations

from overspill.cel.check import check as check_expression
from overspill.cel.print import canonical_text
from overspill.cel.types import BOOL, DYN, STRING, FieldType, ListType, RecordType
from overspill.check.initiators import unknown_initiators
from overspill.check.inputs import Inputs
from overspill.check.names import Faults
from overspill.check.rules import Invariant
from overspill.syntax import tree

DRAWS = ListType(
    RecordType(
        "draw",
        (FieldType("layer", STRING), FieldType("base", DYN), FieldType("amount", DYN), FieldType("unit", STRING)),
    )
)
"""What an invariant knows as `draws`: what each layer gave; amounts are of the units beside them."""
_UNTYPED = "is not supported yet"


def invariant(item: tree.Invariant, inputs: Inputs, faults: Faults) -> Invariant | None:
    """The invariant, typed as far as its expressions can be; what cannot be typed yet is carried as text."""
    whole = inputs.lets.written_out(item.expr)
    if whole is None:
        return None
    found = check_expression(whole, {**inputs.scope, "draws": DRAWS})
    text = canonical_text(whole)
    if isinstance(found, tuple):
        real = [fault for fault in found if not fault.message.endswith(_UNTYPED)]
        faults.found.extend(real)
        return None if real else Invariant(span=item.name.span, name=item.name.text, text=text, typed=None)
    unknown_initiators(found, faults)
    if found.type not in (BOOL, DYN):
        message = f"an invariant is a bool, this is a {found.type}"
        faults.add("OSP232", item.expr.span, message, help="compare it with something")
        return None
    return Invariant(span=item.name.span, name=item.name.text, text=text, typed=found)

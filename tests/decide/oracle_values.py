"""What a policy's conditions, tables and bounds say of one request, for the naive oracle: Python itself evaluates."""

from __future__ import annotations

import re
from fractions import Fraction

from overspill.words.amounts import UNLIMITED

STEP = 100  # credits have two digits
ERRORS = (AttributeError, ZeroDivisionError)  # what a condition errs with: an absent value has no attribute
PYTHON = {"&&": "and", r"\|\|": "or", "!(?!=)": "not ", "/": "//", r"has\((\w+)\.(\w+)\)": r'hasattr(\1, "\2")'}


def amount(text):
    return UNLIMITED if text == "unlimited" else int(Fraction(text.split()[0]) * STEP)


class Values:
    """`inputs` by kind: `user`, `workspace` and `request`, with an attribute for each value that is there."""

    def __init__(self, policy, inputs):
        self.lets, self.inputs = policy["lets"], inputs

    def holds(self, condition):
        """None always does."""
        python = self.lets.get(condition, condition) or "True"
        for sign, meant in PYTHON.items():
            python = re.sub(sign, meant, python)
        return eval(python, {"size": len}, self.inputs)

    def row(self, table):
        """A table's row, or what stands there instead of a table."""
        if "by" not in table:
            return table
        kind, name = table["by"][0].split(".")
        return table["rows"].get(getattr(self.inputs[kind], name), table.get("default"))

    def bounds(self, source):
        """L8: the bounds that are present, of several that one word chooses from the one it chooses."""
        if isinstance(source, dict):
            [(word, entries)] = source.items()
            found = [bound for entry in entries for bound in self.bounds(entry)]
            return found[:1] if word == "first_set" else sorted(found)[-1:]
        if not source.endswith(".ceiling"):
            return [amount(source)]
        owner = self.inputs[source.split(".")[0]]
        owners = owner.groups if source == "user.groups.ceiling" else [owner]
        return [one.ceiling for one in owners if hasattr(one, "ceiling")]

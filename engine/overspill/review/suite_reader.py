"""Nodes of a `*.test.yaml` → its suite, every name resolved against the plan, or every fault with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import prod

from overspill.plan.plan import ROOT
from overspill.review.answers import PARTS
from overspill.review.given_reader import read_given
from overspill.review.invariants import invariant_of
from overspill.review.plan_leaves import PlanLeaves
from overspill.review.step_reader import StepReader, texts_of
from overspill.review.suite import Axis, Case, Choice, Given, Invariant, Matrix, Suite, Table
from overspill.review.vocabulary import Vocabulary
from overspill.syntax.yaml_nodes import Mapping as Entries
from overspill.syntax.yaml_nodes import Node, Scalar
from overspill.words.diagnostics import Fault, Note
from overspill.words.names import IDENTIFIER
from overspill.words.spans import Source, Span

KEYS = ("policy", "given", "invariants", "unreachable", "cases")
COLUMNS = ("outcome", "granted", "draws", "code")
"""What a matrix shows when it does not say."""
ROWS_MAX = 2000
GOLDEN_ENDING = ".golden.txt"

Faults = tuple[Fault, ...]


def policy_of(top: Entries) -> str | None:
    """The policy that the file names, relative to its folder; None: the bundle it stands beside."""
    for key, value in top.entries:
        if key.value == "policy" and isinstance(value, Scalar):
            return value.value
    return None


def read_suite(top: Entries, source: Source, words: Vocabulary) -> tuple[Suite | None, Faults]:
    """The suite, or None with all its faults."""
    reader = _SuiteReader(PlanLeaves(words))
    suite = reader.leaves.trying(lambda: reader.suite(top, source))
    faults = tuple(reader.leaves.faults)
    return (None if faults else suite), faults


class _SuiteReader:
    def __init__(self, leaves: PlanLeaves) -> None:
        self.leaves = leaves

    def suite(self, top: Entries, source: Source) -> Suite:
        leaves, found = self.leaves, dict[str, Node]()
        for key, value in top.entries:
            if key.value not in KEYS:
                raise leaves.unknown_key("part of a test file", key, KEYS)
            found[key.value] = value
        if "policy" in found:
            leaves.plain(found["policy"], "the policy's path")
        if "cases" not in found:
            raise leaves.refuse("OSP202", Span(source, 0, 1), "the file has no `cases`", "add `cases:` with a list")
        shared = self.given(found.get("given"), StepReader(leaves))
        invariants = self.invariants(found.get("invariants"))
        listed = leaves.listing(found["cases"], "`cases`")
        cases = leaves.several(listed, lambda item: self.case(item, shared, invariants))
        self.names(cases)
        return Suite(source, cases, self.unreachable(found.get("unreachable")))

    def names(self, cases: tuple[Case, ...]) -> None:
        """A name stands for one case, in reports and filters, and a file beside this one for one table."""
        named = [(f"the case `{case.name[:64]}` is there twice", case.name, case.span) for case in cases]
        for table in (case.matrix.table for case in cases if case.matrix is not None):
            if table.file is not None:
                named.append((f"`{table.file[:64]}` is the table of two cases", table.file, table.span))
        first: dict[str, Span] = {}
        for message, name, span in named:
            other = first.setdefault(name, span)
            if other is not span:
                note = Note(other, "first here")
                self.leaves.faults.append(Fault(code="OSP211", span=span, message=message, notes=(note,)))

    def given(self, node: Node | None, steps: StepReader) -> Given:
        return Given() if node is None else read_given(self.leaves, node, steps.hold)

    def invariants(self, node: Node | None) -> tuple[Invariant, ...]:
        if node is None:
            return ()
        return self.leaves.each(
            self.leaves.entries(node, "`invariants`"), lambda key, value: invariant_of(self.leaves, key, value)
        )

    def unreachable(self, node: Node | None) -> Mapping[str, tuple[str, Span]]:
        if node is None:
            return {}
        entries = self.leaves.entries(node, "`unreachable`")
        return {key.value: (self.leaves.plain(value, "a reason"), key.span) for key, value in entries}

    # ---- cases

    def case(self, node: Node, shared: Given, invariants: tuple[Invariant, ...]) -> Case:
        leaves = self.leaves
        optional = ("given", "invariants", "steps", "matrix")
        parts = leaves.parts(node, "a case", required=("name",), optional=optional)
        if ("steps" in parts) == ("matrix" in parts):
            raise leaves.refuse("OSP202", node.span, "a case has `steps` or a `matrix`", "write one of them")
        name = leaves.scalar(parts["name"], "a case's name")
        reader = StepReader(leaves)
        reader.holds += shared.holds
        given = self.given(parts.get("given"), reader).over(shared)
        own = (*invariants, *self.invariants(parts.get("invariants")))
        if "matrix" in parts:
            matrix = self.matrix(parts["matrix"], reader)
            return Case(name.value, name.span, given, own, (), matrix)
        steps = leaves.several(leaves.listing(parts["steps"], "`steps`"), reader.step)
        return Case(name.value, name.span, given, own, steps, None)

    # ---- matrices

    def matrix(self, node: Node, reader: StepReader) -> Matrix:
        leaves = self.leaves
        words = ("decide", "preview")
        parts = leaves.parts(node, "a matrix", required=("axes", "table"), optional=(*words, "columns"))
        asked = [word for word in words if word in parts]
        if len(asked) != 1:
            raise leaves.refuse("OSP202", node.span, "a matrix asks one thing", "write `decide:` with a request")
        asks = next(entry for entry in leaves.entries(node, "a matrix") if entry[0].value == asked[0])
        axes = leaves.each(leaves.entries(parts["axes"], "`axes`"), self.axis)
        rows = prod(len(axis.choices) for axis in axes)
        if not axes or rows > ROWS_MAX:
            message = f"the {len(axes)} axes make {rows} rows, and a table has an axis and at most {ROWS_MAX} rows"
            raise leaves.refuse("OSP204", parts["axes"].span, message, "take fewer values, or several matrices")
        step = reader.step(Entries([asks], asks[0].span))
        return Matrix(axes, step, self.columns(asked[0], parts.get("columns")), self.table(node, parts["table"]))

    def columns(self, word: str, node: Node | None) -> tuple[str, ...]:
        if node is None:
            return COLUMNS
        known = [name for name, part in PARTS.items() if word in part.words]
        return tuple(self.leaves.one_of(item, "column", known) for item in texts_of(self.leaves, node, "`columns`"))

    def axis(self, key: Scalar, node: Node) -> Axis:
        """A list of values of an attribute, a field, a meter or `at`; or a mapping of labels to a `given` each."""
        if isinstance(node, Entries):
            reader = StepReader(self.leaves)
            choices = self.leaves.each(
                node.entries, lambda label, given: Choice(label.value, self.given(given, reader), {})
            )
        else:
            values = texts_of(self.leaves, node, f"the axis `{key.value}`")
            choices = tuple(self.choice(key, value) for value in values)
        label, times = Counter(choice.label for choice in choices).most_common(1)[0] if choices else ("", 0)
        if times != 1:
            message = f"the axis `{key.value[:64]}` has {f'`{label[:64]}` twice' if times else 'no choice'}"
            raise self.leaves.refuse("OSP211", node.span, message, "a row is known by its labels: give each one once")
        return Axis(key.value, choices)

    def choice(self, key: Scalar, value: Scalar) -> Choice:
        plan = self.leaves.words.plan
        if key.value == "at":
            return Choice(value.value, Given(at=self.leaves.moment(value)), {})
        if key.value in plan.fields or key.value in plan.meters:
            return Choice(value.value, Given(), {key.value: value.value})
        kind, name = self.leaves.owner(key)
        if self.leaves.words.attribute(kind, name) is None:
            attributes = [kind.name + "." + name for kind in plan.kinds for name in kind.attributes]
            known = ["at", *plan.fields, *sorted(plan.meters), *plan.kinds[ROOT].attributes, *attributes]
            raise self.leaves.unknown("axis", key.value, key.span, known)
        return Choice(value.value, Given(attributes=dict([self.leaves.attribute(key, value)])), {})

    def table(self, matrix: Node, node: Node) -> Table:
        """The table's text, or the name of the file beside that has it."""
        text = self.leaves.scalar(node, "a table")
        assert isinstance(matrix, Entries)
        key = next(key for key, value in matrix.entries if value is node)
        indent = key.span.source.position(key.span.start)[1] + 1
        if not text.value.endswith(GOLDEN_ENDING):
            return Table(text.value, None, text.span, indent)
        if IDENTIFIER.fullmatch(text.value) is None:
            raise self.leaves.refuse(
                "OSP205",
                text.inner,
                f"`{text.value[:64]}` is no name of a file beside this one",
                "write NAME.golden.txt",
            )
        return Table("", text.value, text.span, indent)

"""Small wrongs planted in the functions under proof, one at a time: what the claims do not notice, they do not say.

A mutant is a function's code with one operator, comparison, constant, argument or branch changed. While it is planted,
everything that calls the function runs it; the claims that are about the function are put to z3 until one is refuted.
"""

from __future__ import annotations

import ast
import copy
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import cast

from overspill.prove.claims import Claim
from overspill.prove.paths import Given, ways
from overspill.prove.proof import CLAIMS, findings, show
from overspill.prove.solvers import Z3
from overspill.prove.terms import Term
from overspill.words.codec import Struct

WHOLE = ("overspill.account.kernel", "overspill.plan.arithmetic", "overspill.plan.counting")
"""Of these files every function is changed, of others those that a claim names."""
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.FloorDiv),
    ast.FloorDiv: (ast.Mult, ast.Mod),
    ast.Mod: (ast.FloorDiv,),
}
NAMES = {"min": "max", "max": "min", "HELD": "DUE", "DUE": "LATE", "LATE": "OVER", "OVER": "HELD"}

Change = Callable[[ast.AST], ast.AST]


class Mutant(Struct, frozen=True):
    module: str
    name: str
    text: str
    """The function's source with the change in it."""
    says: str
    """Which line became what."""

    def function(self) -> FunctionType:
        """The function that is changed."""
        return cast(FunctionType, getattr(sys.modules[self.module], self.name))

    def code(self) -> CodeType:
        """The function's code as changed."""
        module = compile(self.text, f"<mutant of {self.name}>", "exec", dont_inherit=True)
        return next(one for one in module.co_consts if isinstance(one, CodeType))


def targets() -> list[FunctionType]:
    """The functions to change, in the order of their files."""
    named = {function for claim in CLAIMS for function in claim.of}
    for name in WHOLE:
        for value in vars(sys.modules[name]).values():
            if isinstance(value, FunctionType) and value.__module__ == name:
                named.add(value)
    return sorted(named, key=lambda one: (one.__module__, one.__code__.co_firstlineno))


def mutants(function: FunctionType) -> Iterator[Mutant]:
    """All first-order mutants of a function, each once."""
    [tree] = ast.parse(inspect.getsource(function)).body
    assert isinstance(tree, ast.FunctionDef)
    if ast.get_docstring(tree):
        tree.body = tree.body[1:]
    tree = cast(ast.FunctionDef, _Bare().visit(tree))
    seen = {ast.unparse(tree)}
    for index, node in enumerate(ast.walk(tree)):
        for change in changes(node):
            other = copy.deepcopy(tree)
            place = list(ast.walk(other))[index]
            other = cast(ast.FunctionDef, _Replace(place, change(place)).visit(other))
            text = ast.unparse(ast.fix_missing_locations(other))
            if text in seen:
                continue
            seen.add(text)
            yield Mutant(
                function.__module__,
                function.__name__,
                "from __future__ import annotations\n" + text,
                _difference(tree, text),
            )


class _Bare(ast.NodeTransformer):
    """Leaves types and defaults out, which are no code."""

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        node.defaults, node.kw_defaults = [], []
        for arg in node.args:
            arg.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        assert node.value is not None
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


class _Replace(ast.NodeTransformer):
    def __init__(self, place: ast.AST, by: ast.AST) -> None:
        self.place, self.by = place, by

    def visit(self, node: ast.AST) -> ast.AST:
        return self.by if node is self.place else self.generic_visit(node)


def _difference(tree: ast.FunctionDef, text: str) -> str:
    before, after = ast.unparse(tree).splitlines(), text.splitlines()
    gone = next((line for line in before if line not in after), "")
    come = next((line for line in after if line not in before), "")
    return f"{gone.strip()}  →  {come.strip()}"


# ---- the changes of one node; each takes the node of the copy that it may change


def changes(node: ast.AST) -> Iterator[Change]:
    """What can be made of a node."""
    match node:
        case ast.Compare(ops=ops):
            for place, op in enumerate(ops):
                for other in COMPARISONS.get(type(op), ()):
                    yield _compare(place, other())
        case ast.BinOp(op=op):
            for operator in OPERATORS.get(type(op), ()):
                yield _set("op", operator())
            yield lambda one: one.left  # type: ignore[attr-defined]
            yield lambda one: one.right  # type: ignore[attr-defined]
        case ast.AugAssign(op=op):
            for operator in OPERATORS.get(type(op), ()):
                yield _set("op", operator())
            yield lambda one: ast.Pass()
        case ast.UnaryOp():
            yield lambda one: one.operand  # type: ignore[attr-defined]
        case ast.BoolOp(op=op, values=values):
            yield _set("op", ast.And() if isinstance(op, ast.Or) else ast.Or())
            for place in range(len(values)):
                yield _operand(place)
        case ast.Constant(value=bool() as value):
            yield _set("value", not value)
        case ast.Constant(value=int() as value):
            yield _set("value", value + 1)
            yield _set("value", value - 1)
        case ast.Name(id=name) if name in NAMES:
            yield _set("id", NAMES[name])
        case ast.IfExp():
            yield lambda one: one.body  # type: ignore[attr-defined]
            yield lambda one: one.orelse  # type: ignore[attr-defined]
        case ast.If():
            yield _set("test", ast.Constant(True))
            yield _set("test", ast.Constant(False))
        case ast.Call(func=func, args=args) if not (isinstance(func, ast.Name) and func.id in ("min", "max")):
            for place in range(len(args) - 1):
                yield _swap(place)
        case ast.Break():
            yield lambda one: ast.Continue()
        case ast.Expr(value=ast.Call()):
            yield lambda one: ast.Pass()


def _set(name: str, value: object) -> Change:
    def changed(node: ast.AST) -> ast.AST:
        setattr(node, name, value)
        return node

    return changed


def _compare(place: int, op: ast.cmpop) -> Change:
    def changed(node: ast.AST) -> ast.AST:
        cast(ast.Compare, node).ops[place] = op
        return node

    return changed


def _operand(place: int) -> Change:
    return lambda node: cast(ast.BoolOp, node).values[place]


def _swap(place: int) -> Change:
    def changed(node: ast.AST) -> ast.AST:
        args = cast(ast.Call, node).args
        args[place], args[place + 1] = args[place + 1], args[place]
        return node

    return changed


# ---- planted


@contextmanager
def planted(function: FunctionType, code: CodeType) -> Iterator[None]:
    """While this lasts, whoever calls the function runs the other code."""
    before = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = before


def claims_about(function: FunctionType) -> list[Claim]:
    """Those that name the function; where none does, those about its file."""
    named = [claim for claim in CLAIMS if function in claim.of]
    return named or [claim for claim in CLAIMS if any(one.__module__ == function.__module__ for one in claim.of)]


def killed(mutant: Mutant, solver: Z3) -> str | None:
    """The claim that does not hold of the mutant: one that is refuted, or that it raises in. None: it survives."""
    function = mutant.function()
    with planted(function, mutant.code()):
        for claim in claims_about(function):
            found = show(claim, solver, twice=False, first=True).findings
            if any(finding.kind in ("refuted", "raises") for finding in found):
                return claim.name
    return None


def equivalent(mutant: Mutant, solver: Z3) -> bool:
    """Whether the mutant gives the same result as the function for all that the claims hand it."""
    function = mutant.function()
    original = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    changed = FunctionType(mutant.code(), function.__globals__, function.__name__, function.__defaults__)
    asked = 0

    def compared(claim: Claim) -> Iterator[bool]:
        def run(given: Given) -> None:
            def both(*args: object) -> object:
                nonlocal asked
                asked += 1
                twins = [_twin(one) for one in args]
                result = original(*args)
                for one, other in _pairs((result, *args), (changed(*twins), *twins)):
                    given.shows("the same result", one == other)
                return result

            function.__globals__["_both"] = both
            claim.run(given)

        for given in ways(solver, run):
            given.goals = [goal for goal in given.goals if goal[0] == "the same result"]
            yield not list(findings(given, solver))

    both = compile("def call(*args):\n return _both(*args)", "<both>", "exec", dont_inherit=True)
    code = next(one for one in both.co_consts if isinstance(one, CodeType))
    try:
        with planted(function, code):
            same = all(all(compared(claim)) for claim in claims_about(function))
    except Exception:  # what the mutant raises
        return False
    finally:
        function.__globals__.pop("_both", None)
    return same and asked > 0


def _twin(value: object) -> object:
    """What a function may change, such as a draft, once more."""
    if not hasattr(value, "__dict__") or callable(value):
        return value
    other = copy.copy(value)
    vars(other).update({name: copy.copy(one) for name, one in vars(value).items()})
    return other


def _pairs(one: object, other: object) -> Iterator[tuple[object, object]]:
    """The integers of two results side by side. Raises AssertionError where all else is not the same."""
    if one is other:
        return
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            yield from _pairs(*pair)
    elif isinstance(one, dict) and isinstance(other, dict):
        yield from _pairs(list(one.items()), list(other.items()))
    elif isinstance(one, Term) or isinstance(other, Term):
        yield one, other
    elif hasattr(one, "__dict__"):
        yield from _pairs(vars(one), vars(other))
    else:
        assert one == other

"""`test`: finds `*.test.yaml` files, compiles each bundle once, runs the cases, prints what they came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

import click

from overspill.cli.io import format_option, out, out_json, say
from overspill.plan.program import Program
from overspill.review.cases import Result, run_steps
from overspill.review.coverage import Coverage, Point, coverage_of, percent, points_of
from overspill.review.matrix import TABLE, run_matrix, updated
from overspill.review.report import coverage_object, coverage_text, json_report, junit_report, named, text_report
from overspill.review.suite import Case, Suite
from overspill.review.suite_reader import policy_of, read_suite
from overspill.review.vocabulary import Vocabulary, vocabulary_of
from overspill.runtime.bundles import shipped_policies, sources_of
from overspill.runtime.policies import compiled
from overspill.syntax.read import source_of
from overspill.syntax.yaml_nodes import read_nodes
from overspill.words.diagnostics import Fault, did_you_mean
from overspill.words.failures import Failure, PolicyFaults
from overspill.words.spans import Source

ENDING = ".test.yaml"
FILTERS = ("case", "file")


class _Bundle(NamedTuple):
    """One policy, compiled once, with every suite that tests it and all their results."""

    program: Program
    words: Vocabulary
    suites: list[Suite]
    results: list[Result]


class _OptionalValue(click.Command):
    """`--coverage` alone means `--coverage text`; a path behind it stays a path."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        formats = ("text", "json")
        bare = [
            at
            for at, arg in enumerate(args)
            if arg == "--coverage" and (at + 1 == len(args) or args[at + 1] not in formats)
        ]
        return super().parse_args(ctx, ["--coverage=text" if at in bare else arg for at, arg in enumerate(args)])


@click.command(cls=_OptionalValue)
@click.argument("paths", nargs=-1, metavar="PATH…")
@click.option("--filter", "filter_", default="", help="Only these cases: TEXT, or 'case=…;file=…'; * and ? are wild.")
@click.option("--explain", is_flag=True, help="Explain the decisions of what does not hold.")
@click.option("--update", is_flag=True, help="Write the golden tables of matrices as they are now.")
@click.option("--coverage", type=click.Choice(["text", "json"]), metavar="[text|json]", help="What was never tested.")
@click.option("--coverage-fail-under", type=click.IntRange(0, 100), metavar="N", help="Exit 1 below N percent.")
@format_option("text", "json", "junit")
def test(
    paths: tuple[str, ...],
    filter_: str,
    explain: bool,
    update: bool,
    coverage: str | None,
    coverage_fail_under: int | None,
    format_: str,
) -> int:
    """Run *.test.yaml files: cases of requests against a policy. Exit 1 when one does not hold.

    PATH is a file, a folder, or a shipped policy; without one the shipped policies' own tests are run. docs/testing.md shows how tests are written.

    \b
    overspill test policies/ --coverage
    overspill test --filter 'case=*credits*;file=codex*'
    """
    bundles = list(_bundles(paths, _wanted(filter_), update))
    results = [result for bundle in bundles for result in bundle.results]
    if not results:
        raise Failure("no_tests", f"no case matches {filter_!r}", help="see the names of the cases")
    asked = coverage is not None or coverage_fail_under is not None
    coverages = [_coverage(bundle) for bundle in bundles] if asked else None
    _print(results, coverages, coverage, format_, explain)
    failed = sum(not result.holds for result in results)
    say(f"{len(results) - failed} passed, {failed} failed")
    below = coverages is not None and coverage_fail_under is not None and percent(coverages) < coverage_fail_under
    if coverages is not None and below:
        say(f"coverage is {percent(coverages)} %, below {coverage_fail_under} %")
    return 1 if failed or below else 0


def _print(
    results: Sequence[Result], coverages: Sequence[Coverage] | None, how: str | None, format_: str, explain: bool
) -> None:
    match format_:
        case "json":
            out_json(json_report(results, coverages, explain))
        case "junit":
            out(junit_report(results, explain))
            for line in coverage_text(coverages) if coverages is not None else ():
                say(line)
        case _:
            for line in text_report(results, explain):
                out(line)
            if coverages is not None and how == "json":
                out_json(coverage_object(coverages))
            elif coverages is not None and how == "text":
                out("\n".join(coverage_text(coverages)))


# ---- which files, which cases


class _Wanted(NamedTuple):
    """Patterns of a case's name and a file's path."""

    case: str
    file: str


def _wanted(text: str) -> _Wanted:
    """`case=…;file=…` in any order, or part of a case's name."""
    if "=" not in text:
        return _Wanted(text, "")
    found = dict.fromkeys(FILTERS, "")
    for part in text.split(";"):
        key, _, value = part.partition("=")
        if key.strip() not in FILTERS:
            help = did_you_mean(key.strip(), FILTERS) or f"write {' or '.join(FILTERS)}=…"
            raise click.UsageError(f"--filter knows no `{key.strip()[:64]}`; {help}")
        found[key.strip()] = value
    return _Wanted(**found)


def _matches(pattern: str, text: str) -> bool:
    """A glob of the whole, or any part where nothing is wild."""
    return fnmatchcase(text, pattern) if any(mark in pattern for mark in "*?[") else pattern in text


def _bundles(paths: tuple[str, ...], wanted: _Wanted, update: bool) -> Iterator[_Bundle]:
    """Every bundle with its suites run; without paths, the shipped ones."""
    with ExitStack() as stack:
        yield from _bundles_in([_place(path, stack) for path in paths or shipped_policies()], wanted, update)


def _place(path: str, stack: ExitStack) -> Path:
    """A file or a folder, else a shipped policy of that name: as `check` and `diff` take them."""
    if not Path(path).exists() and path in shipped_policies():
        return stack.enter_context(as_file(files("overspill_policies") / path))
    return Path(path)


def _bundles_in(paths: Sequence[Path], wanted: _Wanted, update: bool) -> Iterator[_Bundle]:
    found = [file for path in paths for file in _test_files(path)]
    if not found:
        raise Failure(
            "no_tests", f"no {ENDING} file in {', '.join(map(str, paths))}", help="put tests beside the policy"
        )
    bundles: dict[str, _Bundle] = {}
    read = _read([file for file in found if _matches(wanted.file, str(file))], bundles)
    for file, suite, bundle in read:
        cases = [case for case in suite.cases if _matches(wanted.case, case.name)]
        results = [_run(bundle, case, file) for case in cases]
        bundle.results.extend(_update(file, suite.source, results) if update else results)
    yield from {bundle.program.plan.digest: bundle for bundle in bundles.values()}.values()


def _test_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob(f"*{ENDING}"))
    if not path.is_file():
        help = f"name a file, a folder, or a shipped policy: {', '.join(shipped_policies())}"
        raise Failure("unreadable", f"there is no file {path}", help=help)
    return [path]


# ---- reading and running


def _read(found: list[Path], bundles: dict[str, _Bundle]) -> list[tuple[Path, Suite, _Bundle]]:
    """Every file with its suite and its bundle. Raises PolicyFaults with the faults of all files."""
    read: list[tuple[Path, Suite, _Bundle]] = []
    faults: list[Fault] = []
    for file in found:
        source, more = source_of(str(file), _bytes(file))
        top = None
        if source is not None:
            top, more = read_nodes(source)
        if source is not None and top is not None:
            named = policy_of(top)
            where = str(file.parent if named is None else file.parent / named)
            bundle = bundles.get(where) or _bundle(where, bundles)
            suite, more = read_suite(top, source, bundle.words)
            if suite is not None:
                bundle.suites.append(suite)
                read.append((file, suite, bundle))
        faults.extend(more)
    if faults:
        raise PolicyFaults(tuple(faults))
    return read


def _bundle(where: str, bundles: dict[str, _Bundle]) -> _Bundle:
    """The bundle found at `where`; one met before under another path is the same one."""
    program = compiled(sources_of(where))
    digest = program.plan.digest
    known = next((bundle for bundle in bundles.values() if bundle.program.plan.digest == digest), None)
    bundles[where] = known or _Bundle(program, vocabulary_of(program.plan), [], [])
    return bundles[where]


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failure("unreadable", f"{file}: {error.strerror}", help="check the file") from None


def _run(bundle: _Bundle, case: Case, file: Path) -> Result:
    if case.matrix is None:
        return run_steps(bundle.program, bundle.words, case)
    return run_matrix(bundle.program, bundle.words, case, _golden(case, file))


def _golden(case: Case, file: Path) -> str:
    """The text of a case's golden table; a file that is not there yet has none."""
    assert case.matrix is not None
    table = case.matrix.table
    if table.file is None:
        return table.text
    beside = file.parent / table.file
    return _bytes(beside).decode("utf-8", "replace") if beside.exists() else ""


def _update(file: Path, source: Source, results: list[Result]) -> list[Result]:
    """Writes the tables that differ; what was only a difference of tables holds then."""
    inside: list[tuple[Case, str]] = []
    after: list[Result] = []
    for result in results:
        case = result.case
        others = tuple(problem for problem in result.problems if problem.where != TABLE)
        if case.matrix is None or result.table is None or len(others) == len(result.problems):
            after.append(result)
            continue
        if case.matrix.table.file is None:
            inside.append((case, result.table))
        else:
            _write(file.parent / case.matrix.table.file, result.table)
        after.append(Result(case=case, problems=others, decisions=result.decisions, table=result.table))
    if inside:
        _write(file, updated(source, [(case.matrix, table) for case, table in inside if case.matrix is not None]))
    return after


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise Failure("unwritable", f"{path}: {error.strerror}", help="check its permissions") from None
    say(f"wrote the table in {path}")


# ---- coverage


def _coverage(bundle: _Bundle) -> Coverage:
    plan = bundle.program.plan
    decisions = (data for result in bundle.results for data in result.decisions)
    return coverage_of(plan, decisions, _unreachable(bundle))


def _unreachable(bundle: _Bundle) -> Mapping[Point, str]:
    """The points that suites declare out of reach. Raises PolicyFaults for names that are no point."""
    points = named(points_of(bundle.program.plan))
    found: dict[Point, str] = {}
    for suite in bundle.suites:
        for name, (reason, span) in suite.unreachable.items():
            if name not in points:
                help = did_you_mean(name, points) or "write it as `--coverage` names it"
                fault = Fault(code="OSP210", span=span, message=f"`{name[:80]}` is no point of coverage", help=help)
                raise PolicyFaults((fault,))
            found[points[name]] = reason
    return found

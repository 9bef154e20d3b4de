"""Reports: what each format shows, what it leaves out and says so, and that none grows faster than its findings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.report.findings import Findings, Report, counted, gravest, left_out, region
from overspill.report.github import STEP_MAX, github
from overspill.report.junit import junit
from overspill.report.objects import json_report
from overspill.report.sarif import RESULTS_MAX, sarif
from overspill.report.text import text
from overspill.words.diagnostics import Edit, Fault, Note, Severity
from overspill.words.spans import Source, Span
from report.sarif_shape import problems
from support.texts import DSL, YAML, faults_of

E, W, H = Severity.ERROR, Severity.WARNING, Severity.HINT
CODES = {E: "OSP301", W: "OSP360", H: "OSP309"}


def findings(*severities: Severity, width: int = 0, fail_level: Severity = E) -> Findings:
    """One finding a line, with a note on the first line and a fix; lines are `width` characters longer than needed."""
    source = Source("policies/a b.spill", "".join(f"line {index}{' ' * width}\n" for index in range(len(severities))))
    faults, start = [], 0
    for index, severity in enumerate(severities):
        span = Span(source, start, start + 4)
        faults.append(
            Fault(
                code=CODES[severity],
                span=span,
                message=f"message, with: marks % of `{index}`",
                notes=(Note(Span(source, 0, 4), "first"),),
                help="one\x1b",
                severity=severity,
                fix=(Edit(Span(source, start, start), "x"),),
            )
        )
        start += len(f"line {index}{' ' * width}\n")
    files = ("policies/a b.spill", "policies/clean.spill")
    return Findings(faults=tuple(faults), files=files, digest=None, fail_level=fail_level, path_of=lambda name: name)


def as_sarif(found: Findings) -> Report:
    return sarif(found, version="1.2.3")


FORMATS = {
    "text": lambda found: text(found.faults, most=10**6),
    "json": json_report,
    "github": github,
    "junit": junit,
    "sarif": as_sarif,
}


def test_the_gravest_are_kept_in_their_order() -> None:
    faults = findings(H, W, E, H, W, E).faults
    assert [fault.severity for fault in gravest(faults, 3)] == [W, E, E]
    assert gravest(faults, 6) == faults
    assert counted(faults) == "2 errors, 2 warnings, 2 hints"
    assert left_out(faults, gravest(faults, 3)) == "1 warning, 2 hints"
    assert left_out(faults, faults) is None


def test_a_place_outside_of_the_text_is_its_end() -> None:
    source = Source("a.spill", "ab\nc")
    assert region(Span(source, 0, 1)) == (1, 1, 1, 2)
    assert region(Span(source, 1, 4)) == (1, 2, 2, 2)
    assert region(Span(source, 9, 12)) == (2, 2, 2, 2)
    assert region(Span(Source("b.spill", ""), 0, 1)) == (1, 1, 1, 1)


def test_text_says_how_many_more_there_are() -> None:
    shown = text(findings(*[W] * 5, E).faults, most=2)
    assert shown.text.count("warning[") == 1 and shown.text.count("error[") == 1
    assert shown.text.endswith("\n… and 4 warnings more\n")
    assert shown.cut == "4 warnings"
    assert text(findings(E).faults, most=2).cut is None


def test_json_has_every_finding_with_its_fix() -> None:
    (first, second) = json.loads(json_report(findings(E, W)).text)["faults"]
    assert (first["code"], first["line"], first["column"], first["end_column"]) == ("OSP301", 1, 1, 5)
    assert second["fix"] == [
        {"file": "policies/a b.spill", "line": 2, "column": 1, "end_line": 2, "end_column": 1, "text": "x"}
    ]
    assert second["notes"][0]["place"] == "policies/a b.spill:1:1"


# ---- GitHub


def test_a_workflow_command_names_the_place_and_escapes_what_it_says() -> None:
    (line,) = github(findings(W)).text.splitlines()
    assert line == (
        "::warning file=policies/a b.spill,line=1,endLine=1,col=1,title=OSP360,endColumn=4"
        "::message, with: marks %25 of `0`%0Ahelp: one<U+001B>"
    )


@pytest.mark.parametrize(
    ("severities", "shown", "cut"),
    [
        ([E] * 10 + [W] * 10 + [H] * 10, {"error": 10, "warning": 10, "notice": 10}, None),
        ([E] * 11, {"error": 10, "notice": 1}, "1 error"),
        ([E] * 30 + [W] * 12 + [H] * 10, {"error": 10, "warning": 10, "notice": 10}, "20 errors, 2 warnings, 1 hint"),
        ([], {}, None),
    ],
)
def test_no_more_annotations_than_github_keeps(severities: list[Severity], shown: dict[str, int], cut: str) -> None:
    report = github(findings(*severities))
    levels = [line[2:].split(" ")[0] for line in report.text.splitlines()]
    assert {level: levels.count(level) for level in levels} == shown
    assert all(levels.count(level) <= STEP_MAX for level in levels)
    assert report.cut == cut
    assert (cut is None) or cut in report.text.splitlines()[-1]


# ---- SARIF


def test_sarif_is_as_the_standard_says() -> None:
    run = json.loads(as_sarif(findings(E, W, H, W)).text)
    assert problems(run) == []
    (result, *_) = run["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": "policies/a%20b.spill",
        "uriBaseId": "%SRCROOT%",
    }
    assert result["relatedLocations"][0]["message"]["text"] == "first"
    assert result["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"] == {"text": "x"}
    assert [rule["id"] for rule in run["runs"][0]["tool"]["driver"]["rules"]] == ["OSP301", "OSP309", "OSP360"]


def test_what_is_no_sarif_would_be_found() -> None:
    """The canary of the shape."""
    run = json.loads(as_sarif(findings(E)).text)
    for break_it in (
        lambda run: run.pop("version"),
        lambda run: run.update(extra=1),
        lambda run: run["runs"][0]["results"][0].update(level="hint"),
        lambda run: run["runs"][0]["results"][0].update(ruleIndex=7),
        lambda run: run["runs"][0]["results"].append(run["runs"][0]["results"][0]),
        lambda run: run["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].update(startLine=0),
        lambda run: run["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"].update(
            uri="a b"
        ),
    ):
        broken = json.loads(json.dumps(run))
        break_it(broken)
        assert problems(broken)


def test_sarif_keeps_the_gravest_five_thousand_and_says_so() -> None:
    report = as_sarif(findings(*[W] * (RESULTS_MAX + 3), E))
    run = json.loads(report.text)["runs"][0]
    assert len(run["results"]) == RESULTS_MAX
    assert run["results"][0]["level"] == "error"
    assert report.cut == "4 warnings"
    (notice,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notice["message"]["text"].startswith("4 warnings more are left out")


def test_a_finding_keeps_its_fingerprint_when_lines_above_it_come() -> None:
    def marks(before: str) -> list[str]:
        source = Source("a.spill", f"{before}one;\ntwo;\ntwo;\n")
        spans = [Span(source, len(before) + at, len(before) + at + 3) for at in (0, 5, 10)]
        faults = tuple(Fault(code="OSP360", span=span, message="m", severity=W) for span in spans)
        found = Findings(faults=faults, files=(), digest=None, fail_level=E, path_of=lambda name: name)
        results = json.loads(as_sarif(found).text)["runs"][0]["results"]
        return [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]

    assert marks("") == marks("// a comment\n\n" + "x" * 500 + "\n")
    assert len(set(marks(""))) == 3


# ---- JUnit


def test_junit_fails_what_is_at_the_fail_level() -> None:
    suite = ElementTree.fromstring(junit(findings(E, W, H, fail_level=W)).text)[0]
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    assert cases == {
        "no findings": [],
        "OSP301 at 1:1": ["failure"],
        "OSP360 at 2:1": ["failure"],
        "OSP309 at 3:1": ["system-out"],
    }


def test_junit_is_xml_whatever_the_policy_holds() -> None:
    source = Source('a"<&\x00.spill', 'x "<&>\x0b\ufffe\x1b;')
    fault = Fault(code="OSP360", span=Span(source, 0, 9), message='`"<&>\x00\ufffe`')
    found = Findings(faults=(fault,), files=(), digest=None, fail_level=E, path_of=lambda name: name)
    case = ElementTree.fromstring(junit(found).text)[0][0]
    assert case[0].get("message") == '`"<&><U+0000><U+FFFE>`'


# ---- size


@pytest.mark.parametrize("name", FORMATS)
def test_twice_the_findings_are_at_most_twice_the_report(name: str) -> None:
    once, twice = (len(FORMATS[name](findings(*[W] * count, width=3000)).text) for count in (200, 400))
    assert twice <= 2.1 * once
    assert once < 200 * 2000 + 5000, "long lines are not repeated for each of their findings"


def test_the_limits_are_those_of_the_page_for_product_teams() -> None:
    page = (Path(__file__).parents[2] / "docs" / "checking.md").read_text("utf-8")
    assert re.search(rf"\b{STEP_MAX} errors", page) and f"{RESULTS_MAX:,} results" in page


# ---- any finding, in any format


@given(st.sampled_from([("t.spill", DSL), ("t.spill.yaml", YAML)]), st.data())
def test_whatever_is_wrong_every_format_holds(policy: tuple[str, str], data: st.DataObject) -> None:
    """A policy with a piece cut out or put in: its findings are JSON, SARIF, XML and commands, and frames on a line each."""
    name, whole = policy
    start = data.draw(st.integers(0, len(whole)))
    end = min(len(whole), start + data.draw(st.integers(0, 40)))
    piece = data.draw(
        st.sampled_from(
            ["", "}", '"', "\t漢 \x1b[0m", "x: &a *b", "]]>", "deny deny", "\u0301", "// overspill: ignore[OSP1]"]
        )
    )
    faults = faults_of(f"{whole[:start]}{piece}{whole[end:]}", name)
    found = Findings(faults=faults, files=(name,), digest=None, fail_level=W, path_of=lambda name: name)
    assert len(json.loads(json_report(found).text)["faults"]) == len(faults)
    assert problems(json.loads(as_sarif(found).text)) == []
    assert len(ElementTree.fromstring(junit(found).text)[0]) == max(1, len(faults))
    assert all(line.startswith("::") for line in github(found).text.splitlines())
    frames = text(found.faults, most=50).text
    assert all(char.isprintable() for char in frames.replace("\n", "")), "nothing that a terminal would obey"

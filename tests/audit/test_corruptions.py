"""The tester is tested: each single change of a good export is found, and an export that is good is explained whole.

`OVERSPILL_CORRUPTIONS=all` runs every change of the day, and those of a simulated world; else a fixed part of the day's.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audit import corruptions
from audit.corruptions import Corruption
from audit.day import day, export_of_day, export_of_world
from audit.exports import Files, rechained, verdict_of
from overspill.records import export
from overspill.records.written import Form
from overspill.words.failures import Failure

ALL = os.environ.get("OVERSPILL_CORRUPTIONS") == "all"
UNWITNESSED = re.compile(
    r"""
    \w+:answer\.(actor|offers|retry_at|reason|policy\.name|attributes|charge|unit|drift)(\.|$)
    | \w+:answer\.draws(\.\d+)?\.(returned|unit$)
    | \w+:answer\.draws\..*\.(binds|ends_at|source|limit|generation|before|after)$
    | \w+:answer\.trace\.\d+\.(step|source|cause|binding|code|clause|facts|windows|caps|overage|guard|at_most|holds|limit)(\.|$)
    | \w+:answer\.trace\.\d+\.(lots|layer|verdict|available|concurrency|up_to)(\.|$)
    | \w+:command\.(actor|priority|per|pool|amount|cost|category|expires_at|effective_at|attributes|meters|lot|to|at|limit)(\.|$)
    | \w+:command\.(of|anchor|enabled|minimum|target|monthly_maximum|receipt|digest|outcome|detail|account)(\.|$)
    | reverse:answer\.(credit|request|returned\.\d+\.generation)(\.|$)
    | \w+:command\.version$
    | \w+:effects\.
    | (set|set_top_up|top_up|unpaid|grant_reset|redeem|reset|extend):answer\.
    | \w+:drift$
    | \w+:policy$  # of journals that name none; another one is found, below
    """,
    re.VERBOSE,
)
"""Of a journal that is made anew, what nothing else in an export is a witness of: replay shows it, or a hash that was kept."""


def _is_witnessed(kind: str, path: corruptions.Path) -> bool:
    return UNWITNESSED.match(f"{kind}:{'.'.join(map(str, path))}") is None


def _of_journal(files: Files, forms: dict[str, Form]) -> Iterator[Corruption]:
    return corruptions.of_journal(files, forms, _is_witnessed)


def _without_forms(
    make: Callable[[Files], Iterator[Corruption]],
) -> Callable[[Files, dict[str, Form]], Iterator[Corruption]]:
    return lambda files, _: make(files)


MADE: dict[str, tuple[Callable[[Files, dict[str, Form]], Iterator[Corruption]], int]] = {
    "fields of rows": (_without_forms(corruptions.of_rows), 5),
    "rows less, twice, elsewhere": (_without_forms(corruptions.of_places), 2),
    "bytes of files": (_without_forms(corruptions.of_files), 1),
    "figures of the manifest": (_without_forms(corruptions.of_manifest), 1),
    "the chain": (_without_forms(corruptions.of_segments), 1),
    "forms": (_without_forms(corruptions.of_forms), 3),
    "policies": (_without_forms(corruptions.of_policies), 1),
    "the journal, its hashes made anew": (_of_journal, 8),
}
"""What is changed → how, and which part of it the continuous check runs: one of so many."""


def _not_found(changes: Iterator[Corruption], part: int) -> tuple[int, list[str]]:
    """(how many were tried, those that were not found or not called what they are)."""
    count, wrong = 0, []
    for number, one in enumerate(changes):
        if number % part:
            continue
        count += 1
        try:
            found = verdict_of(one.files()).counts
        except Failure:
            continue  # no export, or a part of one: it is refused
        if not found or (one.classes and not {*one.classes} & {*found}):
            wrong.append(f"{one.kind} | {one.name} | {dict(found)}")
    return count, wrong


def test_a_good_export_is_explained_whole() -> None:
    verdict = verdict_of(export_of_day())
    assert (verdict.findings, verdict.explained, verdict.unexplained) == ([], "100.000 %", {})
    assert verdict.pending == 0


@pytest.mark.parametrize("what", MADE)
def test_each_change_is_found(what: str) -> None:
    make, part = MADE[what]
    count, wrong = _not_found(make(export_of_day(), day()[1]), 1 if ALL else part)
    assert wrong == []
    assert count


@pytest.mark.skipif(not ALL, reason="minutes: OVERSPILL_CORRUPTIONS=all")
@pytest.mark.parametrize("what", MADE)
def test_each_change_of_a_simulated_world_is_found(what: str) -> None:
    from book.folds import simulated_disk

    _, wrong = _not_found(MADE[what][0](export_of_world(2, 1200), simulated_disk(2, 1200).forms), 1)
    assert wrong == []


def counted() -> dict[str, tuple[int, int]]:
    """What is changed → (how many changes there are, how many the continuous check runs)."""
    found = {}
    for what, (make, part) in MADE.items():
        count = sum(1 for _ in make(export_of_day(), day()[1]))
        found[what] = (count, -(-count // part))
    return found


def test_there_are_enough_and_the_page_says_no_more_than_there_are() -> None:
    found = counted()
    assert sum(run for _, run in found.values()) >= 500
    found["together"] = (sum(count for count, _ in found.values()), sum(run for _, run in found.values()))
    page = (Path(__file__).parents[2] / "docs" / "auditing.md").read_text("utf-8")
    told = {
        what: (int(count), int(run))
        for what, count, run in re.findall(r"^\| ([^|`]+) \| (\d+) \| (\d+) \|$", page, re.M)
    }
    assert list(told) == list(found)
    for what, (count, run) in found.items():
        assert count >= told[what][0] and run >= told[what][1], what


def test_another_policy_than_decisions_are_by_is_found() -> None:
    found = corruptions.of_journal(export_of_day(), day()[1], lambda _, path: path == ("policy",))
    others = [one for one in found if "another end" in one.kind]
    assert others
    for one in others:
        assert "differs" in verdict_of(one.files()).counts


def test_a_window_that_only_the_answer_counts_in_is_found() -> None:
    """By the first decision that counts in it, behind which a step of its unit is not yet known."""
    files = export_of_day()
    bodies = corruptions.bodies_of(files)
    number = next(number for number, body in enumerate(bodies) if b'["window",' in body)
    unused = re.sub(rb'(\["window","[^"]+",\[[0-9]+,[0-9]+,[0-9]+),[1-9][0-9]*', rb"\1,0", bodies[number])
    assert unused != bodies[number]
    through = json.loads(files[export.MANIFEST])["settled_through"]
    found = verdict_of(rechained(files, [*bodies[:number], unused, *bodies[number + 1 :]], through))
    assert found.counts == {"amount": 2}


def test_every_class_of_finding_is_met() -> None:
    """By what the day's export is changed to: the classes that no change can show are those that time alone shows."""
    found = Counter[str]()
    for make, part in MADE.values():
        for number, one in enumerate(make(export_of_day(), day()[1])):
            if number % (part * 7) == 0:
                try:
                    found.update(verdict_of(one.files()).counts.keys())
                except Failure:
                    found["refused"] += 1
    assert {"chain", "malformed", "missing", "duplicate", "orphan", "order", "amount", "differs"} <= set(found)

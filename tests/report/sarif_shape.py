"""The part of SARIF 2.1.0 that is written here, as a table: which keys an object may and must have, and of what kind.

From the OASIS standard, sections 3.13 to 3.58; every object of the standard is closed but for `properties`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Check = Callable[[Any, str], list[str]]


def text(value: Any, at: str) -> list[str]:
    return [] if isinstance(value, str) and value else [f"{at}: no text"]


def any_text(value: Any, at: str) -> list[str]:
    return [] if isinstance(value, str) else [f"{at}: no text"]


def count(least: int) -> Check:
    return lambda value, at: (
        [] if isinstance(value, int) and value >= least else [f"{at}: {value!r} is less than {least}"]
    )


def flag(value: Any, at: str) -> list[str]:
    return [] if isinstance(value, bool) else [f"{at}: no boolean"]


def one_of(*words: str) -> Check:
    return lambda value, at: [] if value in words else [f"{at}: {value!r} is none of {words}"]


def uri(value: Any, at: str) -> list[str]:
    """RFC 3986 characters only, no `..`."""
    legal = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", value)
    return [] if legal and ".." not in value.split("/") else [f"{at}: {value!r} is no URI"]


def every(kind: str) -> Check:
    return lambda value, at: [
        fault for index, part in enumerate(value) for fault in problems(part, kind, f"{at}/{index}")
    ]


def each(kind: str) -> Check:
    return lambda value, at: problems(value, kind, at)


def fingerprints(value: Any, at: str) -> list[str]:
    return [fault for key, part in value.items() for fault in (text(key, at) + text(part, f"{at}/{key}"))]


LEVEL = one_of("none", "note", "warning", "error")
OBJECTS: dict[str, tuple[dict[str, Check], tuple[str, ...]]] = {
    "log": ({"$schema": uri, "version": one_of("2.1.0"), "runs": every("run")}, ("version", "runs")),
    "run": (
        {
            "tool": each("tool"),
            "columnKind": one_of("utf16CodeUnits", "unicodeCodePoints"),
            "invocations": every("invocation"),
            "results": every("result"),
        },
        ("tool", "results"),
    ),
    "tool": ({"driver": each("driver")}, ("driver",)),
    "driver": (
        {"name": text, "version": text, "semanticVersion": text, "rules": every("rule")},
        ("name",),
    ),
    "rule": (
        {
            "id": text,
            "shortDescription": each("message"),
            "fullDescription": each("message"),
            "help": each("message"),
            "defaultConfiguration": each("configuration"),
        },
        ("id",),
    ),
    "configuration": ({"level": LEVEL}, ()),
    "message": ({"text": text, "markdown": text}, ("text",)),
    "invocation": (
        {"executionSuccessful": flag, "toolExecutionNotifications": every("notification")},
        ("executionSuccessful",),
    ),
    "notification": ({"level": LEVEL, "message": each("message")}, ("message",)),
    "result": (
        {
            "ruleId": text,
            "ruleIndex": count(0),
            "level": LEVEL,
            "message": each("message"),
            "locations": every("location"),
            "relatedLocations": every("location"),
            "partialFingerprints": fingerprints,
            "fixes": every("fix"),
        },
        ("ruleId", "level", "message", "locations", "partialFingerprints"),
    ),
    "location": (
        {"id": count(0), "message": each("message"), "physicalLocation": each("place")},
        ("physicalLocation",),
    ),
    "place": ({"artifactLocation": each("artifact"), "region": each("region")}, ("artifactLocation", "region")),
    "artifact": ({"uri": uri, "uriBaseId": one_of("%SRCROOT%")}, ("uri",)),
    "region": (
        {"startLine": count(1), "startColumn": count(1), "endLine": count(1), "endColumn": count(1)},
        ("startLine",),
    ),
    "fix": ({"description": each("message"), "artifactChanges": every("change")}, ("artifactChanges",)),
    "change": (
        {"artifactLocation": each("artifact"), "replacements": every("replacement")},
        ("artifactLocation", "replacements"),
    ),
    "replacement": ({"deletedRegion": each("region"), "insertedContent": each("content")}, ("deletedRegion",)),
    "content": ({"text": any_text}, ()),
}


def problems(value: Any, kind: str = "log", at: str = "") -> list[str]:
    """What is not as the standard says; empty where all is."""
    if not isinstance(value, dict):
        return [f"{at}: no object"]
    checks, required = OBJECTS[kind]
    found = [f"{at}: lacks {key}" for key in required if key not in value]
    for key, part in value.items():
        check = checks.get(key)
        found += [f"{at}: unknown {key}"] if check is None else check(part, f"{at}/{key}")
    if kind == "run":
        found += _references(value, at)
    if kind == "region" and not found:
        start, end = (value["startLine"], value["startColumn"]), (value["endLine"], value["endColumn"])
        found += [] if start <= end else [f"{at}: ends before it begins"]
    return found


def _references(run: Any, at: str) -> list[str]:
    """A rule is what its index says; ids of rules and fingerprints of results are unique."""
    rules = [rule["id"] for rule in run["tool"]["driver"].get("rules", [])]
    marks = [str(sorted(result["partialFingerprints"].items())) for result in run["results"]]
    found = [] if len(set(rules)) == len(rules) else [f"{at}: a rule is there twice"]
    found += [] if len(set(marks)) == len(marks) else [f"{at}: two results have one fingerprint"]
    for result in run["results"]:
        index = result.get("ruleIndex")
        if index is not None and (index >= len(rules) or rules[index] != result["ruleId"]):
            found.append(f"{at}: {result['ruleId']} is not at {index}")
    return found

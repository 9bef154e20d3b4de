"""`rule`: what a code of `check` means, with what to avoid, what to prefer, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from overspill.cli.io import format_option, out, out_json

if TYPE_CHECKING:
    from overspill.report.pages import Example, Rule


@click.command()
@click.argument("code", required=False)
@format_option("text", "json")
def rule(code: str | None, format_: str) -> int:
    """Print the page of a code, or the list of all.

    \b
    overspill rule OSP301
    overspill rule
    """
    from overspill.report import pages

    if code is None:
        found = list(pages.rules())
        if format_ == "json":
            out_json([_object(page) for page in found])
        else:
            for page in found:
                out(f"{page.code}  {page.severity.value:<7}  {'fix' if page.fix else '   '}  {page.title}")
        return 0
    page = pages.rule(code.strip().upper())
    if format_ == "json":
        out_json(_object(page))
    else:
        out(page.text.rstrip("\n"))
    return 0


def _object(page: Rule) -> dict[str, Any]:
    return {
        "code": page.code,
        "title": page.title,
        "severity": page.severity.value,
        "can_be_ignored": page.can_be_ignored,
        "surfaces": page.surfaces,
        "fix": page.fix,
        "avoid": [_example(example) for example in page.avoid],
        "prefer": [_example(example) for example in page.prefer],
        "why": page.why,
    }


def _example(example: Example) -> dict[str, Any]:
    return {"surface": example.surface, "text": example.text}

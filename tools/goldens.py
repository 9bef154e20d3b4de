"""Writes the golden messages of the rules: `python tools/goldens.py [--check]`. Read the difference before you commit it."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from overspill.report.pages import rules  # noqa: E402
from support.rule_pages import golden  # noqa: E402


def main(arguments: list[str]) -> int:
    """Exit code: 0 written or current, 1 stale."""
    stale = []
    for page in rules():
        path = TESTS / "check" / "golden" / f"{page.code}.txt"
        text = golden(page.code, page.avoid)
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(page.code)
            if "--check" not in arguments:
                path.write_text(text, "utf-8")
    print(f"{len(stale)} {'stale' if '--check' in arguments else 'written'} {' '.join(stale)}".rstrip())
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

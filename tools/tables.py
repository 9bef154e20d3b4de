"""Makes the parse tables that are shipped from the grammar: `python tools/tables.py [--check]`.

Strict: a conflict in the grammar is an error. `--check` compares the digest of the grammar, writes nothing and exits 1 when the tables are not current.
"""

from __future__ import annotations

import sys
from pathlib import Path

from overspill.cel.tables import TABLES, is_current, tables_text

TARGET = Path(__file__).parent.parent / "grammar" / "overspill_grammar" / TABLES


def main(arguments: list[str]) -> int:
    """Exit code: 0 written or current, 1 stale."""
    if "--check" in arguments:
        print(f"{TABLES}: {'current' if is_current() else 'stale; run python tools/tables.py'}")
        return 0 if is_current() else 1
    text = tables_text()
    TARGET.write_text(text, "utf-8")
    print(f"{TABLES}: {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

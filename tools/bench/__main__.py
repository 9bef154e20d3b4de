"""Figures, each beside its floor or peer in the same run: `python tools/bench [--json] [--quick] [--peers] [--postgres] [--overload]`.

In-process figures are CPU time per operation, the least of several interleaved rounds; durable ones are wall time, the
median of rounds, and CPU of the whole process, the least of rounds. Ratios are what counts: a time is held against its
bar at the pace of the machine that the bars were set on (`pace.py`); the table has it as it was measured, and at that
pace. `--peers` makes an environment of its own with other engines and asks them in the same run, `--postgres` a server
of PostgreSQL, `--overload` lets one tenant ask for twice what it may have and looks at another one. Errors and ledger mismatches are counted, and must be 0. Exit code 1 when a bar does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys

from accounts import accounts
from auditing import auditing
from compiling import growth
from conditions import conditions
from durable import durable
from in_process import decisions
from on_postgres import on_postgres
from over_http import over_http
from over_http_on_postgres import over_http_on_postgres
from overload import overload
from peers import peers
from policy_tests import policy_tests
from settling import settling
from starts import starts
from table import ROWS, shown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--peers", action="store_true", help="compare with other engines, installed for the purpose")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL server of its own too")
    parser.add_argument("--overload", action="store_true", help="what one tenant's flood is to another one too")
    arguments = parser.parse_args()
    rounds, count, seconds = (5, 2000, 0.5) if arguments.quick else (60, 2000, 4.0)
    decisions(rounds, count)
    conditions(rounds, count)
    accounts(rounds, count)
    growth(rounds, count, arguments.quick)
    durable(seconds, 2 if arguments.quick else 30)
    settling(*((1, 50_000) if arguments.quick else (4, 1_000_000)))
    auditing(4_000 if arguments.quick else 20_000, 3 if arguments.quick else 10)
    over_http(*((2, 2) if arguments.quick else (5, 6)))
    policy_tests(1000)
    starts(3 if arguments.quick else 20)
    if arguments.postgres:
        on_postgres(3 if arguments.quick else 15)
        over_http_on_postgres(*((2, 2) if arguments.quick else (5, 6)))
    if arguments.overload:
        overload(*((3, 2) if arguments.quick else (60, 3)))
    if arguments.peers:
        peers()
    print(json.dumps(ROWS, indent=1) if arguments.json else shown())
    return 1 if any(one["holds"] is False for one in ROWS) else 0


if __name__ == "__main__":
    sys.exit(main())

"""Proves the claims about the kernel with z3, and asks cvc5 the same: `python tools/prove.py [--json] [NAME …]`.

Exit code 0 only when every claim holds on every path, no question is left open, and both solvers agree.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import msgspec

from overspill.prove.digest import FILES, kernel_digest
from overspill.prove.proof import CLAIMS, Shown, show
from overspill.prove.solvers import Z3, versions

BY_NAME = {claim.name: claim for claim in CLAIMS}


def shown(name: str) -> Shown:
    return show(BY_NAME[name], Z3(), twice=True)


def report(results: list[Shown]) -> dict[str, Any]:
    claims = [
        {
            **msgspec.to_builtins(result),
            "says": (claim := BY_NAME[result.claim]).says,
            "functions": [f"{function.__module__}.{function.__name__}" for function in claim.of],
            "rules": claim.rules,
            "scope": claim.scope,
        }
        for result in results
    ]
    return {
        "holds": not any(result.findings for result in results),
        "kernel": {"digest": kernel_digest(), "files": FILES},
        "solvers": versions(),
        **{
            total: sum(getattr(result, total) for result in results)
            for total in ("paths", "obligations", "left_out", "second_opinions")
        },
        "claims": claims,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="these claims alone")
    parser.add_argument("--json", action="store_true", help="print the proof as JSON")
    arguments = parser.parse_args()
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        results = list(pool.map(shown, arguments.names or BY_NAME))
    proof = report(results)
    if arguments.json:
        print(json.dumps(proof, indent=1))
        return 0 if proof["holds"] else 1
    for claim in proof["claims"]:
        print(f"{'shown' if not claim['findings'] else 'NOT SHOWN':9}  {claim['claim']}: {claim['says']}")
        print(f"           {claim['paths']} paths, {claim['obligations']} obligations; {claim['scope']}")
        for finding in claim["findings"]:
            print(f"           {finding['kind']}: {finding['goal']}: {finding['detail']}")
    solvers = " and ".join(f"{name} {version}" for name, version in proof["solvers"].items())
    print(
        f"{len(results)} claims, {proof['paths']} paths, {proof['obligations']} obligations, {proof['left_out']} ways "
        f"that no values lead to; {proof['second_opinions']} questions asked of both {solvers}; "
        f"{time.monotonic() - began:.0f} s"
    )
    print(f"kernel {proof['kernel']['digest']}")
    return 0 if proof["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())

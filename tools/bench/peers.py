"""Peers, in an environment of their own, asked in the same run."""

from __future__ import annotations

import subprocess
import venv

import conditions
from table import ROWS, folder, row

_PEER = """
import json, sys, time
import cedarpy
policy = 'permit(principal, action == Action::"use", resource) when {{ resource.product == "codex" && !principal.suspended && principal.used < 60000000 }};'
entities = [
    {"uid": {"type": "User", "id": "u"}, "attrs": {"suspended": False, "used": 5, "plan": "plus"}, "parents": []},
    {"uid": {"type": "Product", "id": "p"}, "attrs": {"product": "codex"}, "parents": []},
]
request = {"principal": 'User::"u"', "action": 'Action::"use"', "resource": 'Product::"p"', "context": {}}
policy = policy.replace("{{", "{").replace("}}", "}")
assert cedarpy.is_authorized(request, policy, entities).allowed
least = float("inf")
for _ in range(5):
    start = time.process_time_ns()
    for _ in range(2000):
        cedarpy.is_authorized(request, policy, entities)
    least = min(least, (time.process_time_ns() - start) / 2000 / 1000)
print(least)
"""


def peers() -> None:
    """cedarpy with one policy, and engines of CEL with one condition."""
    figures = {one["name"]: one["figure"] for one in ROWS}
    with folder() as at:
        venv.create(at / "env", with_pip=True)
        python = at / "env" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "cedarpy", *conditions.PACKAGES], check=True)
        theirs = float(subprocess.run([python, "-c", _PEER], check=True, capture_output=True, text=True).stdout)
        conditions.compare(python, figures)
    for name, least in (("windows cover", 20), ("all layers", 8)):
        ours = figures[f"decide, trace captured, {name}"]
        row(
            f"cedarpy, one policy, to decide, {name}",
            theirs / ours,
            "×",
            bar=f"≥ {least}",
            holds=theirs / ours >= least,
            beside=f"{theirs:.1f} µs",
        )

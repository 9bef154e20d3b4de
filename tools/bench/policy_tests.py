"""`overspill test`: simple cases from a cold start."""

from __future__ import annotations

import resource
import subprocess
import sys

from table import cpu, folder, paced
from worlds import ACCOUNTS, NOW, account_of, requests_of

from overspill.plan.program import Program
from overspill.runtime.bundles import sources_of
from overspill.runtime.policies import compiled
from overspill.step.commands import Consume
from overspill.step.keys import identify
from overspill.step.step import step

_CASE = """  - name: case {0}
    given: {{windows: {{plan_windows.five_hours: {{used: {1} credits}}}}}}
    steps:
      - decide: {{product: codex, model: gpt-5.5, input_tokens: {2}, cached_input_tokens: 0, output_tokens: 0}}
        expect: {{outcome: allow, granted: {3}, draws: {{plan_windows: {3}}}}}
"""


class _Plans:
    """What `step` asks for its programs."""

    def __init__(self) -> None:
        self.program = compiled(sources_of("codex_sora"))

    def active(self) -> Program:
        return self.program

    def of(self, digest: str) -> Program:
        return self.program


def policy_tests(cases: int, files: int = 4) -> None:
    """CPU of the whole process that runs `cases` simple cases; the floor is as many bare steps, answers written, in this one."""
    commands = [identify(Consume(tenant="case", request=request)) for request in requests_of(900)]
    account, plans = account_of(1, exhausted=False), _Plans()
    bare = cpu(
        {"step": lambda number: step(plans, lambda _: account, commands[number % ACCOUNTS], NOW, 1).answer}, 3, cases
    )
    floor = bare["step"] * cases / 1e6
    with folder() as at:
        for name, text in sources_of("codex_sora").items():
            (at / name).write_bytes(text)
        for number in range(files):
            texts = [_CASE.format(at, at % 50, 8000 * (at % 4 + 1), at % 4 + 1) for at in range(number, cases, files)]
            text = "given: {attributes: {plan: plus}}\ncases:\n" + "".join(texts)
            (at / f"t{number}.test.yaml").write_text(text)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "overspill", "test", str(at)], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    beside = f"{used / floor:.0f}× bare steps ({floor:.3f} s)"
    paced(f"overspill test, {cases} simple cases, cold", used, "s CPU", cases / 500, bare["pace"], beside)

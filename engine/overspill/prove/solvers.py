"""The two solvers: z3 leads the way and proves, cvc5 is asked the same in SMT-LIB."""

from __future__ import annotations

from collections.abc import Sequence

import cvc5
import z3

MILLISECONDS_MAX = 60_000
"""A question that takes longer has no answer, which is a failure."""


class Z3:
    """One z3 for a whole proof; `asked` counts the questions."""

    def __init__(self, milliseconds: int = MILLISECONDS_MAX) -> None:
        self.milliseconds = milliseconds
        self.asked = 0

    def model(self, conditions: Sequence[z3.BoolRef]) -> z3.ModelRef | None:
        """Values for which all conditions hold, None where there are none. Raises TimeoutError where z3 cannot say."""
        self.asked += 1
        solver = z3.Solver()
        solver.set("timeout", self.milliseconds)
        solver.add(*conditions)
        answer = solver.check()
        if answer == z3.unknown:
            raise TimeoutError(solver.reason_unknown())
        return solver.model() if answer == z3.sat else None


def smt_text(conditions: Sequence[z3.BoolRef]) -> str:
    """The question in SMT-LIB."""
    solver = z3.Solver()
    solver.add(*conditions)
    return str(solver.to_smt2())


def second_opinion(text: str, milliseconds: int = MILLISECONDS_MAX) -> str:
    """What cvc5 says of the question: sat, unsat or unknown."""
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("tlimit-per", str(milliseconds))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, "(set-logic ALL)\n" + text, "question")
    symbols = parser.getSymbolManager()
    answer = "unknown"
    while not (command := parser.nextCommand()).isNull():
        said = str(command.invoke(solver, symbols)).strip()
        if said in ("sat", "unsat", "unknown"):
            answer = said
    return answer


def versions() -> dict[str, str]:
    """Solver → its version."""
    return {"z3": z3.get_version_string(), "cvc5": str(cvc5.__version__)}

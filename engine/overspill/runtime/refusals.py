"""What commands come to that are not done, though nothing is wrong with the policy or the store."""

from __future__ import annotations

from overspill.step.keys import Identified
from overspill.words.failures import Failure
from overspill.words.typed import expect


def engine_closed() -> Failure:
    """What is asked of a closed engine comes to this, and to nothing else."""
    return Failure("engine_closed", "the engine is closed", help="open it again")


def alone(failure: Failure) -> Failure:
    """Without the frames that it and what led to it have passed: they hold the batch, and so itself."""
    failure.__context__ = None
    return failure.with_traceback(None)


def named(error: Exception, command: Identified) -> Failure:
    """What its caller gave of a wrong type, else a defect of ours."""
    try:
        expect(command.command, type(command.command))
    except Failure as failure:
        return failure
    return internal(error)


def internal(error: Exception) -> Failure:
    return Failure(
        "internal_error",
        f"the command failed inside ({type(error).__name__}); nothing has changed",
        help="report it with the policy and the request",
    )


def unanswered(error: Exception) -> Failure:
    """It may have come behind the commit."""
    return Failure(
        "internal_error",
        f"the engine failed inside ({type(error).__name__}), and what became of the command is not told",
        help="ask again with the same id: it is answered once and for all; report it with the policy and the request",
    )

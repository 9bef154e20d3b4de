"""Overspill: how much is allowed, and from where.

    from overspill import Engine, Request

A name brings what runs when it is first used, and no parser; a policy is compiled when an engine is opened. Commands
that only read policies load none of it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from overspill.records.answers import Decision, Receipt
    from overspill.records.request import Request
    from overspill.runtime.clock import ManualClock, SystemClock
    from overspill.runtime.engine import Engine
    from overspill.words.failures import Failure, PolicyFaults, StoreFailure

__version__ = "0.1.0"
__all__ = [
    "Decision",
    "Engine",
    "Failure",
    "ManualClock",
    "PolicyFaults",
    "Receipt",
    "Request",
    "StoreFailure",
    "SystemClock",
    "__version__",
]
_MODULES = {
    "Decision": "records.answers",
    "Receipt": "records.answers",
    "Request": "records.request",
    "ManualClock": "runtime.clock",
    "SystemClock": "runtime.clock",
    "Engine": "runtime.engine",
    "Failure": "words.failures",
    "PolicyFaults": "words.failures",
    "StoreFailure": "words.failures",
}
"""Where each name stands."""


def __getattr__(name: str) -> object:
    """The public names, each loaded when first asked for (PEP 562)."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found
    return found

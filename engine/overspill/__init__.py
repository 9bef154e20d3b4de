"""Overspill: how much is allowed, and from where.

    from overspill import Engine, Request

Importing this brings what runs, and no parser; a policy is compiled when an engine is opened.
"""

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

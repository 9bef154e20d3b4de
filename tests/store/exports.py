"""What the tests of exports share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overspill.records.build import Build
from overspill.words.failures import Failure

SEED = 2
BUILD = Build(overspill="1.2.3", kernel="sha256:00", tzdata="2026a")


def failure_of(act: Callable[[], object]) -> Failure:
    with pytest.raises(Failure) as caught:
        act()
    return caught.value


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

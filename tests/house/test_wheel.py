"""The wheel: built, installed elsewhere, and deciding there."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECIDES = """
from overspill import Engine, Request
import overspill, overspill_policies
assert "site-packages" in overspill.__file__ and "site-packages" in overspill_policies.__file__
with Engine.open("codex_sora") as engine:
    engine.set_attributes({"user": "u"}, {"plan": "plus"}, id="s")
    request = Request(id="r", account={"user": "u"}, fields={"product": "sora", "model": "m"}, meters={"generations": 3})
    print(engine.decide(request).granted)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.parametrize(
    "name",
    [
        "overspill/py.typed",
        "overspill/store/migrations/postgres/0001_journal.sql",
        "overspill/store/migrations/sqlite/0006_journal.sql",
        "overspill_grammar/policy.lark",
        "overspill_grammar/tables.py",
        "overspill_grammar/rules/OSP301.md",
        "overspill_grammar/schemas/decision.schema.json",
        "overspill_policies/codex_sora/codex.spill",
        "overspill_policies/codex_sora/codex.test.yaml",
        "overspill_policies/codex_sora/yaml/codex_sora.spill.yaml",
        "overspill_policies/starter/policies.yml",
    ],
)
def test_the_wheel_holds_its_data(wheel: Path, name: str) -> None:
    assert name in zipfile.ZipFile(wheel).namelist()


def test_the_wheel_decides_where_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "env"
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    # What it depends on is borrowed from here, so that the test needs no network; our own sources are not.
    site = next((environment / "lib").glob("python*")) / "site-packages"
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    isolated = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-c", DECIDES], cwd=tmp_path, capture_output=True, text=True, env=isolated, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("3", "")
    demo = subprocess.run(
        [str(environment / "bin" / "overspill"), "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=isolated,
        check=False,
    )
    assert demo.returncode == 0
    assert "balances reconcile ✓" in demo.stdout

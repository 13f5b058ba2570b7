"""Kill -9 at random moments: of those who work, of PostgreSQL, of the object server. All stays legal and goes on.

In full: ``python bench/storm.py --kills 500 [--of processes|postgresql|objects]``. The servers are killed less often
here, as each needs seconds to come back.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = {"processes": 25, "postgresql": 10, "objects": 2}

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("victim", KILLS)
def test_after_kills_at_random_moments_all_is_legal_and_goes_on(victim: str, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "bench/storm.py", "--of", victim, "--kills", str(KILLS[victim]), "--json", str(figures)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text())
    assert found["kills"] >= KILLS[victim]
    assert all(found["verdict"]["outcomes"][kind]["ok"] > 0 for kind in ("stage", "release", "rollback", "collect"))
    if victim != "processes":
        assert any("away" in one for one in found["verdict"]["outcomes"].values()), "nobody noticed"

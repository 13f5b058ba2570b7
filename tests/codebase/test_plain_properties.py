"""Whatever a project is put together from: if it is kept, another process would load the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.codebase.test_plain import HELPER, reason, write

FRAGMENTS = (
    "VALUE = [VALUE, 1]",
    "VALUE = [VALUE, f'{NAME}_x']",
    "NAME = 'b'",
    "NAME = os.environ.get('SHOWN')",
    "NAME = os.getcwd()",
    "NAME = random.random()",
    "NAME = time.time()",
    "TABLE[NAME] = VALUE",
    "TABLE.update(a=1)",
    "for NAME in ('c', 'd'):\n    VALUE = [VALUE, NAME.upper()]",
    "VALUE = [VALUE, list(SET)]",
    "VALUE = [VALUE, sorted(SET)]",
    "SET = {'a', 'b', 'c', 'd'}",
    "SET = ('a', 'b')",
    "def helper(x):\n    return [x, os.environ.get('SHOWN')]",
    "def helper(x):\n    return str(x)",
    "VALUE = helper(NAME)",
    "VALUE = helper(helper)",
    "helper = str",
    "class Thing:\n    get = os.getenv\n    size = 3",
    "VALUE = [VALUE, Thing.size]",
    "VALUE = [VALUE, Thing.get('SHOWN')]",
    "Thing = {}",
    "VALUE = [VALUE, Thing.get('SHOWN', 'x')]",
    "if len(NAME) > 3:\n    VALUE = [VALUE, 'long']",
    "VALUE = [VALUE, [one for one in TABLE.items()]]",
    "VALUE = [VALUE, Path(__file__).parent.name]",
    "VALUE = [VALUE, str(Path.cwd())]",
)
HEAD = (
    "import os\nimport random\nimport time\nfrom pathlib import Path\nVALUE = 1\nNAME = 'a'\nTABLE = {}\nSET = ('a',)\n"
)
DEFAULTS = "def helper(x):\n    return x\nclass Thing:\n    size = 1\n"
SCRIPT = """
import json, sys
from pathlib import Path
from soroi.codebase import library_version, load
from soroi.declare.fingerprint import fingerprints
found = []
for root in sys.argv[1:]:
    code = load(Path(root), "main")
    with code.visible():
        made = fingerprints(code.graph, in_project=code.owns, libraries=library_version, load=code.late)
    found.append({name: one.to_dict() for name, one in made.items()})
print(json.dumps(found))
"""
TEXTS = st.builds(
    lambda parts, usual: HEAD + (DEFAULTS if usual else "") + "\n".join(parts),
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=3, unique=True),
    st.booleans(),
)


def loaded(roots: list[Path], cwd: Path, **environment: str) -> object:
    """The fingerprints of some projects, as a process in other surroundings finds them."""
    command = [sys.executable, "-c", SCRIPT, *map(str, roots)]
    said = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(said.stdout)


def written(texts: list[str], folder: Path) -> list[Path]:
    """The projects that load and are kept."""
    roots = []
    for number, text in enumerate(texts):
        root = folder / f"p{number}"
        write(root, text, helper=HELPER)
        try:
            why = reason(root)
        except Exception:  # put together at random: it need not run
            continue
        if why is None:
            roots.append(root)
    return roots


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(TEXTS, min_size=30, max_size=40))
def test_what_is_kept_is_loaded_alike_in_other_surroundings(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        roots = written(texts, folder)
        here = loaded(roots, folder, SHOWN="one", PYTHONHASHSEED="1", HOME="/one", TZ="UTC")
        there = loaded(roots, Path("/"), SHOWN="another", PYTHONHASHSEED="2", HOME="/another", TZ="Asia/Tokyo")
        assert here == there


def test_each_single_part_that_is_kept_is_loaded_alike_and_some_are_kept() -> None:
    texts = [HEAD + DEFAULTS + one + "\nVALUE = [VALUE, NAME]" for one in FRAGMENTS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        roots = written(texts, folder)
        here = loaded(roots, folder, SHOWN="one", PYTHONHASHSEED="1")
        there = loaded(roots, Path("/"), SHOWN="another", PYTHONHASHSEED="2")
        assert here == there
        assert 10 <= len(roots) <= 22

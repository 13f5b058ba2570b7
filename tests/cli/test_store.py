from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.backends import PASSWORD, SECRET, Place, Servers
from tests.cli.commands import Run

Fresh = Callable[[], str]


def tree(folder: Path) -> dict[str, str]:
    """Digests of the files of a store, without what SQLite keeps beside its file while it is open."""
    files = (one for one in (folder / ".soroi").rglob("*") if one.is_file() and not one.name.endswith(("-wal", "-shm")))
    return {str(one): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}


def known(run: Run, folder: Path) -> tuple[object, object]:
    """What a project says of itself."""
    return run("status", "--project", folder, "--json").data, run("plan", "--project", folder, "--json").data["live"]


def set_store(folder: Path, text: str) -> None:
    """Write a section into soroi.toml, in place of the one there."""
    path = folder / "soroi.toml"
    body = path.read_text()
    path.write_text(re.split(r"^\[store\]", body, flags=re.MULTILINE)[0] + "\n" + text)


@pytest.fixture
def there(servers: Servers, postgres: Fresh) -> tuple[str, str]:
    """A catalogue and a place for objects on servers."""
    return postgres(), servers.bucket("moto").fresh()


def test_a_project_moves_to_servers_and_goes_on_there(run: Run, released: Path, there: tuple[str, str]) -> None:
    before, files = known(run, released), tree(released)
    move = ("store", "move", "--project", released, "--catalogue", there[0], "--objects", there[1])
    done = run(*move, "--json")
    assert done.code == 0, done.out
    assert done.data["rows_copied"] is True
    assert done.data["objects_copied"] == done.data["objects"] > 0
    assert tree(released) == files
    again = run(*move, "--json")
    assert (again.code, again.data["rows_copied"], again.data["objects_copied"]) == (0, False, 0)
    text = run(*move)
    assert "Now write into soroi.toml" in text.out
    assert "objects:" in text.err
    assert PASSWORD not in text.out + text.err
    assert SECRET not in text.out + text.err
    set_store(released, done.data["settings"])
    assert "s3" in tomllib.loads((released / "soroi.toml").read_text())["store"]
    (released / ".soroi" / "catalogue.sqlite").rename(released / "old.sqlite")
    (released / ".soroi" / "objects").rename(released / "old-objects")
    assert known(run, released) == before
    doctor = run("doctor", "--project", released, "--json")
    assert doctor.code == 0, doctor.out
    assert {one["name"]: one["seen"] for one in doctor.data["checks"]}["catalogue"].count("PostgreSQL") == 1
    for command in (["build", "risk", "--set", "risk.strength=0.3"], ["stage", "--all"], ["release"]):
        assert run(*command, "--project", released).code == 0, command


def test_a_project_may_be_moved_in_part(run: Run, released: Path, postgres: Fresh, tmp_path: Path) -> None:
    before = known(run, released)
    done = run("store", "move", "--project", released, "--catalogue", postgres(), "--json")
    assert (done.code, done.data["objects"]) == (0, 0)
    set_store(released, done.data["settings"])
    assert known(run, released) == before
    done = run("store", "move", "--project", released, "--objects", tmp_path / "elsewhere", "--json")
    assert (done.code, done.data["rows"]) == (0, {})


def test_a_move_is_refused_where_it_would_lose_or_tell_something(run: Run, released: Path, postgres: Fresh) -> None:
    address = postgres()
    move = ("store", "move", "--project", released)
    assert run(*move).code == 2
    told = run(*move, "--catalogue", address.replace("soroi@", f"soroi:{PASSWORD}@"))
    assert told.code == 2
    assert PASSWORD not in told.out + told.err
    assert "has a password in it" in told.err
    own = f"sqlite:///{released}/.soroi/catalogue.sqlite"
    assert "where the project is already" in run(*move, "--catalogue", own).err
    assert run(*move, "--catalogue", address).code == 0
    assert run("build", "risk", "--set", "risk.strength=0.07", "--project", released).code == 0
    told = run(*move, "--catalogue", address)
    assert told.code == 4
    assert "other rows of this project" in told.err


def test_a_move_waits_for_no_build_and_says_so(run: Run, released: Path, postgres: Fresh) -> None:
    import soroi as so
    from soroi.store import RunRecord

    with so.open(released) as project, project.store.catalogue.write() as tx:
        now = project.runtime.clock.now()
        tx.runs.start(RunRecord(id="run_open", by="ann", host="elsewhere", pid=1, started_at=now))
    told = run("store", "move", "--project", released, "--catalogue", postgres())
    assert told.code == 3
    assert "run_open is still open" in told.err


def test_a_damaged_object_stops_the_move_before_any_row_is_copied(
    run: Run, released: Path, there: tuple[str, str]
) -> None:
    from soroi.store import open_catalogue

    here = Place("local", str(released / ".soroi" / "objects"))
    key = next(one for one in here.listed() if one.startswith("objects/"))
    here.flip(key, 0)
    told = run("store", "move", "--project", released, "--catalogue", there[0], "--objects", there[1])
    assert told.code == 1
    assert f"{key} is damaged" in told.err
    catalogue = open_catalogue(there[0], "shop")
    with catalogue.read() as tx:
        assert tx.runs.recent() == []
    catalogue.close()

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from soroi.base.errors import CorruptError, RefusedError
from soroi.codebase import bundle, capture, is_own_file, unpack


def write(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {path.name}\n")
    return folder


def captured(folder: Path, without: Path | None = None) -> list[str]:
    return [name for name, _ in capture(folder, without=without).files]


def test_all_python_files_are_captured_in_order(tmp_path: Path) -> None:
    write(tmp_path, "tiny.py", "parts/b.py", "parts/a.py", "data.csv")
    assert captured(tmp_path) == ["parts/a.py", "parts/b.py", "tiny.py"]


def test_what_is_no_code_of_the_project_is_passed_over(tmp_path: Path) -> None:
    write(
        tmp_path,
        "tiny.py",
        ".hidden/a.py",
        ".#lock.py",
        "__pycache__/a.py",
        "env/lib/a.py",
        "env/pyvenv.cfg",
        "build/a.py",
    )
    (tmp_path / "elsewhere").symlink_to("/usr/lib")
    (tmp_path / "gone.py").symlink_to("/nowhere/gone.py")
    assert captured(tmp_path) == ["tiny.py"]


def test_the_store_is_passed_over_wherever_it_is(tmp_path: Path) -> None:
    write(tmp_path, "tiny.py", "kept/code/0a/tiny.py")
    assert captured(tmp_path, tmp_path / "kept") == ["tiny.py"]


def test_the_same_code_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = (capture(write(tmp_path / name, "tiny.py", "parts/a.py")) for name in ("one", "other"))
    os.utime(tmp_path / "other" / "tiny.py", (0, 0))
    assert one.digest == other.digest == capture(tmp_path / "other").digest
    assert one.archive() == other.archive() == capture(tmp_path / "other").archive()


def test_a_changed_byte_or_name_gives_another_digest(tmp_path: Path) -> None:
    digests = {capture(write(tmp_path, "tiny.py")).digest}
    (tmp_path / "tiny.py").write_text("# other\n")
    digests.add(capture(tmp_path).digest)
    (tmp_path / "tiny.py").rename(tmp_path / "tony.py")
    digests.add(capture(tmp_path).digest)
    assert len(digests) == 3


def test_an_archive_is_laid_out_as_it_was(tmp_path: Path) -> None:
    made = capture(write(tmp_path / "project", "tiny.py", "parts/a.py"))
    folder = unpack(made.archive(), tmp_path / "copy")
    assert capture(folder) == made


def test_laying_out_again_mends_what_was_changed(tmp_path: Path) -> None:
    made = capture(write(tmp_path / "project", "tiny.py"))
    folder = unpack(made.archive(), tmp_path / "copy")
    (folder / "tiny.py").write_text("import os\n")
    assert capture(unpack(made.archive(), folder)) == made


def test_too_much_is_surely_not_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_BYTES", 2**20)
    (tmp_path / "tiny.py").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(RefusedError, match="more than 1 MiB") as told:
        capture(tmp_path)
    assert "a folder of its own" in str(told.value)


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "parts/../../evil.py"])
def test_an_archive_cannot_write_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as bag:
        bag.writestr(name, "import os\n")
    with pytest.raises(CorruptError, match="lies outside"):
        unpack(out.getvalue(), tmp_path / "copy")
    assert not list(tmp_path.rglob("evil.py"))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06"])
def test_what_is_no_archive_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CorruptError, match="cannot be read"):
        unpack(content, tmp_path)


def test_a_file_is_the_projects_own_unless_it_is_of_an_environment_or_elsewhere(tmp_path: Path) -> None:
    assert is_own_file(tmp_path / "parts" / "a.py", tmp_path)
    assert not is_own_file(tmp_path / ".venv" / "lib" / "a.py", tmp_path)
    assert not is_own_file(tmp_path / "env" / "site-packages" / "a.py", tmp_path)
    assert not is_own_file(Path("/elsewhere/a.py"), tmp_path)

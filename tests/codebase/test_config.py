from __future__ import annotations

from pathlib import Path

import pytest

from soroi.base.errors import ConfigError
from soroi.codebase import find_project, read_config


def write(folder: Path, text: str, module: str = "project") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "soroi.toml").write_text(text)
    (folder / f"{module}.py").write_text("")
    return folder


def test_an_empty_file_is_enough(tmp_path: Path) -> None:
    config = read_config(write(tmp_path / "my-shop", ""))
    assert (config.name, config.module, config.store) == ("my-shop", "project", tmp_path / "my-shop" / ".soroi")
    assert (config.catalogue, config.objects, config.workers) == (None, None, None)


def test_everything_can_be_said(tmp_path: Path) -> None:
    text = """
    [project]
    name = "shop"
    module = "shop"
    description = "A shop."
    [store]
    path = "/var/lib/shop"
    catalogue = "postgresql://shop"
    objects = "s3://shop/objects"
    [build]
    workers = 3
    """
    config = read_config(write(tmp_path, text, "shop"))
    assert (config.name, config.module, config.workers) == ("shop", "shop", 3)
    assert (config.store, config.catalogue) == (Path("/var/lib/shop"), "postgresql://shop")
    assert config.objects == "s3://shop/objects"


def test_a_package_can_be_the_module(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "soroi.toml").write_text("[project]\nmodule = 'shop'\n")
    assert read_config(tmp_path).module == "shop"


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("[projct]", "[projct] is not a section", "did you mean 'project'?"),
        ("name = 'shop'", "[name] is not a section", "known: build, project, store"),
        ("[project]\nmodul = 'x'", "'modul' is not an entry of [project]", "did you mean 'module'?"),
        ("[store]\nroot = 'x'", "'root' is not an entry of [store]", "known: catalogue, objects, path"),
        ("[project]\nname = 3", "'name' must be a text, not 3", "quotes"),
        ("[project]\nname = '9 lives'", "'9 lives' cannot name a project", "letters, digits"),
        ("[project]\nmodule = 'gone'", "the module 'gone'", "set module under [project]"),
        ("[build]\nworkers = 0", "build.workers = 0", "how many processes"),
        ("[build]\nworkers = true", "build.workers = True", "how many processes"),
        ("[build]\nworkers = '2'", "build.workers = '2'", "how many processes"),
    ],
)
def test_what_cannot_be_is_named_with_the_remedy(tmp_path: Path, text: str, says: str, hint: str) -> None:
    with pytest.raises(ConfigError) as told:
        read_config(write(tmp_path / "shop", text))
    assert says in told.value.message
    assert hint in (told.value.hint or "")
    assert told.value.where == str(tmp_path / "shop" / "soroi.toml")


@pytest.mark.parametrize("content", [b"[project", b"name = ", b"\xff\xfe"])
def test_what_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "soroi.toml").write_bytes(content)
    with pytest.raises(ConfigError, match="is not valid TOML"):
        read_config(tmp_path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="soroi init"):
        read_config(tmp_path)


def test_a_project_is_found_from_below(tmp_path: Path) -> None:
    write(tmp_path / "shop", "")
    deep = tmp_path / "shop" / "a" / "b"
    deep.mkdir(parents=True)
    assert find_project(deep) == find_project(str(tmp_path / "shop")) == tmp_path / "shop"


def test_a_project_is_found_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(tmp_path / "shop", ""))
    assert find_project() == tmp_path / "shop"


def test_where_there_is_none_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no soroi\.toml in .* or above it") as told:
        find_project(tmp_path)
    assert "soroi init NAME" in str(told.value)

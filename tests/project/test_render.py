from __future__ import annotations

from tests.projects import Tiny

from soroi.base.display import Display, Shown
from soroi.project.render import VersionTable


class Table(Shown):
    def display(self) -> Display:
        return Display("A <title>", ("one", "two"), [["a", "<b>&"], ["longer", ""]])


def test_a_table_is_text_in_columns() -> None:
    assert repr(Table()) == "A <title>\none     two\na       <b>&\nlonger"


def test_a_table_is_html_with_everything_escaped() -> None:
    page = Table()._repr_html_()
    assert "A &lt;title&gt;" in page
    assert "&lt;b&gt;&amp;" in page
    assert "<b>" not in page


def test_an_empty_table_is_its_head() -> None:
    assert repr(VersionTable([])) == "Versions\nversion  built  by  by choice  figures"
    assert len(VersionTable([])) == 0


def test_what_the_project_gives_back_shows_itself(tiny: Tiny) -> None:
    made = tiny.build("careful", set={"careful": {"strength": 0.01}})
    assert repr(made).splitlines()[0].endswith("all built or reused")
    outcome = tiny.project.stage(made.versions["careful"].id)
    assert "out of step" in repr(outcome)
    assert "second_cut must follow second" in repr(outcome)
    assert "careful_cut" in tiny.project.plan()._repr_html_()
    assert repr(tiny.project.what_if("careful")).startswith("If careful changed")
    assert "careful_cut" in tiny.project._repr_html_()
    assert tiny.project.answers("check").height == 0

from __future__ import annotations

from collections.abc import Sequence

from soroi.project.render import Rich, VersionTable


class Table(Rich):
    def _repr_rows(self) -> tuple[str, Sequence[str], Sequence[Sequence[str]]]:
        return "A <title>", ("one", "two"), [["a", "<b>&"], ["longer", ""]]


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

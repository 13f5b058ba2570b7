"""The fingerprints of recorded versions, made again from the code that built them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from soroi.base.errors import DeclarationError
from soroi.build.code import lay_out
from soroi.codebase import ProjectConfig, load
from soroi.declare.fingerprint import Fingerprint
from soroi.project.parts import code_fingerprints
from soroi.store import Store, VersionRecord


class RecordedCode:
    """Makes the fingerprint of a version again, for those that were stored in another format and cannot be compared.

    Every version names the captured code that built it. That code is loaded as the present soroi and the present
    Python read it, once for all versions that it built.

    Args:
        config: What ``soroi.toml`` says.
        store: The store, which keeps the code.
        parts: Gives the values of columns that part families.
    """

    def __init__(
        self, config: ProjectConfig, store: Store, parts: Callable[[], Mapping[str, Mapping[str, Sequence[str]]]]
    ) -> None:
        self._config = config
        self._store = store
        self._parts = parts
        self._known: dict[str, dict[str, Fingerprint]] = {}

    def __call__(self, version: VersionRecord) -> Fingerprint:
        """The fingerprint that the node of a version had then, in the present format.

        Raises:
            SoroiError: The code is not kept, cannot be loaded, or does not declare the node.
        """
        if version.code not in self._known:
            self._known[version.code] = self._read(lay_out(self._store.objects, self._config.store, version.code))
        found = self._known[version.code].get(version.node)
        if found is None:
            raise DeclarationError(f"'{version.node}' is not found in the code that built {version.id}")
        return found

    def _read(self, folder: Path) -> dict[str, Fingerprint]:
        code = load(folder, self._config.module, self._config.root)
        return code_fingerprints(code, code.expanded(self._parts()))

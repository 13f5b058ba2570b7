"""The case: what is to be released where, over what, by which gates and verdicts. What an approval signs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from soroi.base.digest import digest
from soroi.release.manifest import Manifest
from soroi.store import HeadRecord, VerdictRecord


@dataclass(frozen=True)
class Case:
    """One manifest that is to go to one environment, as somebody looked at it."""

    environment: str
    """Which head would move."""

    manifest: Manifest
    """The manifest that it would move to."""

    base: HeadRecord | None
    """Where the head stands; ``None``: nothing was ever released there."""

    gates_digest: str
    """Digest of the definitions of all gates and of the environment's conditions."""

    verdicts: tuple[VerdictRecord, ...] = ()
    """The verdicts it shows: the last of each gate, by the order of the gates."""

    author: str | None = None
    """Who put the last of it in staging."""

    @property
    def digest(self) -> str:
        """Names what is approved: environment, manifest, base and gates, 40 hexadecimal characters."""
        base = self.base.manifest if self.base is not None else None
        return release_digest(self.environment, self.manifest.id, base, self.gates_digest)

    @property
    def verdict_digests(self) -> tuple[str, ...]:
        """Digests of the verdicts, sorted."""
        return verdict_digests(self.verdicts)

    def signed(self) -> dict[str, Any]:
        """What an approval signs: the plan's digest and those of the verdicts it shows."""
        return {"plan": self.digest, "verdicts": list(self.verdict_digests)}


def release_digest(environment: str, manifest: str, base: str | None, gates_digest: str) -> str:
    """The digest that names a plan: another manifest, base or definition of a gate gives another.

    Args:
        environment: Which head would move.
        manifest: Id of the manifest it would move to.
        base: Id of the manifest it points at; ``None``: none.
        gates_digest: Digest of the gates' definitions.
    """
    body = {"environment": environment, "manifest": manifest, "base": base, "gates": gates_digest}
    return digest("release", body)


def verdict_digest(record: VerdictRecord) -> str:
    """The digest of a verdict record: of everything in it, so that no word of it can be changed unseen."""
    return digest("verdict", msgspec.to_builtins(record))


def verdict_digests(records: Iterable[VerdictRecord]) -> tuple[str, ...]:
    """The digests of some verdict records, sorted."""
    return tuple(sorted(verdict_digest(one) for one in records))

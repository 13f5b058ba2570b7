"""What the catalogue says of environments for a plan: who answers where, and what a gate held up."""

from __future__ import annotations

from soroi.base.reason import Reason
from soroi.release.glass import broken_glass
from soroi.release.manifest import read_manifest
from soroi.release.staging import STAGING
from soroi.store import Transaction


def live_nodes(tx: Transaction) -> dict[str, frozenset[str]]:
    """Ids of the nodes in the live manifest of each environment.

    Args:
        tx: A transaction that reads.
    """
    heads = (head for head in tx.heads.all() if head.environment != STAGING)
    return {head.environment: frozenset(read_manifest(tx, head.manifest).picks) for head in heads}


def last_refusal(tx: Transaction, manifest: str | None, environment: str) -> Reason | None:
    """Why the gates refused a manifest the last time it was to be released, if they did.

    Args:
        tx: A transaction that reads.
        manifest: Id of the manifest.
        environment: Where it was to go.
    """
    if manifest is None:
        return None
    refused = tx.events.list(kind="release.refused", subject=manifest)
    mine = [one for one in refused if one.body["environment"] == environment]
    if not mine:
        return None
    last = mine[-1]
    text = f"{manifest} was refused for {environment} on {last.at:%Y-%m-%d %H:%M} UTC"
    return Reason("gate", text, manifest, because=(Reason.from_dict(last.body["reason"]),))


def glass_broken(tx: Transaction, manifest: str | None, environment: str) -> Reason | None:
    """That a live manifest went live by overriding gates, with who, why and which; for ever visible.

    Args:
        tx: A transaction that reads.
        manifest: Id of the live manifest.
        environment: Where it is live.
    """
    found = broken_glass(tx, manifest, environment) if manifest is not None else []
    if not found:
        return None
    last = found[-1]
    text = f"{environment} answers with {manifest} because {last.by} broke the glass on {last.at:%Y-%m-%d %H:%M} UTC"
    gates = tuple(Reason("gate", f"overridden: {name}", name) for name in last.body["gates"])
    return Reason("broke_glass", f"{text}: {last.body['reason']}", manifest, because=gates)

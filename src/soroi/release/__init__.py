"""Releasing: staging gathered, manifests sealed when in step, heads moved by compare-and-swap."""

from soroi.release.heads import LOADS, ReleaseOutcome, release, rollback
from soroi.release.manifest import Manifest, read_manifest, seal
from soroi.release.plan import PlanNode, ReleasePlan, make_plan
from soroi.release.staging import Chooser, StageOutcome, stage
from soroi.release.step import StepReport, check_step

__all__ = [
    "LOADS",
    "Chooser",
    "Manifest",
    "PlanNode",
    "ReleaseOutcome",
    "ReleasePlan",
    "StageOutcome",
    "StepReport",
    "check_step",
    "make_plan",
    "read_manifest",
    "release",
    "rollback",
    "seal",
    "stage",
]

"""Releasing: staging gathered, manifests sealed when in step, heads moved by compare-and-swap."""

from soroi.release.heads import LOADS, ReleaseOutcome, release, rollback
from soroi.release.manifest import Manifest, read_manifest, seal
from soroi.release.plan import PlanNode, ReleasePlan, make_plan
from soroi.release.staging import Chooser, StageOutcome, stage
from soroi.release.step import StepReport, check_step
from soroi.release.waiver import Waived, waive
from soroi.release.what_if import Affected, WhatIf, what_if

__all__ = [
    "LOADS",
    "Affected",
    "Chooser",
    "Manifest",
    "PlanNode",
    "ReleaseOutcome",
    "ReleasePlan",
    "StageOutcome",
    "StepReport",
    "Waived",
    "WhatIf",
    "check_step",
    "make_plan",
    "read_manifest",
    "release",
    "rollback",
    "seal",
    "stage",
    "waive",
    "what_if",
]

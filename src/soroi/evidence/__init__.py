"""Honest figures: metrics with intervals, thresholds with guarantees, calibration, verdicts."""

from soroi.evidence.actions import action_figures
from soroi.evidence.calibration import CalibrationMap, fit_calibration
from soroi.evidence.curve import OperatingCurve, OperatingPoint
from soroi.evidence.figure import ALWAYS, NEVER, Figure
from soroi.evidence.scores import score_figures
from soroi.evidence.sure import SureBand, sure_band
from soroi.evidence.threshold import ThresholdFit, fit_threshold
from soroi.evidence.verdict import Outcome, judge, judge_all, verdict_reason

__all__ = [
    "ALWAYS",
    "NEVER",
    "CalibrationMap",
    "Figure",
    "OperatingCurve",
    "OperatingPoint",
    "Outcome",
    "SureBand",
    "ThresholdFit",
    "action_figures",
    "fit_calibration",
    "fit_threshold",
    "judge",
    "judge_all",
    "score_figures",
    "sure_band",
    "verdict_reason",
]

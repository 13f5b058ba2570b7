"""What runs in a worker: load the captured code, build one node, give back a draft."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from soroi.base.errors import BuildError, SoroiError
from soroi.build.builders.context import BuildContext
from soroi.build.builders.dataset import build_dataset
from soroi.build.builders.decision import build_decision
from soroi.build.builders.features import build_features
from soroi.build.builders.model import build_model
from soroi.build.builders.source import build_source
from soroi.build.builders.threshold import build_threshold
from soroi.build.code import lay_out
from soroi.build.task import Draft, Task
from soroi.codebase import Codebase, environment_record, load
from soroi.declare.node import NodeKind
from soroi.store import Objects, Tables

LOG_LIMIT = 1_000_000
"""Largest size of a node's log, in characters; the middle is cut out of a longer one."""


def run_task(task: Task) -> Draft:
    """Build one node. What it prints is kept as its log, on success and on failure.

    Raises:
        SoroiError: The build failed; ``fields["log"]`` holds what was printed.
    """
    started = time.monotonic()
    with _captured() as log:
        try:
            outputs, facts, edges, watermark = _build(task)
            problem: SoroiError | None = None
        except SoroiError as error:
            problem = error
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the panics of compiled libraries are no Exception
            traceback.print_exc()
            problem = BuildError(
                f"building '{task.node}' failed inside soroi: {type(error).__name__}: {error}",
                hint="this is a fault of soroi's; please report it with the log",
            )
        if problem is not None and "traceback" in problem.fields:
            print(problem.fields.pop("traceback"), file=sys.stderr)
    text = _shortened(Path(log).read_text("utf-8", "replace"))
    Path(log).unlink(missing_ok=True)
    if problem is not None:
        problem.fields.update(log=text, seconds=time.monotonic() - started, node=task.node)
        raise problem
    return Draft(outputs, facts, edges, watermark, environment_record(), time.monotonic() - started, text)


def _build(task: Task) -> tuple[dict[str, str], dict[str, Any], list[Any], Any]:
    objects = Objects(task.objects or Path(task.store_root) / "objects")
    codebase = _codebase(task.code, task.store_root, task.objects, task.module, task.project_root)
    os.chdir(task.project_root)
    context = BuildContext(
        node=codebase.expanded(task.parts)[task.node],
        root=codebase.home,
        inputs=task.inputs,
        overrides=task.overrides,
        as_of=task.as_of,
        part_columns=tuple(task.part_columns),
        compare=task.compare,
        objects=objects,
        tables=Tables(objects),
    )
    kind = context.node.kind
    if kind is NodeKind.SOURCE:
        outputs, facts, watermark = build_source(context)
        return outputs, facts, [], watermark
    if kind is NodeKind.MODEL:
        outputs, facts, edges = build_model(context)
        return outputs, facts, edges, _watermark(context)
    builders = {
        NodeKind.FEATURES: build_features,
        NodeKind.DATASET: build_dataset,
        NodeKind.THRESHOLD: build_threshold,
        NodeKind.DECISION: build_decision,
    }
    outputs, facts = builders[kind](context)
    return outputs, facts, context.edge_records(), _watermark(context)


def _watermark(context: BuildContext) -> Any:
    known = [one.watermark for one in context.inputs.values() if one.watermark is not None]
    return max(known, default=None)


@functools.lru_cache(maxsize=4)
def _codebase(code: str, store_root: str, objects: str | None, module: str, home: str) -> Codebase:
    """The captured code, loaded once per process."""
    folder = lay_out(Objects(objects or Path(store_root) / "objects"), Path(store_root), code)
    return load(folder, module, Path(home), named_home=True)


@contextlib.contextmanager
def _captured() -> Iterator[str]:
    """Send everything this process prints, also from compiled code, to a file; gives its name."""
    handle, name = tempfile.mkstemp(prefix="soroi-log-")
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            yield name
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        for one in (handle, *kept):
            os.close(one)


def _shortened(text: str) -> str:
    if len(text) <= LOG_LIMIT:
        return text
    half = LOG_LIMIT // 2
    return f"{text[:half]}\n… {len(text) - LOG_LIMIT} characters left out …\n{text[-half:]}"

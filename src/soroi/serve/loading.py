"""Loading a manifest: every part by digest, every model proven by its canary rows, every plan compiled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import msgspec
import polars as pl

from soroi.base.errors import CorruptError, RefusedError, did_you_mean
from soroi.build.code import lay_out
from soroi.codebase import Codebase, load
from soroi.declare.domain import Domain
from soroi.declare.edge import Role
from soroi.declare.node import NodeId, name_there, project_of
from soroi.evidence import ThresholdFit
from soroi.release.manifest import Manifest
from soroi.scoring import Canary, InputColumn, Scorer, load_scorer
from soroi.scoring.alone import steadied
from soroi.serve.rows import RowSchema
from soroi.serve.snapshot import (
    Context,
    DecisionPart,
    FamilyStep,
    FeaturePart,
    ModelPart,
    Origin,
    RulePart,
    Snapshot,
    StepPart,
    members,
)
from soroi.serve.tables import SourceBase
from soroi.store import Store, VersionRecord

SAMPLE_ROWS = 8
"""Rows of the spine kept to rehearse a decision with."""

_MICRO = 1_000_000
T = TypeVar("T")


@dataclass(eq=False)
class _Proven:
    """A scorer whose canary rows gave the same scores here as where it was built."""

    scorer: Scorer


@dataclass(eq=False)
class _Spine:
    """Columns of a source, and a few of its rows."""

    schema: RowSchema
    sample: pl.DataFrame


class _Shared:
    """What snapshots share, kept for as long as one of them lives."""

    def __init__(self) -> None:
        self._parts: WeakValueDictionary[tuple[str, ...], Any] = WeakValueDictionary()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """The part of a key, made when no living snapshot has it."""
        with self._lock:
            found: T | None = self._parts.get(key)
        if found is None:
            made = make()
            with self._lock:
                found = self._parts.setdefault(key, made)
        return found


_SHARED = _Shared()


def load_snapshot(store: Store, manifest: Manifest, *, module: str, home: Path) -> Snapshot:
    """Load everything a manifest needs in order to answer.

    Parts that an earlier snapshot holds in this process are shared with it.

    Args:
        store: The store.
        manifest: What to load.
        module: Name of the module with the declarations.
        home: Folder of the project, for code that finds its data beside itself.

    Raises:
        CorruptError: A part is missing or not what its digest says; names it.
        UnsafeArtefactError: A model would need code that is not on the reviewed list.
        RefusedError: A model does not score its canary rows as it did, or parts do not fit; names the version.
        DeclarationError: The captured code does not load.
    """
    return _Loading(store, manifest, module, home).snapshot()


class _Loading:
    """One manifest on its way into memory."""

    def __init__(self, store: Store, manifest: Manifest, module: str, home: Path) -> None:
        self._store = store
        self._manifest = manifest
        self._module = module
        self._home = home
        self._held: list[Any] = []
        self._models: dict[str, ModelPart] = {}
        self._features: dict[str, FeaturePart] = {}
        self._records: dict[str, VersionRecord] = {}

    def snapshot(self) -> Snapshot:
        self._read_records()
        picked = [self._records[version] for version in self._manifest.picks.values()]
        decisions = {one.node: self._decision(one) for one in picked if one.kind == "decision"}
        looked_up = {context.source for part in self._features.values() for context in part.contexts}
        bases = {source: self._base(source, source in looked_up) for source in self._manifest.data}
        return Snapshot(
            manifest=self._manifest.id,
            picks=dict(self._manifest.picks),
            decisions=decisions,
            bases=bases,
            held=tuple(self._held),
            origin=self._origin(),
        )

    def _origin(self) -> Origin:
        config = self._store.config
        place = (str(config.root), config.project, config.catalogue, config.objects)
        return Origin(*place, self._manifest.id, self._module, str(self._home))

    def _read_records(self) -> None:
        data = [version for use in self._manifest.data.values() for version in use["versions"]]
        with self._store.catalogue.read() as tx:
            self._records = tx.versions.get_many({*self._manifest.picks.values(), *data})
            for version in (*self._manifest.picks.values(), *data):
                if version not in self._records:
                    tx.versions.get(version)  # raises, naming what is near

    def _share(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        found = _SHARED.get(key, make)
        self._held.append(found)
        return found

    def _picked(self, node: str, needed_by: str) -> VersionRecord:
        version = self._manifest.picks.get(node)
        if version is None:
            raise RefusedError(f"manifest {self._manifest.id} has no version of '{node}', which {needed_by} needs")
        return self._records[version]

    def _object(self, record: VersionRecord, name: str) -> bytes:
        if name not in record.outputs:
            raise CorruptError(f"{record.id} has no '{name}'", hint="restore the catalogue from a backup")
        return self._store.objects.get(record.outputs[name], what=f"{name} of {record.id}")

    def _code(self, record: VersionRecord) -> Codebase:
        module, home = self._place(record)

        def make() -> Codebase:
            folder = lay_out(self._store.objects, self._store.config.root, record.code)
            return load(folder, module, home or folder, named_home=True)

        return self._share(("code", record.code, module, str(home)), make)

    def _place(self, record: VersionRecord) -> tuple[str, Path | None]:
        """The module with the declarations of a version, and the folder of its project if there is one here."""
        if project_of(record.node) is None:
            return self._module, self._home
        module = record.environment.get("module")
        if module is None:
            raise RefusedError(
                f"{record.id} does not say in which module of its project it is declared: an older soroi built it",
                hint="let that project build it again, with --force",
            )
        home = Path(record.environment.get("home", ""))
        return str(module), home if home.is_absolute() and home.is_dir() else None

    def _decision(self, record: VersionRecord) -> DecisionPart:
        plan = msgspec.json.decode(self._object(record, "plan"))
        steps = tuple(self._any_step(record, step) for step in plan["steps"])
        spine = self._spine(record, steps)
        node = self._code(record).graph[record.node]
        rules = tuple(RulePart(rule.__name__, rule) for rule in node.spec.fallbacks)
        return DecisionPart(
            node=record.node,
            version=record.id,
            spine=spine.schema,
            steps=steps,
            rules=rules,
            deadline=plan["deadline"],
            positive=plan["positive"],
            negative=plan["negative"],
            fail_safe=plan["fail_safe"],
            durable=plan["durable"],
            sample=spine.sample,
            doc=node.doc,
            domain=_domain(record, plan.get("domain", {}), spine.schema),
        )

    def _any_step(self, decision: VersionRecord, step: dict[str, Any]) -> StepPart | FamilyStep:
        if step.get("per") is None:
            return self._step(decision, step["threshold"], step.get("band"))
        bands = step.get("bands", {})
        found: dict[str, StepPart] = {}
        for node in self._manifest.picks:
            name = NodeId.parse(node)
            if name.name == step["threshold"] and name.part is not None:
                found[name.part] = self._step(decision, node, bands.get(node))
        parent = found.pop(step["parent"], None) if step["parent"] is not None else None
        return FamilyStep(step["threshold"], step["per"], found, parent, {decision.node: decision.id})

    def _step(self, decision: VersionRecord, node: str, band: dict[str, float] | None) -> StepPart:
        record = self._picked(node, decision.id)
        fit = msgspec.json.decode(self._object(record, "fit"), type=ThresholdFit)
        (cuts,) = (edge for edge in record.edges if edge.role == Role.CUTS.value)
        model = self._model(cuts.name, record.id)
        return StepPart(
            name=record.node,
            model=model,
            threshold=fit.value if fit.met else None,
            sure=(band["low"], band["high"]) if band else None,
            calibration=fit.calibration,
            versions={decision.node: decision.id, record.node: record.id, **model.versions()},
        )

    def _model(self, node: str, needed_by: str) -> ModelPart:
        if node not in self._models:
            record = self._picked(node, needed_by)
            facts = record.facts
            origins: dict[str, str] = facts["feature_nodes"]
            self._models[node] = ModelPart(
                node=node,
                version=record.id,
                scorer=self._share(("model", record.output, record.id), lambda: self._proven(record)).scorer,
                inputs=tuple(msgspec.convert(facts["inputs"], list[InputColumn])),
                origins=origins,
                features=tuple(self._feature(name, record.id) for name in dict.fromkeys(origins.values())),
                scores=tuple(self._model(name, record.id) for name in facts["score_inputs"]),
                score_nodes=facts.get("score_nodes", {}),
            )
        return self._models[node]

    def _proven(self, record: VersionRecord) -> _Proven:
        scorer = load_scorer(record.facts, record.outputs, lambda name: self._object(record, name), what=record.id)
        canary = msgspec.json.decode(self._object(record, "canary"), type=Canary)
        canary.replay(scorer, what=record.id)
        return _Proven(steadied(scorer, canary.frame(what=record.id)))

    def _feature(self, node: str, needed_by: str) -> FeaturePart:
        if node not in self._features:
            record = self._picked(node, needed_by)
            declared = self._code(record).graph[name_there(node)]
            assert declared.function is not None
            spine, *others = record.edges  # in the order of the arguments, by the names that this project has for them
            spans = (edge.options.get("last") for edge in declared.edges[1:])
            contexts = (Context(one.name, _micros(span)) for one, span in zip(others, spans, strict=True))
            self._features[node] = FeaturePart(
                node=node,
                version=record.id,
                function=declared.function,
                spine=spine.name,
                contexts=tuple(contexts),
                key=tuple(record.facts["key"]),
                columns=tuple(record.facts["features"]),
            )
        return self._features[node]

    def _spine(self, record: VersionRecord, steps: Iterable[StepPart | FamilyStep]) -> _Spine:
        asked = [one for step in steps for one in members(step)]
        parts = {node: part for step in asked for node, part in step.model.all_features().items()}
        spines = {part.spine for part in parts.values()}
        if len(spines) != 1:
            named = ", ".join(f"{part.node} ({part.spine})" for part in parts.values())
            raise RefusedError(
                f"{record.id} cannot be asked: its features begin with different sources: {named}",
                hint="let every @so.features that a decision needs name the same source first",
            )
        data = self._newest(spines.pop())
        spine = self._share(("spine", data.id, data.outputs["table"]), lambda: self._read_spine(data))
        for step in steps:
            if isinstance(step, FamilyStep) and step.per not in spine.schema.schema:
                raise RefusedError(
                    f"{record.id} cannot be asked: '{step.name}' is parted by '{step.per}', which is no column of "
                    f"the source '{data.node}' that requests bring",
                    hint=f"add the column '{step.per}' to '{data.node}', or part the family by one of its columns",
                )
        return spine

    def _newest(self, source: str) -> VersionRecord:
        """The newest version of a source among those that the manifest rests on."""
        use = self._manifest.data.get(source)
        if use is None:
            raise RefusedError(f"manifest {self._manifest.id} rests on no version of the source '{source}'")
        records = [self._records[version] for version in use["versions"]]
        return max(records, key=lambda one: (one.watermark or one.at, one.at))

    def _read_spine(self, record: VersionRecord) -> _Spine:
        root = record.outputs["table"]
        low = self._store.tables.describe(root).parts[-1].low
        frame = self._store.tables.scan(root, low=low).collect()
        step = max(frame.height // SAMPLE_ROWS, 1)
        return _Spine(_schema(record, frame), frame.gather_every(step).head(SAMPLE_ROWS))

    def _base(self, source: str, looked_up: bool) -> SourceBase:
        record = self._newest(source)

        def make() -> SourceBase:
            if looked_up:
                frame = self._store.tables.read(record.outputs["table"])
            else:
                frame = self._read_spine(record).sample.clear()
            base = SourceBase(_schema(record, frame), record.id, record.at, frame)
            _ = base.known  # sorted now, not under the first request
            return base

        return self._share(("base", record.id, record.outputs["table"], str(looked_up)), make)


def _domain(
    record: VersionRecord, declared: dict[str, dict[str, Any]], spine: RowSchema
) -> tuple[tuple[str, Domain], ...]:
    """What a decision declares of the columns of its spine.

    Raises:
        RefusedError: The spine has no such column, or one that cannot be compared so.
    """
    found = []
    for name, body in declared.items():
        one, dtype = Domain.from_dict(body), spine.schema.get(name)
        if dtype is None:
            hint = did_you_mean(name, spine.schema)
            raise RefusedError(
                f"{record.id} declares values of '{name}', which '{spine.source}' does not have", hint=hint
            )
        if one.values is None and not dtype.is_numeric():
            raise RefusedError(f"{record.id} declares a range of '{name}', which is {dtype}", hint="use so.one_of(...)")
        found.append((name, one))
    return tuple(found)


def _schema(record: VersionRecord, frame: pl.DataFrame) -> RowSchema:
    facts = record.facts
    return RowSchema(record.node, dict(frame.schema), tuple(facts["key"]), facts["time"], facts["known_at"])


def _micros(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * _MICRO)

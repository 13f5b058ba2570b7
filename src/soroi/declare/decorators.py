"""The public way to declare sources, features, datasets and models: decorators that leave functions plain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from soroi.base.duration import duration
from soroi.base.errors import DeclarationError
from soroi.declare.declaration import (
    MARK,
    Declaration,
    FamilySpec,
    Use,
    check_arity,
    function_place,
    keyword_defaults,
)
from soroi.declare.edge import Role
from soroi.declare.lifecycle import Deprecation
from soroi.declare.node import Group, NodeKind
from soroi.declare.spec import (
    DatasetSpec,
    FeaturesSpec,
    FileRef,
    ModelSpec,
    SourceSpec,
    TimeSplit,
)
from soroi.declare.valid import valid_access, valid_name, valid_span

F = TypeVar("F", bound=Callable[..., Any])
PARTITIONS = ("1h", "1d", "1w", "1mo", "1y")


def group(name: str, *, owner: str) -> Group:
    """Name a team that nodes belong to.

    Args:
        name: Name of the group.
        owner: Whom to ask about its nodes.
    """
    return Group(name, owner)


def file(pattern: str) -> FileRef:
    """Name a file, or several by a glob pattern, on which a node depends.

    Args:
        pattern: Path or pattern, absolute or relative to the project's folder.
    """
    return FileRef(str(pattern))


def last(target: Any, span: str) -> Use:
    """Say that only the last ``span`` of a source, before a row's own moment, matters to the features.

    Training still passes the whole table; serving passes only what can matter.

    Args:
        target: The source.
        span: A duration such as ``"3h"``.
    """
    return Use(target, options={"last": duration(span).total_seconds()})


def source(
    *,
    key: str | Sequence[str],
    time: str | None = None,
    known_at: str | None = None,
    subject: str | None = None,
    partition: str | None = None,
    matures_after: str | None = None,
    in_step: str | None = None,
    files: FileRef | Sequence[FileRef] = (),
    group: Group | None = None,
    access: str = "protected",
    deprecated: Deprecation | None = None,
) -> Callable[[F], F]:
    """Declare a data source. The function takes nothing and returns a ``polars.LazyFrame`` of all its rows.

    Args:
        key: Column or columns that name a row uniquely.
        time: Column with the time a row is about; a ``Datetime`` in UTC.
        known_at: Column with the time a row became known. Default: the same as ``time``.
        subject: Column that names the person a row is about.
        partition: Length of a partition over ``time``: 1h, 1d, 1w, 1mo or 1y. Default: one partition.
        matures_after: How long after ``time`` a row is final.
        in_step: How far apart, in data time, nodes of one manifest may rest on this source. Default: not at all.
        files: ``so.file(...)`` whose change tells that there is new data.
        group: The team it belongs to.
        access: ``private``, ``protected`` or ``public``.
        deprecated: That it should no longer be used; see :func:`deprecated`.
    """
    refs = (files,) if isinstance(files, FileRef) else tuple(files)
    if not key:
        raise DeclarationError("a source needs a key", hint="key= names the column, or columns, that name a row once")
    if partition is not None and partition not in PARTITIONS:
        raise DeclarationError(f"partition '{partition}' is not known", hint="one of " + ", ".join(PARTITIONS))
    if partition is not None and time is None:
        raise DeclarationError("a source with a partition needs time=", hint="name the column with the time")
    spec = SourceSpec(
        key=(key,) if isinstance(key, str) else tuple(key),
        time=time,
        known_at=known_at,
        subject=subject,
        partition=partition,
        matures_after=valid_span(matures_after),
        in_step=valid_span(in_step),
        files=refs,
    )
    return _declare(NodeKind.SOURCE, lambda _: spec, (), group, access, deprecated)


def features(
    *inputs: Any, group: Group | None = None, access: str = "protected", deprecated: Deprecation | None = None
) -> Callable[[F], F]:
    """Declare features: one function, the same in training and in serving.

    The first input is the *spine*: one row for each thing decided on. The function takes a
    ``polars.LazyFrame`` per input and returns the spine's key and the feature columns, one row per spine row.

    Args:
        *inputs: Sources (or ``so.last(source, span)``, or names), the spine first.
        group: The team it belongs to.
        access: ``private``, ``protected`` or ``public``.
        deprecated: That it should no longer be used; see :func:`deprecated`.
    """
    if not inputs:
        raise DeclarationError("features need at least one input", hint="@so.features(a_source)")
    return _declare(NodeKind.FEATURES, lambda _: FeaturesSpec(), _uses(inputs), group, access, deprecated)


def dataset(
    *inputs: Any,
    join_rate: float | None = None,
    group: Group | None = None,
    access: str = "protected",
    deprecated: Deprecation | None = None,
) -> Callable[[F], F]:
    """Declare a dataset: the rows a model learns from. Features and sources in, one ``LazyFrame`` out.

    Args:
        *inputs: Features and sources, one argument of the function each.
        join_rate: Least share of the first input's rows that must be in the dataset, from 0 to 1.
        group: The team it belongs to.
        access: ``private``, ``protected`` or ``public``.
        deprecated: That it should no longer be used; see :func:`deprecated`.
    """
    if not inputs:
        raise DeclarationError("a dataset needs at least one input", hint="@so.dataset(features, a_source)")
    spec = DatasetSpec(join_rate=None if join_rate is None else at_least(join_rate))
    return _declare(NodeKind.DATASET, lambda _: spec, _uses(inputs), group, access, deprecated)


def at_least(share: float) -> float:
    """A floor, such as ``join_rate=so.at_least(0.98)``.

    Args:
        share: From 0 to 1.
    """
    if not 0.0 <= share <= 1.0:
        raise DeclarationError(f"{share} is not a share", hint="give a number from 0 to 1")
    return share


def model(
    data: Any,
    *,
    target: str,
    split: TimeSplit,
    features: Sequence[Any] | None = None,
    scores: Sequence[Any] = (),
    out_of_fold: int = 0,
    seed: int = 0,
    equal_within: float | None = None,
    per: str | None = None,
    parts: Sequence[str] | None = None,
    parent: str | None = None,
    group: Group | None = None,
    access: str = "protected",
    deprecated: Deprecation | None = None,
) -> Callable[[F], F]:
    """Declare a model. The function takes the training part and returns a fitted estimator.

    Its keyword parameters with defaults are hyper-parameters; ``soroi build NODE --set name=value`` tries others.

    Args:
        data: The dataset it learns from.
        target: Column to predict; boolean for a classifier.
        split: How the dataset is parted; see :func:`by_time`.
        features: The features it takes, of those in the dataset. Default: all of them.
        scores: Models whose score it takes as an input, each as a column of the model's name.
        out_of_fold: Number of time blocks for out-of-fold scores, needed when another model takes its score.
        seed: Seed of ``random`` and of NumPy's legacy generator while it trains.
        equal_within: Largest difference of a score on the canary rows up to which a new version counts as equal enough
            to the staged one, so that what was built against that one stays in step. It is recorded as a claim.
        per: Column whose value parts the rows: one model for each part, ``name[part]``, each with its own versions,
            thresholds and status. It is no input of theirs. For serving it must be a column of the spine.
        parts: The parts. Default: the values found in the dataset.
        parent: A further part that learns from all rows, and answers for parts that have no version yet.
        group: The team it belongs to.
        access: ``private``, ``protected`` or ``public``.
        deprecated: That it should no longer be used; see :func:`deprecated`.
    """
    if out_of_fold == 1 or out_of_fold < 0:
        raise DeclarationError(f"out_of_fold={out_of_fold} makes no folds", hint="0 for none, or 2 or more")
    if not isinstance(split, TimeSplit):
        raise DeclarationError(f"split={split!r} is not a split", hint="split=so.by_time(test='14d')")
    spec = ModelSpec(target=target, split=split, out_of_fold=out_of_fold, seed=seed, equal_within=equal_within)
    uses = [Use(data, Role.TRAINS_ON)]
    uses += [Use(one, Role.USES_FEATURE) for one in features or ()]
    uses += [Use(one, Role.SCORES_WITH) for one in scores]
    return _declare(
        NodeKind.MODEL,
        lambda _: spec,
        tuple(uses),
        group,
        access,
        deprecated,
        arity=1,
        family=_family(per, parts, parent),
    )


def _uses(inputs: Sequence[Any]) -> tuple[Use, ...]:
    return tuple(one if isinstance(one, Use) else Use(one) for one in inputs)


def _declare(
    kind: NodeKind,
    make_spec: Callable[[Callable[[Any], str]], Any],
    uses: tuple[Use, ...],
    group: Group | None,
    access: str,
    deprecated: Deprecation | None,
    arity: int | None = None,
    family: FamilySpec | None = None,
) -> Callable[[F], F]:
    def mark(function: F) -> F:
        name = getattr(function, "__name__", None)
        if name is None:
            raise DeclarationError(f"a {kind} must be a named function", hint="write it with def")
        place = function_place(function)
        check_arity(function, len(uses) if arity is None else arity, str(kind))
        declared = Declaration(
            kind=kind,
            make_spec=make_spec,
            uses=uses,
            where=place,
            module=function.__module__,
            name=valid_name(name, place),
            function=function,
            group=group,
            access=valid_access(access, place),
            deprecation=deprecated,
            doc=(function.__doc__ or "").strip(),
            parameters=keyword_defaults(function),
            family=family,
        )
        setattr(function, MARK, declared)
        return function

    return mark


def _family(per: str | None, parts: Sequence[str] | None, parent: str | None) -> FamilySpec | None:
    if per is None:
        if parts is not None or parent is not None:
            raise DeclarationError("parts= and parent= need per=", hint="name the column that parts the rows")
        return None
    named = None if parts is None else tuple(str(part) for part in parts)
    if named is not None and (not named or len(set(named)) != len(named)):
        raise DeclarationError("parts= must name each part once", hint="or leave it out: the dataset's values")
    if parent is not None and parent in (named or ()):
        raise DeclarationError(f"parent='{parent}' is one of the parts", hint="give the parent a name of its own")
    return FamilySpec(per, named, parent)

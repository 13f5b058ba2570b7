"""The public way to declare: decorators that leave functions plain, and two calls that make objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from soroi.base.duration import duration
from soroi.base.errors import DeclarationError
from soroi.declare.declaration import (
    MARK,
    Declaration,
    FamilySpec,
    Use,
    calling_place,
    check_arity,
    function_place,
    keyword_defaults,
)
from soroi.declare.edge import Role
from soroi.declare.lifecycle import Deprecation
from soroi.declare.node import NAME, Access, Group, NodeKind
from soroi.declare.objective import CONSTRAINABLE, MAXIMISABLE, Constraint, Metric, Objective
from soroi.declare.spec import (
    CascadeStep,
    DatasetSpec,
    DecisionSpec,
    FeaturesSpec,
    FileRef,
    ModelSpec,
    Rule,
    SourceSpec,
    ThresholdSpec,
    TimeSplit,
)

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
        matures_after=_checked(matures_after),
        in_step=_checked(in_step),
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


def threshold(
    model: Any,
    *,
    maximise: Metric,
    subject_to: Constraint | None = None,
    confidence: float = 0.95,
    name: str | None = None,
    group: Group | None = None,
    access: str = "protected",
    deprecated: Deprecation | None = None,
    doc: str = "",
) -> Declaration:
    """Declare a threshold: where the scores of one model are cut.

    It is fitted on rows that the model did not learn from, and belongs to exactly one version of the model.

    Args:
        model: The model whose scores it cuts; exactly one.
        maximise: The metric to make as large as possible, such as ``so.recall``.
        subject_to: A constraint such as ``so.precision >= 0.9``.
        confidence: With what probability the constraint holds on future rows like the fitting ones.
        name: Its name. Default: that of the variable it is assigned to.
        group: The team it belongs to. Default: the model's.
        access: ``private``, ``protected`` or ``public``.
        deprecated: That it should no longer be used; see :func:`deprecated`.
        doc: Its description.
    """
    place, module = calling_place(1)
    _check_threshold(model, maximise, subject_to, confidence, place)
    spec = ThresholdSpec(Objective(maximise, subject_to, confidence))
    return Declaration(
        kind=NodeKind.THRESHOLD,
        make_spec=lambda _: spec,
        uses=(Use(model, Role.CUTS),),
        where=place,
        module=module,
        name=_valid_name(name, place),
        group=group,
        access=_access(access, place),
        deprecation=deprecated,
        doc=doc,
    )


def _check_threshold(model: Any, maximise: Any, subject_to: Any, confidence: float, place: str) -> None:
    if isinstance(model, list | tuple | set):
        raise DeclarationError(
            f"a threshold cuts exactly one model, not {len(model)}: a number fitted to the scores of one model "
            "means nothing for another",
            hint="declare one threshold per model",
            where=place,
        )
    if not isinstance(maximise, Metric):
        raise DeclarationError(
            f"maximise={maximise!r} is not a metric", hint="such as maximise=so.recall, without quotes", where=place
        )
    if maximise.name not in MAXIMISABLE:
        raise DeclarationError(
            f"{maximise.name} cannot be maximised", hint="maximise one of " + ", ".join(MAXIMISABLE), where=place
        )
    if subject_to is not None and not isinstance(subject_to, Constraint):
        raise DeclarationError(
            f"subject_to={subject_to!r} is not a constraint", hint="such as so.precision >= 0.9", where=place
        )
    if subject_to is not None and subject_to.metric not in CONSTRAINABLE:
        raise DeclarationError(
            f"{subject_to.metric} cannot be bounded: it has no exact test",
            hint="bound one of " + ", ".join(CONSTRAINABLE),
            where=place,
        )
    if not 0.5 <= confidence < 1.0:
        raise DeclarationError(
            f"confidence={confidence} is not in [0.5, 1)", hint="such as confidence=0.95", where=place
        )


class SureStep:
    """A step of a cascade whose answer is taken only where it is sure enough."""

    def __init__(self, threshold: Any, error: float, confidence: float) -> None:
        self.threshold = threshold
        self.error = error
        self.confidence = confidence


def when_sure(threshold: Any, *, error: float = 0.05, confidence: float = 0.95) -> SureStep:
    """Take a step's answer only where at most ``error`` of such answers are wrong.

    The levels are fitted on rows the model did not learn from, and belong to the decision's version.

    Args:
        threshold: The threshold to ask.
        error: Largest share of wrong answers among those taken.
        confidence: With what probability that holds on future rows like the fitting ones.
    """
    if not 0.0 < error < 1.0:
        raise DeclarationError(f"error={error} is not a share between 0 and 1", hint="such as error=0.05")
    return SureStep(threshold, error, confidence)


def decision(
    *,
    cascade: Sequence[Any],
    deadline: str | timedelta,
    positive: str,
    negative: str,
    fail_safe: str | None = None,
    fallbacks: Sequence[Rule] = (),
    record: str = "soon",
    name: str | None = None,
    group: Group | None = None,
    access: str = "protected",
    deprecated: Deprecation | None = None,
    doc: str = "",
) -> Declaration:
    """Declare a decision: which action is taken, by which path, within which time.

    Args:
        cascade: Thresholds to ask in turn, fast first; ``so.when_sure(threshold)`` for all but the last.
        deadline: Time within which an answer comes, such as ``"50ms"``.
        positive: Action where the score reaches the threshold.
        negative: Action where it does not.
        fail_safe: Action when nothing else could answer; must be the positive or the negative action.
        fallbacks: Plain rules, asked in order: a row of the spine as a mapping in; True, False or None
            (cannot say) out.
        record: ``"durable"``: an answer is on disk before it is given; ``"soon"``: within a second.
        name: Its name. Default: that of the variable it is assigned to.
        group: The team it belongs to.
        access: ``private``, ``protected`` or ``public``.
        deprecated: That it should no longer be used; see :func:`deprecated`.
        doc: Its description.
    """
    place, module = calling_place(1)
    _check_decision(cascade, fail_safe, positive, negative, record, place)
    _check_rules(fallbacks, place)
    span = duration(deadline)
    steps = tuple(cascade)

    def spec(resolve: Callable[[Any], str]) -> DecisionSpec:
        return DecisionSpec(
            cascade=tuple(_step(one, resolve) for one in steps),
            deadline=span,
            positive=positive,
            negative=negative,
            fail_safe=str(fail_safe),
            fallbacks=tuple(fallbacks),
            durable=record == "durable",
        )

    return Declaration(
        kind=NodeKind.DECISION,
        make_spec=spec,
        uses=tuple(_step_use(one) for one in steps),
        where=place,
        module=module,
        name=_valid_name(name, place),
        group=group,
        access=_access(access, place),
        deprecation=deprecated,
        doc=doc,
    )


def _check_decision(
    cascade: Sequence[Any], fail_safe: str | None, positive: str, negative: str, record: str, place: str
) -> None:
    if positive == negative:
        raise DeclarationError(
            f"the positive and the negative action are both '{positive}'", hint="name two actions", where=place
        )
    if fail_safe is None:
        raise DeclarationError(
            "a decision without a fail_safe cannot promise an answer",
            hint=f"add fail_safe='{negative}' or fail_safe='{positive}': the action when nothing else could answer",
            where=place,
        )
    if fail_safe not in (positive, negative):
        raise DeclarationError(
            f"fail_safe='{fail_safe}' is neither the positive action '{positive}' nor the negative '{negative}'",
            hint="name one of the two actions",
            where=place,
        )
    if not cascade:
        raise DeclarationError("a decision needs at least one step", hint="cascade=[a_threshold]", where=place)
    if isinstance(cascade[-1], SureStep):
        raise DeclarationError(
            "the last step of a cascade must always answer, so it cannot be when_sure(...)",
            hint="end the cascade with a plain threshold",
            where=place,
        )
    if record not in ("durable", "soon"):
        raise DeclarationError(f"record='{record}' is not known", hint="'durable' or 'soon'", where=place)


def _check_rules(fallbacks: Sequence[Any], place: str) -> None:
    for rule in fallbacks:
        if not callable(rule) or not NAME.match(getattr(rule, "__name__", "")):
            raise DeclarationError(
                f"the fallback {rule!r} is not a named function",
                hint="write it with def: a row in; True, False or None (cannot say) out",
                where=place,
            )


def _step(step: Any, resolve: Callable[[Any], str]) -> CascadeStep:
    if isinstance(step, SureStep):
        return CascadeStep(resolve(step.threshold), step.error, step.confidence)
    return CascadeStep(resolve(step))


def _step_use(step: Any) -> Use:
    if isinstance(step, SureStep):
        return Use(step.threshold, Role.SURE_BY)
    return Use(step, Role.ANSWERS_WITH)


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
            name=_valid_name(name, place),
            function=function,
            group=group,
            access=_access(access, place),
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


def _valid_name(name: str | None, place: str) -> str | None:
    if name is not None and not NAME.match(name):
        raise DeclarationError(
            f"'{name}' cannot name a node", hint="letters, digits and _, beginning with a letter", where=place
        )
    return name


def _access(text: str, place: str) -> Access:
    try:
        return Access(text)
    except ValueError:
        raise DeclarationError(
            f"access='{text}' is not known", hint="private, protected or public", where=place
        ) from None


def _checked(span: str | None) -> str | None:
    if span is not None:
        duration(span)
    return span

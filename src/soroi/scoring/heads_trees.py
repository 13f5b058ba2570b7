"""Tree ensembles of scikit-learn as one sequence of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from soroi.scoring.program import IN_SET, KNOWN_SET, MISSING_LEFT, NODE, Forest, Link, Number, Part, Table
from soroi.scoring.symbols import Cell, NotCompiled, Symbol, Term, as_number

_FORESTS = ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor")
_TREES = ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")
_BOOSTED = ("GradientBoostingClassifier", "GradientBoostingRegressor")
_HISTOGRAM = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")


class Planter:
    """Gathers trees into the arrays of a :class:`~soroi.scoring.program.Forest`."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self.sets: list[list[int]] = []
        self._nodes: list[Any] = []
        self._leaves: list[Any] = []
        self._count = 0
        self._ends = 0

    def add(self, leaf: Any, columns: dict[str, Any], values: Any) -> None:
        """Add a tree, the root first.

        Args:
            leaf: Whether each place is a leaf, shape ``(n,)``.
            columns: ``threshold``, ``feature``, ``left``, ``right`` (places in this tree) and ``flags``, each ``(n,)``.
            values: The value of each place, of which those of leaves count.
        """
        leaf = np.asarray(leaf, dtype=bool)
        place = np.where(leaf, ~(np.cumsum(leaf) - 1 + self._ends), np.cumsum(~leaf) - 1 + self._count)
        nodes = np.zeros(int((~leaf).sum()), dtype=NODE)
        for name in ("threshold", "feature", "flags"):
            nodes[name] = np.asarray(columns[name])[~leaf]
        for name in ("left", "right"):
            nodes[name] = place[np.asarray(columns[name])[~leaf].astype(np.int64)]
        self._nodes.append(nodes)
        self._leaves.append(np.asarray(values, dtype="<f8")[leaf])
        self.roots.append(int(place[0]))
        self._count += len(nodes)
        self._ends += int(leaf.sum())

    def forest(self, base: float, slots: list[Number | Table], *, single: bool, nan: bool, infinite: bool) -> Forest:
        """The forest of all trees added."""
        return Forest(
            base=base,
            slots=slots,
            nodes=np.concatenate(self._nodes).tobytes() if self._nodes else b"",
            roots=self.roots,
            leaves=np.concatenate(self._leaves).tobytes() if self._leaves else b"",
            sets=self.sets,
            single=single,
            nan=nan,
            infinite=infinite and not any(isinstance(one, Number) and one.ops for one in slots),
        )


def slots_of(symbols: Sequence[Symbol]) -> list[Number | Table]:
    """What trees look at: numbers, and one table for each run of numbers of one category.

    Raises:
        NotCompiled: Something else.
    """
    made: list[Number | Table] = []
    for symbol in symbols:
        one = as_number(symbol)
        if isinstance(one, Term):
            raise NotCompiled("trees over counts of terms are not compiled")
        if isinstance(one, Cell):
            last = made[-1] if made else None
            keys = list(one.values)
            if isinstance(last, Table) and last.column == one.column and last.keys == keys:
                made[-1] = _joined(last, one)
            else:
                made.append(_joined(Table(one.column, keys, [[] for _ in keys], [], []), one))
        else:
            made.append(Number(one.column, list(one.ops)))
    return made


def _joined(table: Table, cell: Cell) -> Table:
    return Table(
        table.column,
        table.keys,
        [[*row, cell.values[key]] for key, row in zip(table.keys, table.rows, strict=True)],
        None if table.missing is None or cell.missing is None else [*table.missing, cell.missing],
        None if table.unknown is None or cell.unknown is None else [*table.unknown, cell.unknown],
    )


def forest_part(model: Any, symbols: Sequence[Symbol], *, margin: bool) -> Part:
    """The sum of a tree ensemble, with what is made of it.

    Raises:
        NotCompiled: The model is not known, or an option of it is not.
    """
    name = type(model).__name__
    if type(model).__module__.startswith("sklearn."):
        if name in _HISTOGRAM:
            return _histogram(model, symbols, margin)
        if name in _BOOSTED:
            return _boosted(model, slots_of(symbols), margin)
        if name in _FORESTS or name in _TREES:
            return _forest(model, slots_of(symbols), name.endswith("Classifier"))
    raise NotCompiled(f"{name} is not compiled")


def _forest(model: Any, slots: list[Number | Table], classifier: bool) -> Part:
    trees = [one.tree_ for one in getattr(model, "estimators_", [model])]
    planter = Planter()
    for tree in trees:
        if tree.n_outputs != 1 or (classifier and tree.value.shape[2] != 2):
            raise NotCompiled("trees of several outputs are not compiled")
        _plant(planter, tree, tree.value[:, 0, 1 if classifier else 0])
    first = getattr(model, "estimators_", [model])[0]
    nan = bool(first._support_missing_values(np.zeros((1, 1))))
    of = planter.forest(0.0, slots, single=True, nan=nan, infinite=False)
    return Part(of, [Link("divide", float(len(trees)))] if type(model).__name__ in _FORESTS else [])


def _plant(planter: Planter, tree: Any, values: Any) -> None:
    """Add a tree of scikit-learn's exact splitter."""
    nodes = tree.__getstate__()["nodes"]
    left = nodes["left_child"]
    columns = {
        "threshold": nodes["threshold"],
        "feature": nodes["feature"],
        "left": left,
        "right": nodes["right_child"],
        "flags": np.where(nodes["missing_go_to_left"] != 0, MISSING_LEFT, 0),
    }
    planter.add(left < 0, columns, values)


def _boosted(model: Any, slots: list[Number | Table], margin: bool) -> Part:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    zero = isinstance(model.init_, str) and model.init_ == "zero"
    if not zero and type(model.init_) not in (DummyClassifier, DummyRegressor):
        raise NotCompiled("boosting from another model is not compiled")
    if model.n_trees_per_iteration_ != 1:
        raise NotCompiled("boosting of several outputs is not compiled")
    base = float(model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0, 0])
    planter = Planter()
    for one in model.estimators_.ravel():
        _plant(planter, one.tree_, model.learning_rate * one.tree_.value[:, 0, 0])
    of = planter.forest(base, slots, single=True, nan=False, infinite=False)
    return Part(of, _loss_links(model, margin))


def _loss_links(model: Any, margin: bool) -> list[Link]:
    if margin:
        return []
    if hasattr(model, "classes_"):
        if type(model._loss).__name__ == "HalfBinomialLoss":
            return [Link("logistic")]
        if type(model._loss).__name__ == "ExponentialLoss":
            return [Link("logistic", 2.0)]
        raise NotCompiled(f"the loss {type(model._loss).__name__} is not compiled")
    link = type(model._loss.link).__name__
    if link not in ("IdentityLink", "LogLink"):
        raise NotCompiled(f"the link {link} is not compiled")
    return [Link("exp")] if link == "LogLink" else []


def _histogram(model: Any, symbols: Sequence[Symbol], margin: bool) -> Part:
    if model.n_trees_per_iteration_ != 1:
        raise NotCompiled("boosting of several outputs is not compiled")
    if model._preprocessor is not None:
        from soroi.scoring.steps import through

        symbols = through(getattr(model._preprocessor, "inner", model._preprocessor), symbols)
    slots = slots_of(symbols)
    planter = Planter()
    known, index = model._bin_mapper.make_known_categories_bitsets()
    for (one,) in model._predictors:
        nodes = one.nodes
        leaf = nodes["is_leaf"] != 0
        flags = np.where(nodes["missing_go_to_left"] != 0, MISSING_LEFT, 0)
        threshold = nodes["num_threshold"].astype(np.float64)
        for place in np.flatnonzero(~leaf & (nodes["is_categorical"] != 0)):
            flags[place] |= IN_SET | KNOWN_SET
            threshold[place] = len(planter.sets)
            planter.sets.append([int(word) for word in one.raw_left_cat_bitsets[nodes["bitset_idx"][place]]])
            planter.sets.append([int(word) for word in known[index[nodes["feature_idx"][place]]]])
        columns = {
            "threshold": threshold,
            "feature": nodes["feature_idx"],
            "left": nodes["left"],
            "right": nodes["right"],
            "flags": flags,
        }
        planter.add(leaf, columns, nodes["value"])
    base = float(np.asarray(model._baseline_prediction).ravel()[0])
    of = planter.forest(base, slots, single=False, nan=True, infinite=True)
    return Part(of, _loss_links(model, margin))

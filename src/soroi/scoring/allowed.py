"""The reviewed list: every type and function a skops file may name, and why it may.

A skops file names classes; loading makes instances without calling their constructors and fills their
attributes. So a class is safe to name when (1) filling it executes nothing that the file chose, and (2)
scoring with any attributes whatever executes nothing that the file chose, and (3) native code reached while
scoring cannot be led out of bounds, or :mod:`soroi.scoring.guards` and :mod:`soroi.scoring.nodes` check
what leads it. skops trusts every scikit-learn estimator by default; this list is narrower on purpose.

Decisions:

=============================================  =======================================================
Allowed                                        Why
=============================================  =======================================================
linear models, naive Bayes, MLP, dummy,        NumPy arithmetic over attributes; wrong shapes raise
isotonic, PCA, TruncatedSVD, scalers
decision trees and their ensembles             ``Tree`` reads node indices unchecked in native code:
                                               nodes, class counts and feature counts are checked
                                               before the tree is made (``nodes``, ``guards``)
histogram gradient boosting                    as above for ``TreePredictor``, bit sets, bin mapper
                                               (``guards``)
calibration, voting, stacking, bagging,        Python loops over inner estimators, each on the list
pipelines, column transformers, frozen
encoders, imputers, discretizers               NumPy; one-hot writes sparse indices computed from
                                               attributes: the counts are compared (``guards``)
text vectorizers                               the vocabulary must be 0…n-1 (sparse indices) and the
                                               input must be 'content', else rows would name files
                                               to be read (``guards``)
``functools.partial``                          only of ``check_array``, as HistGradientBoosting makes
named functions                                NumPy functions of one array, and statistics used by
                                               feature selection at fit; no side effects
losses and links                               arithmetic; made by their own constructor from numbers
=============================================  =======================================================

Not allowed, after review: SVC and SVR (libsvm follows unchecked indices), nearest neighbours, KDTree and
BallTree, Gaussian processes, IsolationForest and splines (native code over unchecked state), methods and
``operator`` functions (call what the file says), bytes, sparse matrices (indices unchecked), random
generators (dropped when saving: see :data:`DROPPED`), anything outside scikit-learn and NumPy.
"""

from __future__ import annotations

PROTOCOL = 2
"""The only skops protocol that was reviewed. Older ones select older, laxer loaders."""

_GROUPS: dict[str, tuple[str, ...]] = {
    "linear algebra over attributes; wrong shapes raise": (
        "linear_model._logistic.LogisticRegression",
        "linear_model._logistic.LogisticRegressionCV",
        "linear_model._base.LinearRegression",
        "linear_model._ridge.Ridge",
        "linear_model._ridge.RidgeCV",
        "linear_model._ridge.RidgeClassifier",
        "linear_model._ridge.RidgeClassifierCV",
        "linear_model._coordinate_descent.Lasso",
        "linear_model._coordinate_descent.LassoCV",
        "linear_model._coordinate_descent.ElasticNet",
        "linear_model._coordinate_descent.ElasticNetCV",
        "linear_model._bayes.BayesianRidge",
        "linear_model._huber.HuberRegressor",
        "linear_model._quantile.QuantileRegressor",
        "linear_model._stochastic_gradient.SGDClassifier",
        "linear_model._stochastic_gradient.SGDRegressor",
        "linear_model._perceptron.Perceptron",
        "linear_model._glm.glm.PoissonRegressor",
        "linear_model._glm.glm.GammaRegressor",
        "linear_model._glm.glm.TweedieRegressor",
        "svm._classes.LinearSVC",
        "svm._classes.LinearSVR",
        "discriminant_analysis.LinearDiscriminantAnalysis",
        "discriminant_analysis.QuadraticDiscriminantAnalysis",
        "neural_network._multilayer_perceptron.MLPClassifier",
        "neural_network._multilayer_perceptron.MLPRegressor",
        "naive_bayes.GaussianNB",
        "naive_bayes.BernoulliNB",
        "naive_bayes.MultinomialNB",
        "naive_bayes.ComplementNB",
        "naive_bayes.CategoricalNB",
        "decomposition._pca.PCA",
        "decomposition._truncated_svd.TruncatedSVD",
    ),
    "constants or interpolation between stored numbers": (
        "dummy.DummyClassifier",
        "dummy.DummyRegressor",
        "isotonic.IsotonicRegression",
        "calibration._SigmoidCalibration",
        "calibration._TemperatureScaling",
    ),
    "trees; nodes, classes and features are checked before use": (
        "tree._classes.DecisionTreeClassifier",
        "tree._classes.DecisionTreeRegressor",
        "tree._classes.ExtraTreeClassifier",
        "tree._classes.ExtraTreeRegressor",
        "ensemble._forest.RandomForestClassifier",
        "ensemble._forest.RandomForestRegressor",
        "ensemble._forest.ExtraTreesClassifier",
        "ensemble._forest.ExtraTreesRegressor",
        "ensemble._gb.GradientBoostingClassifier",
        "ensemble._gb.GradientBoostingRegressor",
        "ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor",
        "ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "ensemble._hist_gradient_boosting.binning._BinMapper",
    ),
    "Python over inner estimators, each of them on this list": (
        "calibration.CalibratedClassifierCV",
        "calibration._CalibratedClassifier",
        "ensemble._bagging.BaggingClassifier",
        "ensemble._bagging.BaggingRegressor",
        "ensemble._weight_boosting.AdaBoostClassifier",
        "ensemble._weight_boosting.AdaBoostRegressor",
        "ensemble._voting.VotingClassifier",
        "ensemble._voting.VotingRegressor",
        "ensemble._stacking.StackingClassifier",
        "ensemble._stacking.StackingRegressor",
        "frozen._frozen.FrozenEstimator",
        "pipeline.Pipeline",
        "pipeline.FeatureUnion",
        "compose._column_transformer.ColumnTransformer",
        "compose._column_transformer._RemainderColsList",
        "compose._target.TransformedTargetRegressor",
    ),
    "NumPy over attributes": (
        "preprocessing._data.StandardScaler",
        "preprocessing._data.MinMaxScaler",
        "preprocessing._data.MaxAbsScaler",
        "preprocessing._data.RobustScaler",
        "preprocessing._data.Normalizer",
        "preprocessing._data.Binarizer",
        "preprocessing._data.PowerTransformer",
        "preprocessing._data.QuantileTransformer",
        "preprocessing._polynomial.PolynomialFeatures",
        "preprocessing._discretization.KBinsDiscretizer",
        "preprocessing._encoders.OrdinalEncoder",
        "preprocessing._encoders.OneHotEncoder",
        "preprocessing._target_encoder.TargetEncoder",
        "preprocessing._label.LabelEncoder",
        "preprocessing._label.LabelBinarizer",
        "preprocessing._function_transformer.FunctionTransformer",
        "impute._base.SimpleImputer",
        "impute._base.MissingIndicator",
        "feature_selection._univariate_selection.SelectKBest",
        "feature_selection._univariate_selection.SelectPercentile",
        "feature_selection._from_model.SelectFromModel",
        "feature_selection._variance_threshold.VarianceThreshold",
    ),
    "counting words; input and vocabulary are checked": (
        "feature_extraction.text.CountVectorizer",
        "feature_extraction.text.TfidfVectorizer",
        "feature_extraction.text.TfidfTransformer",
        "feature_extraction.text.HashingVectorizer",
    ),
    "arithmetic of losses and links": (
        "_loss.link.HalfLogitLink",
        "_loss.link.IdentityLink",
        "_loss.link.Interval",
        "_loss.link.LogitLink",
        "_loss.link.LogLink",
        "_loss.link.MultinomialLogit",
        "_loss.loss.AbsoluteError",
        "_loss.loss.ExponentialLoss",
        "_loss.loss.HalfBinomialLoss",
        "_loss.loss.HalfGammaLoss",
        "_loss.loss.HalfPoissonLoss",
        "_loss.loss.HalfSquaredError",
        "_loss.loss.HalfTweedieLoss",
        "_loss.loss.HalfTweedieLossIdentity",
        "_loss.loss.HuberLoss",
        "_loss.loss.PinballLoss",
    ),
}

OBJECTS: dict[str, str] = {f"sklearn.{name}": why for why, names in _GROUPS.items() for name in names}
"""Class → reason. Instances are made with ``__new__`` and filled."""

TREE = "sklearn.tree._tree.Tree"
"""The native tree; :mod:`soroi.scoring.nodes` checks it before it is made."""

PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
"""The tree of histogram gradient boosting; :mod:`soroi.scoring.guards` checks it."""

LOSSES: dict[str, str] = {
    f"sklearn._loss._loss.Cy{name}": "made by its own constructor from at most one number"
    for name in (
        "AbsoluteError", "ExponentialLoss", "HalfBinomialLoss", "HalfGammaLoss", "HalfPoissonLoss",
        "HalfSquaredError", "HalfTweedieLoss", "HalfTweedieLossIdentity", "HuberLoss", "PinballLoss",
    )
} | {
    f"sklearn.linear_model._sgd_fast.{name}": "made by its own constructor from at most one number"
    for name in ("EpsilonInsensitive", "Hinge", "ModifiedHuber", "SquaredEpsilonInsensitive", "SquaredHinge")
}  # fmt: skip
"""Native loss → reason."""

FUNCTIONS: dict[str, str] = {
    **{
        f"numpy.{name}": "element by element, no side effects"
        for name in (
            "abs", "absolute", "cbrt", "cos", "exp", "expm1", "log", "log10", "log1p", "log2",
            "nan_to_num", "negative", "reciprocal", "sign", "sin", "sqrt", "square", "tanh",
        )
    },
    **{
        f"sklearn.feature_selection._univariate_selection.{name}": "a statistic, called at fit only"
        for name in ("chi2", "f_classif", "f_regression")
    },
    "sklearn.feature_selection._mutual_info.mutual_info_classif": "a statistic, called at fit only",
    "sklearn.feature_selection._mutual_info.mutual_info_regression": "a statistic, called at fit only",
    "sklearn.utils.validation.check_array": "copies and checks an array; wrapped by HistGradientBoosting",
}  # fmt: skip
"""Function → reason."""

PARTIAL_OF: frozenset[str] = frozenset({"sklearn.utils.validation.check_array"})
"""Functions that may stand inside ``functools.partial``."""

_SCALARS = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "str_",
)  # fmt: skip

TYPES: dict[str, str] = {
    **{f"builtins.{name}": "a conversion without side effects" for name in ("bool", "int", "float", "str")},
    **{f"numpy.{name}": "a NumPy scalar type" for name in _SCALARS},
}
"""Type used as a value (a dtype, the type of a dictionary's keys) → reason."""

ARRAYS: dict[str, str] = {
    "numpy.ndarray": "read with allow_pickle=False after its header was checked",
    **{f"numpy.{name}": "a NumPy scalar" for name in _SCALARS},
}
"""Array class → reason."""

PLAIN: dict[str, frozenset[str]] = {
    "DictNode": frozenset({"builtins.dict", "sklearn.utils._bunch.Bunch"}),
    "ListNode": frozenset({"builtins.list"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "SetNode": frozenset({"builtins.set"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "JsonNode": frozenset({"builtins.str"}),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "ObjectNode": frozenset(OBJECTS),
    "TreeNode": frozenset({TREE}),
    "LossNode": frozenset(LOSSES),
    "FunctionNode": frozenset(FUNCTIONS),
    "PartialNode": frozenset({"functools.partial"}),
    "TypeNode": frozenset(TYPES),
    "NdArrayNode": frozenset(ARRAYS),
}
"""skops loader → what it may load. A loader that is not here may not be used at all."""

TRUSTED: tuple[str, ...] = tuple(
    sorted({*OBJECTS, *LOSSES, *FUNCTIONS, TREE, "functools.partial", "numpy.dtype", "sklearn.utils._bunch.Bunch"})
)
"""What is handed to skops as trusted, its second look after ours."""

_TEXT = "sklearn.feature_extraction.text."
_HGB = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoosting"
_GB = "sklearn.ensemble._gb.GradientBoosting"
_MLP = "sklearn.neural_network._multilayer_perceptron.MLP"

DROPPED: dict[str, frozenset[str]] = {
    **{f"{_TEXT}{name}": frozenset({"_stop_words_id"}) for name in ("CountVectorizer", "TfidfVectorizer")},
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper": frozenset({"n_threads", "random_state"}),
    f"{_TEXT}HashingVectorizer": frozenset({"_stop_words_id"}),
    **{f"{_HGB}{n}": frozenset({"_feature_subsample_rng", "_random_seed"}) for n in ("Classifier", "Regressor")},
    **{f"{_GB}{name}": frozenset({"_rng"}) for name in ("Classifier", "Regressor")},
    **{f"{_MLP}{name}": frozenset({"_random_state", "_optimizer"}) for name in ("Classifier", "Regressor")},
}
"""Class → attributes left out when saving: read at fit only, and memory addresses, random states or numbers of
threads, so that equal models would not have equal bytes."""

"""What a model was compiled to: plain data from which its scores follow by additions, comparisons and look-ups.

The encoding is MessagePack of these structs: numbers, texts and packed arrays, no code. :func:`decode_program` checks
every index before anything follows it.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from soroi.base.errors import CorruptError, RefusedError

FORMAT = 1
"""Version of the encoding. What reads another one would have to read this one too."""

NODE = np.dtype([("threshold", "<f8"), ("feature", "<i4"), ("left", "<i4"), ("right", "<i4"), ("flags", "<i4")])
"""A branching node of a tree: ``value <= threshold`` goes left. A child below zero is the leaf ``~child``."""

MISSING_LEFT = 1
"""Flag of a node: NaN goes left. Without it NaN goes right, as every comparison with NaN is false."""

NAN_IS_ZERO = 2
"""Flag of a node: NaN counts as 0."""

ZERO_IS_MISSING = 4
"""Flag of a node: numbers within :data:`ZERO` of 0 count as missing (and follow :data:`MISSING_LEFT`)."""

IN_SET = 8
"""Flag of a node: whole part in the set number ``threshold`` goes left; no ``<=``. Below zero is never in it."""

KNOWN_SET = 16
"""Flag of a node with :data:`IN_SET`: what is neither in its set nor in the next one counts as missing."""

ZERO = 1.0000000180025095e-35
"""The single-precision number 1e-35, LightGBM's bound of what counts as zero."""

Key = str | bool | int | float


class Number(msgspec.Struct, frozen=True, array_like=True, tag="number"):
    """A numeric input, worked on by operations one after the other."""

    column: int
    """Place of the input column."""

    ops: list[tuple[str, float]] = []
    """``+ - * /`` with a constant to its right, or ``fill``: the constant stands for NaN."""


class Table(msgspec.Struct, frozen=True, array_like=True, tag="table"):
    """A categorical input, looked up."""

    column: int
    """Place of the input column."""

    keys: list[Key]
    """The categories."""

    rows: list[list[float]]
    """The numbers of each category, as many for one as for the others."""

    missing: list[float] | None
    """The numbers of a missing value; ``None`` refuses it."""

    unknown: list[float] | None
    """The numbers of any other category; ``None`` refuses it."""


class Term(msgspec.Struct, frozen=True, array_like=True):
    """``(x - centre) / scale * weight`` of a numeric input."""

    column: int
    """Place of the input column."""

    fill: float | None
    """What stands for a missing value; ``None`` refuses it."""

    centre: float
    scale: float
    weight: float


class Analyzer(msgspec.Struct, frozen=True):
    """How a text is cut into terms, as scikit-learn's vectorizers do."""

    kind: str
    """``word``, ``char`` or ``char_wb``."""

    low: int
    """Fewest tokens (or characters) of a term."""

    high: int
    """Most tokens (or characters) of a term."""

    lowercase: bool
    accents: str | None
    """``None``, ``unicode`` or ``ascii``: how accents are stripped."""

    pattern: str
    """Regular expression of a token."""

    stop: list[str]
    """Words that are left out."""


class Words(msgspec.Struct, frozen=True):
    """A text input: counted terms, each with a weight, divided by a norm."""

    column: int
    """Place of the input column."""

    analyzer: Analyzer
    terms: list[str]
    """The vocabulary."""

    idf: list[float]
    """Factor of each term before the norm."""

    weights: list[float]
    """Weight of each term after the norm."""

    binary: bool
    """Whether a term counts once at most."""

    sublinear: bool
    """Whether the count is ``1 + log(count)``."""

    norm: str | None
    """``None``, ``l1`` or ``l2``."""


class Linear(msgspec.Struct, frozen=True, tag="linear"):
    """A sum: the intercept, then each term, table and text in order."""

    intercept: float
    terms: list[Term]
    tables: list[Table]
    """Of one number per category."""

    words: list[Words]


class Forest(msgspec.Struct, frozen=True, tag="trees"):
    """A sum: the base, then one leaf of each tree in order."""

    base: float
    slots: list[Number | Table]
    """What the trees look at; a table takes as many places as it has numbers."""

    nodes: bytes
    """Branching nodes of all trees, of type :data:`NODE`; children come after their parents."""

    roots: list[int]
    """Root of each tree: a node, or ``~leaf``."""

    leaves: bytes
    """Values of all leaves, little-endian float64."""

    sets: list[list[int]]
    """Sets of whole numbers, as words of 32 bits."""

    single: bool
    """Whether what the trees look at is rounded to single precision first."""

    nan: bool
    """Whether NaN may come to the trees; otherwise it is refused."""

    infinite: bool
    """Whether infinities may come to the trees."""


class Link(msgspec.Struct, frozen=True):
    """A function of one number, applied to the sum."""

    kind: str
    """``logistic`` (of ``a·x + b``), ``exp``, ``divide`` (by ``a``), ``huber``, ``signed_square`` or ``isotonic``."""

    a: float = 1.0
    b: float = 0.0
    xs: list[float] = []
    """Of ``isotonic``: rising places, between which ``ys`` is interpolated, and beyond which it is constant."""

    ys: list[float] = []


LINKS = frozenset({"logistic", "exp", "divide", "huber", "signed_square", "isotonic"})


class Part(msgspec.Struct, frozen=True):
    """A sum and what is made of it."""

    of: Linear | Forest
    links: list[Link] = []
    """Applied in order."""


class Column(msgspec.Struct, frozen=True, array_like=True):
    """An input column."""

    name: str
    dtype: str
    """Its type; see :func:`soroi.scoring.columns.dtype_text`."""


class Program(msgspec.Struct, frozen=True):
    """A compiled model: the mean of its parts."""

    columns: list[Column]
    parts: list[Part]
    format: int = FORMAT

    @property
    def kind(self) -> str:
        """``trees``, ``text`` or ``linear``."""
        sums = [part.of for part in self.parts]
        if any(isinstance(one, Forest) for one in sums):
            return "trees"
        return "text" if any(isinstance(one, Linear) and one.words for one in sums) else "linear"


def encode_program(program: Program) -> bytes:
    """The program as bytes, the same for the same program."""
    return msgspec.msgpack.encode(program, order="deterministic")


def decode_program(data: bytes, *, what: str) -> Program:
    """Read a program and check that no index in it leads out of bounds.

    Raises:
        RefusedError: A newer soroi wrote it.
        CorruptError: It is not a sound program.
    """
    try:
        version = msgspec.msgpack.decode(data, type=_Format).format
        if version != FORMAT:
            raise RefusedError(
                f"{what}: its compiled scorer has format {version}, this soroi reads format {FORMAT}",
                hint="use the soroi that built it, or build the model again",
            )
        program = msgspec.msgpack.decode(data, type=Program)
        _check(program)
    except (msgspec.DecodeError, ValueError, OverflowError) as error:
        if isinstance(error, RefusedError):
            raise
        raise CorruptError(f"{what}: its compiled scorer is not sound: {error}") from error
    return program


class _Format(msgspec.Struct, frozen=True):
    format: int


def nodes_of(forest: Forest) -> npt.NDArray[np.void]:
    """The branching nodes of a forest."""
    return np.frombuffer(forest.nodes, dtype=NODE)


def leaves_of(forest: Forest) -> npt.NDArray[np.float64]:
    """The values of a forest's leaves."""
    return np.frombuffer(forest.leaves, dtype="<f8")


def width_of(slots: list[Number | Table]) -> int:
    """How many numbers the slots of a forest take."""
    return sum(len(_some_row(one)) if isinstance(one, Table) else 1 for one in slots)


def _some_row(table: Table) -> list[float]:
    return next((row for row in (*table.rows, table.missing, table.unknown) if row is not None), [])


def _check(program: Program) -> None:
    _demand(bool(program.parts) and len({one.name for one in program.columns}) == len(program.columns), "columns")
    for part in program.parts:
        _demand(all(one.kind in LINKS and len(one.xs) == len(one.ys) for one in part.links), "links")
        _demand(all(one.xs for one in part.links if one.kind == "isotonic"), "links")
        _demand(all(one.a != 0 for one in part.links if one.kind == "divide"), "links")
        if isinstance(part.of, Linear):
            _check_linear(part.of, len(program.columns))
        else:
            _check_forest(part.of, len(program.columns))


def _check_linear(linear: Linear, width: int) -> None:
    some: list[Term | Table | Words] = [*linear.terms, *linear.tables, *linear.words]
    used = [one.column for one in some]
    _demand(all(0 <= column < width for column in used), "input columns")
    _demand(all(one.scale != 0 for one in linear.terms), "scales")
    for table in linear.tables:
        _check_table(table, 1)
    for words in linear.words:
        _demand(len(words.terms) == len(words.idf) == len(words.weights), "vocabulary")
        _demand(words.norm in (None, "l1", "l2") and 1 <= words.analyzer.low <= words.analyzer.high, "vocabulary")
        _demand(words.analyzer.kind in ("word", "char", "char_wb"), "analyzer")


def _check_table(table: Table, size: int) -> None:
    rows = [*table.rows, *(row for row in (table.missing, table.unknown) if row is not None)]
    _demand(len(table.keys) == len(table.rows) and all(len(row) == size for row in rows), "categories")


def _check_forest(forest: Forest, width: int) -> None:
    for slot in forest.slots:
        _demand(0 <= slot.column < width, "input columns")
        if isinstance(slot, Table):
            _check_table(slot, len(_some_row(slot)))
        else:
            _demand(all(op in "+-*/" or op == "fill" for op, _ in slot.ops), "operations")
            _demand(all(constant != 0 for op, constant in slot.ops if op == "/"), "operations")
    _demand(len(forest.nodes) % NODE.itemsize == 0 and len(forest.leaves) % 8 == 0, "nodes")
    nodes, leaves = nodes_of(forest), len(leaves_of(forest))
    places = np.arange(len(nodes))
    for side in ("left", "right"):
        child = nodes[side]
        inner = child >= 0
        _demand(bool((child[inner] > places[inner]).all() and (child[inner] < len(nodes)).all()), "child nodes")
        _demand(bool((~child[~inner] < leaves).all()), "leaves")
    _demand(all((0 <= one < len(nodes)) if one >= 0 else ~one < leaves for one in forest.roots), "roots")
    _demand(bool(((nodes["flags"] >= 0) & (nodes["flags"] < 2 * KNOWN_SET)).all()), "flags")
    features = nodes["feature"]
    _demand(bool(((features >= 0) & (features < width_of(forest.slots))).all()), "features")
    sets = nodes[(nodes["flags"] & IN_SET) != 0]
    needed = sets["threshold"] + ((sets["flags"] & KNOWN_SET) != 0)
    whole = sets["threshold"] == np.floor(sets["threshold"])
    _demand(bool((whole & (sets["threshold"] >= 0) & (needed < len(forest.sets))).all()), "sets")
    _demand(all(0 <= word < 2**32 for one in forest.sets for word in one), "sets")
    _demand(math.isfinite(forest.base), "base")


def _demand(sound: bool, what: str) -> None:
    if not sound:
        raise ValueError(f"its {what} do not fit together")

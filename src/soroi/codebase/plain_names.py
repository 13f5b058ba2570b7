"""Names of what looks at nothing but its arguments: calls, methods and constants that are plain."""

from __future__ import annotations

HOOKS = frozenset(
    """__init_subclass__ __set_name__ __prepare__ __class_getitem__ __getattr__ __getattribute__ __get__ __set__
    __delete__ __instancecheck__ __subclasscheck__ __subclasshook__ __mro_entries__ __dir__ __del__ __setattr__
    __delattr__""".split()
)
"""Methods and functions that run without being called by name."""

DUNDERS = frozenset(
    """__all__ __version__ __author__ __license__ __doc__ __slots__ __match_args__ __test__ __hash__ __future__
    __copyright__ __email__ __date__""".split()
)
"""Names of that form that may be bound: nothing runs because of them."""

NOT_RUN = frozenset("__repr__ __str__ __format__ __call__ __enter__ __exit__ __aenter__ __aexit__".split())
"""Methods that run only when they are called, or when a text is made of an object."""

BASES = frozenset(
    """abc.ABC typing.Generic typing.Protocol typing.NamedTuple typing.TypedDict enum.Enum enum.IntEnum enum.StrEnum
    enum.Flag enum.IntFlag collections.OrderedDict collections.UserDict collections.abc.Mapping
    collections.abc.Sequence""".split()
)
"""Classes of libraries that do nothing of their own when they are extended."""

FUNCTION_DECORATORS = frozenset(
    """functools.lru_cache functools.cache functools.wraps dataclasses.dataclass typing.overload typing.final
    """.split()
)
"""Decorators that leave what a function does as it is."""

CLASS_DECORATORS = frozenset(
    """dataclasses.dataclass functools.total_ordering enum.unique typing.final typing.runtime_checkable""".split()
)
"""Decorators that leave what a class does as it is."""

CLASS_METHODS = frozenset(
    {("dict", "fromkeys"), ("str", "maketrans"), ("int", "from_bytes"), ("float", "fromhex"), ("bytes", "fromhex")}
)
"""Methods of built-in types themselves."""

SETS = frozenset({"set", "frozenset"})
"""What has no order: going through it gives another order in another process."""

ORDERLESS = frozenset(
    """set frozenset sorted len min max any all bool int float isinstance issubclass property staticmethod
    classmethod re.compile pathlib.Path pathlib.PurePath datetime.date datetime.datetime datetime.time
    datetime.timedelta
    datetime.timezone decimal.Decimal functools.partial functools.lru_cache functools.cache functools.wraps
    functools.cached_property functools.total_ordering dataclasses.dataclass dataclasses.field enum.auto enum.unique
    typing.NamedTuple typing.TypedDict typing.TypeVar typing.NewType typing.cast typing.overload logging.getLogger
    abc.abstractmethod contextlib.contextmanager""".split()
)
"""What does not show the order in which it goes through its arguments."""

ITERATORS = frozenset({"join", "fromkeys", "format", "format_map", "items", "keys", "values", "copy", "most_common"})
"""Methods that go through values and show their order."""

BUILTINS = frozenset(
    """abs all any bool bytes chr complex dict divmod enumerate filter float format frozenset int isinstance issubclass
    len list map max min object ord pow range repr reversed round set slice sorted staticmethod classmethod property str
    sum super tuple type zip Exception ValueError TypeError KeyError RuntimeError ImportError ModuleNotFoundError
    NotImplementedError LookupError IndexError OSError FileNotFoundError PermissionError TimeoutError ArithmeticError
    ZeroDivisionError AssertionError StopIteration FutureWarning DeprecationWarning AttributeError
    Warning UserWarning NotImplemented Ellipsis""".split()
) - {"repr", "format", "type", "map", "filter", "super"}
"""Built-in functions and types that call nothing they are given, and make no text of an object's address."""

METHODS = frozenset(
    """capitalize casefold center count encode endswith find format format_map get hex index isalpha isdigit
    isidentifier
    islower isnumeric isspace istitle isupper items join keys ljust lower lstrip partition removeprefix removesuffix
    replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title translate upper
    values zfill copy joinpath with_name with_suffix with_stem as_posix
    relative_to bit_length is_integer fromkeys total_seconds isoformat quantize normalize most_common""".split()
)
"""Methods of texts, numbers, containers and paths that read nothing else."""

MUTATORS = frozenset({"append", "extend", "insert", "update", "add", "setdefault", "pop", "sort", "reverse", "remove"})
"""Methods that change the value that they belong to, and nothing else."""

CALLS = frozenset(
    """re.compile pathlib.Path pathlib.PurePath pathlib.PurePosixPath datetime.date datetime.datetime datetime.time
    datetime.timedelta datetime.timezone datetime.date.fromisoformat datetime.datetime.fromisoformat decimal.Decimal
    fractions.Fraction collections.OrderedDict collections.Counter collections.deque
    collections.namedtuple collections.ChainMap types.MappingProxyType types.SimpleNamespace functools.partial
    functools.lru_cache functools.cache functools.wraps functools.cached_property functools.singledispatch
    functools.total_ordering dataclasses.dataclass dataclasses.field dataclasses.replace enum.auto enum.unique
    typing.NamedTuple typing.TypedDict typing.TypeVar typing.NewType typing.ParamSpec typing.cast typing.overload
    typing.final typing.runtime_checkable logging.getLogger operator.itemgetter operator.attrgetter
    operator.methodcaller
    zoneinfo.ZoneInfo itertools.chain itertools.chain.from_iterable itertools.product itertools.combinations
    abc.abstractmethod contextlib.contextmanager string.Template uuid.UUID textwrap.dedent
    numpy.array numpy.arange numpy.linspace numpy.logspace numpy.zeros numpy.ones numpy.float64 numpy.float32
    numpy.int64 numpy.int32 numpy.dtype math.sqrt math.log math.log2 math.log10 math.exp math.floor math.ceil
    math.radians math.degrees math.sin math.cos math.tan math.prod math.pow""".split()
)
"""Functions and types of libraries, by their full names."""

CONSTANTS = frozenset(
    """typing.TYPE_CHECKING typing.Any datetime.UTC datetime.timezone.utc numpy.pi numpy.e numpy.inf numpy.nan
    string.ascii_letters string.ascii_lowercase string.ascii_uppercase string.digits string.hexdigits string.punctuation
    re.IGNORECASE re.I re.MULTILINE re.M re.DOTALL re.S re.VERBOSE re.X re.ASCII re.A re.UNICODE re.U""".split()
)
"""Values of libraries that are the same everywhere."""

POLARS = frozenset(
    """col lit when concat_str concat_list struct all exclude first last sum mean min max len element format coalesce
    all_horizontal any_horizontal sum_horizontal min_horizontal max_horizontal mean_horizontal duration datetime date
    Datetime Duration Enum List Array Struct Field Categorical Decimal Schema Series DataFrame""".split()
)
"""What of Polars makes expressions, types and small tables."""

SELECTORS = frozenset(
    f"selectors.{name}"
    for name in """all by_dtype by_index by_name boolean categorical contains date datetime duration ends_with exclude
    first float integer last matches numeric starts_with string temporal""".split()
)
"""Selectors of columns."""

NAMESPACES = frozenset("dt str list arr struct cat bin name".split())
"""Groups of methods of expressions."""

EXPRESSIONS = frozenset(
    """abs add alias all and_ any arg_max arg_min arg_sort arr backward_fill bin bottom_k cast cat cbrt ceil clip
    contains convert_time_zone cos count cot cum_count cum_max cum_min cum_prod cum_sum cut date datetime day degrees
    diff
    div dot drop_nans drop_nulls dt ends_with entropy eq eq_missing ewm_mean ewm_std exclude exp explode extract
    extract_all fill_nan fill_null filter first flatten floor floordiv forward_fill gather ge get gt hash head hour
    implode
    interpolate is_between is_duplicated is_finite is_first_distinct is_in is_infinite is_last_distinct is_nan
    is_not_nan is_not_null is_null is_unique iso_year join keep kurtosis last le len len_bytes len_chars limit log log10
    log1p lower_bound lt map_dict max mean median microsecond millisecond min minute mod mode month month_end
    month_start mul n_unique nan_max nan_min nanosecond ne ne_missing neg not_ null_count offset_by or_ ordinal_day
    otherwise over pad_end pad_start pct_change peak_max peak_min pow prefix prefix_fields product qcut quantile quarter
    radians rank rechunk repeat_by replace replace_all replace_many replace_strict replace_time_zone reverse
    rolling_max rolling_mean rolling_median rolling_min rolling_quantile rolling_std rolling_sum rolling_var round
    round_sig_figs search_sorted second set_sorted shift sign sin skew slice sort sort_by split sqrt starts_with std
    strip_chars strip_chars_end strip_chars_start strip_prefix strip_suffix strptime sub suffix sum tail tan tanh then
    time timestamp to_date to_datetime to_decimal to_integer to_lowercase to_physical to_time to_titlecase to_uppercase
    top_k total_days total_hours total_microseconds total_milliseconds total_minutes total_nanoseconds total_seconds
    truediv truncate unique unique_counts upper_bound value_counts var week weekday when xor year zfill""".split()
)
"""Methods of expressions of Polars, which are lazy: they run nothing, and call no Python function."""

DATA_CALLS = frozenset(
    """pathlib.Path pathlib.PurePath pathlib.PurePosixPath datetime.date datetime.datetime datetime.time
    datetime.timedelta datetime.timezone datetime.date.fromisoformat datetime.datetime.fromisoformat decimal.Decimal
    fractions.Fraction collections.OrderedDict collections.Counter collections.deque typing.cast uuid.UUID
    textwrap.dedent numpy.array numpy.arange numpy.linspace numpy.logspace numpy.zeros numpy.ones numpy.float64
    numpy.float32 numpy.int64 numpy.int32 math.sqrt math.log math.log2 math.log10 math.exp math.floor math.ceil
    math.radians math.degrees math.sin math.cos math.tan math.prod math.pow""".split()
)
"""Of what may be called: what gives plain data when it is given plain data."""

"""Expressions as trees. `at` is where each begins in its text, counted from 0."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from routing.alerts.language.matching import Matcher
from routing.alerts.language.vocabulary import SubjectKind

Function = Literal["avg_over_time", "max_over_time", "min_over_time", "increase", "rate"]
Reduction = Literal["avg", "max", "min", "sum", "count"]


class ExpressionInvalid(ValueError):
    """Text that is no expression. `at` is where, counted from 0; the message says it too, counted from 1."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class AlertNumber:
    """A number."""

    at: int
    value: float


@dataclass(frozen=True, slots=True)
class SeriesSelector:
    """A series of those subjects whose labels match."""

    at: int
    series: str
    matchers: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True)
class OverTime:
    """A function of the last `seconds` of a series."""

    at: int
    function: Function
    selector: SeriesSelector
    seconds: float


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One value for each group of subjects with the same labels in `by`; one for all without any."""

    at: int
    reduction: Reduction
    by: tuple[str, ...]
    inner: "Expression"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """+ - * / of two values of one subject."""

    at: int
    op: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Keeps the left value where the comparison holds."""

    at: int
    op: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class BitTest:
    """Keeps a mask that has a bit; `name` is the bit as it is written."""

    at: int
    mask: SeriesSelector
    bit: int
    name: str


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or`, `unless` of two conditions on the same subjects."""

    at: int
    op: str
    left: "Expression"
    right: "Expression"


Expression: TypeAlias = (
    AlertNumber | SeriesSelector | OverTime | Aggregation | Arithmetic | Comparison | BitTest | Logic
)


@dataclass(frozen=True, slots=True)
class ValueShape:
    """What an expression has a value for: nothing but itself (no kind), each subject of a kind, or each group."""

    kind: SubjectKind | None = None
    by: tuple[str, ...] | None = None

    @property
    def scalar(self) -> bool:
        """Whether it is one number."""
        return self.kind is None


@dataclass(frozen=True, slots=True)
class RuleExpression:
    """A checked expression: its text, its tree, and what it has a value for."""

    text: str
    tree: Expression
    shape: ValueShape

    def selectors(self) -> Iterator[tuple[SeriesSelector, float]]:
        """Every series that is read, with the seconds back from now that are needed; 0 for the value of now."""
        return selectors(self.tree)


def selectors(tree: Expression) -> Iterator[tuple[SeriesSelector, float]]:
    """Every series of a tree, with the seconds back from now that are needed."""
    match tree:
        case SeriesSelector():
            yield tree, 0.0
        case OverTime():
            yield tree.selector, tree.seconds
        case BitTest():
            yield tree.mask, 0.0
        case Aggregation():
            yield from selectors(tree.inner)
        case Arithmetic() | Comparison() | Logic():
            yield from selectors(tree.left)
            yield from selectors(tree.right)
        case _:
            return


def threshold(tree: Expression) -> tuple[str, float] | None:
    """What the value is compared with, for example (">", 85.0): that of the first comparison with a number."""
    match tree:
        case Comparison(op=op, right=AlertNumber(value=value)):
            return op, value
        case Logic():
            return threshold(tree.left)
        case _:
            return None


def first_series(tree: Expression) -> str:
    """The series that the value is of, as long as it has that series' unit; else empty."""
    match tree:
        case SeriesSelector():
            return tree.series
        case BitTest():
            return tree.mask.series
        case OverTime(function=function) if function not in ("increase", "rate"):
            return tree.selector.series
        case Aggregation(reduction=reduction) if reduction != "count":
            return first_series(tree.inner)
        case Comparison() | Logic():
            return first_series(tree.left)
        case _:
            return ""

"""Whether a tree makes sense: known series, labels and shapes that fit, and a condition at the top."""

from controlplane.base.messages import Sentence
from registry.specfile.errors import nearest
from routing.alerts.language.expressions import (
    Aggregation,
    AlertNumber,
    Arithmetic,
    BitTest,
    Comparison,
    Expression,
    ExpressionInvalid,
    Logic,
    OverTime,
    SeriesSelector,
    ValueShape,
)
from routing.alerts.language.vocabulary import FACTS, LABELS

MOST_LABELS = 5


def check(tree: Expression) -> ValueShape:
    """What the expression has a value for. Raises ExpressionInvalid if it would fire always, or makes no sense."""
    shape = _shape(tree)
    if not _condition(tree):
        raise _wrong(tree.at, Sentence("an expression without a comparison always fires; compare it with a number"))
    if shape.scalar:
        raise _wrong(tree.at, Sentence("it names no series; expected a series to compare"))
    return shape


def _condition(tree: Expression) -> bool:
    return isinstance(tree, Comparison | BitTest | Logic)


def _shape(tree: Expression) -> ValueShape:
    match tree:
        case AlertNumber():
            return ValueShape()
        case SeriesSelector():
            return _selected(tree)
        case OverTime():
            return _over_time(tree)
        case Aggregation():
            return _aggregated(tree)
        case BitTest():
            return _bit_test(tree)
        case Logic():
            return _logic(tree)
        case Arithmetic() | Comparison():
            return _both(tree.at, _shape(tree.left), _shape(tree.right))


def _selected(tree: SeriesSelector) -> ValueShape:
    fact = FACTS.get(tree.series)
    if fact is None:
        near = nearest(tree.series, list(FACTS))
        words = Sentence("there is no series {name}", name=tree.series)
        if tree.series.startswith("patchbay_"):
            near = near or tree.series.removeprefix("patchbay_device_")
        if near:
            words = Sentence("there is no series {name}; did you mean {near}?", name=tree.series, near=near)
        raise _wrong(tree.at, words)
    if fact.kind != "device":
        for matcher in tree.matchers:
            if matcher.name not in LABELS[fact.kind]:
                raise _no_label(tree, matcher.name, fact.kind)
    return ValueShape(fact.kind)


def _no_label(tree: SeriesSelector | Aggregation, label: str, kind: str) -> ExpressionInvalid:
    known = next(labels for name, labels in LABELS.items() if name == kind)
    return _wrong(
        tree.at,
        Sentence("{kind} has no label {label}; expected one of {known}", kind=kind, label=label, known=[*known]),
    )


def _over_time(tree: OverTime) -> ValueShape:
    shape = _selected(tree.selector)
    fact = FACTS[tree.selector.series]
    if (tree.function in ("increase", "rate")) != fact.counter:
        wanted = Sentence("avg_over_time, max_over_time or min_over_time") if not fact.counter else "increase, rate"
        raise _wrong(
            tree.at,
            Sentence(
                "{function} does not fit {name}; use {wanted}", function=tree.function, name=fact.name, wanted=wanted
            ),
        )
    return shape


def _aggregated(tree: Aggregation) -> ValueShape:
    inner = _shape(tree.inner)
    if inner.scalar or inner.by is not None or inner.kind is None:
        raise _wrong(tree.at, Sentence("{name} takes a series of subjects", name=tree.reduction))
    if len(tree.by) > MOST_LABELS:
        raise _wrong(tree.at, Sentence("at most {most} labels", most=MOST_LABELS))
    for label in tree.by:
        if inner.kind != "device" and label not in LABELS[inner.kind]:
            raise _no_label(tree, label, inner.kind)
    return ValueShape(inner.kind, tree.by)


def _bit_test(tree: BitTest) -> ValueShape:
    shape = _selected(tree.mask)
    if FACTS[tree.mask.series].unit != "bits":
        masks = [name for name, fact in FACTS.items() if fact.unit == "bits"]
        raise _wrong(
            tree.at,
            Sentence("{name} is a number, not a mask of bits; has takes {known}", name=tree.mask.series, known=masks),
        )
    return shape


def _logic(tree: Logic) -> ValueShape:
    for side in (tree.left, tree.right):
        if not _condition(side):
            raise _wrong(side.at, Sentence("{op} joins conditions; compare this side with a number", op=tree.op))
    return _both(tree.at, _shape(tree.left), _shape(tree.right))


def _both(at: int, left: ValueShape, right: ValueShape) -> ValueShape:
    if left.scalar:
        return right
    if not right.scalar and left != right:
        raise _wrong(
            at,
            Sentence(
                "the left side speaks of {left}, the right side of {right}; both must speak of the same",
                left=_told(left),
                right=_told(right),
            ),
        )
    return left


def _told(shape: ValueShape) -> str:
    kind = shape.kind or ""
    return kind if shape.by is None else Sentence("{kind} by ({labels})", kind=kind, labels=", ".join(shape.by))


def _wrong(at: int, what: str) -> ExpressionInvalid:
    return ExpressionInvalid(Sentence("at character {at}: {wrong}", at=at + 1, wrong=what), at)

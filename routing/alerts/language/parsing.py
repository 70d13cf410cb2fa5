"""From text to a checked expression. The grammar, which is a part of PromQL's and binds alike:

condition  = conjunction { "or" conjunction }
conjunction = comparison { ("and" | "unless") comparison }
comparison = sum [ ("==" | "!=" | ">" | ">=" | "<" | "<=") sum ] | selector "has" string
sum        = product { ("+" | "-") product }
product    = factor { ("*" | "/") factor }
factor     = number | "-" factor | "(" condition ")" | aggregation | over time | selector
over time  = function "(" selector "[" duration "]" ")"
    function   = "avg_over_time" | "max_over_time" | "min_over_time" | "increase" | "rate"
aggregation = ("avg" | "max" | "min" | "sum" | "count") [by] "(" condition ")" [by]
by         = "by" "(" label { "," label } ")"
selector   = series [ "{" label ("=" | "!=" | "=~" | "!~") string { "," … } "}" ]
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import cast, get_args

from controlplane.base.messages import Sentence, message_of
from routing.alerts.language.checking import check
from routing.alerts.language.expressions import (
    Aggregation,
    AlertNumber,
    Arithmetic,
    BitTest,
    Comparison,
    Expression,
    ExpressionInvalid,
    Function,
    Logic,
    OverTime,
    Reduction,
    RuleExpression,
    SeriesSelector,
)
from routing.alerts.language.matching import OPS, Matcher, MatchOp, PatternInvalid, checked_pattern
from routing.samples.reasons import BITS

LONGEST = 1000
DEEPEST = 30
LONGEST_RANGE = 600.0
FUNCTIONS: tuple[Function, ...] = get_args(Function)
REDUCTIONS: tuple[Reduction, ...] = get_args(Reduction)
COMPARISONS = ("==", "!=", ">=", "<=", ">", "<")
DURATION = re.compile(r"(?:[0-9]{1,6}(?:ms|s|m|h|d))+")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?(?![A-Za-z0-9_.]))"
    r"|(?P<duration>(?:[0-9]{1,6}(?:ms|s|m|h|d))+(?![A-Za-z0-9_]))"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\')'
    r"|(?P<mark>==|!=|>=|<=|=~|!~|[-+*/()\[\]{},=<>:@^%])"
    r"|(?P<end>$)|(?P<wrong>\S))"
)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_HEX = re.compile(r"0x[0-9a-fA-F]{1,13}")
_STEP = re.compile(r"([0-9]+)(ms|s|m|h|d)")
_A_VALUE = Sentence("a series, a number, a function or (")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def seconds_of(text: str) -> float:
    """The seconds of a duration as PromQL writes it: 90s, 1m30s, 2h. Raises ValueError."""
    if not DURATION.fullmatch(text):
        raise ValueError(Sentence("{given} is no duration; expected for example 60s, 5m or 1h", given=repr(text[:40])))
    return sum(int(amount) * _SECONDS[unit] for amount, unit in _STEP.findall(text))


@lru_cache(512)
def parse(text: str) -> RuleExpression:
    """Read and check an expression. Raises ExpressionInvalid that says where, what is expected and what to do."""
    if len(text) > LONGEST:
        raise ExpressionInvalid(
            Sentence("the expression has {count} characters; at most {most}", count=len(text), most=LONGEST), LONGEST
        )
    reader = _Reader(text)
    tree = reader.condition()
    reader.expect_end()
    return RuleExpression(text, tree, check(tree))


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Matchers of labels with commas between, with or without { }. Raises ExpressionInvalid."""
    bare = text.strip().removeprefix("{").removesuffix("}")
    if len(bare) > LONGEST:
        raise ExpressionInvalid(
            Sentence("the expression has {count} characters; at most {most}", count=len(bare), most=LONGEST), LONGEST
        )
    reader = _Reader(bare)
    found = reader.matchers("")
    reader.expect_end()
    return found


def wrong(at: int, found: str, expected: str) -> ExpressionInvalid:
    """What to raise for something else than what is expected."""
    return ExpressionInvalid(
        Sentence("at character {at}: found {found}; expected {expected}", at=at + 1, found=found, expected=expected), at
    )


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while not found or found[-1].kind != "end":
        match = _TOKEN.match(text, at)
        assert match is not None
        kind = str(match.lastgroup)
        found.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return found


class _Reader:
    """Reads tokens from the left, one function a line of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    @property
    def here(self) -> _Token:
        return self._tokens[self._next]

    def condition(self) -> Expression:
        left = self._conjunction()
        while word := self._take("or"):
            left = Logic(word.at, "or", left, self._conjunction())
        return left

    def _conjunction(self) -> Expression:
        left = self._comparison()
        while word := self._take("and", "unless"):
            left = Logic(word.at, word.text, left, self._comparison())
        return left

    def _comparison(self) -> Expression:
        left = self._sum()
        if mark := self._take(*COMPARISONS):
            left = Comparison(mark.at, mark.text, left, self._sum())
            if self.here.text in COMPARISONS:
                raise self._unlike(Sentence("one comparison; join two by and"))
        elif word := self._take("has"):
            left = self._bit_test(left, word)
        return left

    def _bit_test(self, mask: Expression, word: _Token) -> Expression:
        if not isinstance(mask, SeriesSelector):
            raise ExpressionInvalid(
                Sentence("at character {at}: has takes a series alone on its left side", at=word.at + 1), word.at
            )
        given = self.here
        name = given.text[1:-1]
        bit = int(name, 16) if _HEX.fullmatch(name) else BITS.get(name, 0)
        if given.kind != "string" or bit.bit_count() != 1:
            known = ", ".join(f'"{one}"' for one in BITS)
            raise self._unlike(Sentence('one of {known}, or one bit such as "0x40"', known=known))
        self._next += 1
        return BitTest(word.at, mask, bit, name)

    def _sum(self) -> Expression:
        left = self._product()
        while mark := self._take("+", "-"):
            left = Arithmetic(mark.at, mark.text, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while mark := self._take("*", "/"):
            left = Arithmetic(mark.at, mark.text, left, self._factor())
        return left

    def _factor(self) -> Expression:
        token = self.here
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._unlike(Sentence("at most {most} levels of brackets and signs", most=DEEPEST))
        try:
            return self._value(token)
        finally:
            self._depth -= 1

    def _value(self, token: _Token) -> Expression:
        self._next += token.kind != "end"
        if token.kind == "number":
            return AlertNumber(token.at, float(token.text))
        if token.text == "-" and token.kind == "mark":
            inner = self._factor()
            if isinstance(inner, AlertNumber):
                return AlertNumber(token.at, -inner.value)
            return Arithmetic(token.at, "-", AlertNumber(token.at, 0.0), inner)
        if token.text == "(" and token.kind == "mark":
            inner = self.condition()
            self._expect(")")
            return inner
        if token.kind != "word" or token.text in _UNKNOWN or token.text in ("and", "or", "unless", "by", "has"):
            self._next -= token.kind != "end"
            raise self._unlike(_A_VALUE)
        if token.text in REDUCTIONS:
            return self._aggregation(token)
        if token.text in FUNCTIONS:
            return self._over_time(token)
        if self.here.text == "(":
            known = ", ".join((*FUNCTIONS, *REDUCTIONS))
            raise wrong(token.at, token.text, Sentence("one of {known}", known=known))
        return self._selector(token)

    def _aggregation(self, token: _Token) -> Expression:
        by = self._by()
        self._expect("(")
        inner = self.condition()
        self._expect(")")
        by = by or self._by()
        return Aggregation(token.at, cast(Reduction, token.text), by, inner)

    def _by(self) -> tuple[str, ...]:
        if self.here.text == "without":
            raise self._unlike(Sentence("by: name the labels that are to stay"))
        if not self._take("by"):
            return ()
        self._expect("(")
        labels = [self._word(Sentence("a label"))]
        while self._take(","):
            labels.append(self._word(Sentence("a label")))
        self._expect(")")
        return tuple(dict.fromkeys(labels))

    def _over_time(self, token: _Token) -> Expression:
        self._expect("(")
        series = self.here
        self._word(Sentence("a series: a function of time reads one series alone"))
        selector = self._selector(series)
        self._expect("[")
        range_ = self.here
        if range_.kind != "duration":
            raise self._unlike(Sentence("a range such as 5m"))
        self._next += 1
        seconds = seconds_of(range_.text)
        if not 10.0 <= seconds <= LONGEST_RANGE:
            raise wrong(range_.at, range_.text, Sentence("a range from 10s to 10m; that much is kept to hand"))
        self._expect("]")
        self._expect(")")
        return OverTime(token.at, cast(Function, token.text), selector, seconds)

    def _selector(self, token: _Token) -> SeriesSelector:
        matchers: tuple[Matcher, ...] = ()
        if self._take("{"):
            matchers = self.matchers("}")
            self._expect("}")
        return SeriesSelector(token.at, token.text, matchers)

    def matchers(self, end: str) -> tuple[Matcher, ...]:
        """Matchers with commas between, up to `end`."""
        found: list[Matcher] = []
        while self.here.text != end:
            found.append(self._matcher())
            if not self._take(","):
                break
        return tuple(found)

    def _matcher(self) -> Matcher:
        name = self._word(Sentence("a label"))
        op = self._take(*OPS)
        if op is None:
            raise self._unlike(Sentence("one of {known}", known=" ".join(OPS)))
        value = self.here
        if value.kind != "string":
            raise self._unlike(Sentence("a text in quotes"))
        self._next += 1
        text = re.sub(r"\\(.)", _unescaped, value.text[1:-1])
        if op.text in ("=~", "!~"):
            try:
                checked_pattern(text)
            except PatternInvalid as error:
                at = value.at + 1 + error.at
                raise ExpressionInvalid(
                    Sentence("at character {at}: {wrong}", at=at + 1, wrong=message_of(error)), at
                ) from error
        return Matcher(name, cast(MatchOp, op.text), text)

    def _take(self, *texts: str) -> _Token | None:
        token = self.here
        if token.kind in ("word", "mark") and token.text in texts:
            self._next += 1
            return token
        return None

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unlike(text)

    def _word(self, expected: str) -> str:
        token = self.here
        if token.kind != "word":
            raise self._unlike(expected)
        self._next += 1
        return token.text

    def expect_end(self) -> None:
        """Nothing may follow."""
        if self.here.kind != "end":
            raise self._unlike(Sentence("an operator (and, or, unless, >, +, has, …) or the end"))

    def _unlike(self, expected: str) -> ExpressionInvalid:
        token = self.here
        if token.text in _UNKNOWN:
            return ExpressionInvalid(
                Sentence(
                    "at character {at}: {name} of PromQL is not understood here; {advice}",
                    at=token.at + 1,
                    name=token.text,
                    advice=_UNKNOWN[token.text],
                ),
                token.at,
            )
        found = Sentence("the end") if token.kind == "end" else token.text[:40]
        return wrong(token.at, found, expected)


_UNKNOWN = {
    "offset": Sentence("rules look at now and up to 10 minutes back"),
    "@": Sentence("rules look at now and up to 10 minutes back"),
    "bool": Sentence("leave it out: a comparison is a condition"),
    "on": Sentence("both sides must speak of the same subjects; group both by the same labels"),
    "ignoring": Sentence("both sides must speak of the same subjects; group both by the same labels"),
    ":": Sentence("take the function over the series itself, without a step"),
    "^": Sentence("multiply instead"),
    "%": Sentence("write a share as a number: 0.95 for 95 %"),
}
"""What PromQL has and this language has not, with what to do instead."""


def _unescaped(escape: re.Match[str]) -> str:
    """As PromQL's strings: \\n is a line feed, \\\\ and quotes are themselves; patterns double their backslashes."""
    return "\n" if escape[1] == "n" else escape[1]

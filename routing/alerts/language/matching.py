"""Matchers of labels, as silences and receivers have them: NAME, one of = != =~ !~, VALUE. Without a framework.

Regular expressions match whole values and are kept so small that none can take long: no repeated groups, and at most
three of * + ? in one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast, get_args

from controlplane.base.messages import Sentence

MatchOp = Literal["=", "!=", "=~", "!~"]
LONGEST_PATTERN = 200
MOST_REPEATS = 3
_PIECE = re.compile(r"\\[.\\|*+?()\[\]{}^$/-]|\[\^?[A-Za-z0-9_.: /-]+\]|[^\\*+?{}()\[\]|^$]|[|()]|[*+?]")


class PatternInvalid(ValueError):
    """A regular expression that is not among those that are understood. `at` counts from 0 inside it."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label. A label that is not there has the empty value."""

    name: str
    op: MatchOp
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it."""
        given = labels.get(self.name, "")
        if self.op in ("=", "!="):
            return (given == self.value) == (self.op == "=")
        return _fits(self.value, given) == (self.op == "=~")

    def told(self) -> str:
        """The matcher as it is written."""
        value = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{value}"'


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether the labels meet every matcher."""
    return all(one.matches(labels) for one in matchers)


def of_json(stored: Iterable[Mapping[str, str]]) -> tuple[Matcher, ...]:
    """Matchers as they are kept."""
    return tuple(Matcher(one["name"], cast(MatchOp, one["op"]), one["value"]) for one in stored)


def as_json(matchers: Iterable[Matcher]) -> list[dict[str, str]]:
    """Matchers to be kept."""
    return [{"name": one.name, "op": one.op, "value": one.value} for one in matchers]


OPS: tuple[MatchOp, ...] = get_args(MatchOp)


def checked_pattern(pattern: str) -> str:
    """`pattern` if it is understood. Raises PatternInvalid."""
    if len(pattern) > LONGEST_PATTERN:
        raise PatternInvalid(
            Sentence("the pattern has {count} characters; at most {most}", count=len(pattern), most=LONGEST_PATTERN), 0
        )
    at, before, repeats = 0, "", 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if piece is None:
            raise PatternInvalid(
                Sentence(
                    "{found} is not understood in a pattern; expected letters, ., [a-z], (one|two), * + or ?",
                    found=repr(pattern[at]),
                ),
                at,
            )
        if piece[0] in "*+?":
            repeats += 1
            if before in ("", "(", ")", "|", "*", "+", "?") or repeats > MOST_REPEATS:
                raise PatternInvalid(
                    Sentence(
                        "{found} may follow one character or [a-z], at most {most} times in a pattern",
                        found=repr(piece[0]),
                        most=MOST_REPEATS,
                    ),
                    at,
                )
        before = piece[0]
        at = piece.end()
    try:
        re.compile(pattern)
    except re.error as error:
        raise PatternInvalid(
            Sentence("{pattern} is no pattern: {error}", pattern=repr(pattern), error=error.msg), 0
        ) from error
    return pattern


@lru_cache(512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


@lru_cache(65_536)
def _fits(pattern: str, value: str) -> bool:
    return _compiled(pattern).fullmatch(value[:LONGEST_PATTERN]) is not None

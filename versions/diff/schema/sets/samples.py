"""Representative numbers and strings for a set of limits, divisors, lengths and patterns."""

import math
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import chain, combinations, pairwise
from typing import Any

from versions.diff.schema.sets.automata import LAST, Nfa, NotRegular, automaton
from versions.diff.work import spend

MAX_DIVISORS = 4
MAX_TRIES = 60
MAX_WORDS = 2500
MAX_COUNTED = 64
LONGEST = 500_000
MAX_KEPT = 64


def numbers(limits: list[Fraction], divisors: list[Fraction]) -> tuple[list[Fraction], bool]:
    """Each limit, and between neighbours one number for each set of divisors that can divide one there."""
    points, every = tuple(sorted(set(limits))), tuple(sorted(set(divisors)))
    if len(points) > MAX_KEPT:
        return _numbers(points, every)
    found, complete = _kept_numbers(points, every)
    return list(found), complete


@lru_cache(maxsize=1024)
def _kept_numbers(limits: tuple[Fraction, ...], every: tuple[Fraction, ...]) -> tuple[tuple[Fraction, ...], bool]:
    found, complete = _numbers(limits, every)
    return tuple(found), complete


def _numbers(limits: tuple[Fraction, ...], every: tuple[Fraction, ...]) -> tuple[list[Fraction], bool]:
    spend(len(limits))
    points = limits or (Fraction(0),)
    divisors = list(every)
    complete = len(divisors) <= MAX_DIVISORS
    divisors = divisors[:MAX_DIVISORS]
    result = list(points)
    for low, high in pairwise([None, *points, None]):
        for size in range(len(divisors) + 1):
            for chosen in combinations(divisors, size):
                spend(6)
                found, sure = _between(low, high, chosen, [d for d in divisors if d not in chosen])
                result += found
                complete = complete and sure
    return sorted(set(result), key=lambda value: (value.denominator, abs(value))), complete


def _between(
    low: Fraction | None, high: Fraction | None, dividing: tuple[Fraction, ...], others: list[Fraction]
) -> tuple[list[Fraction], bool]:
    """A number inside an open interval that is a multiple of exactly the given divisors, and whether none is missed."""
    if not dividing:
        return _no_multiple(low, high, others)
    step = dividing[0]
    for divisor in dividing[1:]:
        step = _common_multiple(step, divisor)
    if any((step / other).denominator == 1 for other in others):
        return [], True
    period = step
    for other in others:
        period = _common_multiple(period, other)
    if low is None or high is None:
        return [_beyond(low, high, step, period)], True
    number = (math.floor(low / step) + 1) * step
    for tried in range(MAX_TRIES):
        if number >= high or tried * step > period:
            return [], True
        if all((number / other).denominator != 1 for other in others):
            return [number], True
        number += step
    return [], False


def _beyond(low: Fraction | None, high: Fraction | None, step: Fraction, period: Fraction) -> Fraction:
    """The multiple of a step, and of nothing else that divides the period, next to an end of the number line."""
    if low is not None:
        return (math.floor((low - step) / period) + 1) * period + step
    if high is not None:
        return (math.ceil((high - step) / period) - 1) * period + step
    return step


def _no_multiple(low: Fraction | None, high: Fraction | None, divisors: list[Fraction]) -> tuple[list[Fraction], bool]:
    """A number that no divisor divides: odd parts of a piece that is shorter than every divisor."""
    if low is None or high is None:
        start = low if low is not None else (high or Fraction(0)) - 2
        low, high = start, start + 2
    width = min(high - low, Fraction(2), *(divisor / 2 for divisor in divisors))
    start = -width / 3 if low < -width and high > width else low
    for part in (Fraction(1, 2), Fraction(1, 4), Fraction(3, 8), Fraction(37, 97), Fraction(11, 1009)):
        number = start + width * part
        if low < number < high and all((number / divisor).denominator != 1 for divisor in divisors):
            return [number], True
    return [], False


def _common_multiple(left: Fraction, right: Fraction) -> Fraction:
    return Fraction(math.lcm(left.numerator, right.numerator), math.gcd(left.denominator, right.denominator))


def strings(known: list[str], lengths: list[int], patterns: list[Any]) -> tuple[list[str], bool]:
    """Strings that stand for all: one a joint state of patterns, lengths and known values. Raises NotRegular."""
    distinct = list(dict.fromkeys(pattern for pattern in patterns if isinstance(pattern, str)))
    if len(distinct) != len(set(map(str, patterns))):
        raise NotRegular("a pattern is no text")
    if not distinct:
        return _by_length(known, lengths)
    found, complete = _by_pattern(tuple(known), tuple(sorted(set(lengths))), tuple(distinct))
    return list(found), complete


@lru_cache(maxsize=256)
def _by_pattern(
    known: tuple[str, ...], lengths: tuple[int, ...], patterns: tuple[str, ...]
) -> tuple[tuple[str, ...], bool]:
    texts, complete = _by_state(list(known), list(lengths), [automaton(pattern) for pattern in patterns])
    return tuple(texts), complete


def _by_length(known: list[str], lengths: list[int]) -> tuple[list[str], bool]:
    wanted = sorted({near for length in lengths for near in (length - 1, length, length + 1) if near >= 0} | {0, 1})
    taken = set(known)
    result = list(dict.fromkeys(known))
    room = LONGEST
    for length in wanted:
        room -= length
        if room < 0:
            return result, False
        spend(1 + length // 100)
        result.append(next(text for text in _texts(length) if length == 0 or text not in taken))
    return result, True


def _texts(length: int) -> Iterator[str]:
    """Texts of one length, pleasant ones first; never all the same as some known ones."""
    yield from (letter * length for letter in "axqz☃")
    yield from (chr(code) + "a" * (length - 1) for code in range(0x4E00, LAST))


def _by_state(known: list[str], lengths: list[int], machines: list[Nfa]) -> tuple[list[str], bool]:
    """Breadth first over the product of the machines, a capped length and the known values."""
    counted = max(lengths, default=0) + 1
    if counted > MAX_COUNTED:
        sample, _ = _by_state(known, [n for n in lengths if n < MAX_COUNTED], machines)
        return sample, False
    words = {word[:end] for word in known for end in range(len(word) + 1)}
    alphabet = _alphabet(machines, known)
    first = tuple(machine.closure(frozenset({machine.start}), at_start=True, at_end=False) for machine in machines)
    start = (first, 0, "" if words else None, True)
    seen, queue, result = {start: ""}, deque([start]), [""]
    while queue:
        state = queue.popleft()
        text = seen[state]
        spend(len(alphabet))
        for char in alphabet:
            following = tuple(machine.step(states, char) for machine, states in zip(machines, state[0], strict=True))
            longer = text + chr(char)
            target = (
                following,
                min(state[1] + 1, counted),
                longer if state[2] is not None and longer in words else None,
                False,
            )
            if target in seen:
                continue
            if len(seen) >= MAX_WORDS:
                return [*result, *known], False
            seen[target] = longer
            result.append(longer)
            queue.append(target)
    return [*result, *known], True


def _alphabet(machines: list[Nfa], known: list[str]) -> list[int]:
    """One character for each class that no machine and no known value tells apart, plain letters first."""
    cuts = {0, LAST + 1}
    every = chain.from_iterable(chars for machine in machines for edges in machine.edges for chars, _target in edges)
    for low, high in every:
        cuts |= {low, high + 1}
    for word in known:
        for char in word:
            cuts |= {ord(char), ord(char) + 1}
    ordered = sorted(cuts)
    return [_pleasant(low, high - 1) for low, high in pairwise(ordered)]


def _pleasant(low: int, high: int) -> int:
    for wanted in (ord("a"), ord("A"), ord("0"), ord("-"), ord("!"), 0x2603):
        if low <= wanted <= high:
            return wanted
    return high if low < 32 <= high or 0xD800 <= low <= 0xDFFF else low

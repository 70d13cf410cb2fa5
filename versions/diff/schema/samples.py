"""Representative numbers and strings for a set of limits, divisors, lengths and patterns."""

import math
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import chain, combinations, pairwise
from typing import Any

from versions.diff.schema.automata import LAST, Nfa, NotRegular, automaton

MAX_DIVISORS = 4
MAX_TRIES = 60
MAX_WORDS = 2500
MAX_COUNTED = 64
LONGEST = 2_000_000
SPREAD = Fraction(10**7)


def numbers(limits: list[Fraction], divisors: list[Fraction]) -> tuple[list[Fraction], bool]:
    """Each limit, and between neighbours one number for each set of divisors that can divide one there."""
    found, complete = _numbers(tuple(sorted(set(limits))), tuple(sorted(set(divisors))))
    return list(found), complete


@lru_cache(maxsize=4096)
def _numbers(limits: tuple[Fraction, ...], every: tuple[Fraction, ...]) -> tuple[tuple[Fraction, ...], bool]:
    points = limits or (Fraction(0),)
    divisors = list(every)
    complete = len(divisors) <= MAX_DIVISORS
    divisors = divisors[:MAX_DIVISORS]
    result = list(points)
    edges = [points[0] - SPREAD, *points, points[-1] + SPREAD]
    for low, high in pairwise(edges):
        for size in range(len(divisors) + 1):
            for chosen in combinations(divisors, size):
                found, sure = _between(low, high, chosen, [d for d in divisors if d not in chosen])
                result += found
                complete = complete and sure
    return tuple(sorted(set(result), key=lambda value: (value.denominator, abs(value)))), complete


def _between(
    low: Fraction, high: Fraction, dividing: tuple[Fraction, ...], others: list[Fraction]
) -> tuple[list[Fraction], bool]:
    """A number inside an open interval that is a multiple of exactly the given divisors, near zero if easy."""
    if not dividing:
        return _no_multiple(low, high, others), True
    step = dividing[0]
    for divisor in dividing[1:]:
        step = _common_multiple(step, divisor)
    if low < 0 < high:
        begin, stride = Fraction(0), step
    elif high <= 0:
        begin, stride = (math.ceil(high / step) - 1) * step, -step
    else:
        begin, stride = (math.floor(low / step) + 1) * step, step
    for number in _tried(begin, stride, low, high):
        if all((number / other).denominator != 1 for other in others):
            return [number], True
    period = step
    for other in others:
        period = _common_multiple(period, other)
    return [], min(high - low, period) <= step * MAX_TRIES


def _tried(begin: Fraction, stride: Fraction, low: Fraction, high: Fraction) -> Iterator[Fraction]:
    """Multiples going away from `begin` while they stay inside, then those on the other side of it."""
    for way in (stride, -stride):
        number = begin if way == stride else begin + way
        for _ in range(MAX_TRIES):
            if not low < number < high:
                break
            yield number
            number += way


def _no_multiple(low: Fraction, high: Fraction, divisors: list[Fraction]) -> list[Fraction]:
    width = min(high - low, Fraction(2))
    start = Fraction(0) if low < 0 < high and high > width else low if low >= 0 else high - width
    for part in (
        Fraction(1, 2),
        Fraction(1, 4),
        Fraction(3, 8),
        Fraction(37, 97),
        Fraction(11, 1009),
        Fraction(13, 65537),
    ):
        number = start + width * part
        if low < number < high and all((number / divisor).denominator != 1 for divisor in divisors):
            return [number]
    return []


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


@lru_cache(maxsize=1024)
def _by_pattern(
    known: tuple[str, ...], lengths: tuple[int, ...], patterns: tuple[str, ...]
) -> tuple[tuple[str, ...], bool]:
    texts, complete = _by_state(list(known), list(lengths), [automaton(pattern) for pattern in patterns])
    return tuple(texts), complete


def _by_length(known: list[str], lengths: list[int]) -> tuple[list[str], bool]:
    wanted = sorted({near for length in lengths for near in (length - 1, length, length + 1) if near >= 0} | {0, 1})
    complete = not wanted or wanted[-1] <= LONGEST
    taken = set(known)
    result = list(dict.fromkeys(known))
    for length in wanted:
        if length > LONGEST:
            break
        for letter in "axqz☃":
            text = letter * length
            if text not in taken or length == 0:
                result.append(text)
                break
    return result, complete


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
    steps: dict[tuple[int, frozenset[int], int], frozenset[int]] = {}
    while queue:
        state = queue.popleft()
        text = seen[state]
        for char in alphabet:
            following = tuple(
                _step(steps, index, machine, states, char)
                for index, (machine, states) in enumerate(zip(machines, state[0], strict=True))
            )
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


def _step(
    steps: dict[tuple[int, frozenset[int], int], frozenset[int]],
    index: int,
    machine: Nfa,
    states: frozenset[int],
    char: int,
) -> frozenset[int]:
    key = (index, states, char)
    if key not in steps:
        steps[key] = machine.step(states, char)
    return steps[key]


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

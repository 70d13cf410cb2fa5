"""Regular expressions as finite automata, for comparing patterns. Only what is regular and common is read.

A pattern is searched for, as JSON Schema says: it may match anywhere unless it is anchored. Classes are those of
ECMA 262 (ASCII). Look-around, back references and word boundaries raise NotRegular.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from string import hexdigits

from versions.diff.work import spend

Chars = frozenset[tuple[int, int]]
LAST = 0x10FFFF
DIGITS = ((48, 57),)
WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
SPACE = ((9, 13), (32, 32), (160, 160), (0xFEFF, 0xFEFF), (0x2028, 0x2029))
MAX_REPEAT = 120
MAX_STATES = 4000
MAX_GROUPS = 60
MAX_REMEMBERED = 5000


class NotRegular(ValueError):
    """The pattern uses something that these automata do not express, or is too large."""


def inverted(ranges: Chars | tuple[tuple[int, int], ...]) -> Chars:
    """Every character outside the ranges."""
    result, at = [], 0
    for low, high in sorted(ranges):
        if low > at:
            result.append((at, low - 1))
        at = max(at, high + 1)
    if at <= LAST:
        result.append((at, LAST))
    return frozenset(result)


@dataclass(slots=True)
class Nfa:
    """States with edges over character ranges, empty edges, and edges that hold only at the start or the end."""

    edges: list[list[tuple[Chars, int]]] = field(default_factory=list)
    empty: list[list[tuple[str, int]]] = field(default_factory=list)
    start: int = 0
    final: int = 0
    _steps: dict[tuple[frozenset[int], int], frozenset[int]] = field(default_factory=dict)

    def state(self) -> int:
        """A new state."""
        if len(self.edges) >= MAX_STATES:
            raise NotRegular("pattern is too large")
        spend()
        self.edges.append([])
        self.empty.append([])
        return len(self.edges) - 1

    def closure(self, states: frozenset[int], at_start: bool, at_end: bool) -> frozenset[int]:
        """The states reached without reading."""
        found, queue = set(states), list(states)
        while queue:
            for condition, target in self.empty[queue.pop()]:
                allowed = condition == "" or (condition == "^" and at_start) or (condition == "$" and at_end)
                if allowed and target not in found:
                    found.add(target)
                    queue.append(target)
        return frozenset(found)

    def step(self, states: frozenset[int], char: int) -> frozenset[int]:
        """The states after one more character, closed."""
        known = self._steps.get((states, char))
        if known is not None:
            return known
        spend(1 + len(states))
        reached = {
            target for state in states for chars, target in self.edges[state] if any(a <= char <= b for a, b in chars)
        }
        result = self.closure(frozenset(reached), at_start=False, at_end=False)
        if len(self._steps) < MAX_REMEMBERED:
            self._steps[states, char] = result
        return result

    def accepts(self, states: frozenset[int], at_start: bool) -> bool:
        """Whether a text that ends here matches."""
        return self.final in self.closure(states, at_start=at_start, at_end=True)


class _Parser:
    """Recursive descent over one pattern, building the automaton as it goes."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.groups = 0
        self.nfa = Nfa()

    def parse(self) -> Nfa:
        """The automaton of the whole pattern, searching anywhere."""
        start, final = self._alternatives()
        if self.at < len(self.pattern):
            raise NotRegular(f"unexpected {self.pattern[self.at]!r}")
        every: Chars = frozenset({(0, LAST)})
        begin, end = self.nfa.state(), self.nfa.state()
        self.nfa.edges[begin].append((every, begin))
        self.nfa.empty[begin].append(("", start))
        self.nfa.empty[final].append(("", end))
        self.nfa.edges[end].append((every, end))
        self.nfa.start, self.nfa.final = begin, end
        return self.nfa

    def _peek(self) -> str:
        return self.pattern[self.at] if self.at < len(self.pattern) else ""

    def _take(self) -> str:
        char = self._peek()
        if not char:
            raise NotRegular("pattern ends too early")
        self.at += 1
        return char

    def _alternatives(self) -> tuple[int, int]:
        branches = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence())
        if len(branches) == 1:
            return branches[0]
        start, final = self.nfa.state(), self.nfa.state()
        for low, high in branches:
            self.nfa.empty[start].append(("", low))
            self.nfa.empty[high].append(("", final))
        return start, final

    def _sequence(self) -> tuple[int, int]:
        start = final = self.nfa.state()
        while self._peek() not in ("", "|", ")"):
            low, high = self._repeated()
            self.nfa.empty[final].append(("", low))
            final = high
        return start, final

    def _repeated(self) -> tuple[int, int]:
        begin = self.at
        fragment = self._atom()
        end = self.at
        low, high = self._count()
        if (low, high) == (1, 1):
            return fragment
        if self.pattern[begin] in "^$":
            raise NotRegular("nothing to repeat")
        if max(low, high or 0) > MAX_REPEAT:
            raise NotRegular("repeats too often")
        return self._repeat(begin, end, low, high)

    def _repeat(self, begin: int, end: int, low: int, high: int | None) -> tuple[int, int]:
        """Copies of the atom written at begin..end: `low` of them, then optional ones or a loop."""
        after = self.at
        start = final = self.nfa.state()
        for index in range(max(low, high or 0) if high is not None else low + 1):
            self.at = begin
            first, last = self._atom()
            if self.at != end:
                raise NotRegular("nested repeat")
            if index >= low:
                self.nfa.empty[first].append(("", last))
            if high is None and index == low:
                self.nfa.empty[last].append(("", first))
            self.nfa.empty[final].append(("", first))
            joint = self.nfa.state()
            self.nfa.empty[last].append(("", joint))
            final = joint
        self.at = after
        return start, final

    def _count(self) -> tuple[int, int | None]:
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        char = self._peek()
        if char in simple and char:
            self.at += 1
            low, high = simple[char]
        elif braced := _BRACED.match(self.pattern, self.at):
            self.at = braced.end()
            first, comma, second = braced.groups()
            low, high = int(first), (int(second) if second else None) if comma else int(first)
            if high is not None and high < low:
                raise NotRegular("repeats from more to less")
        else:
            return 1, 1
        if self._peek() == "?":
            self.at += 1
        if self._peek() in ("*", "+") and self._peek():
            raise NotRegular("possessive or doubled repeat")
        return low, high

    def _atom(self) -> tuple[int, int]:
        char = self._take()
        if char == "(":
            return self._group()
        if char in "^$":
            return self._condition(char)
        if char == "[":
            return self._edge(self._set())
        if char == ".":
            return self._edge(inverted(((10, 10), (13, 13), (0x2028, 0x2029))))
        if char == "\\":
            return self._edge(frozenset(self._escape()))
        if char in "*+?" or _BRACED.match(self.pattern, self.at - 1):
            raise NotRegular("nothing to repeat")
        return self._edge(frozenset({(ord(char), ord(char))}))

    def _group(self) -> tuple[int, int]:
        if self._peek() == "?":
            self.at += 1
            kind = self._take()
            if kind == "P" and self._peek() == "<":
                kind = self._take()
            if kind == "<" and self._peek() not in ("=", "!"):
                self.at = self.pattern.index(">", self.at) + 1 if ">" in self.pattern[self.at :] else len(self.pattern)
            elif kind != ":":
                raise NotRegular("look-around or flags")
        self.groups += 1
        if self.groups > MAX_GROUPS:
            raise NotRegular("groups are nested too deep")
        fragment = self._alternatives()
        self.groups -= 1
        if self._take() != ")":
            raise NotRegular("unbalanced group")
        return fragment

    def _condition(self, condition: str) -> tuple[int, int]:
        start, final = self.nfa.state(), self.nfa.state()
        self.nfa.empty[start].append((condition, final))
        return start, final

    def _edge(self, chars: Chars) -> tuple[int, int]:
        start, final = self.nfa.state(), self.nfa.state()
        self.nfa.edges[start].append((chars, final))
        return start, final

    def _escape(self) -> tuple[tuple[int, int], ...]:
        char = self._take()
        classes = {"d": DIGITS, "w": WORD, "s": SPACE}
        if char.lower() in classes:
            ranges = classes[char.lower()]
            return ranges if char.islower() else tuple(inverted(ranges))
        if char in "xu":
            width = 2 if char == "x" else 4
            digits = self.pattern[self.at : self.at + width]
            self.at += width
            if len(digits) < width or not set(digits) <= set(hexdigits):
                raise NotRegular("bad escape")
            return ((int(digits, 16), int(digits, 16)),)
        plain = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}
        if char == "0" and self._peek().isdigit():
            raise NotRegular("octal escape")
        if char in plain:
            return ((plain[char], plain[char]),)
        if char.isalnum():
            raise NotRegular(f"escape \\{char}")
        return ((ord(char), ord(char)),)

    def _set(self) -> Chars:
        negative = self._peek() == "^"
        self.at += negative
        ranges: list[tuple[int, int]] = []
        while self._peek() != "]":
            item = self._set_item()
            if self._peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                item = ((_only(item), _only(self._set_item())),)
                if item[0][0] > item[0][1]:
                    raise NotRegular("range from more to less")
            ranges += item
        self.at += 1
        return inverted(frozenset(ranges)) if negative else frozenset(ranges)

    def _set_item(self) -> tuple[tuple[int, int], ...]:
        char = self._take()
        if char == "\\":
            if self._peek() == "b":
                self.at += 1
                return ((8, 8),)
            return self._escape()
        return ((ord(char), ord(char)),)


_BRACED = re.compile(r"\{([0-9]{1,9})(,)?((?<=,)[0-9]{1,9})?\}")


def _only(item: tuple[tuple[int, int], ...]) -> int:
    """The character of an end of a range; readers differ about a class there."""
    if len(item) != 1 or item[0][0] != item[0][1]:
        raise NotRegular("a class as the end of a range")
    return item[0][0]


@lru_cache(maxsize=128)
def automaton(pattern: str) -> Nfa:
    """The automaton that searches for a pattern. Raises NotRegular."""
    return _Parser(pattern).parse()


def searched(pattern: object, text: str) -> bool:
    """Whether a pattern is found in a text, as ECMA 262 reads it. Raises NotRegular."""
    if not isinstance(pattern, str):
        raise NotRegular("a pattern is no text")
    machine = automaton(pattern)
    states = machine.closure(frozenset({machine.start}), at_start=True, at_end=False)
    for char in text:
        spend()
        states = machine.step(states, ord(char))
    return machine.accepts(states, at_start=not text)

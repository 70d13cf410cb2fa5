"""Rules in YAML, bound early: the first rule whose conditions a call meets says which device takes it.

A document is a list of rules and what happens else:

    rules:
      - when: {input_length: {above: 1000}, type: LLM}
        then: {lowest: utilisation, free_gb: 15}
    else: fastest available

It is compiled into a row of numbers a rule, which pick() interprets. In the lab a call's predicted units stand for its
input length: the lab's calls have no text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controlplane.base.messages import Sentence, message_of
from controlplane.base.yaml_reader import YamlInvalid
from registry.specfile import text as spec_text
from registry.specfile.errors import Path, dotted, show, suggested
from routing.policies.choice import BIND
from routing.scheduler.compiled import compiled, inlined
from routing.scheduler.core import Point
from routing.scheduler.fleet import NONE, Fleet
from routing.scheduler.indices import NamedIndex, names

SEED = """\
rules:
  - when: {input_length: {above: 1000}, type: LLM}
    then: {lowest: utilisation, free_gb: 15}
else: fastest available
"""
TYPES = {"LLM": 0, "perception": 1, "picture": 2}
MEASURES = {"utilisation": 0, "work": 1, "memory": 2, "temperature": 3, "power": 4, "speed": 5}
"""Share of the compute slots in use; seconds of work; share of the memory in use; Celsius; watts; times an H100."""
MAX_BYTES, MAX_RULES = 65_536, 64
NO_ROOM, DRAW = 1e6, 1e-6


class RuleColumn(NamedIndex):
    """A rule as numbers: its conditions, then what it takes."""

    ABOVE = "units of the call, more than"
    BELOW = "units of the call, less than"
    TYPE = "of TYPES, or -1 for any"
    MEASURE = "of MEASURES"
    SIGN = "1 for the lowest, -1 for the highest"
    FREE_GB = "GB, at least"


class RulePart(NamedIndex):
    """The score's parts."""

    NO_ROOM = "0 or NO_ROOM"
    MEASURE = "of MEASURES, as the rule asks"
    WORK = "s, times DRAW"


COLUMNS = len(RuleColumn)
PARTS = {BIND: names(RulePart)}


class RulesInvalid(ValueError):
    """A document that is not rules, told so that a person can mend it: line, field, value, expected."""


@compiled
def pick(
    fleet: Fleet,
    point: Point,
    candidates: NDArray[np.int64],
    weights: NDArray[np.float64],
    memory: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> int:
    """The device with the best measure of those with enough free memory, or of all; of equals the least busy."""
    rows = weights.reshape(-1, COLUMNS)
    chosen = 0
    while not meets(fleet, point, rows[chosen]):
        chosen += 1
    row = rows[chosen]
    best, lowest = NONE, np.inf
    for place in range(len(candidates)):
        one = fleet.devices[candidates[place]]
        has_room = one.weights_gb - one.used_weights_gb >= row[RuleColumn.FREE_GB]
        value = measured(fleet, candidates[place], row[RuleColumn.MEASURE])
        parts[place, RulePart.NO_ROOM] = 0.0 if has_room else NO_ROOM
        parts[place, RulePart.MEASURE] = row[RuleColumn.SIGN] * value
        parts[place, RulePart.WORK] = DRAW * (one.outstanding_s + one.queued_s)
        score = parts[place, RulePart.NO_ROOM] + parts[place, RulePart.MEASURE] + parts[place, RulePart.WORK]
        if score < lowest:
            best, lowest = candidates[place], score
    return best


@inlined
def meets(fleet: Fleet, point: Point, row: NDArray[np.float64]) -> bool:
    """Whether the arriving call meets the rule's conditions."""
    units = fleet.calls[point.call].predicted_units
    return bool(
        row[RuleColumn.ABOVE] < units < row[RuleColumn.BELOW]
        and row[RuleColumn.TYPE] in (NONE, fleet.models[point.model].kind)
    )


@inlined
def measured(fleet: Fleet, device: int, measure: float) -> float:
    """The device's value of one of MEASURES."""
    one = fleet.devices[device]
    values = (
        one.active / fleet.state[0].max_active,
        one.outstanding_s + one.queued_s,
        one.used_gb / one.memory_gb,
        one.celsius,
        one.watts,
        one.speed,
    )
    return float(values[int(measure)])


def rows_of(text: str | bytes) -> dict[str, float]:
    """Weights for pick() from a document of at most 64 KiB and 64 rules. Raises RulesInvalid."""
    if len(text) > MAX_BYTES:
        raise RulesInvalid(
            Sentence(
                "the rules are {count} characters long; expected at most {most}",
                count=f"{len(text):,}",
                most=f"{MAX_BYTES:,}",
            )
        )
    try:
        tree = spec_text.load(text)
    except YamlInvalid as error:
        given = error.given or Sentence("nothing")
        raise RulesInvalid(
            Sentence("line {line}: {error}; given {given}", line=error.line, error=message_of(error), given=given)
        ) from error
    for finding in tree.findings:
        raise RulesInvalid(Sentence("line {line}: {message}", line=finding.line, message=finding.message))
    reading = Reading(tree)
    body = reading.fields(tree.value, (), ("rules", "else"))
    rules = body.get("rules") or []
    if not isinstance(rules, list) or len(rules) > MAX_RULES:
        raise reading.wrong(("rules",), rules, Sentence("a list of at most {most} rules", most=MAX_RULES))
    rows = [reading.rule(rule, ("rules", number)) for number, rule in enumerate(rules)]
    rows.append((-np.inf, np.inf, float(NONE), *reading.target(body.get("else"), ("else",))))
    return {
        f"{number}.{name}": value
        for number, row in enumerate(rows)
        for name, value in zip(names(RuleColumn), row, strict=True)
    }


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads the values of a parsed document. Every method raises RulesInvalid."""

    tree: spec_text.Tree

    def wrong(self, path: Path, given: Any, expected: str) -> RulesInvalid:
        """What to raise: the line, the field, its value and what was expected."""
        return RulesInvalid(
            Sentence(
                "line {line}: {path} is {given}; expected {expected}",
                line=self.tree.line(path),
                path=dotted(path) or Sentence("the document"),
                given=show(given),
                expected=expected,
            )
        )

    def fields(self, given: Any, path: Path, known: tuple[str, ...]) -> dict[str, Any]:
        """A mapping of known keys."""
        if not isinstance(given, dict) or not given:
            raise self.wrong(path, given, Sentence("a mapping of {known}", known=known))
        for key in given:
            if key not in known:
                expected = suggested(Sentence("one of the keys {known}.", known=known), key, known)
                raise self.wrong((*path, key), given[key], expected)
        return given

    def number(self, given: Any, path: Path) -> float:
        """A number from 0 on."""
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1e12:
            raise self.wrong(path, given, Sentence("a number from 0 on"))
        return float(given)

    def word(self, given: Any, path: Path, known: Mapping[str, int]) -> float:
        """The number of a word, in any case."""
        for word, number in known.items():
            if isinstance(given, str) and word.lower() == given.strip().lower():
                return float(number)
        expected = suggested(Sentence("one of {known}.", known=list(known)), given, list(known))
        raise self.wrong(path, given, expected)

    def rule(self, given: Any, path: Path) -> tuple[float, ...]:
        """One `when` and `then` as a row."""
        rule = self.fields(given, path, ("when", "then"))
        where = (*path, "when")
        when = self.fields(rule.get("when"), where, ("input_length", "type"))
        length, kind = {}, float(NONE)
        if "input_length" in when:
            length = self.fields(when["input_length"], (*where, "input_length"), ("above", "below"))
        bounds = {key: self.number(length[key], (*where, "input_length", key)) for key in length}
        if "type" in when:
            kind = self.word(when["type"], (*where, "type"), TYPES)
        target = self.target(rule.get("then"), (*path, "then"))
        return (bounds.get("above", -np.inf), bounds.get("below", np.inf), kind, *target)

    def target(self, given: Any, path: Path) -> tuple[float, float, float]:
        """`then` or `else` as measure, sign and free GB."""
        if given == "fastest available":
            given = {"highest": "speed"}
        if not isinstance(given, dict) or len({"lowest", "highest"} & set(given)) != 1:
            raise self.wrong(path, given, Sentence("'fastest available', or a mapping with either lowest or highest"))
        then = self.fields(given, path, ("lowest", "highest", "free_gb"))
        way, sign = ("lowest", 1.0) if "lowest" in then else ("highest", -1.0)
        free = self.number(then.get("free_gb", 0), (*path, "free_gb"))
        return self.word(then[way], (*path, way), MEASURES), sign, free


WEIGHTS = rows_of(SEED)
